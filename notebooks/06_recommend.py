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
# # 6 · Recommending a plan
#
# **The question.** Which week should this athlete do next, and how sure can anybody be?
#
# **In one sentence.** {glue:text}`one_sentence`
#
# ```{admonition} You will be able to
# - **refuse** a week by rules, before any model is asked;
# - **update** what you believe of an athlete, in closed form, with each test;
# - **rank** by what a week brings *at least*, and abstain when that is nothing;
# - **say** why an old training diary cannot tell you which plan is best.
# ```
#
# | You need | Where |
# |---|---|
# | what can be predicted of a change, and what cannot | chapter 4 |
# | a normal distribution; a mean and a covariance | any first course in statistics |
# | multiplying matrices | the linear model of chapter 3 |
#
# *20 minutes to read, 15 seconds to run.*
#
# ```{warning}
# Everything on this page is simulated. A model trained on simulated athletes proves nothing about a real
# one. Nothing here is medical advice.
# ```

# %% tags=["imports"]
from textwrap import fill

import numpy as np

from sportsml_lite.findings import banister
from sportsml_lite.findings import offpolicy as logged
from sportsml_lite.findings import recommend as found
from sportsml_lite.plots import offpolicy as log_figures
from sportsml_lite.plots import plan as plan_figures
from sportsml_lite.plots import recommend as figures
from sportsml_lite.plots import style
from sportsml_lite.plots.grammar import score_table
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.recommend import effect, rank
from sportsml_lite.recommend.candidates import accepted as allowed
from sportsml_lite.recommend.months import persons
from sportsml_lite.recommend.week import Wishes
from sportsml_lite.simulate.weeks import World
from sportsml_lite.studies import accepted

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # 'simulated' or 'simulated_b': the world of the live example
data_dir = ""  # path: leave empty; for your own files: sportsml plan FOLDER
seed = 0  # 0 to 1000000: simulated athletes and all that is drawn
athlete = 0  # 0 to 199: whose week is planned in the live example
goal = "fitness"  # 'fitness', 'maintain' or 'recover'
minutes = 0  # minutes a week, 0 to 4200: at most; 0 for no bound
injury = "none"  # 'none', 'returning' or 'injured'

# %% tags=["hide-input"]
check_values("06_recommend", globals())
tables = {
    name: accepted.load("recommend", name).scores
    for name in ("simulated", "simulated_b")
}
logs = accepted.load("offpolicy", "simulated").scores
world = World.draw(200, seed, dataset).rest()  # after twelve weeks as usual
person = persons(world)[athlete]
wishes = Wishes(goal=goal, minutes=minutes, injury=injury)
model = effect.simulated_population(dataset)

# %% tags=["check"]
traces = accepted.load("banister", "simulated").scores
said = found.said(tables)
for name, words in (logged.said({"simulated": logs}) | said).items():
    record(name, words)
record("banister", f"{banister.takeaway(traces)}.")

# %% [markdown]
# ## Weeks that may be done at all
#
# A coach first rules some weeks out: no training on a day without time, no two hard days in a row. Rules
# that can be read, and argued with, stand *beside* the model, and no prediction can overrule them.
#
# One of them has evidence behind it. In 588,071 runs of 5,205 runners, a run more than 10 % longer than
# the longest of the last 30 days went with more injuries {footcite:p}`frandsen2025`. It is an association;
# who runs far may differ in other ways. But it is cheap to respect: **no session is longer than 1.10
# times the longest of the last 30 days**, taken anew each week, so that it cannot grow from day to
# day. The once popular ratio of a week's load to the month's predicts no better than the week's load alone
# {footcite:p}`impellizzeri2021`, a trial that planned by it found no fewer health problems
# {footcite:p}`dalenlorentsen2021`, and it is no rule here.
#
# Take simulated athlete number {glue:text}`athlete`, who trained {glue:text}`recent` minutes a week
# lately. A dozen templates (as usual, more, harder, ...) are laid out on the days of the week, and each rule
# may object:

# %%
weeks, refused = allowed(person, wishes)
for week, reasons in refused[:3]:
    print(fill(f"{week.name}: {reasons[0]}", 80))

# %% tags=["check"]
record("athlete", athlete)
record("recent", f"{sum(person.recent_min_week):.0f}")
record("n_kept", len(weeks))
record("n_refused", len(refused))

