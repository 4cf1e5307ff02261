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
# # 8 · Distilling the student
#
# **The question.** Does a small student become better when it learns from a teacher's soft answers, and
# not from labels alone?
#
# **In one sentence.** {glue:text}`in_short`
#
# ```{admonition} You will be able to
# - **derive** the distillation loss: soft targets, temperature, and the factor τ²;
# - **ask** a teacher out of fold, and know why its other answers teach nothing;
# - **train** a student on labels and on a teacher's answers, in a few lines;
# - **judge** the gain against the *identical* student without a teacher, beside what luck alone gives.
# ```
#
# | You need | Where |
# |---|---|
# | softmax, cross-entropy and the LSTM teacher | chapter 7 |
# | gradients, and how to check one | chapter 3 |
# | partial derivatives, the chain rule, $e^x \approx 1 + x$ | any first course in calculus |
#
# *20 minutes to read, 15 seconds to run.*

# %% tags=["imports"]
from dataclasses import replace

import torch

from sportsml_lite.findings.distil import PEOPLE, findings
from sportsml_lite.losses import (
    Soft,
    distillation_loss,
    fidelity,
    kl_divergence,
    soft_cross_entropy,
    soften,
)
from sportsml_lite.models import count_parameters
from sportsml_lite.plots import distil as figures
from sportsml_lite.plots import style
from sportsml_lite.prepare.tasks import load_task
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.studies import accepted
from sportsml_lite.training import folds, networks

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name or path: simulated, swimming, actes or a folder
data_dir = ""  # path: folder of your own tables, or the one that holds the data set
seed = 0  # 0 to 1000000: simulated athletes and the live trainings
n_athletes = 30  # athletes, 20 to 500: how many are simulated for the live example
length_s = 0.0  # s, 0 to 3600: of a window; 0 takes the data set's own
stride_s = 0.0  # s, 0 to 3600: from window to window; 0 follows the length
alpha = 0.5  # share, 0 to 1: weight of the teacher's answers in the live example
tau = 2.0  # 0.1 to 50: temperature of the live example

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Above: one window of a swimmer whom the teacher never met. The dashed bar is the label, the blue bars are the teacher's probabilities. Below: every swimmer's gain in macro-F1 (over the strokes this swimmer swims) of the student who also learned from such answers, and of the same student trained again from another seed. Orange: harmed by more than the margin. Diamond and line: mean and 95 % interval over swimmers and models; grey: too small to name.", "name": "fig-distil-answer"}, "image": {"alt": "Bars of a teacher's probabilities for one window, with two strokes nearly equal where the label names one. Below, dots of swimmers' gains around zero, for the teacher's answers and for another seed."}}
check_values("08_distil", globals())
torch.set_num_threads(1)
results = {name: accepted.load("distil", name) for name in PEOPLE}
tables = {name: result.scores for name, result in results.items()}
figures.answer_and_gain(tables["swimming"])

# %% tags=["check"]
for name, text in findings(tables).items():
    record(name, text)
record("command", results["swimming"].command)

# %% [markdown]
# ## One window, and what such answers bought
#
# A watch has room for a few kilobytes. No {term}`teacher` of chapter 7 fits: not the ensemble of LSTM
# networks, not MiniRocket, not boosted trees, nor a weighted mean of the first two. Validation athletes choose; on
# the swimmers they took {glue:text}`chosen`. A {term}`student` with a small fraction of the weights fits. It
# could learn from the labels alone. {term}`Distillation` offers it more {footcite:p}`bucila2006,hinton2015`.
#
# Look at the window above. The label is one word, silent about the rest. The teacher
# says *{glue:text}`label`* with {glue:text}`p_label` and *{glue:text}`second`* with
# {glue:text}`p_second`: on this wrist, and for this moment, the two look alike. Such an answer is a
# {term}`soft target`, and the student who copies it learns from one window what two classes have in
# common.
#
# We searched for that window. Most are less interesting: the surer the teacher is, the closer its answer
# comes to a second copy of the label.
#
# And what did it buy? Over {glue:text}`swimmers` swimmers, each tested by models that never met them:
# **{glue:text}`gain`** (within the grey band an effect is too small to name). Swimmers harmed, that is, who
# lose more than {glue:text}`harm`: {glue:text}`harmed`. Before you blame the teacher,
# train the *same* plain student again, from another seed. Harmed now: {glue:text}`harmed_null`. Always
# ask what luck alone does.
#
# The rest of the chapter builds the loss, and asks where a teacher might be worth more.
#
# ## Two lessons for one student

