# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 2 · Preparing what was recorded
#
# **The question.** How do recordings become a table that a model may learn from, so that a good score
# means something for the next athlete who walks in?
#
# **In one sentence.** A model that is tested on people it has already met is praised for remembering
# them, so deal *athletes*, never rows, into training and test.
#
# ```{admonition} You will be able to
# - **split** a table by athlete, and say what a random split of rows measures instead,
# - **predict** with pencil and paper how much a meaningless number gains from having met people,
# - **fill** gaps and **scale** heart rate without looking at the future or at the test.
# ```
#
# | You need | Where |
# |---|---|
# | sessions, streams, gaps | {doc}`chapter 1 <01_collect>` |
# | mean, variance, RMSE (the square root of the mean squared error) | any first course in statistics |
# | Python with NumPy: boolean masks, `fit` and `predict` | scikit-learn's first tutorial |
#
# *20 minutes to read, 10 seconds to run.*

# %% tags=["imports"]
import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeRegressor

from sportsml_lite import evaluate, prepare, protocol
from sportsml_lite.findings import prepare as findings
from sportsml_lite.plots import grammar, style
from sportsml_lite.plots import own as own_figures
from sportsml_lite.plots import prepare as figures
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.studies import accepted, own
from sportsml_lite.studies import prepare as study
from sportsml_lite.studies.runner import Options

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name or path: also simulated_b, actes, pmdata or a folder
data_dir = ""  # path: folder around the data set, or of your device files or tables
seed = 0  # whole number, 0 to 1000000: athletes, splits, locker numbers
n_athletes = 60  # athletes, 20 to 1000: how many simulated athletes
n_days = 28  # days, 21 to 365: how long they train
same_bpm = 150.0  # bpm, 80 to 200: the heart rate two athletes share

# %% tags=["hide-input"]
check_values("02", globals())
scores = {
    name: accepted.load("prepare", name).scores for name in study.STUDY.datasets
}
real = {name: scores[name] for name in ("actes", "pmdata")}

# %% [markdown]
# ## The locker number
#
# {glue:text}`n_riders` young athletes ride to exhaustion in a laboratory: how much oxygen do they take
# up? {glue:text}`n_adults` adults wear a watch for five months: how hard did each training feel? Five
# models try. One is a joke: it knows nothing but a *locker number*, drawn at random for each person.
#
# There are two exams with the same questions. In one, the model has **met** the athlete: other rows
# of the same person were in its training data, as happens whenever rows are split at random. In the
# other it has **never met** that person.

# %% mystnb={"figure": {"caption": "The same rows predicted twice, by models that have met the athlete (open) and by models that never have (filled). As many rows to learn from, five-fold, several partitions; RMSE is computed for each athlete and averaged over athletes. Smaller is better.", "name": "fig-prepare-leak"}, "image": {"alt": "Two panels of dumbbells, one row a model. Every model has a smaller error on athletes it has met. The locker number beats the mean predictor on people it has met and loses to it on people it has not."}}
figures.leak(real, "A locker number predicts only people it has met")


# %% tags=["check"]
rides = scores["actes"]
rmse = {
    arm: findings.error(rides, arm).estimate
    for arm in rides["arm"].unique()
    if "fill" not in arm
}
assert rmse["locker_met"] < rmse["mean_met"] and rmse["mean"] < rmse["locker"]
assert findings.gain(rides, "boosted_met", "boosted").low > 0
for arm in ("locker_met", "mean_met", "locker", "mean", "boosted_met", "boosted"):
    record(arm, rmse[arm], digits=1)
record("flattery", 100 * (1 - rmse["boosted_met"] / rmse["boosted"]), digits=0)
record("n_riders", rides["athlete"].nunique())
record("n_adults", scores["pmdata"]["athlete"].nunique())

# %% [markdown]
# Look at the cyclists' last row. On people it has met, the locker number errs by
# {glue:text}`locker_met` mL/kg/min, less than the {term}`mean predictor` with
# {glue:text}`mean_met`. A number that means nothing seems to know something about oxygen! On people it
# has never met it errs by {glue:text}`locker`, against {glue:text}`mean` for the mean predictor: worse
# than knowing nothing.
#
# Serious models do the same, more quietly. Age, mass and resting heart rate are a fingerprint. Boosted
# trees read it, recognise the rider, and remember what this rider usually breathes: their error looks
# {glue:text}`flattery` % smaller than it is ({glue:text}`boosted_met` in place of
# {glue:text}`boosted`). This is {term}`leakage`: the test has leaked into the training.
#
# ## Why it works, and why it backfires
#
# **Intuition.** An athlete's rows have something in common. Whoever has seen some of them knows the
# others' level. A locker number is merely the label on the locker in which that level is kept.
#
# **Equation.** Let row $i$ of athlete $a$ be $y_{ai} = \mu + b_a + e_{ai}$: a common mean, the athlete's
# own level with variance $\sigma_b^2$ between athletes, and the rest with variance $\sigma_w^2$ within
# an athlete. Then, with many rows each,
#
# | the prediction | its mean squared error |
# |---|---|
# | the common mean | $\sigma_w^2 + \sigma_b^2$ |
# | the locker's level, met | $\sigma_w^2$ |
# | the locker's level, never met | $\sigma_w^2 + 2\sigma_b^2$ |
#
# In the second row the locker holds $\mu + b_a$ itself. In the third it belongs to somebody else, $c$, and $b_a - b_c$ is a difference of two independent levels: twice the variance.
# That is why the joke is not only useless for new people, it is harmful.
#
# **Code.** The whole difference is one argument: *whose name does a row carry?* We deal names into
# folds. Where every row has a name of its own, we split rows; where it carries its athlete's, athletes.