# %% [markdown]
# {glue:text}`n_kept` weeks are left, {glue:text}`n_refused` are refused.
#
# ## What a week is expected to bring
#
# One week changes little. So we ask about a *block*: the same kind of week four times, two days of rest,
# then a test of VO2max. What will the test say?
#
# **Intuition.** More training helps, up to what one can absorb; then it hurts. So form is a *curve* over
# load, and each athlete has an own one. Of a new athlete we know only what curves look like in others;
# each block and its test tell a little more.
#
# **The model.** Let $x$ hold a few features of a block: how chronic load $c$ (a mean that fades
# over 42 days) and acute load $a$ (over 7) change, and $c^2$ and $a^2$, which bend the curve, and the
# hard minutes. The change of VO2max (%) is
#
# $$ y = x^\top \beta + \varepsilon, \qquad \beta \sim \mathcal{N}(\mu, \Sigma), $$
#
# with an own $\beta$ for each athlete. $\mu$ and $\Sigma$, how athletes are on average and how they
# differ, come from some hundred others {footcite:p}`laird1982`: that is the {term}`prior`. Then
# $B$ blocks with features $X$ (a row each) and measured changes $y$ turn it into the
# {term}`posterior`. With $N$ the covariance of the errors of $y$,
#
# $$ \begin{gathered} K = \Sigma X^\top \bigl(X \Sigma X^\top + N\bigr)^{-1}, \\
#    \mu' = \mu + K (y - X\mu), \quad \Sigma' = \Sigma - K X \Sigma . \end{gathered} $$
#
# The new mean is the old one plus a share $K$ of the surprise. Noisy tests make $N$ large and $K$ small:
# the caution of chapter 4, now with a covariance. In code:


# %%
def update(mean, covariance, X, y, noise):
    """What is believed of an athlete's coefficients after some blocks."""
    inverse = np.linalg.inv(X @ covariance @ X.T + noise)
    K = covariance @ X.T @ inverse
    return mean + K @ (y - X @ mean), covariance - K @ X @ covariance


# %% [markdown]
# Two neighbouring changes share a test; if it came out too high, one is too large and the next too small.
# So, with σ the error of a test, $N$ has $2\sigma^2$ on its diagonal and $-\sigma^2$ beside it, plus what the features miss. With that,
# our lines and the package agree on three invented blocks:

# %%
blocks = 3
rng = np.random.default_rng(seed)
X = rng.normal(0, 0.3, (blocks, len(model.mean)))
y = rng.normal(0, 3, blocks)
shared = 2 * np.eye(blocks) - np.eye(blocks, k=1) - np.eye(blocks, k=-1)
noise = model.misfit_pct**2 * np.eye(blocks) + model.error_pct**2 * shared
mean, covariance = update(model.mean, model.covariance, X, y, noise)
own = model.personal(X, y)
assert np.allclose(mean, own.mean)
assert np.allclose(covariance, own.covariance)

# %% [markdown]
# ## Rank by the lower bound
#
# Twelve candidates, twelve predictions, each with an error. Which error does the largest one tend to have?
# A large one, upwards. Here are twelve weeks, all *equally good*, predicted with an error of one point:

# %%
errors = rng.normal(0, 1, (10_000, 12))
promised = errors.max(axis=1).mean()

# %% tags=["check"]
record("promised", promised, digits=1)

# %% [markdown]
# The chosen week promises {glue:text}`promised` points more than it can keep: the
# **optimiser's curse** {footcite:p}`smith2006`. So ask what a week brings *at least*. With $d$ the difference to going on as usual,
#
# $$ \underline{d} = \hat\mu_d - z\,\hat\sigma_d, \qquad z = 1.64 \;\text{for a 90 % interval} . $$
#
# Where no bound is above 0, the honest recommendation is to go on as usual. That is {term}`abstention`.

# %%
everything = [*weeks, *(week for week, _ in refused)]
X = effect.of_person(person, everything)
expected, _ = model.predict(X)
ranking = rank.rank(
    everything,
    expected,
    model.spread(X),
    {week.name: reasons for week, reasons in refused},
)
print(fill(ranking.sentence, 80))

# %% mystnb={"figure": {"caption": "The three weeks that bring most at least, and the most promising one that is refused. Left: minutes of each day, hard ones dark. Right: what a block of such weeks is expected to bring more than going on as usual, with a 90 % interval.", "name": "fig-recommend-weeks"}, "image": {"alt": "Four rows, each a week as bars by day and an expected gain as a dot with an interval; the last is refused, with its reason."}}
plan_figures.best_weeks(ranking)

