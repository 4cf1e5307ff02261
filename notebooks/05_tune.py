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
# # 5 · Choosing hyper-parameters
#
# **The question.** Is it worth looking for better settings than the default, and how would you know?
#
# **In one sentence.** {glue:text}`one_sentence`
#
# ```{admonition} You will be able to
# - **search** a space by grid, at random and with TPE, under one budget;
# - **train** many configurations at once, and give up the bad ones early;
# - **tell apart** what a search promised and what new people got;
# - **weigh** a search against the default, and against asking several models.
# ```
#
# | You need | Where |
# |---|---|
# | the network of chapter 4 and early stopping | chapter 4 |
# | gradient descent | chapter 3 |
# | probability densities, a logarithm | any first course in statistics |
#
# *20 minutes to read, 15 seconds to run.*

# %% tags=["imports"]
import numpy as np
import pandas as pd
import torch

from sportsml_lite import tune
from sportsml_lite.evaluate import mean
from sportsml_lite.findings import ensemble as mixed
from sportsml_lite.findings import tune as findings
from sportsml_lite.plots import ensemble as ensemble_figures
from sportsml_lite.plots import style
from sportsml_lite.plots import tune as figures
from sportsml_lite.plots.grammar import score_table
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.studies import accepted, effect
from sportsml_lite.studies import tune as study
from sportsml_lite.studies.runner import Options
from sportsml_lite.training import examples
from sportsml_lite.training.configurations import (
    Configuration,
    fit_configurations,
)

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name: simulated, simulated_b or pmdata; of the live example
data_dir = ""  # path: folder of your own tables, or around pmdata
seed = 0  # 0 to 1000000: simulated athletes, first weights, the searches' draws
n_athletes = 30  # athletes, 20 to 2000: how many are simulated
budget = 200  # epochs, 1 to 1000000: of the live search, all its trials together
store = ""  # file: of a search that several workers share; empty keeps none

# %% tags=["hide-input"]
check_values("05_tune", globals())
torch.set_num_threads(1)
results = {name: accepted.load("tune", name) for name in ("pmdata", "simulated")}
tables = {name: result.scores for name, result in results.items()}
several = {name: accepted.load("ensemble", name).scores for name in tables}
settings = {"n_athletes": n_athletes}
options = Options(dataset, data_dir, seed, "quick", settings)
data = study.load(options)
people = study.Trained(effect.cut(data.table, study.splits(data, 0)[0]))
print(data.told or f"{n_athletes} simulated athletes")

# %% tags=["check"]
for name, words in (mixed.said(several) | findings.said(tables)).items():
    record(name, words)
first = findings.takeaway(tables)
record("one_sentence", f"{first[0].upper()}{first[1:]}.")
record("command", results["pmdata"].command)
record("long", f"{mean(several['pmdata'], 'network', 'rmse'):.2f}")

# %% [markdown]
# ## What a budget buys
#
# Chapter 4 ran its network at settings that we were given: a learning rate of 0.001, a weight decay of
# 0.01, two hidden layers of 100 units, batches of 32. Each of these is a {term}`hyper-parameter`: no
# gradient descends on it, somebody has to choose. The list of allowed values is the *space*; ours has
# 756 configurations. To train one and ask the validation athletes is a *trial*.
#
# Trials cost time, so we compare methods under the same **budget**: {glue:text}`budget` epochs, all trials
# together. An epoch reads every training session once, whatever the batch size.

# %% mystnb={"figure": {"caption": "Error on test athletes of the best configuration so far, by validation athletes, against the epochs spent. Mean over athletes, folds and ten searches with each method; band: 95 % interval of the blue line over athletes and models. Dashed: the default, which costs one trial; dotted: ridge.", "name": "fig-tune-budget"}, "image": {"alt": "Two panels, real people above, simulated runners below. A line for each of four search methods against the budget, close to one another, a dashed line for the default and a dotted one for ridge."}}
figures.budget(tables)