# %% tags=["hide-input"]
options = Options(
    dataset,
    data_dir,
    seed,
    "quick",
    {"n_athletes": n_athletes, "n_days": n_days},
)
mine = own.open_folder(options, least=7)  # athletes that a split needs
live = study.load(mine.live)
y, athlete = live.rows.y, live.rows.athlete
print(live.told or f"{n_athletes} simulated athletes")
locker = study.locker_numbers(athlete, seed)


# %%
def cross_predict(owner):
    """Every row predicted once, by a tree that learned from other owners' rows."""
    guess = np.empty(len(y))
    for fold in protocol.fold_athletes(owner, seed=seed):
        learn, ask = fold.rows(owner, "train"), fold.rows(owner, "test")
        tree = DecisionTreeRegressor(min_samples_leaf=5, random_state=seed)
        guess[ask] = tree.fit(locker[learn], y[learn]).predict(locker[ask])
    return guess


row = np.arange(len(y)).astype(str)  # the mistake: every row its own "athlete"
met = evaluate.rmse(y, cross_predict(row))
never = evaluate.rmse(y, cross_predict(athlete))

# %% [markdown]
# Is it the size that the equation says? We estimate both variances from the same rows. First an exact
# check of the third row: over all pairs of two different people, the mean squared difference of their
# levels is twice the variance between them.

# %%
people = pd.Series(y).groupby(athlete)
levels = people.mean().to_numpy()
between = levels.var(ddof=1)
within = ((y - people.transform("mean")) ** 2).mean()

pairs = np.subtract.outer(levels, levels)[~np.eye(len(levels), dtype=bool)]
assert np.isclose((pairs**2).mean(), 2 * between)

# %% tags=["check"]
record("what", study.TARGETS[live.rows.target] + mine.note)
record("unit", study.UNITS[live.rows.target])
record("live_athletes", len(levels))
record("live_met", met, digits=2)
record("live_never", never, digits=2)
record("formula_met", np.sqrt(within), digits=2)
record("formula_never", np.sqrt(within + 2 * between), digits=2)

# %% [markdown]
# For the {glue:text}`live_athletes` athletes of this run, and their {glue:text}`what`, the tree errs by
# {glue:text}`live_met` {glue:text}`unit` on people it has met; the equation says
# {glue:text}`formula_met`. On new people it errs by {glue:text}`live_never`, where the equation says
# {glue:text}`formula_never`. They need not agree to the last digit: the levels are estimated, and a
# tree with five rows a leaf sometimes puts two people in one locker.
#
# ## Deal athletes
#
# So we deal people. Seventy per cent of the **athletes** train a model, fifteen choose its settings,
# and fifteen are looked at once, at the very end. Who stands where depends on a name and a seed, never
# on a measurement.

# %%
by_athlete = protocol.split_athletes(athlete, seed).parts(athlete)
by_row = protocol.split_athletes(row, seed).parts(row)
assert not set(athlete[by_athlete == "train"]) & set(athlete[by_athlete == "test"])

# %% mystnb={"figure": {"caption": "Up to thirty athletes, a column each, and their rows as cells. Above, rows were dealt at random; below, athletes were.", "name": "fig-prepare-split"}, "image": {"alt": "Two grids of coloured cells. In the upper one every column mixes training, validation and test cells; in the lower one each column has one colour."}}
figures.split(athlete, by_row, by_athlete)

# %% [markdown]
# What does the wrong split cost? Below, the same random forest in both exams, on the two real data sets
# and on 200 simulated runners.

