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
# **The question.** How much of what a session does to a person can be known at all?
#
# **In one sentence.** {glue:text}`one_sentence`
#
# ```{admonition} You will be able to
# - **place** a model between knowing nothing and the noise floor, which no model can pass;
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
from sportsml_lite.findings import effect as findings
from sportsml_lite.models import MLP
from sportsml_lite.plots import effect as figures
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
tables = {n: accepted.load("effect", n).scores for n in study.STUDY.datasets}
real, simulated = tables["pmdata"].query("target == 'rpe'"), tables["simulated"]
options = Options(dataset, data_dir, seed, settings={"n_athletes": n_athletes})
mine = own.open_folder(options)
data, (train, validation, test) = study.example(mine.live)
unit = study.UNITS[data.target]
print(data.told or f"{n_athletes} simulated athletes")

# %% tags=["check"]
record("one_sentence", findings.takeaway(real, simulated))

# %% [markdown]
# ## The answer first

# %% mystnb={"figure": {"caption": "Squared error that is left, in per cent of what the mean predictor leaves; each person is met for the first time. Bars are 95 % intervals over people and models; one that meets the edge goes on. \"Own level known\" is hindsight: it is told how far each person's sessions turn out above or below ridge on average. Blue: the line of one's own past.", "name": "fig-effect-ladder"}, "image": {"alt": "Two stairs of dots. Real people: mean predictor 100 per cent, neural network above it, ridge near it, ridge with own past well below, own level known lowest. Simulated runners: the same order, ridge with own past close to the grey noise floor."}}
figures.ladder({figures.REAL: real, figures.SIMULATED: simulated})

# %% [markdown]
# Read it from top to bottom. Someone who knows nothing answers with the average and makes an error
# that we call 100 %. A neural network and *ridge* then read some thirty features of the session, the
# body and the training before. (Ridge is a straight line through all features, whose weights are
# kept small.) Neither has ever met the person it is asked about. Then ridge is told, before each
# session, how this person's *earlier* sessions turned out. That is the blue dot. The rest of this
# chapter explains the rungs, one by one.
#
# The two stairs measure two different things, and the difference matters. Nobody has ever measured
# the true {term}`training effect` of a real session. What people can tell us is how hard it felt:
# {term}`perceived exertion`, 0 to 10 on the CR10 scale {footcite:p}`foster2001`. So the real stair
# predicts the ratings of PMData {footcite:p}`thambawita2020`, {glue:text}`n_people` people with a
# watch, and never calls them an effect. The simulated stair predicts an effect that our simulator
# computed, so that we know what was knowable. A watch maker's number {footcite:p}`firstbeat2012` is
# a third thing.

# %% tags=["check"]
record("n_people", real["athlete"].nunique())
record("own", own.told(mine))

# %% [markdown]
# ### Your own sessions
#
# That third thing can be asked of your own watch. `sportsml run 04 -p data_dir my_rides` reads its
# files, and the answer stands here. Your first sessions teach (70 %), the next choose (15 %), the
# latest are asked. Four predictors compete: your mean so far, a ridge of *simulated* athletes, a ridge
# of your own $n$ sessions, and a mean of the two ridges in which your own has the weight $n/(n + k)$.

# %% tags=["remove-input"]
own_figures.show(mine)  # nothing without your files

# %% [markdown]
# ## Why a session does not say it all
#
# The same hour of running does much for someone who has rested for a month, and little for someone
# who runs two hours a day. So an effect cannot be read off the session alone. It depends on what
# the athlete is *used to*, on how *fresh* he or she is, and on how strongly this body *responds*.
#
# Our simulator writes this down. A session of load $L$, after an accustomed load $C$, done by a
# runner of freshness $f$ and responder factor $\rho$, has the effect
#
# $$ y = 5\bigl(1 - e^{-\rho\, f\, (L/C)^{0.8}}\bigr) + \varepsilon,
#    \qquad \varepsilon \sim \mathcal{N}(0,\, 0.3^2), $$
#
# cut off at 0 and 5. The numbers in it are assumptions, fixed before any model was trained.
#
# | symbol | meaning | does a watch know it? |
# |---|---|---|
# | $L$ | load of the session | nearly |
# | $C$ | load of a usual session | nearly, once there is a past |
# | $f$ | freshness, 0.7 to 1.1 | in part |
# | $\rho$ | how strongly this body responds | **no** |
# | $\varepsilon$ | chance | nobody knows it |
#
# From this follow two bounds. Someone who knew $L$, $C$, $f$ and $\rho$ exactly would still miss
# the chance $\varepsilon$, and that error is the **{term}`noise floor`**. Someone who sees only what a watch sees
# would miss $\rho$ as well. How well could he or she do with all the data in the world? We
# approach this **{term}`observable bound`** with a strong model of many more runners. Between the
# two lies what no architecture will find, because it is not in the features.

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
# learned is how *athletes* differ, and of those there are {glue:text}`n_train`.
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
# {glue:text}`miss_mean` for the mean predictor, {glue:text}`miss_network` for the
# network, {glue:text}`miss_ridge` for ridge, and {glue:text}`miss_past` for ridge with the own past.
# So few athletes prove nothing. The study behind the first figure asks the same of every athlete,
# with models trained without him or her.

