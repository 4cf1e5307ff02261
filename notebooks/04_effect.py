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
# # 4 · Predicting the training effect
#
# **The question.** How much of what training does to a person can be known beforehand?
#
# **In one sentence.** {glue:text}`one_sentence`
#
# ```{admonition} You will be able to
# - **tell apart** what cannot be predicted, what cannot be measured, and what a study cannot see;
# - **train** a small network, and let people it has not met say when to stop;
# - **correct** any model with one line of a person's own past;
# - **admit** it, with an interval, when the network loses.
# ```
#
# | You need | Where |
# |---|---|
# | the mean squared error and gradient descent | chapter 3 |
# | why people, not rows, are split | chapter 2 |
# | mean, variance, a straight line through points | any first course in statistics |
# | a class and a loop in Python | any introduction |
#
# *20 minutes to read, 15 seconds to run.*

# %% tags=["imports"]
from copy import deepcopy

import numpy as np
import pandas as pd
import torch
from torch import nn

from sportsml_lite import evaluate
from sportsml_lite.baselines.sessions import add_own_past, fit_baseline
from sportsml_lite.evaluate.power import power
from sportsml_lite.findings import outcome as measured
from sportsml_lite.models import MLP
from sportsml_lite.plots import effect as figures
from sportsml_lite.plots import outcome as outcome_figures
from sportsml_lite.plots import own as own_figures
from sportsml_lite.plots import style
from sportsml_lite.plots.grammar import score_table
from sportsml_lite.prepare import fit_scaler
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.studies import accepted, own
from sportsml_lite.studies import effect as study
from sportsml_lite.studies.runner import Options
from sportsml_lite.training import TrainConfig, examples, fit_many

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name: simulated, simulated_b or pmdata; of the live example
data_dir = ""  # path: folder of your device files or tables, or around pmdata
seed = 0  # 0 to 1000000: simulated athletes, first weights, order of batches
n_athletes = 80  # athletes, 20 to 2000: how many are simulated
rate = 0.001  # 1, 1e-6 to 1: learning rate of the network
batch_size = 32  # sessions, 1 to 10000: sessions a step
patience = 20  # epochs, 1 to 1000: without a lower validation error before it stops
strength = 3.0  # sessions, 0 to 1000: k, how slowly the past is believed

# %% tags=["hide-input"]
check_values("04_effect", globals())
torch.set_num_threads(1)
trained = accepted.load("outcome", "intervals").scores
riders = trained.query("target == 'vo2max_ml_min'")
imagined = accepted.load("outcome", "simulated").scores
real = accepted.load("effect", "pmdata").scores.query("target == 'rpe'")
simulated = accepted.load("effect", "simulated").scores
options = Options(dataset, data_dir, seed, settings={"n_athletes": n_athletes})
mine = own.open_folder(options)
data, (train, validation, test) = study.example(mine.live)
unit = study.UNITS[data.target]
print(data.told or f"{n_athletes} simulated athletes")

# %% tags=["check"]
for name, words in measured.said(trained, imagined, real).items():
    record(name, words)

# %% [markdown]
# ## Weeks of training, measured in a laboratory
#
# One autumn, {glue:text}`n_riders` cyclists trained hard through three periods of a few weeks. Before
# and after each period they rode to exhaustion in a laboratory {footcite:p}`rogneflaten2022`. In
# between they kept a diary of hours and intensity, and wore a heart-rate strap in their interval
# sessions. So here is a {term}`training effect` that somebody *measured*: the change of the maximal
# oxygen uptake, VO2max, from one test to the next, in per cent. Can it be predicted for a rider
# whom a model has never met?

# %% mystnb={"figure": {"caption": "Squared error that is left, in per cent of what is left by saying that all change alike. Each athlete is predicted by models that never met him or her. Bars: 95 % intervals over athletes and models; one that meets the edge goes on. Grey: the part of the changes that is error of the tests.", "name": "fig-effect-outcome"}, "image": {"alt": "Two stairs of dots. Riders: saying that nothing changes is worst; who and when is a little below 100 per cent; how much was done does not lower it further. Simulated athletes: how much was done lowers it, and what was done in each zone lowers it more."}}
outcome_figures.ladder({"Real riders": riders, "Simulated athletes": imagined})