# %% tags=["hide-input"]
window = {"length_s": length_s, "stride_s": stride_s}
task = load_task(
    dataset, data_dir, seed=seed, n_athletes=n_athletes, sessions_each=2, **window
)
print(task.told)
fold = folds.make_fold(task, folds.folds_of(task)[0])
config = networks.config_for(fold, "quick")
short = {"max_epochs": 5, "patience": 5}  # some seconds: an example, no result
config = replace(
    config,
    teacher=replace(config.teacher, **short),
    student=replace(config.student, **short),
)

# %%
teacher = networks.train_teacher(fold, seed, config)  # a list of networks
soft = networks.predict(teacher, fold.train, fold.signs)  # logits, (N, K)

plain = networks.train_student(fold, seed, config)
distilled = networks.train_student(fold, seed, config, Soft(alpha, tau), soft)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Teacher and student read the same windows. The teacher is trained first and then stays as it is. The student's loss compares its answers with the labels and with the teacher's soft answers; only the student goes to the wrist.", "name": "fig-distil-flow"}, "image": {"alt": "Boxes: windows go to the teacher and to the student; the teacher's soft answers, weighted alpha, and the labels, weighted one minus alpha, meet the student's answers in the loss."}}
figures.teacher_student(
    sum(count_parameters(network.model) for network in teacher),
    count_parameters(plain.model),
)

# %% [markdown]
# **Equation.** Let $z_k$ be the {term}`logits <logit>` that a network gives the $K$ classes. Divided by
# a {term}`temperature` $\tau > 0$ they become softer or harder probabilities:
#
# $$ p_k(\tau) = \frac{e^{z_k/\tau}}{\sum_{j=1}^{K} e^{z_j/\tau}} . $$
#
# With $T_{ik}$ and $S_{ik}$ for what teacher and student give window $i$, both at the same τ, the soft
# loss is their {term}`cross-entropy`, and the whole loss mixes it with the original one:
#
# $$ H(T, S) = -\frac{1}{N} \sum_{i=1}^{N} \sum_{k=1}^{K} T_{ik} \log S_{ik}, $$
#
# $$ L = \alpha\, \tau^2 H(T, S) + (1 - \alpha)\, L_\text{original} . $$
#
# $L_\text{original}$ is the loss of chapter 7: cross-entropy with the labels, at $\tau = 1$, every class
# weighing the same. A window without a label has only the soft part. In PyTorch:


# %%
def loss_of_student(z_student, z_teacher, y, alpha, tau):
    log_S = (z_student / tau).log_softmax(1)
    T = (z_teacher / tau).softmax(1)
    H = -(T * log_S).sum(1).mean()
    original = torch.nn.functional.cross_entropy(z_student, y)
    return alpha * tau**2 * H + (1 - alpha) * original


z_student = networks.predict([plain], fold.test).double()
z_teacher = networks.predict(teacher, fold.test, fold.signs).double()
given = z_student, z_teacher, fold.test.y, alpha, tau
assert torch.isclose(loss_of_student(*given), distillation_loss(*given))

# %% [markdown]
# One end of α is a test. At $\alpha = 0$ the teacher must vanish without a trace: not *nearly* the same student, but the same weights to the last
# bit. If that fails, something other than the loss differs, and no comparison below means anything.

# %%
at_zero = networks.train_student(fold, seed, config, Soft(0.0, tau), soft)
pairs = zip(plain.model.parameters(), at_zero.model.parameters(), strict=True)
assert all(torch.equal(a, b) for a, b in pairs)

# %% [markdown]
# ## Why τ²?
#
# **Intuition.** A high temperature flattens all answers. What teacher and student still disagree about
# becomes tiny, and so does the gradient. The factor $\tau^2$ turns the volume up again.
#
# **Derivation.** Softmax and logarithm together have a simple derivative. For one window
#
# $$ \frac{\partial H}{\partial z^S_k} = \frac{1}{\tau}\bigl(S_k - T_k\bigr) . $$
#
# One $1/\tau$ comes from the chain rule. A second one hides in the bracket: for high τ,
# $e^{z/\tau} \approx 1 + z/\tau$, and with $\bar z$ the mean of a window's logits
#
# $$ p_k \approx \frac{1}{K} + \frac{z_k - \bar z}{K \tau} $$
#
# and therefore
#
# $$ \frac{\partial H}{\partial z^S_k} \approx
#    \frac{(z^S_k - \bar z^S) - (z^T_k - \bar z^T)}{K\, \tau^2} . $$
#
# So the gradient dies like $1/\tau^2$, and $\tau^2 H$ keeps its size: in the limit the student matches
# the teacher's *centred logits*. Both statements must hold on the windows of new athletes, with
# PyTorch's own gradient as the witness:


# %%
def gradient(loss, tau):
    """Gradient of loss(student, teacher, tau) by the student's logits, (N, K)."""
    z = z_student.clone().requires_grad_()
    return torch.autograd.grad(loss(z, z_teacher, tau), z)[0]


