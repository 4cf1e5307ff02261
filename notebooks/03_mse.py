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
# # 3 · Deriving the mean squared error
#
# **The question.** Why do we fit a model of training effect by making its mean squared error
# small, and when does walking downhill on that error arrive?
#
# ```{admonition} You will be able to
# - **derive** the mean squared error, its gradient and its update from a model of noise;
# - **check** a gradient in four independent ways;
# - **predict**, from the features alone, which learning rates converge and how slowly;
# - **recognise** the $(N, 1)$ trap, in which a model trains in silence and learns nothing.
# ```
#
# | You need | Where |
# |---|---|
# | mean, variance, the bell curve | any first course in statistics |
# | partial derivatives, the chain rule | any first course in calculus |
# | matrix times vector, eigenvalues | any first course in linear algebra |
# | what a watch records of a session | chapter 1 |
#
# *35 minutes to read, 20 seconds to run.*

# %% tags=["imports"]
import warnings
from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd
import sympy as sp
import torch
from scipy.optimize import lsq_linear

from sportsml_lite.errors import UserError
from sportsml_lite.plots import descent, style
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.regression import (
    closed_form,
    finite_difference,
    gradient_descent,
    half_mse,
    half_mse_gradient,
    half_mse_hessian,
    largest_stable_rate,
    mse,
    read_effects,
    simulate_effects,
)

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name or path: "simulated", or a folder of your own tables
data_dir = ""  # path: folder of your own tables; it wins over dataset
seed = 0  # whole number, 0 to 1000000: simulated athletes, folds and resampling
profile = "quick"  # 'quick' or 'full': 3 or 20 repetitions of the last comparison
n_athletes = 40  # athletes, 10 to 1000: how many simulated athletes
n_sessions = 20  # sessions, 5 to 200: how many simulated sessions of each athlete
noise_sd = 0.3  # points of effect, 0 to 2: standard deviation of simulated noise
rate_share = 0.9  # share of the stable limit, 0.01 to 1.5: learning rate drawn
weight_decay = 0.5  # per unit of learning rate, 0.01 to 10: AdamW's decay

# %% tags=["hide-input"]
check_values("03", globals())
n_repeats, n_draws = {"quick": (3, 2_000), "full": (20, 10_000)}[profile]
torch.set_num_threads(1)
torch.manual_seed(seed)

own = data_dir or ("" if dataset == "simulated" else dataset)
if own and not Path(own).expanduser().is_dir():
    raise UserError(
        f"parameter 'dataset': {own!r} is neither 'simulated' nor a folder"
    )
table = (
    read_effects(Path(own).expanduser())
    if own
    else simulate_effects(n_athletes, n_sessions, noise_sd, seed)
)
if table["athlete_id"].nunique() < 10:
    raise UserError(f"{own}: fewer than 10 athletes; too few to hold some out")

# %% tags=["check"]
N = len(table)
record("source", "from your own files" if own else "simulated")
record("n_rows", N)
record("n_people", table["athlete_id"].nunique())
record("mean_effect", table["effect"].mean(), digits=2)

# %% [markdown]
# ## Sessions, and the simplest guess
#
# After a session a watch may print a {term}`training effect`: a number from 0 (nothing) to 5
# (overreaching). The watch's formula is its maker's {footcite:p}`firstbeat2012`; the effect here is our
# own. We want to predict it from two things: how hard the session was and how long it lasted.
# Hardness is the share of the {term}`heart-rate reserve` in use, $0$ at rest and $1$ at the maximal
# heart rate. Length is in hours.
#
# The table holds {glue:text}`n_rows` sessions of {glue:text}`n_people` athletes; they are
# {glue:text}`source`. In the simulated ones, each athlete is used to some load and responds more or
# less strongly. Both stay hidden, and so does the noise on every session. Their constants are
# assumptions (see `simulate_effects`): what we learn here is about *losses*, not about athletes.
#
# For your own sessions, `sportsml run 03 -p data_dir mine` reads `mine/sessions.csv` (session_id,
# athlete_id, start, hr_mean_bpm, duration_s, effect) and `mine/athletes.csv` (athlete_id, sex,
# hr_rest_bpm, hr_max_bpm), of ten athletes or more.
#
# Before any model comes a {term}`naive baseline`: answer with the mean effect,
# {glue:text}`mean_effect`, whatever the session was. We call it the {term}`mean predictor`. Keep
# an eye on it: it will come back as the ghost of a broken model.

# %% mystnb={"figure": {"caption": "Every dot is a session. Effect grows with intensity and with duration, but widely scattered. The dashed line is the mean predictor, which sees neither.", "name": "fig-mse-sessions"}, "image": {"alt": "Two scatter plots of training effect, against heart-rate reserve used and against duration; both rise, with wide scatter around a dashed line at the mean."}}
descent.sessions(table)

