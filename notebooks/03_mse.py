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
# **The question.** Why do we fit a model by making its mean squared error small, and when does
# walking downhill on that error arrive?
#
# **In one sentence.** If what a model misses is normal noise, the most likely weights are those with
# the smallest mean squared error; walking downhill finds them, as long as the steps are short enough
# and the shapes agree.
#
# ```{admonition} You will be able to
# - **derive** the mean squared error and its gradient from a model of noise;
# - **check** a gradient in four independent ways;
# - **choose** a learning rate from the features alone;
# - **recognise** the $(N, 1)$ trap, in which a model trains in silence and learns nothing.
# ```
#
# | You need | Where |
# |---|---|
# | mean, variance, the bell curve | any first course in statistics |
# | partial derivatives, the chain rule | any first course in calculus |
# | matrix times vector | any first course in linear algebra |
# | what `.backward()` does in PyTorch | PyTorch's own introduction |
#
# *25 minutes to read, 10 seconds to run.*

# %% tags=["imports"]
import numpy as np
import sympy as sp
import torch

from sportsml_lite.collect import fetch
from sportsml_lite.collect.datasets import public
from sportsml_lite.errors import UserError
from sportsml_lite.plots import descent as figures
from sportsml_lite.plots import style
from sportsml_lite.prepare import session_table
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
    steps_to,
)
from sportsml_lite.simulate import simulate

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name or path: simulated, simulated_b, or a folder of tables
data_dir = ""  # path: folder of your own tables; it wins over dataset
seed = 0  # 0 to 1000000: which simulated athletes
n_athletes = 40  # athletes, 10 to 1000: how many are simulated, for four weeks
rate_share = 0.9  # share of the limit, 0.6 to 0.99: learning rate of the descents

# %% tags=["hide-input"]
check_values("03_mse", globals())
torch.set_num_threads(1)
own = data_dir or ("" if dataset in fetch.SIMULATED else dataset)
data = public.load(own) if own else simulate(n_athletes, 28, seed, dataset)
table = session_table(data.sessions, data.athletes, target="effect")
hours = table.column("duration_min") / 60
features = np.column_stack([table.column("reserve_mean"), hours])
known = np.flatnonzero(np.isfinite(features).all(axis=1))
if len(known) < 10:
    raise UserError(
        f"{own}: fewer than 10 sessions with effect, time and heart rate"
    )