# %% [markdown]
# Read it from top to bottom. On average VO2max rose by {glue:text}`mean_change` % a period. Whoever says
# so of everybody makes an error that we call 100 %. *Who and when* is a {term}`ridge`, a straight line
# through all features whose weights are kept small. It reads the number of the period, the level at
# its start, sex, age and mass. The blue dot also reads how much was done: hours, heart-rate load,
# perceived load. In numbers (gain in RMSE, points of per cent; below 0 is a loss):
#
# - **How much was done** {glue:text}`load_adds`, beside who and when.
# - **All that was done**, zone by zone and sport by sport, {glue:text}`done_adds`.
# - **A neural network** with the same features {glue:text}`net_adds`, beside the mean. Letting it learn
#   first from 4,000 simulated athletes, whose training does pay, {glue:text}`taught_adds`.
#
# In the simulated athletes how much was done {glue:text}`imagined_adds`. There it is drawn by lot who
# trains more, and there are many of them. Why not in the riders? There are three reasons to tell apart.

# %% [markdown]
# **It cannot be measured.** Test a rider twice, and the numbers differ though nothing has changed. A
# test that came out too high makes the change before it too large, and the one after it too small.
# So neighbouring changes pull in opposite directions, and from how strongly they do we read the error of
# one test: {glue:text}`error`. (This holds if the true changes of two periods have nothing to do with
# each other. Published errors are 1 to 2 % for power {footcite:p}`hopkins2001`.) By this reckoning
# {glue:text}`noise_share`. It is the grey zone of the figure, the {term}`noise floor`, and an
# estimate: {glue:text}`trust`.
#
# **It cannot be seen by so few.** Imagine the study again and again in a world where training *does*
# matter: one standard deviation more of it gives 1 % more VO2max. With as many riders as here,
# {glue:text}`seen` of 100 such studies would show that a line on training beats the mean. Four of five would with
# {glue:text}`needed` riders. So "not seen" is not "not there".
#
# **It is not in the features.** Everyone in this study trained hard and on a plan, so they differ
# little in what they did. How a body answers to it differs more, and no diary holds that.

# %% [markdown]
# ## One session, and two ends of a scale
#
# A watch asks a smaller question: how much did *this session* do? Nobody has ever measured that. People
# can say how hard it felt: {term}`perceived exertion`, 0 to 10 on the CR10 scale
# {footcite:p}`foster2001`. We predict these ratings in PMData {footcite:p}`thambawita2020`,
# a dozen people with a watch, and never call them an effect. A watch maker's number
# {footcite:p}`firstbeat2012` is a third thing.
#
# Our simulator has an effect of a session. A session of load $L$, after an accustomed load $C$, done by
# a runner of freshness $f$ and responder factor $\rho$, has
#
# $$ y = 5\bigl(1 - e^{-\rho\, f\, (L/C)^{0.8}}\bigr) + \varepsilon,
#    \qquad \varepsilon \sim \mathcal{N}(0,\, 0.3^2), $$
#
# cut off at 0 and 5; the numbers are assumptions. A watch knows $L$ and $C$ nearly, and $f$ in part.
# It does not know $\rho$, and nobody knows the chance $\varepsilon$. Someone who knew all but
# $\varepsilon$ would stand at the noise floor. Someone who sees only what a watch sees, with all the data
# in the world, would stand at the **{term}`observable bound`**. What lies between the two no
# watch will find; a measured past may.

# %% tags=["check"]
record("own", own.told(mine))

# %% [markdown]
# A maker's number can be asked of your own watch: `sportsml run 04 -p data_dir my_rides` reads its files,
# and the answer stands here.

# %% tags=["remove-input"]
own_figures.show(mine)  # nothing without your files

# %% [markdown]
# ## A network, and when to stop it
#
# Now a small live example, predicting {glue:text}`target`. People are split, not rows
# {footcite:p}`saeb2017`: {glue:text}`n_train` train, {glue:text}`dealt`. Our network has two hidden
# layers of 100 units. With $x$ the scaled features,
#
# $$ \begin{gathered} h_1 = \max(0,\, W_1 x + b_1), \\
#    h_2 = \max(0,\, W_2 h_1 + b_2), \quad p = w^\top h_2 + c . \end{gathered} $$

# %% tags=["check"]
words = {"effect": "the training effect", "rpe": "the perceived exertion"}
sizes = [len(set(part.athlete)) for part in (train, validation, test)]
record("target", words[data.target] + mine.note)
record("n_train", sizes[0])
record(
    "dealt", f"{sizes[1]} say when to stop, {sizes[2]} are asked once, at the end"
)


# %%
class EffectNet(nn.Module):
    def __init__(self, n_features):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_features, 100),
            nn.ReLU(),
            nn.Linear(100, 100),
            nn.ReLU(),
            nn.Linear(100, 1),
        )

    def forward(self, X):
        return self.layers(X).squeeze(-1)  # (N,), never (N, 1)