# %% [markdown]
# ## From noise to a loss
#
# **Intuition.** A line will not pass through all those dots. The distance that is left we call
# noise. Say how the noise behaves, and the {term}`loss function` follows: it is not a matter of
# taste.
#
# **The model.** Session $i$ of $N$ has features $x_i \in \mathbb{R}^D$ and a measured effect $y_i$.
# A linear model with weights $w \in \mathbb{R}^D$ and intercept $b$ predicts $p_i$, and the rest is
# the residual $\varepsilon_i$:
#
# $$ y_i = p_i + \varepsilon_i, \qquad p_i = b + w^\top x_i . $$
#
# **The assumption.** The residuals are independent draws from one normal distribution with mean 0
# and variance $\sigma^2$. Then the density of what we measured is
#
# $$ f(y_i \mid x_i, w, b) = \frac{1}{\sqrt{2\pi\sigma^2}}
#    \exp\!\left(-\frac{(y_i - p_i)^2}{2\sigma^2}\right). $$
#
# **Step 1, the likelihood.** Independent densities multiply. Seen as a function of the weights, the
# product is the {term}`likelihood`. We look for the weights under which our data were least
# surprising.
#
# **Step 2, the logarithm.** It turns the product into a sum and moves no maximum:
#
# $$ \ell(w, b) = \sum_{i=1}^{N} \log f(y_i \mid x_i, w, b)
#    = -\frac{N}{2} \log(2\pi\sigma^2) - \frac{1}{2\sigma^2} \sum_{i=1}^{N} (p_i - y_i)^2 . $$
#
# **Step 3, drop what does not matter.** The first term does not contain the weights. The factor
# $1/\sigma^2$ stretches the landscape but moves no maximum. Divide by $N$, turn the sign, and
# maximising $\ell$ has become minimising
#
# $$ J(w, b) = \frac{1}{2N} \sum_{i=1}^{N} (p_i - y_i)^2 = \tfrac{1}{2}\,\mathrm{MSE}(w, b). $$
#
# This is *half* the mean squared error. The half is there because it cancels the 2 of the
# derivative. Both have the same minimum. But their gradients differ by a factor of 2, and so do
# their learning rates. In this chapter $J$ is always **½·MSE**; every metric, and PyTorch's
# `MSELoss`, is the **whole MSE** {footcite:p}`bishop2006`.
#
# **Step 4, the intercept leaves.** Set $\partial J/\partial b = \frac{1}{N}\sum_i (p_i - y_i)$ to
# zero: the best intercept is $b = \bar{y} - w^\top \bar{x}$, with $\bar{x}$ and $\bar{y}$ the means.
# Put it in, and only *centred* features and effects remain. So from here on we subtract the means,
# write $p_i = w^\top x_i$, and have two weights left: a landscape that can be drawn. At its origin
# $w = 0$ every prediction is $\bar{y}$. **The origin is the mean predictor.**

# %%
features = ["hr_reserve", "duration_h"]  # 0–1, hours
X = (table[features] - table[features].mean()).to_numpy()
y = (table["effect"] - table["effect"].mean()).to_numpy()

origin = np.zeros(2)  # the mean predictor
start = np.array([-2.0, 2.5])  # a bad guess: harder sessions would do less
best = closed_form(X, y)
sigma = np.sqrt(mse(X @ best, y))

surprise = pd.DataFrame(index=["mean predictor", "bad guess", "minimum"])
for name, w in zip(surprise.index, [origin, start, best], strict=True):
    noise = torch.distributions.Normal(torch.tensor(X @ w), torch.tensor(sigma))
    surprise.loc[name, "−log-likelihood / N"] = (
        -noise.log_prob(torch.tensor(y)).mean().item()
    )
    surprise.loc[name, "½·MSE / σ²"] = half_mse(X, y, w) / sigma**2
surprise["difference"] = surprise.iloc[:, 0] - surprise.iloc[:, 1]
surprise.style.format("{:.4f}")

# %% tags=["check"]
record("likelihood_constant", surprise["difference"].iloc[0], digits=4)
record("constant_spread", np.ptp(surprise["difference"].to_numpy()), digits=6)
record("sigma", sigma, digits=2)
record("mse_mean_predictor", mse(X @ origin, y), digits=3)
record("mse_minimum", mse(X @ best, y), digits=3)

# %% [markdown]
# The table takes the log-likelihood from PyTorch's own normal distribution, and ½·MSE from our
# formula. They differ by {glue:text}`likelihood_constant` for *every* choice of weights (spread
# over the three rows: {glue:text}`constant_spread`): the constant that step 3 dropped.
#
# One gift on the way: maximise $\ell$ over $\sigma^2$ too, and the answer is the whole MSE at the
# minimum. The root of the MSE therefore *estimates the noise*: here
# $\hat\sigma =$ {glue:text}`sigma` points of effect.
#
# ```{admonition} Aside: had the noise been Laplace
# :class: tip
# A Laplace distribution, $f = \frac{1}{2s} \exp(-|y_i - p_i|/s)$ with scale $s$, has heavier tails.
# The same four steps now give $\frac{1}{N}\sum_i |p_i - y_i|$: the mean *absolute* error, MAE.
# The best constant is then the median instead of the mean, and one mistyped session hardly moves
# it (exercise 3). Choosing a loss means choosing what you believe about noise.
# ```

# %% [markdown]
# ## The gradient, four ways
#
# **Intuition.** Every session pulls at the weights: by its residual, in the direction of its
# features. The {term}`gradient` is the average pull.
#
# **Equation.** By the chain rule, with $r_i = p_i - y_i$ and $\partial p_i/\partial w_j = x_{ij}$,
#
# $$ \frac{\partial J}{\partial w_j}
#    = \frac{1}{2N} \sum_i 2\, r_i \frac{\partial p_i}{\partial w_j}
#    = \frac{1}{N} \sum_i r_i\, x_{ij}, $$
#
# and all together
#
# $$ \nabla J(w) = \frac{1}{N} X^\top (Xw - y). $$
#
# $X$ has a row for each session and a column for each feature, shape $(N, D)$; $y$ has shape
# $(N,)$; the gradient has shape $(D,)$, like $w$.
#
# **Code.** A derivation is a claim, and claims get checked. We take the bad guess as $w$ and ask
# four witnesses who do not know each other: the formula; sympy, which differentiates the symbols of
# one session; autograd, which applies the chain rule to the operations that PyTorch ran; and finite
# differences, which never heard of calculus and just move each weight a little both ways.