N, K = z_student.shape
formula = (soften(z_student, tau) - soften(z_teacher, tau)) / (tau * N)
assert torch.allclose(gradient(soft_cross_entropy, tau), formula)

centred = [z - z.mean(1, keepdim=True) for z in (z_student, z_teacher)]
limit = (centred[0] - centred[1]) / (K * N)
hot = 1e5**2 * gradient(soft_cross_entropy, 1e5)
assert (hot - limit).norm() < 1e-3 * limit.norm()

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Above: the swimmer's window again, at temperatures from ½ to 100. The order of the classes stays, their distance shrinks. Below: size of the gradient that the live student feels. With τ² it settles at the dotted limit; without, it falls a hundredfold for every tenfold τ.", "name": "fig-distil-temperature"}, "image": {"alt": "Above, probability curves of the classes that meet as the temperature rises. Below, two curves on logarithmic axes: with the factor it levels off at a dotted line, without it falls steeply."}}
figures.temperature(tables["swimming"], z_student, z_teacher)

# %% [markdown]
# **Caveat.** The promise holds for high τ only. Towards low τ the blue curve leaves its limit, so a
# change of τ is also a change of weight between the two lessons. Neither τ nor α is tuned in this book:
# they were set to 2 and ½ before anything ran.
#
# **What to watch.** $H$ never falls to 0, not even for a perfect copy. It contains the teacher's own doubt
# $H(T) = -\frac{1}{N}\sum_{i,k} T_{ik} \log T_{ik}$, and what remains is the
# **Kullback–Leibler divergence**:
#
# $$ \mathrm{KL}(T \,\|\, S) = H(T, S) - H(T) . $$
#
# The student cannot change $H(T)$, so both have the same gradient. But a curve of $H$ may look flat
# while the student still learns (the lab says how much of it is that constant). Train on either; *watch*
# KL.

# %%
T = soften(z_teacher, tau)
doubt = -(T * T.log()).sum(1).mean()
gap = soft_cross_entropy(z_student, z_teacher, tau) - doubt
assert torch.isclose(gap, kl_divergence(z_student, z_teacher, tau))
assert torch.allclose(
    gradient(soft_cross_entropy, tau), gradient(kl_divergence, tau)
)

# %% tags=["check", "nbval-ignore-output"]
z = networks.predict([distilled], fold.test)
record("live_distilled", 100 * fidelity(z, z_teacher.to(z.dtype)), digits=0)

# %% [markdown]
# In the live example, the distilled student answers {glue:text}`live_distilled` % of new athletes'
# windows as the teacher does. This is {term}`fidelity`, and it is not accuracy: who copies a teacher
# copies its mistakes too {footcite:p}`stanton2021`.
#
# ## Ask out of fold
#
# **Intuition.** Who has seen the answers doubts no more. MiniRocket's ridge has more weights than there
# are windows, and fits its own almost perfectly. For these it gives the class that it prefers a
# mean probability of {glue:text}`sure_in`. Of the *same* windows, a ridge that never met the athlete
# says {glue:text}`sure_out`. The difference is the doubt that a student should hear.
#
# **Equation.** So each training athlete is answered by the ridge of all the others. That costs no
# second fit. Let $P$ be the matrix that turns the labels into fitted scores, $\hat y = P y$. For the windows $g$
# of one athlete, the residual that a ridge without them would leave is
#
# $$ d_g = (I - P_{gg})^{-1} (y_g - \hat y_g) , $$
#
# with $P_{gg}$ the block of these windows.
# Scores of a ridge are no logits: they are divided by the temperature at which the out-of-fold answers
# predict the labels best. The LSTMs are too dear to train a dozen times and are asked in sample.

# %%
random = torch.Generator().manual_seed(seed)
X = torch.randn(40, 6, generator=random).double()
y = X[:, 0] + torch.randn(40, generator=random)
g, eye = slice(0, 10), torch.eye(6).double()  # the windows of one athlete
P = X @ torch.linalg.solve(X.T @ X + eye, X.T)
d = torch.linalg.solve(torch.eye(10) - P[g, g], (y - P @ y)[g])
others = torch.linalg.solve(X[10:].T @ X[10:] + eye, X[10:].T @ y[10:])
assert torch.allclose(d, y[g] - X[g] @ others)  # fitted without them