# %% mystnb={"figure": {"caption": "How far off an answer is on average, by how many earlier sessions of this simulated runner are on record (5+: five or more, up to the next bin). Band: 95 % interval.", "name": "fig-effect-experience"}, "image": {"alt": "Mean absolute error against earlier sessions. Ridge stays level; ridge with own past starts at the same place and falls towards the noise floor."}}
figures.experience({figures.SIMULATED: simulated})

# %% [markdown]
# With no session on record, both lines start together: there is no past to learn from. The
# distance that is left on the right is what the mean of the past cannot tell, such as today's
# freshness.
#
# ## What the features do not say
#
# Why does so little help so much? Look at each person's *mean* residual under ridge.

# %% mystnb={"figure": {"caption": "A dot a person: mean of truth minus prediction under ridge. Above, with the own past the same people move to the black dashes. Below, what the simulator knows and no model sees.", "name": "fig-effect-person"}, "image": {"alt": "Above, twelve real people sorted by mean residual, from clearly below to clearly above zero; with the own past most come nearer to zero. Below, simulated runners: the mean residual rises with the hidden responder factor."}}
figures.person(real, simulated)

# %% tags=["check"]
record("own_real", 100 * findings.own_share(real, "ridge"), digits=0)
record("own_simulated", 100 * findings.own_share(simulated, "ridge"), digits=0)

# %% [markdown]
# Some people are always predicted too low, others always too high. In the simulator this is the
# responder factor $\rho$. In real people it is, among other things, how one uses the scale: one
# person's 4 is another's 6, for the same heart rate and the same minutes. This share of ridge's
# squared error is {glue:text}`own_real` % for the real people and {glue:text}`own_simulated` % for
# the simulated ones. No feature says who is who, but a few earlier sessions do.

# %% [markdown]
# ## The verdict
#
# Two partitions of the people into folds, every person tested by models that never met him or her,
# settings and stopping chosen by validation people alone:

# %% tags=["hide-input"]
score_table(
    figures.results(real, simulated),
    caption="Mean over people of each one's RMSE, 95 % interval. Real: points of CR10. "
    "Simulated: points of effect, 0 to 5.",
)

# %% tags=["check"]
record("network_real", findings.against(real, "mlp", "ridge", "rpe"))
record("network_simulated", findings.against(simulated, "mlp", "ridge", "effect"))
record("past_real", findings.against(real, "ridge_past", "ridge", "rpe"))
question = ("pmdata", "rpe", "ridge_past", "ridge")
record("past_holm", findings.survives(tables, *question))
record("harmed", findings.harmed(simulated, "mlp", "ridge", "effect"))
record("harmed_null", findings.harmed(simulated, "mlp_again", "mlp", "effect"))
record("alone", findings.features_alone(real))

# %% [markdown]
# - **Does the network pay?** In real people it {glue:text}`network_real`; in simulated runners it
#   {glue:text}`network_simulated`. (In brackets the gain in RMSE with its interval; below 0 is a
#   loss.) It harms {glue:text}`harmed` simulated runners: for them it is worse than ridge by more
#   than the margin that the protocol fixed. But the same network from another seed does that to
#   {glue:text}`harmed_null` against itself, so that much is luck.
# - **Do features alone help real people?** On this evidence {glue:text}`alone`.
# - **Does the own past help real people?** Ridge with it {glue:text}`past_real`. The lab asks
#   many such questions, and this answer {glue:text}`past_holm` the correction for so many. What it costs is plain: somebody must have measured this very person before.
#
# **Caveats.** The network is the one we were given, untuned; trees and other rivals stand in the lab,
# and on tables this small they are the usual winners {footcite:p}`grinsztajn2022`. Twelve people are few,
# as their intervals say. And a ranking in our simulator is about our equations: the lab repeats
# it in a second world with other ones.

# %% [markdown]
# ## Summary
#
# - A score needs two ends: the error of knowing nothing, and a bound that nobody can pass.
# - Early stopping lets people that the network has not met choose its weights.
# - A good part of what features leave belongs to the person. One line about the past finds it.
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
# Is it the *own* past that helps? In `simulated`, the table of the study, the arm `athlete_mean`
# answers with the mean of the runner's earlier effects and reads no feature. How far does it go on
# the way from `mean` to `floor`? Use `study.way`; give per cent.
#
# Expected: {glue:text}`exercise_3`

# %% tags=["solution"]
answer = 100 * findings.way(simulated, "athlete_mean").estimate
record("exercise_3", answer, digits=0)

# %% [markdown]
# ## What comes next
#
# The network ran at settings we were given. Chapter 5 will tune it, and its rivals, under one budget.
# Chapter 9 goes after the person with networks of their own. Every arm of this study, with its
# tables, stands in the lab of this chapter.

# %% [markdown]
# ## References
#
# ```{footbibliography}
# ```