# %%
w1, w2, x1, x2, effect = sp.symbols("w_1 w_2 x_1 x_2 y", real=True)
one_session = (w1 * x1 + w2 * x2 - effect) ** 2 / 2
pull = sp.Matrix([sp.diff(one_session, w) for w in (w1, w2)])
pull

# %%
pull_of = sp.lambdify((w1, w2, x1, x2, effect), list(pull))
by_sympy = np.mean(pull_of(*start, X[:, 0], X[:, 1], y), axis=1)

weights = torch.tensor(start, requires_grad=True)
(0.5 * mse(torch.tensor(X) @ weights, torch.tensor(y))).backward()

gradients = pd.DataFrame(
    {
        "by hand": half_mse_gradient(X, y, start),
        "sympy": by_sympy,
        "autograd": weights.grad.numpy(),
        "finite differences": finite_difference(lambda w: half_mse(X, y, w), start),
    },
    index=["∂J/∂w₁ (heart-rate reserve)", "∂J/∂w₂ (duration)"],
).T
gradients["farthest from hand"] = np.abs(gradients - gradients.loc["by hand"]).max(
    axis=1
)
gradients.style.format("{:.6f}", subset=gradients.columns[:2]).format(
    "{:.0e}", subset=["farthest from hand"]
)

# %% tags=["check"]
for name, row in gradients.iterrows():
    record(
        f"gradient_{name.replace(' ', '_')}",
        f"({row.iloc[0]:.4f}, {row.iloc[1]:.4f})",
    )
agree = gradients["farthest from hand"].max() < 1e-8
record("witnesses", "agree within 0.00000001" if agree else "do not agree")

# %% [markdown]
# At the bad guess the gradient is {glue:text}`gradient_by_hand`, and the four witnesses
# {glue:text}`witnesses`. For a quadratic the central difference is exact at any step; what
# is left is rounding. For the networks of later chapters, finite differences are the one witness
# that needs no derivation, and so the test to reach for first.
#
# **Caveat.** Agreement shows that the derivative belongs to *this loss*. It does not show that the
# loss is the one you meant. That is the trap below.

# %% [markdown]
# ## The bottom, without walking
#
# Set the gradient to zero and the **normal equations** appear: $X^\top X\, w = X^\top y$. For a
# linear model they give the minimum at once. In code, hand $X$ itself to a least-squares solver
# instead of inverting $X^\top X$. Forming $X^\top X$ *squares* the {term}`condition number`, the
# ratio of the largest to the smallest stretch, and with it the loss of digits
# {footcite:p}`golub2013`. And where two columns say the same (hours *and* minutes), $X^\top X$ has no
# inverse, while `lstsq` still returns the shortest of the many solutions.

# %%
beats, minutes = table["hr_mean_bpm"], table["duration_s"] / 60
raw = np.column_stack([np.ones(N), beats, minutes])
twice = np.column_stack([X, 60 * X[:, 1]])  # hours, and again in minutes
shared = closed_form(twice, y)
stretch = np.linalg.cond(raw)

print(f"best weights: {best[0]:.2f} per unit of reserve, {best[1]:.2f} per hour")
print(f"hours and minutes: {shared[1]:.5f} per hour, {shared[2]:.5f} per minute")
print("the same predictions:", np.allclose(twice @ shared, X @ best))
print(f"condition number: raw X {stretch:,.0f}, its XᵀX {stretch**2:,.0f}")

# %% tags=["check"]
record("best_reserve", best[0], digits=2)
record("best_hour", best[1], digits=2)
record("best_tenth", best[0] / 10, digits=2)

# %% [markdown]
# Read the weights: a tenth of heart-rate reserve more goes with {glue:text}`best_tenth` points of
# effect at the same duration, an hour more with {glue:text}`best_hour` points at the same
# intensity. The MSE (whole) falls from {glue:text}`mse_mean_predictor` for the mean predictor to
# {glue:text}`mse_minimum`, on the sessions that the weights were fitted to.
#
# If the answer is one line of algebra, why walk? Because a neural network has no normal equations.
# All it has is the gradient. So we learn to walk where we know where the bottom is.

# %% [markdown]
# ## The update, and how far it may step
#
# **Intuition.** Walk downhill with steps in proportion to the slope. In a narrow valley the walls
# are steep and the floor is nearly flat. A step that is right for the floor bounces off the walls.
#
# **Equation.** With {term}`learning rate` $\eta$ the update is
#
# $$ w \leftarrow w - \eta\, \nabla J(w). $$
#
# The {term}`Hessian` of ½·MSE, its matrix of second derivatives, is $H = \frac{1}{N} X^\top X$. It
# contains features and no effect at all. Call the minimum $w^\ast$. Because $J$ is quadratic,
# $\nabla J(w) = H (w - w^\ast)$, so that one update does this to the distance from the minimum:
#
# $$ w - w^\ast \;\leftarrow\; (I - \eta H)(w - w^\ast). $$
#
# Along the eigenvector with eigenvalue $\lambda_j$ the factor is $1 - \eta \lambda_j$. It must stay between $-1$ and $1$ for every $\lambda_j$. Hence descent converges exactly if
#
# $$ 0 < \eta < \frac{2}{\lambda_\max} . $$
#
# The best fixed rate, $2/(\lambda_\min + \lambda_\max)$, shrinks the worst direction by
# $(\kappa - 1)/(\kappa + 1)$ a step, where $\kappa = \lambda_\max/\lambda_\min$ is the condition
# number of $H$ {footcite:p}`nocedal2006`. **The largest eigenvalue sets the limit, the condition number
# sets the time.** On the whole MSE the Hessian is $2H$, so a PyTorch loop with `MSELoss` has half
# the limit.
#
# **Code.** The same sessions in four sets of units:

# %%
scaled = np.column_stack([np.ones(N), table[features]])
units = {
    "raw: bpm, minutes, intercept": raw,
    "heart rate to 0–1, hours, intercept": scaled,
    "… and centred (no intercept)": X,
    "… and divided by the standard deviation": X / X.std(axis=0),
}


def speed(features):
    """Limits of gradient descent on ½·MSE, from the features alone."""
    curvature = np.linalg.eigvalsh(half_mse_hessian(features))
    kappa = curvature[-1] / curvature[0]
    steps = np.log(0.01) / np.log((kappa - 1) / (kappa + 1))
    return {
        "limit 2/λmax": 2 / curvature[-1],
        "κ": kappa,
        "steps to 1 % (at most)": np.ceil(steps),
    }


speeds = pd.DataFrame({name: speed(columns) for name, columns in units.items()}).T
speeds.style.format(
    {"limit 2/λmax": "{:.3g}", "κ": "{:,.1f}", "steps to 1 % (at most)": "{:,.0f}"}
)

# %%
H = half_mse_hessian(X)
limit = largest_stable_rate(H)


def factor(share):
    """Factor by which the last of 400 steps changes the distance to the minimum."""
    distance = np.linalg.norm(
        gradient_descent(X, y, start, share * limit, 400) - best, axis=1
    )
    return distance[-1] / distance[-2]


def steps_needed(columns, first):
    """Steps that descent at the best fixed rate really takes to 1 % of the first distance."""
    curvature = np.linalg.eigvalsh(half_mse_hessian(columns))
    bound = int(speed(columns)["steps to 1 % (at most)"])
    path = gradient_descent(columns, y, first, 2 / curvature[[0, -1]].sum(), bound)
    distance = np.linalg.norm(path - closed_form(columns, y), axis=1)
    return int(np.argmax(distance <= 0.01 * distance[0]))


# %% tags=["check"]
for name, row in zip(
    ["raw", "scaled", "centred", "standard"], speeds.itertuples(), strict=True
):
    record(f"kappa_{name}", f"{float(f'{row[2]:.3g}'):,.10g}")  # three figures
    record(f"steps_{name}", f"{float(f'{row[3]:.3g}'):,.10g}")
record("limit_half", limit, digits=2)
record("limit_whole", limit / 2, digits=2)
record("factor_below", factor(0.99), digits=3)
record("factor_above", factor(1.01), digits=3)
record("walked_centred", steps_needed(X, start))
record("walked_standard", steps_needed(X / X.std(axis=0), start * X.std(axis=0)))

# %% [markdown]
# With raw beats per minute and minutes, $\kappa$ is {glue:text}`kappa_raw`: up to
# about {glue:text}`steps_raw` steps to come within 1 % of the first distance to the minimum. Heart rate
# as 0–1 of the reserve and hours bring $\kappa$ to {glue:text}`kappa_scaled`, centring to
# {glue:text}`kappa_centred`, dividing by the standard deviation to {glue:text}`kappa_standard`, and
# the steps to {glue:text}`steps_standard`. Same sessions, same kind of model, same quality at the
# bottom. Walking confirms the count: with that rate, the bad guess needs {glue:text}`walked_centred`
# steps with centred features and {glue:text}`walked_standard` with standardised ones.
#
# The limit is sharp. Centred, it is {glue:text}`limit_half` for ½·MSE and
# {glue:text}`limit_whole` for the whole MSE. At 0.99 of it, each late step multiplies the distance
# to the minimum by {glue:text}`factor_below`; at 1.01 of it by {glue:text}`factor_above`, and the
# descent has become an ascent.

# %% mystnb={"figure": {"caption": "Descent on ½·MSE from one bad guess (circle) to the minimum (star); contours double from ring to ring. Left: heart rate as 0–1 and hours, centred. Near the limit the path bounces between the walls, far below it creeps along the floor; above the limit it leaves the map, and only its loss is drawn. Right: each feature divided by its standard deviation; the valley is nearly round. Below: loss against steps.", "name": "fig-mse-descent"}, "image": {"alt": "Two contour maps of the loss with paths. In the narrow left valley one path zigzags and one creeps; in the round right one both arrive in few steps. Two curves of loss against steps below show that the right one falls much faster."}}
spread = X.std(axis=0)
shares = {f"{share:g} × limit": share for share in sorted({0.4, rate_share, 1.02})}
panels = {}
for title, columns, first, names in [
    ("heart rate 0–1, hours", X, start, ("per unit of reserve", "per hour")),
    (
        "standardised",
        X / spread,
        start * spread,
        ("per SD of reserve", "per SD of duration"),
    ),
]:
    edge = largest_stable_rate(half_mse_hessian(columns))
    paths = {
        k: gradient_descent(columns, y, first, s * edge, 60)
        for k, s in shares.items()
    }
    labels = (f"w₁: effect {names[0]}", f"w₂: effect {names[1]}")
    kappa = speed(columns)["κ"]
    panels[f"{title}: κ = {kappa:.1f}"] = (columns, y, paths, labels)