# %% tags=["hide-input"]
told = {
    "actes": "ACTES: oxygen uptake (mL/kg/min)",
    "pmdata": "PMData: perceived exertion (CR10)",
    "simulated": "simulated: training effect (0–5)",
}
rows = [
    {
        "random forest on": what,
        "athletes": scores[name]["athlete"].nunique(),
        "met": findings.error(scores[name], "forest_met").estimate,
        "never met": findings.error(scores[name], "forest").estimate,
        "looks better by": findings.gain(scores[name], "forest_met", "forest"),
    }
    for name, what in told.items()
]
grammar.score_table(
    rows, caption="RMSE, mean over athletes; in brackets the 95 % interval."
)

# %% tags=["check"]
lead_met = findings.gain(scores["simulated"], "boosted_met", "forest_met")
lead_never = findings.gain(scores["simulated"], "boosted", "forest")
assert lead_met.low > 0.03 > lead_never.estimate
record("lead_met", f"{lead_met:.2f}")
record("lead_never", f"{lead_never:.2f}")

# %% [markdown]
# A leak does not only flatter, it also *chooses*. Among the simulated runners, boosted trees beat the
# forest by {glue:text}`lead_met` points of effect when both have met the runner. That is a clear
# victory, and a worthless one: for new runners the lead is {glue:text}`lead_never`. The model that
# remembers best wins an exam about memory.
#
# You are in good company if this has happened to you. Saeb and colleagues found the wrong split in
# almost half of the studies they read {footcite:p}`saeb2017`, and oxygen uptake has been predicted for
# the very riders who trained the network {footcite:p}`zignoli2020`.
#
# **Caveat.** "How well will it do tomorrow, for people it knows?" is a fair question
# {footcite:p}`little2017`. Then split by **time** within each athlete. Random rows do not answer that
# either, since they let the model know next week. {doc}`Chapter 9 <09_transfer>` asks what a few
# sessions of a new athlete are worth, and keeps a gap in time. With the files of one person,
# `sportsml run 02 -p data_dir my_rides`, such a split is drawn here.

# %% tags=["remove-input"]
own_figures.show(mine, own_figures.timeline)  # nothing without your files

# %% [markdown]
# ## Whatever learns, learns from training athletes
#
# Before a model sees a table, three smaller things have learned from it: what is impossible, what
# stands in a gap, and what counts as large. They obey the same rule, and one more: on a wrist, nobody
# can read the future.
#
# **Clean.** A value that no body can produce is no measurement. It becomes missing (`NaN`), is counted,
# and nothing is put in its place yet. Files have their favourites: FIT writes 255 for "no heart rate",
# a careless export turns a lost second into 0.
#
# **Fill.** The last reading can be *held*; that is always allowed. A straight *line* to the next reading
# needs that reading, so it is allowed only when the session is over.

# %%
beats = [131.0, 132.0, 255.0, 0.0, np.nan, 138.0, 139.0]
stream = pd.DataFrame({"session_id": "one", "t_s": np.arange(7.0), "hr_bpm": beats})
clean, report = prepare.check_ranges(stream, "streams")
assert report.loc["hr_bpm", "outside"] == 2  # 255 and 0

train = stream.assign(hr_bpm=120.0)  # some other athlete
hold, line = (
    prepare.fit_imputer(way, train, ["hr_bpm"]).transform(clean)["hr_bpm"]
    for way in ("hold", "interpolate")
)
assert list(hold[2:5]) == [132, 132, 132] and list(line[2:5]) == [133.5, 135, 136.5]

# %% [markdown]
# How good is a filling? Hide what you know, fill it, and compare, on athletes from whom nothing was
# learned. The *forest* predicts the change since the last reading from power or speed
# {footcite:p}`breiman2001`.

# %% mystnb={"figure": {"caption": "Error of filled heart rate over the length of the hidden gap, on athletes from whom nothing was learned; RMSE in bpm, mean over athletes, with the line's 95 % interval. Only hold and forest could run on a watch.", "name": "fig-prepare-gaps"}, "image": {"alt": "Two panels of three rising curves. The straight line is lowest; the forest lies between it and holding the last reading, and for the longest gaps near the line."}}
figures.gaps(scores, "The straight line errs least: it has read past the gap")

# %% tags=["check"]
for name in ("actes", "simulated"):
    filled = scores[name][scores[name]["lost"] == "nothing"]
    short, long = (
        evaluate.compare(part, "fill_forest", "fill_hold", "rmse", "hr_bpm")
        for part in (filled[filled["gap_s"] == 5], filled[filled["gap_s"] == 300])
    )
    assert short.verdict != "better" and long.verdict == "better"