# %% [markdown]
# In real people, who rate how hard a session felt, TPE {glue:text}`tpe_pmdata`; in simulated runners, whose
# training effect is predicted, it {glue:text}`tpe_simulated`. In brackets stands the gain in RMSE with its
# interval; below 0 is a loss. TPE {glue:text}`methods_pmdata` in real people, and random search there
# {glue:text}`grid_pmdata`. What are these methods, and why is the line not simply falling?
#
# ## Many trainings at once
#
# A small network leaves the processor waiting for Python. So we put configurations of one shape side by
# side, in tensors with one more dimension. The learning rate becomes a column, a number for each network:

# %%
X, y = torch.randn(50, 3), torch.randn(50)
rates = torch.tensor([[0.01], [0.1], [0.3]])  # (S, 1)


def descend(w, rates):
    """Gradient descent on S lines at once: w is (S, 3)."""
    for _ in range(20):
        error = w @ X.T - y  # (S, 50)
        w = w - rates * (2 / len(y)) * error @ X
    return w


together = descend(torch.zeros(3, 3), rates)
alone = [descend(torch.zeros(1, 3), rate[None]) for rate in rates]
assert torch.allclose(together, torch.cat(alone), atol=1e-6)

# %% [markdown]
# Nothing changes for any of the three; the loop runs once. AdamW works element by element too, so with
# $\eta_s$ the rate and $\lambda_s$ the weight decay of network $s$, and $\hat m, \hat v$ its running means,
#
# $$ w_s \leftarrow (1 - \eta_s \lambda_s)\, w_s - \eta_s\, \hat m_s / (\sqrt{\hat v_s} + \epsilon) . $$
#
# Width, depth and batch size change the shape of a tensor: those that agree are stacked. The package does
# it for our network. Here are 21 trainings, seven rates times three weight decays:

# %%
pieces = examples(people.X[0], people.tables[0].y, people.X[1], people.tables[1].y)
levels = tune.SPACE.levels
shape = {"width": 50, "depth": 2, "batch_size": 64}
pairs = [
    Configuration(rate, decay, **shape)
    for rate in levels["rate"]
    for decay in levels["weight_decay"]
]
found = fit_configurations(pairs, pieces, [seed] * len(pairs))
error = np.array([np.inf if f is None else f.val_loss for f in found])
error = error.reshape(7, 3)  # a row a rate, a column a weight decay

# %% [markdown]
# ## Grid or random?
#
# A {term}`grid search` tries every combination of a few values of each hyper-parameter. A {term}`random
# search` draws each value by lot {footcite:p}`bergstra2012`. With six trials a grid of three rates and two
# decays sees three rates, and tries each of them twice. Six draws see up to six. Where one hyper-parameter
# matters and another hardly does, the second half of the grid is wasted. On the live table:

# %%
draw = np.random.default_rng(seed)
grid = error[np.ix_([0, 3, 6], [0, 2])].min()
chance = [draw.choice(error.ravel(), 6, False).min() for _ in range(1000)]
beaten = np.mean(np.array(chance) <= grid)

# %% tags=["check", "nbval-ignore-output"]
record("beaten", f"{100 * beaten:.0f}")

# %% [markdown]
# In {glue:text}`beaten` % of a thousand repetitions six draws find a configuration at least as good as the
# grid's. One small table decides nothing, and a grid may be lucky. Which hyper-parameter matters? We know the error $v$ of every configuration, so the variance of
# $\log v$ can be taken apart {footcite:p}`hutter2014`: how much is left if one averages over everything but
# one hyper-parameter? In real people the {glue:text}`first_pmdata`.
#
# ## A search that learns
#
# Random search forgets what it has seen. TPE, the *tree-structured Parzen estimator*
# {footcite:p}`bergstra2011`, does not. It splits the trials so far into the better ones and the others, and
# puts a little hill on each: two densities, $l(x)$ of the better, $g(x)$ of the others. A new trial is worth
# most where the better are dense and the others rare. With γ the share of the better ones, the improvement that
# one may expect grows with
#
# $$ \Bigl( \gamma + (1 - \gamma)\, \frac{g(x)}{l(x)} \Bigr)^{-1} , $$
#
# so one draws from $l$ and takes the draw with the largest $l/g$. One step, on the learning rate:


# %%
def density(points, at, width=0.5):
    """Hills of one half decade on each point, and one wide hill for doubt."""
    hills = np.exp(-((at[:, None] - points) ** 2) / (2 * width**2)) / width
    doubt = np.exp(-((at + 2.5) ** 2) / (2 * 1.5**2)) / 1.5
    return (hills.sum(1) + doubt) / (len(points) + 1) / np.sqrt(2 * np.pi)


seen = pd.DataFrame({"rate": levels["rate"], "error": error[:, 1]})
seen["good"] = seen["error"].rank() <= 3
logs = np.log10(seen["rate"].to_numpy())
at = np.linspace(-4, -1, 200)
better, other = (density(logs[seen["good"] == g], at) for g in (True, False))

# %% mystnb={"figure": {"caption": "A step of TPE in the live example. Above: seven trials, the better three in blue. Below: density of the better and of the others, and their ratio (dashed, scaled); dotted: what is tried next.", "name": "fig-tune-tpe"}, "image": {"alt": "Above, dots of validation error against learning rate; below, two hills, one of the better trials and one of the others, and a dashed curve whose top is marked."}}
figures.densities(10**at, better, other, seen)

# %% [markdown]
# ## Give up early
#
# A rate that diverges shows it at once. {term}`Successive halving` {footcite:p}`jamieson2016` looks at a trial
# after epochs 4, 12 and 36, and lets it go on only if it is in the best third of those that came so far. In
# real people TPE then makes {glue:text}`more_pmdata`. It may also give up a slow starter.
#
# The package runs all this on Optuna {footcite:p}`akiba2019`. `learn` gives the validation error after each
# epoch; the search decides whether to ask for the next one. A search lives in a file if you name one
# (`sportsml run 05 -p store search.db`, in as many terminals as you like): workers share its trials, and if
# one is killed, the next marks its trial as failed and tries that configuration again.

# %%
learn = tune.Live(pieces, seed)
if store:
    about = {"data": f"{dataset} {data_dir} {seed} {n_athletes}"}
    shared = tune.open_study(store, "chapter5", tune.SPACE, about=about)
    tune.run(shared, tune.SPACE, learn, budget)
    trials = tune.trials_of(shared)
else:
    trials = tune.search("tpe", tune.SPACE, learn, budget, seed)
default = min(learn(Configuration()))

# %% tags=["check", "nbval-ignore-output"]
record("live_trials", len(trials))
record("live_best", trials["value"].min(), digits=3)
record("live_default", default, digits=3)

# %% [markdown]
# The live search made {glue:text}`live_trials` trials; the first ten of any TPE search are random. Its best has a validation MSE of
# {glue:text}`live_best`, the default one of {glue:text}`live_default`.
#
# ## What was promised, and what was kept
#
# Do not believe that number. Suppose that $n$ configurations were equally good, and that few validation
# athletes make each error too high or too low by chance, with standard deviation $\sigma$. Whoever
# takes the smallest will see it lie at most about $\sigma \sqrt{2 \ln n}$ below the truth. The more one tries, the
# luckier the winner: the *winner's curse*. It is overfitting, of the validation athletes, by the search
# {footcite:p}`cawley2010`.

# %% mystnb={"figure": {"caption": "Gain over the default of the best of so many configurations, drawn in random order: what validation athletes promised (grey), and what test athletes got (blue, with 95 % interval). Grey band: too small to name.", "name": "fig-tune-promise"}, "image": {"alt": "Two panels, real people and simulated runners. The promised gain rises with the number of trials; the gain that was kept lies below it."}}
figures.promises(tables)

# %% [markdown]
# With all configurations tried, in real people {glue:text}`promise_pmdata`; in simulated runners
# {glue:text}`promise_simulated`. Between the order by validation and the order by test the rank
# correlation is {glue:text}`rank_pmdata` in real people and {glue:text}`rank_simulated` in simulated runners.
# (1 would be the same order.) Hence three rules: report what *test* athletes got; choose with many validation
# athletes; and compare with what mere luck finds, the best of 32 *seeds* of the default, in the lab.
#
# ## The verdict

# %% tags=["hide-input"]
score_table(
    figures.results(tables),
    caption="Mean over people of each one's RMSE on test athletes, 95 % interval. pmdata: points of CR10; "
    "simulated: points of effect, 0 to 5.",
)