descent.descent(panels)

# %% [markdown]
# **Caveat.** For a linear model $H$ is the same everywhere. A network's Hessian changes as it
# trains, so its limit moves, and no one computes it. What survives is the habit: scale the inputs,
# and when a loss explodes, halve the rate.

# %% [markdown]
# ## The (N, 1) trap
#
# **Intuition.** `nn.Linear(2, 1)` returns predictions of shape $(N, 1)$. Targets read from a table
# have shape $(N,)$. Subtract them, and {term}`broadcasting` quietly compares *every* prediction
# with *every* target. No error is raised, the loss falls, and the model learns nothing.
#
# **Equation.** What is computed is (whole MSE, as in PyTorch)
#
# $$ L_\text{trap} = \frac{1}{N^2} \sum_{i=1}^{N} \sum_{j=1}^{N} (p_i - y_j)^2
#    = \frac{1}{N} \sum_i (p_i - \bar{y})^2 + \mathrm{Var}(y), $$
#
# $$ \frac{\partial L_\text{trap}}{\partial p_i} = \frac{2}{N} (p_i - \bar{y}) . $$
#
# Compare with the right one, $\frac{2}{N}(p_i - y_i)$. The session's own effect is gone; every
# prediction is pulled to the *mean* of all effects. The trap trains a mean predictor, and the best
# loss it can report is $\mathrm{Var}(y)$, the mean predictor's MSE.

# %%
every = -(-N // 1000)  # at most 1000 sessions: (N, N) has to fit in memory
thin = slice(None, None, every)
inputs = torch.tensor(X[thin] - X[thin].mean(axis=0))
target = torch.tensor(y[thin] - y[thin].mean())


def linear_at(weights):
    """nn.Linear without intercept, set to the given weights."""
    model = torch.nn.Linear(2, 1, bias=False, dtype=torch.float64)
    model.weight.data = torch.tensor(weights)[None, :]
    return model


prediction = linear_at(start)(inputs)  # (N, 1)
prediction.retain_grad()
squares = (prediction - target) ** 2  # (N, N): the trap
squares.mean().backward()
formula = 2 / len(target) * (prediction - target.mean())
print("shapes:", *(tuple(part.shape) for part in (prediction, target, squares)))
same = torch.allclose(prediction.grad, formula, atol=1e-12)
print("the gradient is (2/N)(p − mean of y):", same)


# %%
def train(loss_of, steps=400):
    """Path of nn.Linear under SGD; the rate suits the whole MSE."""
    model = linear_at(start)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.4 * limit / 2)
    path = [start]
    for _ in range(steps):
        optimiser.zero_grad()
        loss = loss_of(model(inputs))
        loss.backward()
        optimiser.step()
        path.append(model.weight.detach().numpy().ravel().copy())
    return np.array(path), loss.item()


right, right_loss = train(lambda p: mse(p.squeeze(1), target))
wrong, wrong_loss = train(lambda p: ((p - target) ** 2).mean())
trapped = pd.DataFrame(
    {
        "w₁": [right[-1, 0], wrong[-1, 0], 0],
        "w₂": [right[-1, 1], wrong[-1, 1], 0],
        "loss it reports": [right_loss, wrong_loss, np.nan],
        "its true MSE": [
            mse(inputs @ torch.tensor(w), target).item()
            for w in (right[-1], wrong[-1], origin)
        ],
    },
    index=["(N,) and (N,)", "(N, 1) and (N,)", "mean predictor"],
)
trapped.style.format("{:.3f}", na_rep="")

# %% tags=["check"]
record("squares_right", len(target))
record("squares_trap", f"{squares.numel():,}")
record("trap_loss_first", squares.mean().item(), digits=2)
record("trap_loss_last", wrong_loss, digits=2)
record("trap_mse", trapped["its true MSE"].iloc[1], digits=3)
record("trap_weight", np.abs(wrong[-1]).max(), digits=2)
record("right_mse", trapped["its true MSE"].iloc[0], digits=3)

# %% [markdown]
# Instead of {glue:text}`squares_right` squared errors there are {glue:text}`squares_trap`. The
# trapped loss falls from {glue:text}`trap_loss_first` to {glue:text}`trap_loss_last`, a training
# curve that looks like learning. Its largest weight ends at {glue:text}`trap_weight`, and the true
# MSE at {glue:text}`trap_mse`, the mean predictor's. The right shape reaches
# {glue:text}`right_mse`.

# %% mystnb={"figure": {"caption": "One start, one model, one optimiser. With shapes (N,) the path ends at the minimum (star). With (N, 1) against (N,) it ends at the origin (cross): the mean predictor. Right: what the two predict.", "name": "fig-mse-trap"}, "image": {"alt": "Left, a contour map: one path ends at the minimum, the other at the origin. Right, predicted against recorded effect: one model rises with the effect, the other is a flat line at the mean."}}
descent.trap(
    inputs.numpy(),
    target.numpy(),
    {"shapes (N,) and (N,)": right, "shapes (N, 1) and (N,)": wrong},
    ("w₁: effect per unit of reserve", "w₂: effect per hour"),
    table["effect"].mean(),
)

