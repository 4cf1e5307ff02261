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
# # 3 · Deriving the mean squared error: the lab
#
# Three questions that the lesson leaves open. What do the units of the features cost a descent? Where do
# other optimisers settle, once weights decay? And does the line help an athlete whom it has never seen?
# The first two are algebra, checked by walking; the third is measured on held-out athletes.
#
# *A few seconds to run.* `sportsml run 03_lab -p profile full` repeats the third question in ten simulated
# worlds instead of three, `quick` in one.

# %% tags=["imports"]
import numpy as np
import pandas as pd
from scipy.optimize import lsq_linear

from sportsml_lite import regression
from sportsml_lite.collect import fetch
from sportsml_lite.collect.datasets import public
from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import athlete_values, by_athlete, compare, mean
from sportsml_lite.plots import descent as figures
from sportsml_lite.plots import style
from sportsml_lite.plots.grammar import paired_scatter, score_table
from sportsml_lite.prepare import session_table
from sportsml_lite.protocol import fold_athletes
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.simulate import noise_floor, simulate

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name or path: simulated, simulated_b, or a folder of tables
data_dir = ""  # path: folder of your own tables; it wins over dataset
seed = 0  # 0 to 1000000: of the first simulated world
profile = "accepted"  # 'accepted', 'quick' or 'full': three, one or ten worlds
n_athletes = 40  # athletes, 10 to 1000: how many are simulated, for four weeks
weight_decay = 0.5  # per unit of learning rate, 0.05 to 10: AdamW's decay

# %% tags=["hide-input"]
check_values("03_mse_lab", globals())
own = data_dir or ("" if dataset in fetch.SIMULATED else dataset)
names = ["reserve_mean", "duration_min", "trimp", "hr_rest_bpm", "hr_max_bpm"]


def sessions_of(world):
    """Sessions with effect, features and athlete; the MSE that no model can pass."""
    data = public.load(own) if own else simulate(n_athletes, 28, world, dataset)
    found = session_table(data.sessions, data.athletes, target="effect")
    frame = pd.DataFrame({name: found.column(name) for name in names})
    frame = frame.assign(effect=found.y, athlete=found.athlete).dropna()
    frame["hours"] = frame["duration_min"] / 60
    if frame["athlete"].nunique() < 10:
        raise UserError(f"{own}: fewer than 10 athletes; too few to hold some out")
    return frame, np.nan if own else noise_floor(data.hidden)["mse"]


worlds = range(seed, seed + {"accepted": 3, "quick": 1, "full": 10}[profile])
drawn = {world: sessions_of(world) for world in (worlds[:1] if own else worlds)}
table, _ = drawn[seed]

# %% tags=["check"]
record("source", "your own files" if own else f"data set {dataset}")
record("n_rows", len(table))
record("n_people", table["athlete"].nunique())
many, one = (
    ("for {} deals of the folds", "for one deal of the folds")
    if own
    else ("in {} simulated worlds", "in one simulated world")
)
record("repeats", one if len(worlds) == 1 else many.format(len(worlds)))

# %% [markdown]
# The first two sections use {glue:text}`n_rows` sessions of {glue:text}`n_people` athletes
# ({glue:text}`source`).
#
# ## What units cost
#
# Descent on ½·MSE converges below $2/\lambda_\max$, with $\lambda$ the eigenvalues of $H = \frac1N X^\top X$.
# Their ratio $\kappa$ bounds the steps to 1 % of the first distance {footcite:p}`nocedal2006`. The last
# column walks there, from the lesson's bad guess.

# %% tags=["hide-input"]
features = table[["reserve_mean", "hours"]].to_numpy()
beats = table["hr_rest_bpm"] + features[:, 0] * (
    table["hr_max_bpm"] - table["hr_rest_bpm"]
)
X = features - features.mean(axis=0)
y = (table["effect"] - table["effect"].mean()).to_numpy()
ones, start, spread = np.ones(len(table)), np.array([-2.0, 3.0]), X.std(axis=0)
units = {
    "beats, minutes": (np.column_stack([ones, beats, table["duration_min"]]), None),
    "reserve 0–1, hours": (np.column_stack([ones, features]), None),
    "… centred, no intercept": (X, start),
    "… standardised": (X / spread, start * spread),
}
rows = []
for name, (columns, first) in units.items():
    limit, kappa, steps = regression.convergence(columns)
    row = {"features": name, "limit": f"{limit:.2g}", "κ": f"{kappa:,.1f}"}
    rows.append(row | {"steps, at most": f"{steps:,.0f}", "walked": "–"})
    if first is not None:
        rate = limit * kappa / (kappa + 1)  # 2 / (λmin + λmax)
        path = regression.gradient_descent(columns, y, first, rate, int(steps))
        rows[-1]["walked"] = regression.steps_to(
            path, regression.closed_form(columns, y)
        )