# %% tags=["hide-input"]
scaler = fit_scaler(train.X)  # training athletes only
scaled = [scaler.transform(part.X, "mean") for part in (train, validation, test)]
X, X_val, X_test = (torch.tensor(part, dtype=torch.float32) for part in scaled)
y, y_val = (
    torch.tensor(part.y, dtype=torch.float32) for part in (train, validation)
)

# %% [markdown]
# One step takes a batch, asks for the gradient of its mean squared error, and lets AdamW
# {footcite:p}`loshchilov2019` move the weights:

# %%
torch.manual_seed(seed)
net = EffectNet(X.shape[1])
optimizer = torch.optim.AdamW(net.parameters(), lr=rate)


def step(rows):
    loss = nn.functional.mse_loss(net(X[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% [markdown]
# An epoch is one pass over all sessions, in a new order. After each one we ask the *validation*
# athletes. Once their error has not fallen for `patience` epochs, we stop, and go back to the
# weights that suited them best. That is {term}`early stopping`:

# %%
shuffle = torch.Generator().manual_seed(seed)
history, best = [], np.inf
for epoch in range(1, 1001):
    batches = torch.randperm(len(X), generator=shuffle).split(batch_size)
    train_loss = np.average(
        [step(b) for b in batches], weights=[len(b) for b in batches]
    )
    with torch.no_grad():
        val_loss = nn.functional.mse_loss(net(X_val), y_val).item()
    history.append((epoch, train_loss, val_loss))
    if val_loss < best:
        best, kept, weights = val_loss, epoch, deepcopy(net.state_dict())
    if epoch - kept >= patience:
        break
_ = net.load_state_dict(weights)
# %% tags=["hide-input"]
# The package trains many seeds at once; each must take the steps of this plain loop.
pieces = examples(scaled[0], train.y, scaled[1], validation.y)
config = TrainConfig(rate=rate, batch_size=batch_size, max_epochs=3)
package = fit_many(MLP, pieces, [seed], config)[0].history["val_loss"]
assert np.allclose([val for *_, val in history[:3]], package, rtol=0.01)
curve = pd.DataFrame(history, columns=["epoch", "train_loss", "val_loss"])

# %% mystnb={"figure": {"caption": "Mean squared error after each epoch of the live example. Triangle: the weights that early stopping keeps.", "name": "fig-effect-curve"}, "image": {"alt": "Training error falls from epoch to epoch; validation error soon reaches its lowest value, marked by a triangle, and then stays above it."}}
naive = np.mean((validation.y - train.y.mean()) ** 2)
figures.learning_curve(curve, naive, unit)

# %% tags=["check", "nbval-ignore-output"]
record("kept", kept)

# %% [markdown]
# The kept epoch is number {glue:text}`kept`. After it the network learns its training athletes by
# heart, which is {term}`overfitting`. Thousands of sessions sound like much. But what has to be
# learned is how *athletes* differ, and of those there are far fewer.
#
# ## One line about the person
#
# What did a model miss in this person's earlier sessions? If its answers were too low by half a
# point again and again, the next one is likely to be too low as well. With $y_j - p_j$ the
# {term}`residual` of an earlier session, $n$ of them, and a constant $k$,
#
# $$ p \;\leftarrow\; p + \frac{1}{n + k} \sum_{j=1}^{n} (y_j - p_j) . $$
#
# This is the mean of the earlier residuals times $n/(n + k)$, and that fraction is caution. After one
# session the mean residual is mostly chance, so little of it is believed; after thirty, nearly all.
# The model's own answer counts as much as $k$ sessions; we took $k = 3$ beforehand and did not tune
# it. In code it is one line in a loop:


# %%
def with_own_past(prediction, truth, athlete, k):
    """Rows in the order of time; each is moved by the athlete's earlier rows only."""
    moved = prediction.copy()
    for name in set(athlete):
        mine = np.flatnonzero(athlete == name)
        residual = truth[mine] - prediction[mine]
        n, total = np.arange(len(mine)), np.cumsum(residual) - residual
        moved[mine] += total / (n + k) if k else total / np.maximum(n, 1)
    return moved


ridge = fit_baseline("ridge", train, validation)(test)
moved = with_own_past(ridge, test.y, test.athlete, strength)

# %% tags=["hide-input"]
rows = study.sessions_of(data, test)
packaged = add_own_past(ridge, test.y, rows, strength) if strength else moved
# The package also knows that a session counts once it has ended; simulated ones never overlap.
assert data.hidden is None or np.allclose(moved, packaged)
with torch.no_grad():
    answers = {
        "mean": np.full(len(test), train.y.mean()),
        "ridge": ridge,
        "network": net(X_test).numpy().astype(float),
        "past": packaged,
    }
miss = {name: evaluate.rmse(test.y, p) for name, p in answers.items()}

# %% tags=["check", "nbval-ignore-output"]
for name, error in miss.items():
    record(f"miss_{name}", f"{error:.2f}" + f" {unit}" * (name == "mean"))

# %% [markdown]
# On the test athletes of the live example a typical miss (root of the mean squared error) is
# {glue:text}`miss_mean` for the mean predictor, {glue:text}`miss_network` for the network, and
# {glue:text}`miss_past` for ridge with the own past. So few athletes prove nothing. The study asks the
# same of every athlete, with models trained without him or her.

# %% [markdown]
# ## The verdict
#
# Several partitions of the people into folds, every person tested by models that never met him or her,
# settings and stopping chosen by validation people alone:

# %% mystnb={"figure": {"caption": "Squared error that is left of a session, in per cent of what the mean predictor leaves. \"Own level known\" is hindsight: it is told how far each person's sessions turn out above or below ridge on average. Blue: the line of one's own past.", "name": "fig-effect-ladder"}, "image": {"alt": "Two stairs of dots. Real people: mean predictor 100 per cent, neural network above it, ridge near it, ridge with own past well below, own level known lowest. Simulated runners: network below the mean, ridge with own past close to the grey noise floor."}}
figures.ladder({figures.REAL: real, figures.SIMULATED: simulated})

# %% tags=["hide-input"]
score_table(
    figures.results(real, simulated),
    caption="Mean over people of each one's RMSE, 95 % interval. Real: points of CR10. "
    "Simulated: points of effect, 0 to 5.",
)

# %% [markdown]
# - **Does the network pay?** In real people it {glue:text}`network_real`. (In brackets the gain in RMSE
#   with its interval; below 0 is a loss.)
# - **Does the own past help?** In real people ridge with it {glue:text}`past_real`. Some are always
#   predicted too low, others always too high: in the simulator that is $\rho$, in people also how one
#   uses the scale. No feature says who is who, but a few earlier sessions do. What it costs is plain:
#   somebody must have measured this very person before.
#
# **Caveats.** The network is the one we were given, untuned; trees and other rivals stand in the lab,
# and on tables this small they are the usual winners {footcite:p}`grinsztajn2022`. Twelve people are few,
# and so are the riders. A ranking in our simulator is about our equations. They stand, with the law by which
# training pays, on the page [The simulated athletes](../book/data_simulated); the lab repeats the
# ranking in a second world.

# %% [markdown]
# ## Summary
#
# - "Not predicted" has three causes: it is noise of the test, the study is too small, or the features
#   do not hold it. Say which you can rule out.
# - A score needs two ends: the error of knowing nothing, and that of knowing all but chance.
# - Early stopping lets people that the network has not met choose its weights.
# - A good part of what features leave belongs to the person. One line about the past finds some of it.
# - Perceived exertion is not a training effect. We say which of the two we predict.
#
# ## Exercises
#
# Try each before opening the answer. {download}`This chapter as a notebook with empty answers
# <exercises/04_effect_exercises.ipynb>` is there to work in.

# %% [markdown]
# ### Exercise 1
#
# How many weights does the network have for each of its training athletes?
#
# Expected: {glue:text}`exercise_1`

# %% tags=["solution"]
n_weights = sum(w.numel() for w in net.parameters())
record("exercise_1", n_weights / len(set(train.athlete)), digits=0)

# %% [markdown]
# ### Exercise 2
#
# What if one believes the past at once? Use `with_own_past` with $k = 0$, and divide its RMSE on the
# test athletes by that of $k = 3$.
#
# Expected: {glue:text}`exercise_2`

# %% tags=["solution"]
at_once, careful = (with_own_past(ridge, test.y, test.athlete, k) for k in (0, 3))
answer = evaluate.rmse(test.y, at_once) / evaluate.rmse(test.y, careful)
record("exercise_2", answer, digits=2)

# %% [markdown]
# ### Exercise 3
#
# How large would the study have to be if training were worth only 0.5 % VO2max for each standard
# deviation of it? Double 28 riders until `power` says that four of five studies would see it; the noise
# is `measured.ceiling(riders).spread_pct`.
#
# Expected: {glue:text}`exercise_3`

# %% tags=["solution"]
riders_needed, noise = 28, measured.ceiling(riders)
while power(riders_needed, 0.5, noise.spread_pct) < 0.8:
    riders_needed *= 2
record("exercise_3", riders_needed)

# %% [markdown]
# ## What comes next
#
# The network ran at settings we were given. Chapter 5 searches for better ones, under one budget.
# Chapter 9 goes after the person with networks of their own. Every arm of both studies,
# five outcomes and three more groups of athletes stand in the lab of this chapter.

# %% [markdown]
# ## References
#
# ```{footbibliography}
# ```