# %% [markdown]
# How wide the intervals are is the message: of somebody whom we hardly know, four weeks cannot be foretold
# well.
#
# ## Let the athlete's tests speak
#
# After each block comes a test, and the posterior is computed anew from all blocks so far. Now choosing is
# also *asking*: a week that is never tried stays unknown. **{term}`Thompson sampling`**
# {footcite:p}`thompson1933` draws a $\beta$ from what is believed, and takes the week that is best for *it*.
# Weeks are tried as often as they may be the best, so the better one knows, the less one tries. (With a
# prior pooled over users it was tried in mobile health {footcite:p}`tomkins2021`.)


# %%
def thompson(model, X, rng):
    """How often each week is taken."""
    draws = model.sample(rng, 1000)
    best = (X @ draws.T).argmax(axis=0)
    return np.bincount(best, minlength=len(X)) / len(draws)


chance = thompson(model, effect.of_person(person, weeks), rng)

# %% tags=["check", "nbval-ignore-output"]
likely = int(np.argmax(chance))
record("tried", f"{weeks[likely].name} ({100 * chance[likely]:.0f} of 100 draws)")

# %% [markdown]
# Our athlete would most likely be given: {glue:text}`tried`. The numbers `chance` are the
# {term}`propensities <propensity>`; they are logged with each choice, for a reason that comes below.
#
# Does it pay? In the study {glue:text}`n_athletes` simulated athletes whom no model has met live six blocks,
# half a year, under each policy. All keep to the same rules, and all have the same luck:

# %% mystnb={"figure": {"caption": "True change of VO2max since the first test, mean over simulated athletes. Population: the best week for the mean athlete. Feedback: the best for the athlete, as known from own tests; band: its 95 % interval.", "name": "fig-recommend-policies"}, "image": {"alt": "Lines over six blocks, one a policy: the oracle highest, going on as usual lowest, the others between."}}
figures.over_months(tables["simulated"])

# %% tags=["hide-input"]
shown = ("policy", "gain (%)", "level (%)", "regret a block (%)")
arms = ("as_usual", "coach", "greedy", "feedback", "oracle")
score_table(
    [
        {name: row[name] for name in shown}
        for row in found.rows(tables["simulated"], arms)
    ],
    caption="Simulated athletes after half a year, % of VO2max, 95 % intervals. Gain: at the last test. "
    "Level: mean of the last 28 mornings. Regret: what the best accepted week would have brought more.",
)

# %% [markdown]
# - **Does a model help?** Without any feedback it brings {glue:text}`greedy_simulated`.
# - **Does feedback help?** It brings {glue:text}`feedback_simulated`. Drawing, as Thompson does, brings
#   {glue:text}`thompson_simulated`.
# - **Does it beat a coach's rule**, three weeks of building and one easy? The rule brings
#   {glue:text}`coach_simulated`. Its easy week comes just before the test.
# - **What does caution cost?** With a 90 % bound, {glue:text}`caution_simulated`.
# - **Are the intervals honest?** With feedback, {glue:text}`covered_simulated` % of the true effects lay in
#   their 90 % intervals.
#
# In all plans of all policies, {glue:text}`cap_simulated`: nobody does exactly what is planned.
#
# This model learned in the world in which it advises. In a second world, with another law of what training
# does, half a year with a model of the wrong world brings: {glue:text}`borrowed_simulated_b`. (The other way
# round: {glue:text}`borrowed_simulated`; what a wrong model does is not known beforehand.) A model of simulated
# athletes stands to a real one as these two worlds do, at best.
#
# ## Why an old diary misleads
#
# There are training diaries of thousands of people: why not look which plan was followed by the largest
# gains? Because plans were not drawn by lot. A coach gives more to those who bear more; those who did much
# gained much, and the plan gets the praise that belongs to the people. That is {term}`confounding`.
#
# If we know with which probability $p$ each plan was chosen, we can mend it. A plan that was chosen
# against the odds stands for many who were given another: weigh it by $1/p$. The
# value of a new policy $\pi$ is then estimated from $n$ decisions ($x_i$ was known, $a_i$ chosen, $r_i$ gained) by
#
# $$ V_\text{IPS} = \frac1n \sum_{i=1}^{n} \frac{\pi(a_i \mid x_i)}{p(a_i \mid x_i)}\, r_i , $$
#
# the *inverse propensity* estimate {footcite:p}`horvitz1952`. It needs no model, but where $p$ is
# small it is noisy. The *doubly robust* estimate {footcite:p}`dudik2011` adds a model of the reward and is
# right if either of the two is. In the simulator the truth is known:

# %% mystnb={"figure": {"caption": "What four plans seem to bring in a coach's log (naive: mean of those who did them), after weighting and adjusting (mended: doubly robust), and the truth (dashed); one panel for each way in which plans were given. Simulated clubs, bands: intervals over them.", "name": "fig-recommend-logs"}, "image": {"alt": "Four panels of curves over the load of a plan. Drawn by lot, all agree; chosen by what the log holds, only the mended curve follows the truth; chosen by a hidden trait, neither does."}}
log_figures.ranking(logs)

# %% [markdown]
# Where the coach chose by what the log holds, the plan that looks best was not the best in
# {glue:text}`wrong_naive_seen` % of {glue:text}`clubs` simulated clubs; the doubly robust estimate takes
# away {glue:text}`mended_seen` (mean over clubs). Where the coach chose by a trait that nobody wrote down, it takes away
# {glue:text}`mended_unseen`. No weight *estimated from a log* mends what is not in it. Chances written down
# when the plan was chosen do, and so does drawing by lot.
#
# So a recommender should **log its propensities** from the first day.

# %% [markdown]
# ## Caveats
#
# Load is minutes by zone; sleep, illness and life are not in it. And parameters of such models are hard to
# find. {glue:text}`banister` The lab shows why.
#
# **For your own files** there is a command. It reads a folder of device files, keeps to all rules of this
# chapter, and writes a week as a table, a calendar, and workouts for a watch:
#
# `sportsml plan my_rides --goal fitness --minutes 300`
#
# It says which model it used, and that this proves nothing about you. Under a stated injury it plans less,
# more slowly, and tells you to ask a professional.

# %% [markdown]
# ## Summary
#
# - Rules first. They can be read, and no prediction overrules them.
# - One model is prior, posterior, lower bound and the draws of a Thompson sampler.
# - The largest of several raw predictions is too large. Shrink, rank by what a week brings at least, abstain.
# - A diary of people who chose for themselves cannot rank plans. Draw lots, and log the chances.
#
# ## Exercises
#
# Try each before opening the answer. {download}`This chapter as a notebook with empty answers
# <exercises/06_recommend_exercises.ipynb>` is there to work in.

# %% [markdown]
# ### Exercise 1
#
# By how much does the largest of two equally good weeks disappoint, predicted with an error of one point? It is
# $1/\sqrt{\pi}$; find it by drawing.
#
# Expected: {glue:text}`exercise_1`

# %% tags=["solution"]
two = np.random.default_rng(1).normal(size=(1_000_000, 2)).max(axis=1).mean()
record("exercise_1", two, digits=1)

# %% [markdown]
# ### Exercise 2
#
# How much surer does one block make us? Divide the SD of "more" by that after one block of "more" with a
# change of 2 %, using `update`.
#
# Expected: {glue:text}`exercise_2`

# %% tags=["solution"]
x = X[[week.name for week in everything].index("more")][None]
noise = np.array([[model.misfit_pct**2 + 2 * model.error_pct**2]])
_, after = update(model.mean, model.covariance, x, np.array([2.0]), noise)
ratio = np.sqrt((x @ model.covariance @ x.T) / (x @ after @ x.T)).item()
record("exercise_2", ratio, digits=2)

# %% [markdown]
# ### Exercise 3
#
# Two plans are drawn with probabilities ¾ and ¼, and bring 1 and 3 % to everybody. What is the plain mean of a log, and what the IPS
# estimate of giving everybody the second? (Draw 100,000 choices.)
#
# Expected: {glue:text}`exercise_3`

# %% tags=["solution"]
second = np.random.default_rng(2).random(100_000) < 0.25
reward = np.where(second, 3.0, 1.0)
ips = np.mean(second / 0.25 * reward)
record("exercise_3", f"{reward.mean():.1f} and {ips:.1f}")

# %% [markdown]
# ## What comes next
#
# Until now the watch gave a number a session. From chapter 7 on it gives a stream, and a network reads what
# the athlete is doing. The lab of this chapter has every policy, the estimates from logs, Banister's
# parameters that cannot be identified, the way back after an injury, and a squad that trains together.

# %% [markdown]
# ## References
#
# ```{footbibliography}
# ```