# %% [markdown]
# PyTorch's `MSELoss` warns, once, and goes on. A subtraction says nothing. This package refuses:

# %%
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    torch.nn.MSELoss()(prediction, target)
print(fill("MSELoss warns: " + str(caught[0].message).split(". ")[0], 80))
try:
    mse(prediction, target)
except UserError as error:
    print(fill(f"sportsml_lite stops: {error}", 80))

# %% [markdown]
# ## Four optimisers on one surface
#
# **Intuition.** Optimisers differ in what they remember. *SGD* remembers nothing. *Momentum* keeps
# a running sum of past gradients, so that bounces cancel and the way along the floor adds up
# {footcite:p}`polyak1964`. *Adam* divides each weight's step by the running size of its own gradient,
# so that steep and flat directions move alike {footcite:p}`kingma2015`. *AdamW* is Adam that also
# shrinks every weight a little each step, outside of the gradient {footcite:p}`loshchilov2019`.
#
# All four get the gradient of ½·MSE over *all* sessions, so that nothing here is random; the S of
# SGD, for stochastic, begins when each step sees a small batch only.
#
# **Equation.** {term}`Weight decay <weight decay>` $\lambda$ can enter in two ways. *Coupled*: add
# $\frac{\lambda}{2}\lVert w \rVert^2$ to the loss, so that $\lambda w$ joins the gradient. Wherever
# such a descent settles, $\nabla J(w) + \lambda w = 0$: the **ridge** solution
# $(H + \lambda I)^{-1} H w^\ast$, for SGD and Adam alike. *Decoupled*, AdamW's way:
#
# $$ w \leftarrow (1 - \eta\lambda)\, w - \eta\, \frac{\hat m}{\sqrt{\hat v} + \epsilon} , $$
#
# with $\hat m$ and $\hat v$ the running means of the gradient and of its square, and $\epsilon$ a
# tiny constant. Where it settles, the gradient is constant, $\hat m / \sqrt{\hat v}$ is its *sign*,
# and a sign can outweigh $\lambda w_j$ as long as $|w_j| < 1/\lambda$, however small the gradient.
# So with full batches AdamW does not settle at the ridge solution. It looks for the minimum of $J$
# in the **box** $|w_j| \le 1/\lambda$ {footcite:p}`xie2024`. Inside the box, decay costs almost nothing;
# at the wall, it holds.


# %%
def walk(optimiser, steps, fade=False, **options):
    """Path of a torch optimiser on ½·MSE from the bad guess; fade brings the rate to 0."""
    weights = torch.tensor(start, requires_grad=True)
    stepper = getattr(torch.optim, optimiser)([weights], **options)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        stepper, lambda step: 1 - step / steps if fade else 1.0
    )
    path = [start]
    for _ in range(steps):
        stepper.zero_grad()
        (0.5 * mse(torch.tensor(X) @ weights, torch.tensor(y))).backward()
        stepper.step()
        schedule.step()
        path.append(weights.detach().numpy().copy())
    return np.array(path)


def ridge(decay):
    """Minimum of ½·MSE + decay/2 ‖w‖²."""
    return np.linalg.solve(H + decay * np.eye(2), H @ best)


paths = {
    "SGD": walk("SGD", 150, lr=0.5 * limit),
    "momentum": walk("SGD", 150, lr=0.1 * limit, momentum=0.9),
    "Adam": walk("Adam", 150, lr=0.2, betas=(0.9, 0.99)),
    "AdamW": walk(
        "AdamW", 150, lr=0.2, betas=(0.9, 0.99), weight_decay=weight_decay
    ),
}

# %% mystnb={"figure": {"caption": "150 steps of each optimiser on the half MSE, from the same bad guess. Star: minimum of the loss. Plus: ridge solution for the same decay. Dashed: the box that decoupled decay allows. AdamW stays in the box and does not stop at the ridge solution.", "name": "fig-mse-optimisers"}, "image": {"alt": "A contour map with four paths from one start. SGD creeps along the valley floor, momentum swings past it and returns, Adam goes diagonally, and AdamW stays within a dashed box around the origin."}}
descent.optimisers(
    X,
    y,
    paths,
    ("w₁: effect per unit of reserve", "w₂: effect per hour"),
    ridge(weight_decay),
    1 / weight_decay,
)

# %% [markdown]
# Where do they settle, if we let them walk on while the rate fades to 0? We ask at this decay and
# at a tenth of it.

# %%
rows = {}
for decay in (weight_decay, weight_decay / 10):
    gentle = largest_stable_rate(H + decay * np.eye(2)) / 2
    ends = {
        "ridge solution": ridge(decay),
        "SGD, coupled": walk("SGD", 1500, True, lr=gentle, weight_decay=decay)[-1],
        "Adam, coupled": walk(
            "Adam", 1500, True, lr=0.1, betas=(0.9, 0.99), weight_decay=decay
        )[-1],
        "minimum in the box": lsq_linear(X, y, (-1 / decay, 1 / decay)).x,
        "AdamW, decoupled": walk(
            "AdamW", 1500, True, lr=0.1, betas=(0.9, 0.99), weight_decay=decay
        )[-1],
    }
    rows |= {
        (f"λ = {decay:g}", name): [*w, mse(X @ w, y)] for name, w in ends.items()
    }