known = known[:: -(-len(known) // 1000)]  # the trap below makes N × N numbers of N
features, effect = features[known], table.y[known]  # (N, 2) and (N,)

# %% tags=["check"]
record("source", "from your own files" if own else "simulated")
record("n_rows", len(effect))
record("n_people", len(np.unique(table.athlete[known])))
record("mean_effect", effect.mean(), digits=2)

# %% [markdown]
# ## The whole chapter in one picture
#
# After a session some watches print a {term}`training effect`: a number from 0 (nothing) to 5
# (overreaching). We want to predict it from two things: how hard the session was, as the share of the
# {term}`heart-rate reserve` in use, and how long it lasted, in hours. A linear model has one weight for
# each, so that all possible models lie on a plane. Over every point of it stands that model's error.
# It is a bowl, and learning means walking to its bottom.

# %%
X = features - features.mean(axis=0)  # columns with mean 0
y = effect - effect.mean()
best = closed_form(X, y)  # the bottom of the bowl
start = np.array([-2.0, 3.0])  # a bad guess: harder sessions would do less
rate = rate_share * largest_stable_rate(half_mse_hessian(X))  # see below
right = gradient_descent(X, y, start, rate, 400)
trapped = gradient_descent(X, np.zeros_like(y), start, rate, 400)

# %% mystnb={"figure": {"caption": "The bowl, seen from above: from ring to ring the error above the minimum doubles. Both walks begin at one bad guess, with one learning rate. One reaches the minimum (star). The other was given its targets in the wrong shape and walks to the mean predictor (cross), which answers the same to every session.", "name": "fig-mse-bowl"}, "image": {"alt": "Rings of a long narrow bowl. Two zigzag paths leave one start; the blue one ends at a star, the minimum, the orange one at a cross, the mean predictor."}}
figures.trap_on_bowl(X, y, right, trapped)

# %% [markdown]
# Why *this* bowl? Why does the path zigzag, and could it miss? And how can a program walk to the wrong
# place without complaint?
#
# The table holds {glue:text}`n_rows` sessions of {glue:text}`n_people` athletes, all
# {glue:text}`source`.
# The naive answer is the mean effect, {glue:text}`mean_effect`, whatever the
# session was: the {term}`mean predictor`.
#
# ## From noise to a loss
#
# **Intuition.** What a line leaves over we call noise. Say how it behaves, and the
# {term}`loss function` follows: it is not a matter of taste.
#
# **The model.** Session $i$ of $N$ has features $x_i \in \mathbb{R}^D$ and a measured effect $y_i$. A
# linear model with weights $w \in \mathbb{R}^D$ and intercept $b$ predicts $p_i$, and misses by
# $\varepsilon_i$:
#
# $$ y_i = p_i + \varepsilon_i, \qquad p_i = b + w^\top x_i . $$
#
# **The assumption.** The $\varepsilon_i$ are independent draws from one normal distribution with mean 0
# and variance $\sigma^2$. Then the density of what we measured is
#
# $$ f(y_i) = \frac{1}{\sqrt{2\pi\sigma^2}} \exp\!\left(-\frac{(y_i - p_i)^2}{2\sigma^2}\right). $$
#
# **Step 1, the likelihood.** Independent densities multiply. Seen as a function of the weights, the
# product is the {term}`likelihood`.
#
# **Step 2, the logarithm** turns the product into a sum and moves no maximum:
#
# $$ \ell(w, b) = -\frac{N}{2} \log(2\pi\sigma^2) - \frac{1}{2\sigma^2} \sum_i (p_i - y_i)^2 . $$
#
# **Step 3, drop what does not matter.** The first term does not contain the weights. The factor
# $1/\sigma^2$ stretches the landscape and moves no maximum. Divide by $N$, turn the sign, and
# maximising $\ell$ has become minimising
#
# $$ J(w, b) = \frac{1}{2N} \sum_i (p_i - y_i)^2 = \tfrac{1}{2}\,\mathrm{MSE}(w, b). $$
#
# **Step 4, the intercept leaves.** Set $\partial J/\partial b$ to zero: the best intercept is
# $b = \bar{y} - w^\top \bar{x}$, with $\bar x$ and $\bar y$ the means. Put it in, and only *centred*
# features and effects remain, which is why the code above subtracts the means. From here on
# $p_i = w^\top x_i$, and **the origin $w = 0$ is the mean predictor**.
#
# **Code.** PyTorch's own normal distribution knows nothing of our derivation. If we are right, the two
# differ by one constant at *every* choice of weights.

# %%
sigma = np.sqrt(mse(X @ best, y))  # the best σ, by the same argument
constant = 0.5 * np.log(2 * np.pi * sigma**2)  # what step 3 dropped
for w in (start, np.zeros(2), best):
    noise = torch.distributions.Normal(torch.tensor(X @ w), torch.tensor(sigma))
    surprise = -noise.log_prob(torch.tensor(y)).mean().item()
    assert np.isclose(surprise, half_mse(X, y, w) / sigma**2 + constant)

# %% tags=["check"]
record("sigma", sigma, digits=2)

# %% [markdown]
# A gift on the way: maximise $\ell$ over $\sigma^2$ too, and the answer is the MSE at the minimum. Its
# root *estimates the noise*: {glue:text}`sigma` points of effect.
#
# **Half or whole?** $J$ is *half* the mean squared error; the half cancels the 2 of the derivative. Every
# metric, and PyTorch's `MSELoss`, is the **whole** MSE {footcite:p}`bishop2006`. They share their minimum, but
# the whole one is twice as steep: a learning rate that suits the half can be too long for the whole.

# %% mystnb={"figure": {"caption": "One weight only (duration). From the same weight and with the same learning rate, each loss takes one step: along the dotted line, then down to where it lands.", "name": "fig-mse-half"}, "image": {"alt": "Two parabolas over one weight with the same minimum. A step on the half MSE stays on its side of the minimum, a step on the whole MSE is twice as long."}}
hours = X[:, 1]
figures.half_and_whole(hours, y, start[1], rate=0.6 / np.mean(hours**2))

# %% [markdown]
# ## The gradient, four ways
#
# **Intuition.** Every session pulls at the weights: by what it misses, in the direction of its
# features. The {term}`gradient` is the average pull.
#
# **Equation.** By the chain rule, with the {term}`residual` $r_i = p_i - y_i$ and
# $\partial p_i/\partial w_j = x_{ij}$,
#
# $$ \frac{\partial J}{\partial w_j} = \frac{1}{2N} \sum_i 2\, r_i \frac{\partial p_i}{\partial w_j}
#    = \frac{1}{N} \sum_i r_i\, x_{ij}, $$
#
# and for all weights together $\nabla J(w) = \frac{1}{N} X^\top (Xw - y)$.
#
# $X$ has a row a session, shape $(N, D)$; $y$ has shape $(N,)$; the gradient has shape $(D,)$, like $w$.
#
# **Code.** Four witnesses who do not know each other: the formula; sympy, which differentiates symbols;
# autograd, which applies the chain rule to what PyTorch computed; and finite differences, which move each
# weight a little both ways.

# %%
w1, w2, x1, x2, target = sp.symbols("w_1 w_2 x_1 x_2 y", real=True)
one_session = (w1 * x1 + w2 * x2 - target) ** 2 / 2
pull = sp.Matrix([sp.diff(one_session, w) for w in (w1, w2)])
pull

# %%
by_hand = half_mse_gradient(X, y, start)

pull_of = sp.lambdify((w1, w2, x1, x2, target), list(pull))
by_sympy = np.mean(pull_of(*start, X[:, 0], X[:, 1], y), axis=1)

weights = torch.tensor(start, requires_grad=True)
(0.5 * mse(torch.tensor(X) @ weights, torch.tensor(y))).backward()
by_autograd = weights.grad.numpy()

by_moving = finite_difference(lambda w: half_mse(X, y, w), start)

for witness in (by_sympy, by_autograd, by_moving):
    assert np.allclose(by_hand, witness, rtol=0, atol=1e-8)

# %% tags=["check"]
record("gradient", f"({by_hand[0]:.3f}, {by_hand[1]:.3f})")
record("best_tenth", best[0] / 10, digits=2)
record("best_hour", best[1], digits=2)
record("mse_mean", mse(np.zeros_like(y), y), digits=3)
record("mse_best", mse(X @ best, y), digits=3)

# %% [markdown]
# At the bad guess all four say {glue:text}`gradient`.
#
# **The bottom, without walking.** Set the gradient to zero and the **normal equations** appear:
# $X^\top X\, w = X^\top y$. A least-squares solver gives the answer at once: {glue:text}`best_tenth` points
# of effect for a tenth of heart-rate reserve more, {glue:text}`best_hour` for an hour more. The whole MSE
# falls from {glue:text}`mse_mean` (mean predictor) to {glue:text}`mse_best`, on the sessions that the weights
# were fitted to. A neural network has no normal equations,
# so we learn to walk where we know where the bottom is.
#
# **Caveat.** Four witnesses do not show that the loss is the one you meant: see the trap below.
#
# ## How far may a step go?
#
# **Intuition.** In a narrow valley the walls are steep and the floor is nearly flat. A step that is right
# for the floor bounces off the walls.
#
# **Equation.** With {term}`learning rate` $\eta$ the update is
#
# $$ w \leftarrow w - \eta\, \nabla J(w). $$
#
# Take one weight first. $J$ is a parabola with curvature $h = \frac{1}{N}\sum_i x_i^2$ and minimum
# $w^\ast$, its slope is $h\,(w - w^\ast)$, and one update does this to the distance from the minimum:
#
# $$ w - w^\ast \;\leftarrow\; (1 - \eta h)\,(w - w^\ast) . $$
#
# The factor has to stay between $-1$ and $1$, hence $0 < \eta < 2/h$. A bowl over several weights has a
# curvature in every direction; in one it is largest, $h_\max$, in another smallest, $h_\min$. (They are
# the largest and smallest *eigenvalue* of the {term}`Hessian` $H = \frac{1}{N}X^\top X$; NumPy finds them.) The steepest direction sets the **limit**,
#
# $$ 0 < \eta < \frac{2}{h_\max}, $$
#
# and the flattest the **time**: there each step removes only the share $\eta\, h_\min$ of the distance.
# Their ratio $\kappa = h_\max/h_\min$, the {term}`condition number`, is how narrow the valley is
# {footcite:p}`nocedal2006`.
#
# **Code.** We walk with three shares of the limit, before and after dividing each feature by its standard
# deviation.

# %%
spread = X.std(axis=0)
curvature = np.linalg.eigvalsh(half_mse_hessian(X))  # flattest, steepest
curvature_scaled = np.linalg.eigvalsh(half_mse_hessian(X / spread))
limit = largest_stable_rate(half_mse_hessian(X))
assert np.isclose(limit, 2 / curvature[-1])

# %% mystnb={"figure": {"caption": "The same sessions before and after scaling, each with the same three shares of its own limit. A tenth of the limit creeps; near the limit the path bounces; 2 % above it the path climbs out of the picture.", "name": "fig-mse-rates"}, "image": {"alt": "Above, a narrow bowl in which a short-stepped path creeps, a long-stepped one zigzags and a third leaves the picture. Below, a round bowl in which the first two arrive soon."}}
figures.rates(X, y, start, shares=(0.1, rate_share, 1.02))

# %% tags=["check"]
for name, scale in [("steps", 1.0), ("steps_scaled", spread)]:
    columns, first = X / scale, start * scale
    highest = largest_stable_rate(half_mse_hessian(columns))
    path = gradient_descent(columns, y, first, rate_share * highest, 5000)
    steps = steps_to(path, closed_form(columns, y))
    record(name, "more than 5,000" if steps is None else f"{steps:,}")
record("rate_share", f"{rate_share:g}")
record("kappa", curvature[-1] / curvature[0], digits=1)
record("kappa_scaled", curvature_scaled[-1] / curvature_scaled[0], digits=1)
record("limit_half", limit, digits=1)
record("limit_whole", limit / 2, digits=1)

# %% [markdown]
# Scaling brings $\kappa$ from {glue:text}`kappa` to {glue:text}`kappa_scaled`. At {glue:text}`rate_share`
# of its limit, the first bowl takes {glue:text}`steps` steps to come within 1 % of the first distance; the
# second takes {glue:text}`steps_scaled`. Before scaling, the limit lies at {glue:text}`limit_half` for
# ½·MSE and at {glue:text}`limit_whole` for the whole MSE.
#
# **Caveat.** A network's curvature changes as it trains, so no one computes its limit. What survives is
# the habit: scale the inputs, and when a loss explodes, halve the rate.
#
# ## The (N, 1) trap
#
# **Intuition.** `nn.Linear(2, 1)` returns predictions of shape $(N, 1)$. Targets read from a table have
# shape $(N,)$. Subtract them, and {term}`broadcasting` quietly compares *every* prediction with *every*
# target. There is no error, the loss falls, and the model learns nothing.
#
# **Equation.** What is computed is (whole MSE, as in PyTorch)
#
# $$ L = \frac{1}{N^2} \sum_i \sum_j (p_i - y_j)^2
#    = \frac{1}{N} \sum_i (p_i - \bar{y})^2 + \mathrm{Var}(y), \qquad
#    \frac{\partial L}{\partial p_i} = \frac{2}{N} (p_i - \bar{y}) . $$
#
# Compare with the right gradient, $\frac{2}{N}(p_i - y_i)$. The session's own effect is gone; every
# prediction is pulled to the *mean*. The least loss that the trap can report is $\mathrm{Var}(y)$, the mean
# predictor's MSE.


# %%
def train(loss_of, steps=400):
    """Path of nn.Linear under SGD on the whole MSE, hence half the rate; last loss."""
    model = torch.nn.Linear(2, 1, bias=False, dtype=torch.float64)
    model.weight.data = torch.tensor(start)[None, :]
    optimiser = torch.optim.SGD(model.parameters(), lr=rate / 2)
    path = [start]
    for _ in range(steps):
        optimiser.zero_grad()
        loss = loss_of(model(inputs))  # the model's answer has shape (N, 1)
        loss.backward()
        optimiser.step()
        path.append(model.weight.detach().numpy().ravel().copy())
    return np.array(path), loss.item()


# %%
inputs, targets = torch.tensor(X), torch.tensor(y)  # (N, 2) and (N,)
walked, loss = train(lambda p: mse(p.squeeze(1), targets))
walked_trap, loss_trap = train(lambda p: ((p - targets) ** 2).mean())  # (N, N)!

assert np.allclose(walked, right)  # the two paths of the first picture
assert np.allclose(walked_trap, trapped)

# %% tags=["check"]
first = torch.tensor(X @ start)[:, None]
record("n_squares", f"{len(y) ** 2:,}")
record("trap_first", ((first - targets) ** 2).mean().item(), digits=2)
record("trap_last", loss_trap, digits=2)
record("trap_mse", mse(X @ walked_trap[-1], y), digits=3)

# %% [markdown]
# Both are the paths of the first picture, now walked by PyTorch. Instead of one squared error a
# session the trap averages {glue:text}`n_squares`. Its loss falls from {glue:text}`trap_first` to
# {glue:text}`trap_last`: a training curve that looks like learning. Its true MSE ends at
# {glue:text}`trap_mse`: compare the mean predictor's above.

# %% mystnb={"figure": {"caption": "A dot a session. The model trained with the right shapes rises with the recorded effect, though less than it should. The trapped model answers the mean to every session.", "name": "fig-mse-answers"}, "image": {"alt": "Predicted against recorded effect: a rising blue cloud for the right shapes, a flat orange line at the mean for the trapped model."}}
figures.answers(
    effect, effect.mean() + X @ walked[-1], effect.mean() + X @ walked_trap[-1]
)

# %% [markdown]
# PyTorch's `MSELoss` warns, once, and goes on. A plain subtraction says nothing. This package refuses:

# %%
try:
    mse(first, targets)
except UserError as error:
    print(str(error).replace("; ", ";\n"))

# %% [markdown]
# **Caveat.** The derivation assumed *independent* noise. Sessions of one athlete share a body. The weights
# still describe the average athlete fairly; whether they help somebody *new* is another question.
# [The lab](03_mse_lab.ipynb) asks it, athlete by athlete, and compares four optimisers on this bowl.
#
# ## Exercises
#
# Try each before opening the answer. {download}`This chapter as a notebook with empty answers
# <exercises/03_mse_exercises.ipynb>` is there to work in.
#
# ### Exercise 1
#
# Three sessions have the centred feature $x = (-1, 0, 1)$ and the centred effect $y = (-1, 0, 1)$. Start
# at $w = 0$ and take one step of gradient descent on ½·MSE with $\eta = 1$. Where are you? Use a pencil
# first, then the package. Expected: {glue:text}`exercise_1`.

# %% tags=["solution"]
line, rise = np.array([[-1.0], [0.0], [1.0]]), np.array([-1.0, 0.0, 1.0])
answer = gradient_descent(line, rise, [0.0], rate=1.0, steps=1)[-1, 0]
record("exercise_1", answer, digits=2)

# %% [markdown]
# ### Exercise 2
#
# A colleague trains on the *standardised* features with PyTorch's `MSELoss` (whole MSE) and plain SGD.
# From which learning rate on does her loss explode? Expected: {glue:text}`exercise_2`.

# %% tags=["solution"]
standardised = X / X.std(axis=0)
hessian_of_whole = 2 * half_mse_hessian(standardised)
answer = largest_stable_rate(hessian_of_whole)
record("exercise_2", answer, digits=2)

# %% [markdown]
# ### Exercise 3
#
# Give the trap the *best* weights: predictions of shape $(N, 1)$ from `best`, effects of shape $(N,)$.
# Which loss does it report? Is that more or less than for the mean predictor, and what follows for
# stopping a training by such a loss? Expected: {glue:text}`exercise_3`.

# %% tags=["solution"]
column = (X @ best)[:, None]
answer = ((column - y) ** 2).mean()
# more than the mean predictor's: the trap prefers the model that knows less
record("exercise_3", answer, digits=2)

# %% [markdown]
# ## Summary
#
# - Independent normal noise makes the negative log-likelihood ½·MSE plus a constant.
# - The gradient of ½·MSE is $\frac{1}{N} X^\top (Xw - y)$; four witnesses agree.
# - Descent converges below $2/h_\max$; $\kappa$ sets the time, and scaling changes both.
# - $(N, 1)$ against $(N,)$ trains the mean predictor, in silence. Check shapes.
#
# ## What comes next
#
# [](04_effect.ipynb) keeps this loss and this baseline, and replaces the line by a network.
#
# ## References
#
# ```{footbibliography}
# ```