score_table(rows)

# %% [markdown]
# $X^\top X$ has the *square* of $X$'s condition number. So `closed_form` hands $X$ itself to `lstsq`
# {footcite:p}`golub2013`; and where two columns say the same, it returns the shortest of many solutions:

# %%
best = regression.closed_form(X, y)
twice = np.column_stack([X, 60 * X[:, 1]])  # hours, and again in minutes
shared = regression.closed_form(twice, y)
assert np.allclose(twice @ shared, X @ best)
assert np.isclose(shared[2], 60 * shared[1])
assert np.isclose(np.linalg.cond(X.T @ X), np.linalg.cond(X) ** 2)

# %% [markdown]
# ## Four optimisers on one surface
#
# *SGD* remembers nothing. *Momentum* keeps a running sum of past gradients {footcite:p}`polyak1964`. *Adam*
# divides each weight's step by the running size of its own gradient {footcite:p}`kingma2015`. *AdamW* is
# Adam that also shrinks every weight a little each step {footcite:p}`loshchilov2019`. All get the gradient
# of ½·MSE over *all* sessions, so that nothing here is random.
#
# {term}`Weight decay <weight decay>` $\lambda$ can be *coupled*: $\frac{\lambda}{2}\lVert w \rVert^2$ joins
# the loss. Wherever such a descent settles, $\nabla J(w) + \lambda w = 0$: the **ridge** solution, for SGD and
# Adam alike. Or *decoupled*, AdamW's way:
#
# $$ w \leftarrow (1 - \eta\lambda)\, w - \eta\, \frac{\hat m}{\sqrt{\hat v} + \epsilon} , $$
#
# with $\hat m$ and $\hat v$ running means of the gradient and of its square. Where it settles, the gradient
# is constant, $\hat m / \sqrt{\hat v}$ is its *sign*, and a sign outweighs $\lambda w_j$ as long as
# $|w_j| < 1/\lambda$. So with full batches AdamW looks for the minimum of $J$ in the **box**
# $|w_j| \le 1/\lambda$ {footcite:p}`xie2024`: inside, decay costs almost nothing; at the wall, it holds.

# %% tags=["hide-input"]
limit = regression.largest_stable_rate(regression.half_mse_hessian(X))
adam = {"lr": 0.2, "betas": (0.9, 0.99)}
kinds = {
    "SGD": ("SGD", {"lr": 0.5 * limit}),
    "momentum": ("SGD", {"lr": 0.1 * limit, "momentum": 0.9}),
    "Adam": ("Adam", adam),
    "AdamW": ("AdamW", adam | {"weight_decay": weight_decay}),
}
paths = {
    name: regression.optimiser_path(X, y, start, kind, 150, **options)
    for name, (kind, options) in kinds.items()
}

# %% mystnb={"figure": {"caption": "150 steps of each optimiser on ½·MSE, from the same bad guess. Star: minimum of the loss. Plus: ridge solution for AdamW's decay. Dashed: the box that decoupled decay allows.", "name": "fig-mse-optimisers"}, "image": {"alt": "A contour map with four paths from one start. SGD creeps along the valley floor, momentum swings past it, Adam goes diagonally, and AdamW stays within a dashed box around the origin."}}
figures.optimisers(
    X, y, paths, regression.ridge(X, y, weight_decay), 1 / weight_decay
)

# %% [markdown]
# Where do they settle, if they walk on while the rate fades to 0? At this decay, and at a tenth of it:

# %% tags=["hide-input"]
settled = {}
for decay in (weight_decay, weight_decay / 10):
    gentle = {"lr": 1 / (2 / limit + decay)}  # half the limit of the penalised loss
    ends = {
        "ridge solution": regression.ridge(X, y, decay),
        "minimum in the box": lsq_linear(X, y, (-1 / decay, 1 / decay)).x,
    }
    for kind, options in {"SGD": gentle, "Adam": adam, "AdamW": adam}.items():
        options = {"steps": 1500, "fade": True, "weight_decay": decay} | options
        ends[kind] = regression.optimiser_path(X, y, start, kind, **options)[-1]
    settled[f"w at λ = {decay:g}"] = {
        k: f"({w[0]:.2f}, {w[1]:.2f})" for k, w in ends.items()
    }
score_table(pd.DataFrame(settled).rename_axis("").reset_index())

# %% [markdown]
# **Caveat.** So a decay of 0.01, PyTorch's default for AdamW, is no ridge penalty of 0.01. With small batches
# the gradient is noisy, $\hat m/\sqrt{\hat v}$ is smaller than a sign, and the decay does bite. Never carry a
# decay over from one optimiser to another: tune it.
#
# ## Against the mean, on athletes never seen
#
# The athletes are dealt into five folds; each fold is predicted by lines fitted on the other four
# {footcite:p}`saeb2017`, {glue:text}`repeats`. Beside the mean predictor stands a line on {term}`TRIMP`, which weighs each minute by its heart rate
# {footcite:p}`banister1991`. The error is the root of each athlete's MSE, in points of effect, then the mean
# over athletes, with a 95 % interval over athletes and fitted models.

# %% tags=["hide-input"]
ARMS = {
    "mean predictor": [],
    "line on TRIMP": ["trimp"],
    "heart rate + duration": ["reserve_mean", "hours"],
}
rows = []
for world in worlds:
    frame, _ = drawn[seed if own else world]
    who = frame["athlete"] if own else f"{world}:" + frame["athlete"]
    for fold, split in enumerate(fold_athletes(who, seed=world)):
        test = split.rows(who, "test")
        for arm, columns in ARMS.items():
            design = np.column_stack([np.ones(len(frame)), frame[columns]])
            weights = regression.closed_form(design[~test], frame["effect"][~test])
            guess = design[test] @ weights
            error = by_athlete(frame["effect"][test], guess, who[test], ["rmse"])
            place = {"arm": arm, "partition": world, "fold": fold, "seed": 0}
            rows.append(error.rename_axis("athlete").reset_index().assign(**place))
scores = pd.concat(rows).rename(columns={"rmse": "value"}).assign(metric="rmse")
base, _, both = ARMS
gain = compare(scores, both, base, "rmse", "effect")
shown = [{"model": arm, "RMSE (points)": mean(scores, arm, "rmse")} for arm in ARMS]
if not own:
    floor = np.sqrt(np.mean([lowest for _, lowest in drawn.values()]))
    shown.append({"model": "noise floor", "RMSE (points)": floor})
score_table(shown)

# %% tags=["check"]
record("gain", f"{gain.gain:.2f}")
record("verdict", gain.verdict)
record("harmed", gain.harmed)
record("athletes", gain.athletes)

# %% mystnb={"figure": {"caption": "Every dot is an athlete whom the line had never seen. The grey band is the protocol's margin of harm, 0.10 points.", "name": "fig-mse-unseen"}, "image": {"alt": "Each athlete's error under the line against that under the mean predictor; most dots lie below the diagonal, some above."}}
errors = [athlete_values(scores, arm, "rmse") for arm in (base, both)]
axes = [f"{arm}: RMSE (points)" for arm in (base, both)]
title = f"{gain.harmed} of {gain.athletes} athletes lose by more than the margin"
paired_scatter(*errors, title, *axes, harm=0.10, better="lower")

# %% [markdown]
# Against the mean predictor, heart rate and duration gain {glue:text}`gain` points: **{glue:text}`verdict`**.
# Athletes who lose more than the margin of harm: {glue:text}`harmed` of {glue:text}`athletes`. What is left
# above the noise floor is mostly the athlete: what he or she is used to, and how strongly this body responds.
# Chapters 4 and 9 go after it.
#
# ## References
#
# ```{footbibliography}
# ```
