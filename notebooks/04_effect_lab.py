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
# # 4 · Predicting the training effect: the lab
#
# **Two experiments.** *Weeks*: by how many per cent a laboratory's outcome changes from one test to the
# next, in riders, in runners by a proxy, and in simulated athletes. *Sessions*: how hard a session
# felt (PMData), or what it did (simulated runners, in two worlds with different equations). Every
# model predicts athletes it has never met. Weeks: `intervals`, `sylta2016`, `strava_runners`,
# `simulated`; sessions: `pmdata`, `simulated`, `simulated_b`, or a folder of yours.
#
# `accepted` reads the tables in `results/`. `quick` recomputes the first fold of one data set, with
# fewer athletes and arms; `full` recomputes everything:
#
# `sportsml run 04_effect_lab -p dataset intervals -p profile full`

# %% tags=["imports"]
from sportsml_lite.findings import effect as findings
from sportsml_lite.findings import outcome as measured
from sportsml_lite.findings.lab import read
from sportsml_lite.plots import effect as figures
from sportsml_lite.plots import outcome as outcome_figures
from sportsml_lite.plots import style
from sportsml_lite.plots.grammar import (
    paired_scatter,
    score_table,
    small_multiples,
)
from sportsml_lite.plots.tables import level_table
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.studies import effect as study
from sportsml_lite.studies import outcome, own, runner

style.use()

# %% tags=["parameters"]
dataset = (
    "simulated"  # name or path: simulated(_b), intervals, pmdata, ... or a folder
)
data_dir = ""  # path: folder of your device files or tables, or around the data set
seed = 0  # 0 to 1000000: added to every job's own seed, and to the simulation's
profile = "accepted"  # 'accepted', 'quick' or 'full': read the tables, or recompute

# %% tags=["hide-input"]
check_values("04_effect_lab", globals())
folder = own.with_tables(runner.Options(dataset, data_dir), own.TRIMP_NEEDS)
asked = (folder.dataset, folder.data_dir, seed, profile)
weeks, lab = (
    read(
        part.STUDY,
        findings.judge_by_target(part),
        *asked,
        applies=part.knows(folder),
    )
    for part in (outcome, study)
)
tests = findings.by_target(weeks.tables)
panels = findings.by_target(lab.tables)
titles = {key: figures.panel_title(*key) for key in panels}
main = {titles[key]: t for key, t in panels.items() if key[1] != "srpe"}

# %% tags=["check"]
for name, part in (("weeks", weeks), ("sessions", lab)):
    record(f"{name}_asked", part.asked)
    record(f"{name}_stand", sum(part.survives.values()))
    record(f"{name}_tested", part.tested or "nobody in this run")
record("orders", measured.orders_words(tests.get(("sylta2016", "vo2max_ml_min"))))
record("bins", ", ".join(map(str, study.EARLIER)))

# %% [markdown]
# ## Weeks between two tests
#
# **Naive:** nothing changes; all change by the mean. **Ridge:** on who and when (period, level at its
# start, sex, age, mass); with the own past (the last change, how the last test stood to earlier ones);
# with how much was done (minutes, perceived load, heart-rate load of the interval sessions); with all
# that diary and strap hold; with a mask's minutes above 90 % of VO2max, too. **Boosted trees** read
# everything; **the MLP** reads who and what was done, alone or after 4,000 simulated athletes. The
# runners were never tested: their outcome is a proxy, speed at 145 bpm in 28 days, and hills or heat
# move it as fitness does. Tested: {glue:text}`weeks_tested`.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Squared error left, in per cent of what is left by saying that all change alike. Grey: error of the tests, by neighbouring changes; of simulated athletes, as it is.", "name": "fig-effect-lab-outcome"}, "image": {"alt": "A stair of dots for each data set."}}
outcome_figures.ladder(outcome_figures.first(tests))

# %% tags=["hide-input"]
level_table(
    outcome_figures.first(tests),
    outcome.TITLES,
    metric="rmse",
    caption="RMSE of the change, % of the outcome, mean over athletes, with 95 % interval.",
)

# %% tags=["hide-input"]
level_table(
    {
        measured.NAMES[key[1]]: t
        for key, t in tests.items()
        if key[0] == "intervals"
    },
    outcome.TITLES,
    metric="rmse",
    show=lambda level: f"{level.estimate:.2f}",
    caption="The same of every outcome of the riders of `intervals`.",
)

# %% tags=["hide-input"]
score_table(
    measured.ceilings(tests),
    caption="What the tests say: mean change, its spread, the error of one test from the covariance "
    "of neighbouring changes, and the RMSE of somebody who knew every true change; all in %. A dash: "
    "neighbouring changes do not pull apart, so the tests cannot tell.",
)

# %% [markdown]
# {glue:text}`weeks_asked` are asked of these tables. Differences that stand after Holm's correction:
# {glue:text}`weeks_stand`.

# %% tags=["hide-input"]
score_table(
    measured.questions(weeks.verdicts, weeks.survives),
    caption="Gain in RMSE, points of per cent, mean over athletes; above 0 the arm is better.",
)

# %% [markdown]
# **Would a study of this size see an effect?** In imagined studies a standard deviation more training is
# worth so many per cent; everything else is as noisy as in the riders.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Share of imagined studies with three periods a rider in which a line on training is shown to beat the mean. Dotted: four of five.", "name": "fig-effect-lab-power"}, "image": {"alt": "Rising curves of power against riders; the larger the effect, the fewer riders are needed."}}
outcome_figures.seen(tests.get(("intervals", "vo2max_ml_min")))