settled = pd.DataFrame(rows, index=["w₁", "w₂", "MSE"]).T
settled.style.format("{:.2f}")

# %% tags=["check"]
strong, weak = (
    settled.loc[f"λ = {decay:g}"] for decay in (weight_decay, weight_decay / 10)
)
record("decay_strong", f"{weight_decay:g}")
record("decay_weak", f"{weight_decay / 10:g}")
record("box_strong", 1 / weight_decay, digits=1)
record("box_weak", 10 / weight_decay, digits=1)
record("adamw_strong", strong.loc["AdamW, decoupled", "w₁"], digits=2)
record("ridge_strong", strong.loc["ridge solution", "w₁"], digits=2)
record("adam_strong", strong.loc["Adam, coupled", "w₁"], digits=2)
record("adamw_weak", weak.loc["AdamW, decoupled", "w₁"], digits=2)
record("ridge_weak", weak.loc["ridge solution", "w₁"], digits=2)

# %% [markdown]
# The weight of intensity without any decay is {glue:text}`best_reserve`. With
# $\lambda =$ {glue:text}`decay_strong` the ridge solution has {glue:text}`ridge_strong`, and coupled
# Adam settles there ({glue:text}`adam_strong`), while AdamW's wall stands at
# {glue:text}`box_strong` and it settles at {glue:text}`adamw_strong`. With a tenth of that decay,
# the wall stands at {glue:text}`box_weak`; ridge still gives {glue:text}`ridge_weak`, AdamW
# {glue:text}`adamw_weak`. (Adam and AdamW ran with $\beta_2 = 0.99$, so that $\hat v$ forgets the
# first gradients in time.)
#
# **Caveat.** So a decay of 0.01, PyTorch's default for AdamW, is no ridge penalty of 0.01. With
# small batches the gradient is noisy, $\hat m/\sqrt{\hat v}$ is smaller than a sign, and the decay
# does bite. Never carry a decay over from one optimiser to another: tune it.

# %% [markdown]
# ## Against the mean, on athletes never seen
#
# A loss on sessions that the weights were fitted to proves little. The question is whether the
# model helps a *new* athlete. So we deal the athletes into five folds, predict each fold with
# weights fitted on the other four, and do this for several deals. Every athlete is then predicted
# by models that never saw him or her {footcite:p}`saeb2017`. We average the MSE (whole) within each
# athlete, then over athletes. The interval comes from a {term}`bootstrap` that draws *athletes*,
# not sessions: sessions of one athlete are not independent. Beside the mean predictor stands a line on
# {term}`TRIMP`, a training load that weighs each minute by its heart rate {footcite:p}`banister1991`.


# %%
def predict_unseen(columns, fold):
    """Predictions for every session by a linear model fitted on the other folds' athletes."""
    design = np.column_stack([np.ones(N), table[columns]])
    prediction = np.empty(N)
    for k in range(5):
        weights = closed_form(design[fold != k], table["effect"][fold != k])
        prediction[fold == k] = design[fold == k] @ weights
    return prediction


models = {
    "mean predictor": [],
    "line on TRIMP": ["trimp"],
    "heart rate + duration": features,
}
rng = np.random.default_rng(seed)
athlete, people = pd.factorize(table["athlete_id"])
squared = pd.DataFrame(0.0, index=table.index, columns=list(models))
for _ in range(n_repeats):
    fold = (rng.permutation(len(people)) % 5)[athlete]
    for name, columns in models.items():
        squared[name] += (
            predict_unseen(columns, fold) - table["effect"]
        ) ** 2 / n_repeats
losses = squared.groupby(athlete).mean()

draws = losses.to_numpy()[
    rng.integers(len(people), size=(n_draws, len(people)))
].mean(axis=1)
low, high = np.quantile(draws, [0.025, 0.975], axis=0)
intervals = pd.DataFrame({"mse": losses.mean(), "low": low, "high": high})
gain = draws[:, 0] - draws[:, 2]  # paired: both models on the same draw of athletes
floor = mse(table["effect_expected"], table["effect"]) if not own else None
intervals.style.format("{:.3f}")

# %% tags=["check"]
for name, row in zip(
    ["mean", "trimp", "both"], intervals.itertuples(), strict=True
):
    record(f"unseen_{name}", row.mse, digits=2)
    record(f"unseen_{name}_low", row.low, digits=2)
    record(f"unseen_{name}_high", row.high, digits=2)
record(
    "gain",
    losses["mean predictor"].mean() - losses["heart rate + duration"].mean(),
    digits=2,
)
record("gain_low", np.quantile(gain, 0.025), digits=2)
record("gain_high", np.quantile(gain, 0.975), digits=2)
record(
    "percent_worse", 100 * (losses.iloc[:, 2] > losses.iloc[:, 0]).mean(), digits=0
)
record("floor", "unknown" if floor is None else f"{floor:.2f}")
record("repeats", n_repeats)

# %% [markdown]
# | model ({glue:text}`source` sessions) | MSE on unseen athletes, points² (95 % interval) |
# |---|---|
# | mean predictor | {glue:text}`unseen_mean` ({glue:text}`unseen_mean_low` to {glue:text}`unseen_mean_high`) |
# | line on {term}`TRIMP` | {glue:text}`unseen_trimp` ({glue:text}`unseen_trimp_low` to {glue:text}`unseen_trimp_high`) |
# | heart rate + duration | {glue:text}`unseen_both` ({glue:text}`unseen_both_low` to {glue:text}`unseen_both_high`) |
# | {term}`noise floor` | {glue:text}`floor` |
#
# Means over {glue:text}`repeats` deals of the folds. Against the mean predictor, the linear model
# gains {glue:text}`gain` points² ({glue:text}`gain_low` to {glue:text}`gain_high`, paired over
# athletes). Yet it is *worse* than the mean for {glue:text}`percent_worse` % of the athletes.