# %% [markdown]
# *Accepted results: this page prints them and does not compute them;* {glue:text}`command` *redoes the real
# people.*
#
# - **Was it worth it?** In real people TPE with pruning {glue:text}`pruned_pmdata`.
# - **Does the tuned network beat a straight line?** In real people it {glue:text}`ridge_pmdata`.
#
# **Caveats.** The default here is chapter 4's network in a shorter training, as all others: at most 60 epochs.
# Trained as in chapter 4 its error in real people is {glue:text}`long`; hold that against the tuned ones. The best
# rates lie at the edge of our space. Ridge was tuned on the same
# validation athletes, by its one penalty. Seeds move a result as much as many a setting
# {footcite:p}`bouthillier2021`. All ten searches of a fold look up the *same* trainings
# {footcite:p}`klein2019`; the interval is over athletes and folds, and folds have seeds of their own.
#
# ## Or ask several
#
# A search trains many networks and throws all but one away. An {term}`ensemble` keeps some. If $S$ models
# answer $p_s$ and $\bar p$ is their mean, then for every truth $y$ {footcite:p}`krogh1995`
#
# $$ (\bar p - y)^2 = \frac{1}{S} \sum_s (p_s - y)^2 - \frac{1}{S} \sum_s (p_s - \bar p)^2 : $$
#
# the squared error of the mean is that of its members, less what they *disagree*. In real people, the mean of
# five seeds {glue:text}`seeds_pmdata`. A stack, which weighs networks, ridge and boosted trees by how they answer
# for training athletes that they had not met, {glue:text}`stack_chosen_pmdata`.

# %% mystnb={"figure": {"caption": "Gain in RMSE over one network, on test athletes, and seconds of one core. Blue: several models. Bars: 95 % intervals; grey band: too small to name.", "name": "fig-tune-ensemble"}, "image": {"alt": "Two panels of rows, a dot with its interval for each way of asking several models, around or right of a line at zero."}}
ensemble_figures.ladder(several)

# %% [markdown]
# ## Summary
#
# - Count a search in epochs, not in trials, and put the default beside it.
# - Random draws see more values of each hyper-parameter than a grid does; TPE learns from what it saw.
#   Whether either helps is a question for the table.
# - Stacked trainings and early pruning buy more trials, not better validation athletes.
# - What the search promises is its luck, too. Only athletes whom it has not asked can say what it is worth.
# - The mean of several models has their mean squared error, less what they disagree.
#
# ## Exercises
#
# Try each before opening the answer. {download}`This chapter as a notebook with empty answers
# <exercises/05_tune_exercises.ipynb>` is there to work in.

# %% [markdown]
# ### Exercise 1
#
# How many random trials does it take to hit the best 5 % of a space with a probability of 95 %?
#
# Expected: {glue:text}`exercise_1`

# %% tags=["solution"]
needed = int(np.ceil(np.log(0.05) / np.log(0.95)))
record("exercise_1", needed)

# %% [markdown]
# ### Exercise 2
#
# How lucky is the best of 32 equal configurations, in standard deviations of the noise? Draw it a hundred
# thousand times. How far is the rule $\sqrt{2 \ln n}$ from it?
#
# Expected: {glue:text}`exercise_2`

# %% tags=["solution"]
noise = np.random.default_rng(0).normal(size=(100_000, 32))
luck, rule = noise.max(axis=1).mean(), np.sqrt(2 * np.log(32))
record("exercise_2", f"{luck:.1f}, and the rule says {rule:.1f}")

# %% [markdown]
# ### Exercise 3
#
# 27 trials are looked at after 4 and 12 epochs; each time the best third goes on, the last ones up to epoch
# 36. How many epochs does that cost, and how many would it be without giving up?
#
# Expected: {glue:text}`exercise_3`

# %% tags=["solution"]
halved = 27 * 4 + 9 * (12 - 4) + 3 * (36 - 12)
record("exercise_3", f"{halved} and {27 * 36}")

# %% [markdown]
# ## What comes next
#
# A better model of one session is not yet a plan. Chapter 6 recommends one. Every method, both kinds of
# validation curve, the whole landscape and the questions stand in the lab of this chapter.

# %% [markdown]
# ## References
#
# ```{footbibliography}
# ```