# %% [markdown]
# Whoever trains on lines and ships to a wrist has trained on another world. For a few seconds, holding
# the last reading is hard to beat; for minutes the forest is worth its trouble. The
# {doc}`lab <02_prepare_lab>` has all six ways, and what happens when a whole channel is lost. All of
# these errors are kind: we hid bursts at random, while a watch loses contact just when the arm swings
# hard.
#
# **Scale.** 150 beats are a stroll for one person and a struggle for another. So heart rate goes on the
# athlete's own scale, the share of the {term}`heart-rate reserve` in use:
#
# $$ x = \frac{h - h_\text{rest}}{h_\text{max} - h_\text{rest}} \in [0, 1] $$
#
# Where the highest heart rate is unknown, $211 - 0.64 \cdot$ age stands in, with an error of about
# 11 bpm for one adult {footcite:p}`nes2013`.

# %% mystnb={"figure": {"caption": "The two athletes of this run for whom the same heart rate means least and most.", "name": "fig-prepare-scale"}, "image": {"alt": "Two straight lines from resting to highest heart rate, from 0 to 1; at the same heart rate one athlete is far higher on the scale than the other."}}
figures.one_scale(live.athletes, same_bpm)

# %% [markdown]
# Both numbers must come from *before*: a maximum taken from the session that is to be judged looks
# ahead. The same holds for loads. "The load of this calendar week" knows on Wednesday that Saturday will
# be long; the lab changes the future and watches which features of the past move.
#
# **Standardise.** Means and spreads of features are learned too, so from training athletes. Does it cost
# much to break this rule?

# %% tags=["check"]
peek = findings.gain(rides, "ridge_peek", "ridge")
assert abs(peek.estimate) < 0.1
record("peek", f"{peek:.2f}")

# %% [markdown]
# Hardly: a ridge whose scaler has peeked at the test riders of ACTES gains {glue:text}`peek` mL/kg/min.
# Not every leak is a flood. Keeping the rule is free, though, so we keep it and need not ask which kind
# we have.

# %% [markdown]
# ## Exercises
#
# Try each before opening the answer. {download}`This chapter as a notebook with empty answers
# <exercises/02_prepare_exercises.ipynb>` is there to work in.

# %% [markdown]
# ### Exercise 1
#
# Half of the variance of a target lies between athletes, half within. By what factor does a locker
# number's RMSE on people it has never met exceed the mean predictor's? Pencil first.
#
# Expected: {glue:text}`exercise_1`

# %% tags=["solution"]
within_variance = between_variance = 0.5
mean_predictor = within_variance + between_variance
answer = np.sqrt((within_variance + 2 * between_variance) / mean_predictor)
record("exercise_1", answer, digits=2)

# %% [markdown]
# ### Exercise 2
#
# The locker number profits from many rows a person. What if everybody has *one*? Keep each athlete's
# first row, deal rows at random, and give the tree's RMSE on locker numbers over the standard deviation
# of the target, which is about the mean predictor's RMSE.
#
# Expected: {glue:text}`exercise_2` (around 1 or above: there is nobody left to recognise)

# %% tags=["solution"]
first = ~pd.Series(athlete).duplicated().to_numpy()
y, locker = y[first], locker[first]  # what cross_predict reads
answer = evaluate.rmse(y, cross_predict(row[first])) / y.std()
record("exercise_2", answer, digits=2)

# %% [markdown]
# ### Exercise 3
#
# No split helps against a target that is a *formula* of the inputs. Session load is perceived exertion
# times minutes {footcite:p}`foster2001`. Draw 2,000 sessions (minutes from 20 to 120, exertion from 1 to
# 10, uniform), fit a tree with five rows a leaf on the first half, and give R² on the second.
#
# Expected: {glue:text}`exercise_3` (it has found the formula, and learned nothing about athletes)

# %% tags=["solution"]
rng = np.random.default_rng(0)
inputs = np.column_stack([rng.uniform(20, 120, 2000), rng.uniform(1, 10, 2000)])
load = inputs.prod(axis=1)
tree = DecisionTreeRegressor(min_samples_leaf=5, random_state=0)
tree.fit(inputs[:1000], load[:1000])
answer = evaluate.r2(load[1000:], tree.predict(inputs[1000:]))
record("exercise_3", answer, digits=2)

# %% [markdown]
# ## Summary
#
# - Rows of one person resemble each other. A random split of rows lets a model recognise the person,
#   and even a meaningless number profits: MSE falls to $\sigma_w^2$, and for new people it rises to
#   $\sigma_w^2 + 2\sigma_b^2$.
# - Deal athletes. Then the score says what happens to the next one.
# - Impossible values become missing and are counted. Whatever fills or scales learns from training
#   athletes, and what runs on a watch reads no later second.
#
# ## What comes next
#
# {doc}`Chapter 3 <03_mse>` derives the loss that models make small. {doc}`Chapter 4 <04_effect>` takes
# the table built here and predicts the training effect of athletes never seen. The numbers of this page
# come from accepted runs: `sportsml results redo prepare actes` makes one again.

# %% [markdown]
# ## References
#
# ```{footbibliography}
# ```