# %% [markdown]
# **Does the order matter?** Sylta's riders did the same intervals in rising, falling or mixed order.
# {glue:text}`orders` For *whom* an order is better is a
# harder question still: every rider did one order, so that what suits a rider cannot be told from what
# the rider would have gained anyway. In `intervals` every rider did all three kinds.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Change of VO2max over twelve weeks, a dot a rider, the bar is the group's mean.", "name": "fig-effect-lab-orders"}, "image": {"alt": "Three rows of dots that overlap widely."}}
outcome_figures.orders(tests.get(("sylta2016", "vo2max_ml_min")))

# %% tags=["hide-input"]
score_table(
    measured.order_rows(tests.get(("sylta2016", "vo2max_ml_min"))),
    caption="Difference between two orders, points of per cent, 95 % interval; and the riders in each "
    "group by which four of five studies would see a difference of that size.",
)

# %% [markdown]
# ## Sessions: the arms
#
# - **Naive**: the mean of the training athletes; the mean of *this* athlete's earlier targets, which
#   for a first session is the training mean; for session load, duration times the others' mean rating.
# - **One number**: a line on {term}`TRIMP` {footcite:p}`banister1991`, or on TRIMP against the
#   accustomed TRIMP of 28 days.
# - **Features**: ridge; histogram gradient boosting; the MLP (two hidden layers of 100, AdamW at
#   0.001, batches of 32, at most 1,000 epochs, patience 20). Validation athletes choose the ridge's
#   penalty, the number of trees and the MLP's epoch alike. With a number in its name a model
#   learned from only so many athletes.
# - **Own past**: the same answer, moved by the sum of the athlete's $n$ earlier residuals divided by
#   $n + 3$. The 3 is an assumption, and not tuned.
# - **Bounds**: *hindsight* adds the mean of all of an athlete's residuals, later ones too. The
#   {term}`observable bound` is the mean of ridge and boosted trees of 1,500 further athletes (240 in a
#   quick run). The {term}`noise floor` knows everything hidden.
#
# Each job has a seed of its own; people are dealt into five folds, more than once, and where there are fewer
# than forty each is left out in turn, with other validation people each time
# ({glue:text}`sessions_tested`).

# %% tags=["hide-input"]
level_table(
    {titles[key]: t for key, t in panels.items()},
    study.TITLES,
    metric="rmse",
    caption="RMSE, mean over athletes, with its 95 % interval over athletes and models. Rating: "
    "CR10 points; effect: points, 0 to 5; session load, rating times duration: CR10 minutes.",
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Squared error that is left, in per cent of what the mean predictor leaves. Bars: 95 % intervals over athletes and models. Grey: below the noise floor.", "name": "fig-effect-lab-ladder"}, "image": {"alt": "A stair of dots for each data set, from the mean predictor to the noise floor."}}
figures.ladder(main)

# %% [markdown]
# ## The questions
#
# The study asks {glue:text}`sessions_asked` on this page; differences that stand after
# Holm's correction for that many: {glue:text}`sessions_stand`. An athlete is harmed if an arm's RMSE is higher by more
# than the margin of harm. The last column tells whom the MLP harms against itself, trained from
# another seed.

# %% tags=["hide-input"]
score_table(
    findings.questions(panels, lab.verdicts, lab.survives),
    caption="Paired gain in RMSE, mean over athletes; above 0 the arm is better.",
)

# %% [markdown]
# Session load looks predictable until one asks the right baseline: most of it is its duration, and the
# duration was given. Its questions are therefore asked of duration times the others' mean rating.

# %% [markdown]
# ## How many athletes would it take?

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Squared error left, in per cent of the mean predictor's, against the number of training athletes. The last point of ridge is the observable bound, ridge and trees together.", "name": "fig-effect-lab-athletes"}, "image": {"alt": "Falling lines of ridge, boosted trees and the MLP against the number of training athletes."}}
figures.athletes_needed(
    {name: t for name, t in main.items() if "ridge_10" in set(t["arm"])}
)

# %% [markdown]
# ## How many earlier sessions?
#
# An athlete's sessions by how many measured ones lie before: bins begin at {glue:text}`bins`.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Mean absolute error against earlier sessions on record, bins with at least five athletes. Band: 95 % interval.", "name": "fig-effect-lab-experience"}, "image": {"alt": "For each data set mean error of ridge, of ridge with own past and of the noise floor against earlier sessions."}}
figures.experience(main)

# %% [markdown]
# ## Athlete by athlete

# %% tags=["hide-input"] mystnb={"figure": {"caption": "RMSE of each athlete (mean over models) under ridge and under the MLP. Orange: harmed by the network; band: within the margin of harm.", "name": "fig-effect-lab-athletes-rmse"}, "image": {"alt": "For each data set a scatter of athletes around the diagonal; below it the network is better."}}
small_multiples(
    {name: figures.two(t, "ridge", "mlp") for name, t in main.items()},
    paired_scatter,
    height_in=3.4,
    share=(),
    better="lower",
    xlabel="RMSE, ridge",
    ylabel="RMSE, MLP",
)

# %% [markdown]
# ## References
#
# ```{footbibliography}
# ```