# %% mystnb={"figure": {"caption": "Left: MSE on athletes never seen, with 95 % intervals over athletes; no model can pass the noise floor. Right: every dot is an athlete; below the dashed line the linear model beats the mean predictor.", "name": "fig-mse-unseen"}, "image": {"alt": "Left, three models with error bars, all right of a dashed noise floor. Right, each athlete's error under the linear model against that under the mean predictor; most dots lie below the diagonal, some above."}}
descent.held_out(losses, intervals, floor)

# %%
residual = pd.Series(y - X @ best)
between = residual.groupby(athlete).transform("mean")

# %% tags=["check"]
record("percent_between", 100 * between.var() / residual.var(), digits=0)
record("percent_chance", 100 * (len(people) - 1) / (N - 1), digits=0)

# %% [markdown]
# **Caveat.** The derivation assumed *independent* residuals. They are not: whose session it is
# accounts for {glue:text}`percent_between` % of their variance, where independent noise would show
# about {glue:text}`percent_chance` %. The weights are still a fair description of the average
# athlete. But $\hat\sigma$ mixes noise with athlete, and intervals over sessions would be far too
# narrow. The gap to the noise floor is mostly the athlete: what chapters 4 and 9 go after.
#
# The linear model is wrong in a second way: effect saturates at 5, a straight line does not. And
# two models close together on simulated athletes say nothing about which is better on real ones.

# %% [markdown]
# ## Exercises
#
# Try each before opening the answer. {download}`This chapter as a notebook with empty answers
# <exercises/03_mse_exercises.ipynb>` is there to work in.

# %% [markdown]
# ### Exercise 1
#
# Three sessions have the centred feature $x = (-1, 0, 1)$ and the centred effect $y = (-1, 0, 1)$.
# Start at $w = 0$ and take one step of gradient descent on ½·MSE with $\eta = 1$. Where are you?
# Use a pencil first, then the package.
#
# Expected: {glue:text}`exercise_1`

# %% tags=["solution"]
line, rise = np.array([[-1.0], [0.0], [1.0]]), np.array([-1.0, 0.0, 1.0])
answer = gradient_descent(line, rise, [0.0], rate=1.0, steps=1)[-1, 0]
record("exercise_1", answer, digits=2)

# %% [markdown]
# ### Exercise 2
#
# A colleague trains on the *standardised* features with PyTorch's `MSELoss` (whole MSE) and plain
# SGD. From which learning rate on does her loss explode?
#
# Expected: {glue:text}`exercise_2`

# %% tags=["solution"]
standardised = X / X.std(axis=0)
answer = largest_stable_rate(
    2 * half_mse_hessian(standardised)
)  # the whole MSE: twice H
record("exercise_2", answer, digits=2)

# %% [markdown]
# ### Exercise 3
#
# Take the effects of the first athlete in the table, and mistype the lowest one: add 36, as if 4.0
# had become 40. By how much does the best constant under MAE move? (Under MSE it moves by 36
# divided by the number of sessions.)
#
# Expected: {glue:text}`exercise_3`

# %% tags=["solution"]
honest = table.loc[table["athlete_id"] == people[0], "effect"].to_numpy()
mistyped = honest + 36 * (np.arange(len(honest)) == honest.argmin())
answer = abs(np.median(mistyped) - np.median(honest))
record("exercise_3", answer, digits=2)

# %% [markdown]
# ### Exercise 4
#
# Give the trap the *best* weights: predictions of shape $(N, 1)$ from `best`, effects of shape
# $(N,)$. Which loss does it report? Is that more or less than for the mean predictor, and what
# follows for early stopping on such a loss?
#
# Expected: {glue:text}`exercise_4`

# %% tags=["solution"]
column = (X @ best)[thin, None]
answer = (
    (column - y[thin]) ** 2
).mean()  # more than the mean predictor's: the trap prefers knowing less
record("exercise_4", answer, digits=2)

# %% [markdown]
# ## Summary
#
# - Independent normal noise makes the negative log-likelihood ½·MSE plus a constant. Laplace noise
#   would make it the MAE.
# - The gradient of ½·MSE is $\frac{1}{N} X^\top (Xw - y)$. By hand, sympy, autograd and finite
#   differences give the same numbers.
# - Descent converges below $2/\lambda_\max$ of the Hessian; its condition number sets the time;
#   scaling the features changes both. Half or whole MSE changes the limit by a factor of 2.
# - $(N, 1)$ against $(N,)$ trains the mean predictor, in silence. Check shapes.
# - AdamW's decay is a box, not a ridge penalty.
# - On unseen athletes the linear model gains {glue:text}`gain` points² over the mean
#   ({glue:text}`gain_low` to {glue:text}`gain_high`), and is worse for {glue:text}`percent_worse` % of them.
#
# ## What comes next
#
# Chapter 4 keeps this loss and this baseline, and replaces the line by a network of two hidden
# layers. There are no normal equations any more: only the gradient.

# %% [markdown]
# ## References
#
# ```{footbibliography}
# ```