# %% [markdown]
# Does it matter to the student? The swimmers' gain with MiniRocket's answers: {glue:text}`trap`.
#
# ## An honest comparison
#
# A student far smaller than its teacher and nearly as good looks like a success. But a plain student is
# as small, and may be as good. So the headline is **distilled minus plain**: same size, first weights,
# windows, order of batches and steps, paired athlete by athlete. Three more questions go to the ends:
#
# - *Five times the steps.* A patient teacher may teach more {footcite:p}`beyer2022`; so the plain student
#   gets five times the steps, too.
# - *8 labelled, the others' windows too.* Labels are dear: someone has to watch the video. Recordings are
#   cheap. Only eight training athletes are labelled, for teacher and student alike; for the other athletes'
#   windows the teacher's answers take the labels' place.
# - *Pretrained instead.* Those windows can teach without any teacher: before it sees a label, the student
#   learns to fill in spans of time that were hidden from it {footcite:p}`he2022`.

# %% tags=["hide-input"]
figures.gain_table(tables)

# %% [markdown]
# The swimmers and riders are real; the simulated runners are our own invention and prove nothing about
# people. *Accepted results: this page prints them and does not compute them;* {glue:text}`command` *redoes the
# swimmers.*
#
# **Where does a teacher pay?** The study asks {glue:text}`asked` questions, all of them in the lab. Ask so
# many, and some look like a gain by luck; *Holm's correction* demands more of each. **{glue:text}`claim`**
# Worse after the correction: **{glue:text}`lost`**.
#
# **Can the teacher lead?** {glue:text}`lead` And no student can learn from a teacher what the
# teacher does not know.
#
# **Does the student follow?** On new swimmers' windows the plain student already agrees with the teacher on
# {glue:text}`like_plain` %, the distilled one on {glue:text}`like_distilled` %; only the rest was left
# to copy. And the teacher learned from the *same windows with the same labels*: what it knows beyond them is
# its architecture's gift, not new evidence.
#
# **Caveat.** This is one recipe. The student reads a swimmer's window turned at random, and hears what the
# teacher said of the unturned one. Nothing here says that distillation *cannot* help.
#
# ## A number in place of a class
#
# A number such as heart rate has no temperature. With squared errors and a label for every window, for
# student $s$, teacher $t$ and truth $y$, both targets fuse into one:
#
# $$ \begin{gathered} \alpha (s - t)^2 + (1-\alpha)(s - y)^2 = \\
#    \bigl(s - \alpha t - (1-\alpha) y\bigr)^2 + \alpha(1-\alpha)(t - y)^2 . \end{gathered} $$
#
# The last term does not contain $s$. Distilling a number is plain training on a smoothed label, and no
# more (exercise 3; the lab asserts it).
#
# ## Summary
#
# - A soft target carries the teacher's doubt. It could be worth most where the teacher doubts for a reason.
# - Ask a teacher out of fold: its answers to windows that it learned from hold little doubt.
# - $\tau^2$ keeps the soft lesson audible at high temperature; watch KL, not $H$.
# - Compression is no result: judge distilled against the identical plain student, and the harmed against
#   another seed.
#
# ## Exercises
#
# Try each before opening the answer. {download}`This chapter as a notebook with empty answers
# <exercises/08_distil_exercises.ipynb>` is there to work in.

# %% [markdown]
# ### Exercise 1
#
# A teacher's logits are 4, 2 and 0. Which probability does the second class get at τ = 1 and at τ = 4?
#
# Expected: {glue:text}`exercise_1`

# %% tags=["solution"]
logits_here = torch.tensor([[4.0, 2.0, 0.0]])
second = [soften(logits_here, t)[0, 1].item() for t in (1, 4)]
record("exercise_1", f"{second[0]:.2f} and {second[1]:.2f}")

# %% [markdown]
# ### Exercise 2
#
# A student answers that window with logits 0, 0, 0. By what factor does the gradient of $H$ shrink when
# τ goes from 50 to 100, and that of $\tau^2 H$?
#
# Expected: {glue:text}`exercise_2`

# %% tags=["solution"]
sizes = [
    ((soften(0 * logits_here, t) - soften(logits_here, t)) / t).norm().item()
    for t in (50, 100)
]
factor = sizes[0] / sizes[1]
record("exercise_2", f"{factor:.1f} and {factor / 4:.1f}")

# %% [markdown]
# ### Exercise 3
#
# A teacher predicts 150 bpm where 140 were measured. With α = 0.3: which single label does the
# student learn, and how much of the loss can it never remove?
#
# Expected: {glue:text}`exercise_3`

# %% tags=["solution"]
target = 0.3 * 150 + 0.7 * 140
rest = 0.3 * 0.7 * (150 - 140) ** 2
record("exercise_3", f"{target:.0f} bpm and {rest:.0f} bpm²")

# %% [markdown]
# ## What comes next
#
# One student for everybody is a compromise. Chapter 9 takes it to one athlete, with a few labelled
# windows, and asks how to help without harming anyone.

# %% [markdown]
# ## References
#
# ```{footbibliography}
# ```
