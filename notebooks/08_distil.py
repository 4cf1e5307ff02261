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
# **The question.** A large teacher answers well, but a watch has room for a few kilobytes. Does a small
# student become better when it learns from the teacher's answers, and not from labels alone?
#
# ```{admonition} You will be able to
# - **derive** soft targets, temperature, the factor τ², and what τ and α do at their ends;
# - **measure** distillation against the *identical* student without teacher, paired by athlete;
# - **tell** where it pays and where it gives nothing, by the number of labelled athletes;
# - **choose** a student by score, kilobytes and microseconds.
# ```
#
# | You need | Where |
# |---|---|
# | the teacher, and who trains, stops and judges | chapter 7 |
# | gradients, and how to check one | chapter 3 |
# | softmax and cross-entropy | chapter 7 |
#
# *30 minutes to read, about a minute to run.*

# %% tags=["imports"]
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd
import torch

from sportsml_lite.baselines.windows import (
    WINDOW_BASELINES,
    fit_window_baseline,
    window_baselines_of,
)
from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import (
    accuracy,
    bootstrap,
    by_athlete,
    compare,
    macro_f1,
    mse,
)
from sportsml_lite.losses import (
    Bounded,
    Hard,
    Soft,
    kl_divergence,
    mixed_target,
    soft_cross_entropy,
    soften,
)
from sportsml_lite.models import Student, count_parameters
from sportsml_lite.plots import distil as figures
from sportsml_lite.plots import style
from sportsml_lite.prepare.tasks import load_task
from sportsml_lite.protocol import fold_athletes, margin
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.studies import accepted
from sportsml_lite.training.folds import (
    ask,
    each,
    in_units,
    label_budget,
    make_fold,
    microseconds,
    sizes_for,
    splits_of,
    train_student,
    train_teacher,
)

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name or path: simulated(_b), actes, swimming or a folder
data_dir = ""  # path: folder of your own tables, or the one that holds the data set
seed = 0  # 0 to 1000000: simulated athletes, resampling, and the first training run
profile = "quick"  # 'quick' or 'full': one fold and two seeds, or five of both
n_athletes = 0  # athletes, 0 to 2000: simulated ones; 0 is the profile's number
alpha = 0.5  # 0 to 1: weight of the teacher's answers
tau = 2.0  # 0.1 to 50: temperature

# %% tags=["hide-input"]
check_values("08", globals())
torch.set_num_threads(1)
full = profile == "full"
simulated = dataset in ("simulated", "simulated_b") and not data_dir
workers = 2 if full else 1
seeds = range(seed, seed + (5 if full else 2))
settings = {"dataset": dataset, "data_dir": data_dir, "seed": seed}
if simulated:
    settings["n_athletes"] = n_athletes or (200 if full else 60)
    settings["sessions_each"] = 4 if full else 2
task = load_task(**settings)
splits = splits_of(task, profile)
folds = [make_fold(task, split) for split in splits]
sizes = sizes_for(folds[0], profile)


def hurried(sizes):
    """A short training, for the simulated athletes of a page that runs in a minute."""
    return replace(
        sizes,
        teacher=replace(sizes.teacher, steps=100, batch_size=32),
        student=replace(sizes.student, steps=80, batch_size=32),
    )


if simulated and not full:
    sizes = hurried(sizes)
classes = [c.replace("_", " ") for c in task.windows.classes]
everyone = min(len(set(fold.train_athlete)) for fold in folds)
worth = margin("macro_f1").worth_naming

# %% tags=["check"]
named = simulated or dataset in ("swimming", "actes")
record("data", dataset if named else "your own tables")
record("people", len(set(task.windows.athlete)))
record("n_windows", f"{len(task.windows):,}")
record("class_names", ", ".join(classes))
record("folds_used", len(folds))
record("seeds_used", len(seeds))
record("steps", sizes.student.steps)
record("worth", worth, digits=2)
record("run_is", "full" if full else "short")
record("left_out", task.left_out)
record("absent", ", ".join(sorted({c for f in folds for c in f.absent})) or "none")

# %% [markdown]
# ## What a teacher knows beyond the label
#
# Data of this page: *{glue:text}`data`*, {glue:text}`n_windows` windows of {glue:text}`people` athletes,
# classes: {glue:text}`class_names` (without any training window in some fold: {glue:text}`absent`). A
# {glue:text}`run_is` run: {glue:text}`folds_used` fold(s) of athletes, {glue:text}`seeds_used` seeds. Left
# out by the loader, or assumed: {glue:text}`left_out`.
#
# **Intuition.** A label says *this is the middle class*. A teacher says *the middle one, but it could
# well be the upper one, and never the lower one*. That tells which windows lie close to which
# border. A student that is given the whole answer learns more from one window, *if* the teacher's
# doubts are well founded {footcite:p}`hinton2015`.
#
# **Equation.** A network gives $K$ numbers $z_k$, the logits. The temperature $\tau > 0$ makes them
# softer or harder before they become probabilities:
#
# $$ p_k(\tau) = \frac{e^{z_k/\tau}}{\sum_{j=1}^{K} e^{z_j/\tau}} . $$
#
# $\tau = 1$ is the usual softmax. For $\tau \to 0$ all weight goes to the largest logit; for
# $\tau \to \infty$ all classes become equal, and what differs is small but *ordered*. With
# $T_k(\tau)$ and $S_k(\tau)$ for teacher and student, the soft loss is the cross-entropy
#
# $$ H(T, S) = -\frac{1}{N} \sum_{i=1}^{N} \sum_{k=1}^{K} T_{ik}(\tau) \, \log S_{ik}(\tau) . $$

# %%
fold = folds[0]
teacher = train_teacher(fold, seed, sizes)
plain = train_student(fold, seed, sizes)
z_teacher = ask([teacher], fold.test, fold.signs).double()
z_student = ask([plain], fold.test, None).double()

right = z_teacher.argmax(1) == fold.test.y
second = z_teacher.softmax(1).sort(1).values[:, -2]
window = int((second * right).argmax())  # right, and in doubt
temperatures = (1.0, 2.0, 5.0, 20.0)
shown = pd.DataFrame(
    {t: soften(z_teacher[[window]], t)[0].numpy() for t in temperatures}, classes
)

# %% [markdown]
# ### Why τ²?
#
# **Derivation.** Softmax and logarithm together have a simple derivative: for one window
#
# $$ \frac{\partial H}{\partial z^S_k} = \frac{1}{\tau}\bigl(S_k(\tau) - T_k(\tau)\bigr) . $$
#
# One $1/\tau$ comes from the chain rule. A second one hides in the bracket. For a high $\tau$,
# $e^{z/\tau} \approx 1 + z/\tau$; with $\bar z$ the mean of a window's logits,
#
# $$ p_k(\tau) \approx \frac{1}{K} + \frac{z_k - \bar z}{K \tau}
#    \quad\Longrightarrow\quad
#    \frac{\partial H}{\partial z^S_k} \approx
#    \frac{1}{\tau^2}\,\frac{(z^S_k - \bar z^S) - (z^T_k - \bar z^T)}{K} . $$
#
# So at high $\tau$ the gradient shrinks as $1/\tau^2$, and beside a second loss the teacher would fall
# silent. Multiplying by $\tau^2$ keeps its size, *asymptotically*: the limit is that of matching
# **centred** logits, with a $1/K$ ($K$ classes). At the usual $\tau$ of 1 to 5 the size still changes,
# as the figure shows. We check both statements on this page's windows with PyTorch's own gradient.


# %%
def gradient(loss, tau):
    """Gradient of a loss of (student, teacher, tau) by the student's logits, (N, K)."""
    z = z_student.clone().requires_grad_()
    return torch.autograd.grad(loss(z, z_teacher, tau), z)[0]


rows, n_classes = z_student.shape
by_formula = (soften(z_student, tau) - soften(z_teacher, tau)) / (tau * rows)
formula_holds = torch.allclose(gradient(soft_cross_entropy, tau), by_formula)

centred = [z - z.mean(1, keepdim=True) for z in (z_student, z_teacher)]
limit = (centred[0] - centred[1]) / (n_classes * rows)
hot = 1e5
at_hot = hot**2 * gradient(soft_cross_entropy, hot)
limit_error = float((at_hot - limit).norm() / limit.norm())

scale = np.geomspace(0.5, 100, 25)
size = pd.DataFrame(
    {"without": [float(gradient(soft_cross_entropy, t).norm()) for t in scale]},
    scale,
)
size["with"] = size["without"] * scale**2
size["limit"] = float(limit.norm())

# %% mystnb={"figure": {"caption": "Left: the answer of the teacher to one window of a new athlete, at four temperatures. Right: size of the gradient that the student feels, over all test windows. Without the factor τ² it falls, at high τ, by a hundred for every ten times τ.", "name": "fig-distil-soft"}, "image": {"alt": "Left, bars of class probabilities that become more equal as the temperature rises. Right, two curves against temperature on logarithmic axes: with the factor it levels off at a dotted line, without it falls steeply."}}
figures.soft_targets(shown, size)

# %% tags=["check"]
record("formula_holds", "they agree" if formula_holds else "THEY DIFFER")
record("limit_holds", "they agree" if limit_error < 1e-3 else "THEY DIFFER")

# %% [markdown]
# Formula against automatic gradient: {glue:text}`formula_holds`. Gradient at a very high temperature
# against centred logits over $K$: {glue:text}`limit_holds`.
#
# ### H or KL?
#
# How far the student's answers are from the teacher's is the Kullback-Leibler divergence ($T$ and $S$ both
# at temperature $\tau$)
#
# $$ \mathrm{KL}(T \,\|\, S) = \frac{1}{N} \sum_{i,k} T_{ik} \log \frac{T_{ik}}{S_{ik}}
#    = H(T, S) - H(T), \qquad
#    H(T) = -\frac{1}{N} \sum_{i,k} T_{ik} \log T_{ik} . $$
#
# The teacher's own entropy $H(T)$ does not depend on the student. So the gradients are the same. The
# *numbers* are not: $H$ contains that constant, which is little of it where a sure teacher meets a low
# $\tau$ and nearly all of it at a high one. Then a curve that seems flat may hide a student who still
# learns.

# %%
h, kl = (
    f(z_student, z_teacher, tau).item() for f in (soft_cross_entropy, kl_divergence)
)
target = soften(z_teacher, tau)
entropy = -(target * target.log()).sum(1).mean().item()
same_gradient = torch.allclose(
    gradient(soft_cross_entropy, tau), gradient(kl_divergence, tau)
)

# %% tags=["check"]
record(
    "entropy_holds", "they agree" if np.isclose(h - kl, entropy) else "THEY DIFFER"
)
record("same_gradient", "the same" if same_gradient else "NOT THE SAME")

# %% tags=["check", "nbval-ignore-output"]
record("share_constant", 100 * entropy / h, digits=0)

# %% [markdown]
# $H - \mathrm{KL}$ against $H(T)$: {glue:text}`entropy_holds`; the two gradients are
# {glue:text}`same_gradient`. On this page (τ = {glue:text}`tau`) {glue:text}`share_constant` % of the
# plain student's $H$ is the constant. Train on either; *watch* KL, or as we do the hard loss on
# validation athletes.
#
# ### α, and its ends
#
# $$ L = \alpha\, \tau^2\, H(T, S) + (1 - \alpha)\, L_\text{original}(S, y) . $$
#
# $L_\text{original}$ is the loss of chapter 7, the cross-entropy with the labels $y_i$ at $\tau = 1$, in
# which every class weighs the same: with $w_k$ the weight of class $k$,
#
# $$ L_\text{original} = -\frac{1}{\sum_{i \in \mathcal{L}} w_{y_i}}
#    \sum_{i \in \mathcal{L}} w_{y_i} \log S_{i y_i}(1) . $$
#
# The two parts do not average over the same windows: the soft one over *all* $N$ of a batch, without
# class weights; the hard one over the labelled windows $\mathcal{L}$ alone.
#
# $\alpha = 0$ must be plain training, exactly: the same weights to the last bit. $\alpha = 1$ never
# looks at a label. A window *without* label has only the soft part. That is the door through which
# unlabelled athletes come in.

# %%
short = replace(sizes, student=replace(sizes.student, steps=20, checks=2))
soft = ask([teacher], fold.train, fold.signs)
weights = [
    torch.cat([p.detach().flatten() for p in network.model.parameters()])
    for network in (
        train_student(fold, seed, short),
        train_student(fold, seed, short, Soft(0.0, tau), soft),
        train_student(fold, seed, short, Soft(alpha, tau), soft),
    )
]

# %% tags=["check"]
record("alpha_0", "yes" if torch.equal(weights[0], weights[1]) else "NO")
same = torch.equal(weights[0], weights[2])
record("alpha_more", "no" if not same else "YES" if alpha else "yes")
record("alpha", f"{alpha:g}")
record("tau", f"{tau:g}")

# %% [markdown]
# Trained twice, $\alpha = 0$ against labels alone, equal to the last bit: {glue:text}`alpha_0`. With
# $\alpha$ = {glue:text}`alpha`: {glue:text}`alpha_more`.
#
# ## An honest comparison
#
# A student far smaller than its teacher and nearly as good looks like a success of distillation. But
# perhaps a small network trained on labels alone is nearly as good too. So the **headline is the paired
# difference: distilled minus plain**, where the two students are the same in everything else:
# architecture, first weights, windows, order of batches, {glue:text}`steps` steps. α and τ were fixed
# before anything ran ({glue:text}`alpha` and {glue:text}`tau`) and are not tuned. The teacher answers a
# window in every way that its symmetries allow (chapter 7) and averages; a student answers once.
#
# An `Arm` below lists all that may differ between two students of this page. The headline and the label
# budget use every fold and seed of the run; surface, sizes, wrong labels and other teachers use up to
# {glue:text}`side_folds` fold(s) and {glue:text}`side_seeds` seed(s). With one seed an interval knows
# nothing of the luck of a training, which is often as large as the effect: read such a verdict as a
# hint.


# %%
LABELS, TAUGHT = Hard(), Soft(alpha, tau)


@dataclass(frozen=True)
class Arm:
    """What may differ between two students; a ``count`` or ``width`` of 0 is the usual one."""

    teacher: str = ""  # none, 'own', 'halves', 'ensemble', 'self' or 'laboratory'
    loss: Hard | Soft = LABELS
    count: int = 0  # labelled training athletes
    others: bool = False  # the other athletes' windows too, without their labels
    width: int = 0  # of the student
    noise: float = 0.0  # share of training labels that are wrong


def study(job):
    """The students of one fold and seed: their answers to the test windows."""
    fold, s, arms, laboratory = job
    found = {}
    for name, arm in arms.items():
        labelled = label_budget(fold, arm.count) if arm.count else None
        room = with_wrong_labels(fold, arm.noise, s) if arm.noise else fold
        try:
            soft, told = lessons(arm, room, s, labelled, laboratory)
        except UserError:
            if arm.teacher != "halves":
                raise
            continue  # few athletes: validation has no class that this half shows
        student = train_student(
            room, s, sizes, arm.loss, soft, labelled, arm.others, arm.width or None
        )
        judge = in_units(fold, ask([student], fold.validation, None))
        found[name] = {
            "student": in_units(fold, ask([student], fold.test, None)),
            "teacher": None if told is None else in_units(fold, told),
            "validation": macro_f1(fold.validation.y.numpy(), judge),
        }
    return found


def lessons(arm, fold, s, labelled, laboratory):
    """A teacher's logits for all training windows and for the test windows."""
    if not arm.teacher:
        return None, None
    if arm.teacher == "halves":
        return out_of_fold(fold, s)
    room = laboratory if arm.teacher == "laboratory" else fold
    if arm.teacher == "self":
        networks = [train_student(fold, s, sizes, labelled=labelled)]
    elif arm.teacher == "ensemble":
        networks = [train_teacher(fold, i, sizes) for i in seeds]
    else:
        networks = [train_teacher(room, s, sizes, labelled)]
    return [ask(networks, part, room.signs) for part in (room.train, room.test)]


def out_of_fold(fold, s):
    """Each half of the training athletes is labelled by a teacher of the other half."""
    owner = fold.train_athlete.astype(str)
    people = sorted(set(owner))
    soft, told = torch.zeros(len(owner), fold.n_outputs), 0
    for half, rest in ((people[::2], people[1::2]), (people[1::2], people[::2])):
        teacher = train_teacher(fold, s, sizes, half)
        rows = torch.as_tensor(np.isin(owner, rest))
        soft[rows] = ask([teacher], fold.train.take(rows), fold.signs)
        told = told + ask([teacher], fold.test, fold.signs) / 2
    return soft, told


def with_wrong_labels(fold, share, s):
    """A share of the training windows gets another label, by chance."""
    random = np.random.default_rng([s, 8])
    y = fold.train.y.clone()
    rows = random.permutation(len(y))[: round(share * len(y))]
    move = torch.from_numpy(random.integers(1, fold.n_outputs, len(rows)))
    y[rows] = (y[rows] + move) % fold.n_outputs
    return replace(fold, train=replace(fold.train, y=y))


# %% tags=["hide-input"]
counts = [
    n for n in ((4, 8, 32) if full or not simulated else (4,)) if n < everyone
]
shares = (0.2, 0.4) if full else (0.3,)
widths = (8, 24, 32) if full else (8, 32)
grid = [(a, t) for a in (0.3, 0.6, 1.0) for t in (1.0, 2.0, 4.0, 8.0)]
if not full:
    grid = [(a, t) for a in (0.5, 1.0) for t in (1.0, 4.0)]
at = counts[-1] if counts and counts[-1] <= 8 else 8 if 8 in counts else 0

main = {"plain": Arm(), "distilled": Arm("own", TAUGHT)}
for n in counts:
    main[f"plain_{n}"] = Arm(count=n)
    main[f"distilled_{n}"] = Arm("own", TAUGHT, n)
    main[f"others_{n}"] = Arm("own", TAUGHT, n, others=True)
variants = {
    "halves": Arm("halves", TAUGHT),
    "ensemble": Arm("ensemble", TAUGHT),
    "zscore": Arm("own", Soft(alpha, tau, "zscore")),
    "self": Arm("self", TAUGHT),
}
if task.laboratory is not None:
    variants["laboratory"] = Arm("laboratory", TAUGHT)
sized = {f"distilled_width_{w}": Arm("own", TAUGHT, width=w) for w in widths}
if full:
    sized |= {f"plain_width_{w}": Arm(width=w) for w in widths}
noisy = {}
for share in shares:
    noisy[f"plain_noise_{share}"] = Arm(noise=share)
    noisy[f"distilled_noise_{share}"] = Arm("own", TAUGHT, noise=share)
side_seeds = seeds[: 2 if full else 1]
cells = {f"cell_{a}_{t}": Arm("own", Soft(a, t), at, bool(at)) for a, t in grid}


def arms_of(i, s):
    """Main arms on every fold and seed, the others on some."""
    arms = dict(main)
    if i < 3 and s in side_seeds:
        arms |= variants | sized | noisy
    if i < 2 and s in side_seeds:
        arms |= cells
    return arms


# %%
jobs = [(i, s) for s in seeds for i in range(len(folds))]
each(lambda job: train_teacher(*job, sizes) and None, [(folds[i], s) for i, s in jobs],
     workers)  # fmt: skip
rooms = [None] * len(folds)
if task.laboratory is not None:
    rooms = [make_fold(task, split, laboratory=True) for split in splits]
studies = [
    (folds[i], s, arms, rooms[i] if "laboratory" in arms else None)
    for i, s in jobs
    for arms in [arms_of(i, s)]
]
found = dict(zip(jobs, each(study, studies, workers), strict=True))

# %% tags=["hide-input"]
METRIC = {"macro_f1": macro_f1, "accuracy": accuracy}


@cache
def scores(name, who="student", like=None, against=None, metric="macro_f1"):
    """A score of each athlete (rows) and seed (columns), wherever arm ``like`` was trained.

    who, against : 'student' or 'teacher'; without ``against`` the truth judges
    """
    columns = {}
    for i, s in jobs:
        if (like or name) not in found[i, s]:
            continue
        windows, arm = folds[i].windows, found[i, s][name]
        truth = windows.y if against is None else arm[against]
        table = by_athlete(truth, arm[who], windows.athlete, [metric])
        columns.setdefault(s, []).append(table[metric])
    return pd.DataFrame({s: pd.concat(parts) for s, parts in columns.items()})


def versus(name, reference="plain"):
    """An arm against the plain student on the same athletes and seeds."""
    return compare(scores(reference, like=name), scores(name), "macro_f1")


def signed(interval, digits=3):
    return f"{interval:+.{digits}f}"


teacher_f1 = scores("distilled", "teacher")
judged = versus("distilled")
agree = {"distilled": scores("distilled", against="teacher", metric="accuracy")}
for job in jobs:
    found[job]["plain"]["teacher"] = found[job]["distilled"]["teacher"]
agree["plain"] = scores("plain", against="teacher", metric="accuracy")
summary = pd.DataFrame(
    [
        ("teacher", f"{bootstrap(teacher_f1.to_numpy()):.3f}", "", "", ""),
        *(
            (
                name + " student",
                f"{bootstrap(scores(name).to_numpy()):.3f}",
                f"{agree[name].to_numpy().mean():.3f}",
                "" if name == "plain" else signed(judged.gain),
                "" if name == "plain" else judged.verdict,
            )
            for name in ("plain", "distilled")
        ),
    ],
    columns=["", "macro-F1", "answers like the teacher", "gain, paired", "verdict"],
)
style.text_table(summary)

# %% mystnb={"figure": {"caption": "A dot an athlete never seen, mean over seeds. Left: being like the teacher and being right are two things. Right: the same athlete under both students.", "name": "fig-distil-agreement"}, "image": {"alt": "Left, macro-F1 against agreement with the teacher for plain and distilled students. Right, distilled against plain macro-F1 around the diagonal."}}
dots = pd.concat(
    [
        pd.DataFrame(
            {
                "arm": name,
                "fidelity": agree[name].mean(axis=1),
                "f1": scores(name).mean(axis=1),
            }
        ).rename_axis("athlete")
        for name in ("plain", "distilled")
    ]
).reset_index()
figures.agreement(dots)

# %% tags=["check"]
record("tested", len(teacher_f1))
record("side_folds", min(3, len(folds)))
record("side_seeds", len(side_seeds))
record("labelled_all", everyone)

# %% tags=["check", "nbval-ignore-output"]
interval = bootstrap(teacher_f1.to_numpy())
record("f1_teacher", f"{interval:.3f}")
for name in ("plain", "distilled"):
    record(f"f1_{name}", f"{bootstrap(scores(name).to_numpy()):.3f}")
    record(f"fidelity_{name}", agree[name].to_numpy().mean(), digits=3)
record("gain_distilled", signed(judged.gain))
record("verdict_distilled", judged.verdict)
record("harmed_distilled", 100 * judged.harmed.estimate, digits=0)
for name, logits in (("train", soft), ("test", z_teacher)):
    record(f"sure_{name}", logits.softmax(1).amax(1).mean().item(), digits=2)

# %% [markdown]
# **All training athletes labelled** ({glue:text}`labelled_all` or more of them),
# {glue:text}`tested` new athletes, everyone's macro-F1 over the classes that this athlete performs.
# Distilled against plain: **{glue:text}`gain_distilled`, {glue:text}`verdict_distilled`**;
# {glue:text}`harmed_distilled` % of the athletes lose more than the margin of harm. (The 95 % interval
# draws athletes and seeds; below {glue:text}`worth` nothing is worth naming; "undecided" means that
# these athletes and seeds cannot tell.)
#
# **Fidelity is not accuracy.** The plain student answers like the teacher on
# {glue:text}`fidelity_plain` of the windows, the distilled one on {glue:text}`fidelity_distilled`.
# Students often disagree with their teacher even where they could copy it
# {footcite:p}`stanton2021`. And where they copy, they copy its errors too.
#
# **Why should it help here at all?** The teacher saw the *same labelled windows*. The surer it is of them,
# the less its answer says beyond the label: the class it prefers has a mean probability of
# {glue:text}`sure_train` on its training windows and {glue:text}`sure_test` on new athletes (first
# fold and seed). An answer may be worth more where there is no label.

# %% [markdown]
# ## Where it may pay: few labels, many athletes
#
# Labels are dear: someone has to watch a video, or draw blood. Recordings are cheap: every watch makes
# them. So let only some training athletes be labelled. The teacher learns from *these alone* and
# then gives soft labels to *all* training athletes (an old idea {footcite:p}`bucila2006`). Three
# students, equal steps:
#
# | student | windows | learns from |
# |---|---|---|
# | plain | labelled athletes | labels |
# | distilled | labelled athletes | labels and the teacher |
# | with others | labelled athletes *and the others* | labels where there are any, the teacher everywhere |
#
# **Caveat.** Validation athletes are labelled in all arms, and choose the weights that are kept. With
# four labelled training athletes that is a luxury; it is the same luxury for each arm. The labelled
# athletes are taken by name, those with a missing class first: one choice per fold, whose luck no
# interval contains. And steps and windows a step are equal, but labelled windows a step are not: where
# the others are beside them, a batch holds fewer labelled windows than the plain student's.

# %% tags=["hide-input"]
kinds = {"plain": "plain", "distilled": "distilled", "others": "with others"}
level_rows, gain_rows, budget_rows = [], [], []
for n in [*counts, everyone]:
    end = "" if n == everyone else f"_{n}"
    line = {"labelled athletes": n}
    told = bootstrap(scores(f"distilled{end}", "teacher").to_numpy())
    level_rows.append(("teacher", n, told.estimate, told.low, told.high))
    line["teacher"] = f"{told.estimate:.3f}"
    for kind, title in kinds.items():
        if kind == "others" and not end:
            line[f"gain {title}"] = "nobody is left"
            continue
        b = bootstrap(scores(kind + end).to_numpy())
        level_rows.append((title, n, b.estimate, b.low, b.high))
        if kind == "plain":
            line["plain"] = f"{b.estimate:.3f}"
            continue
        c = versus(kind + end, f"plain{end}")
        gain_rows.append((title, n, c.gain.estimate, c.gain.low, c.gain.high))
        line[f"gain {title}"] = f"{signed(c.gain)} {c.verdict}"
    budget_rows.append(line)
columns = ["arm", "athletes", "estimate", "low", "high"]
level, gain = (pd.DataFrame(r, columns=columns) for r in (level_rows, gain_rows))
style.text_table(pd.DataFrame(budget_rows))

# %% mystnb={"figure": {"caption": "New athletes, by the number of labelled training athletes. Left: macro-F1. Right: paired gain over the plain student with equally many labels. Bars: 95 % intervals over athletes and seeds; grey band: too small to name.", "name": "fig-distil-budget"}, "image": {"alt": "Left, curves of macro-F1 of the teacher and three students against labelled athletes. Right, gains of the two distilled students over the plain one with intervals around zero."}}
figures.budget(level, gain, worth)

# %% tags=["check"]
record(
    "counts",
    ", ".join(str(n) for n in counts) or f"none, since only {everyone} train",
)
record("fewest", counts[0] if counts else "–")

# %% tags=["check", "nbval-ignore-output"]
for n in counts:
    record(f"f1_plain_{n}", f"{bootstrap(scores(f'plain_{n}').to_numpy()):.3f}")
    record(
        f"f1_teacher_{n}",
        scores(f"distilled_{n}", "teacher").to_numpy().mean(),
        digits=3,
    )
    for kind in ("distilled", "others"):
        c = versus(f"{kind}_{n}", f"plain_{n}")
        record(f"gain_{kind}_{n}", signed(c.gain))
        record(f"verdict_{kind}_{n}", c.verdict)
        record(f"harmed_{kind}_{n}", 100 * c.harmed.estimate, digits=0)
for end in ("", *(f"_{n}" for n in counts)):
    told = scores(f"distilled{end}", "teacher")
    c = compare(scores(f"plain{end}"), told, "macro_f1")
    record(f"gain_teacher{end}", signed(c.gain))
for kind in ("distilled", "others"):
    pair = versus(f"{kind}_{counts[0]}", f"plain_{counts[0]}") if counts else None
    record(f"gain_{kind}_fewest", signed(pair.gain) if pair else "–")
    record(f"verdict_{kind}_fewest", pair.verdict if pair else "–")

# %% [markdown]
# Numbers of labelled athletes that were tried: {glue:text}`counts`. (A dash: nothing to compare.)
# With {glue:text}`fewest` labelled athletes: distilled on their own windows
# **{glue:text}`gain_distilled_fewest`, {glue:text}`verdict_distilled_fewest`**; with the others'
# unlabelled windows **{glue:text}`gain_others_fewest`, {glue:text}`verdict_others_fewest`**. Both
# come from the same teacher; what the second adds is *more athletes*: the student sees how other
# bodies move and work, with a label that is often right. Does the teacher have to be large for that?
# Chapter 10 puts an equal student in its place.
#
# **Caveat.** The teacher cannot lead where it is lost. If it is no better than the plain student with
# these labels (left panel), its labels pass its errors on.

# %% [markdown]
# ## α and τ
#
# {glue:text}`grid_is` Gain in macro-F1 over the plain student on **validation**
# athletes: choosing on the test athletes would be looking at the answers.

# %% tags=["hide-input"]
home = f"plain_{at}" if at else "plain"
choosers = {a for split in splits[:2] for a in split.validation}
judges = {a for split in splits[:2] for a in split.test}
surface = pd.DataFrame(
    {
        t: {
            a: np.mean(
                [
                    arms[f"cell_{a}_{t}"]["validation"] - arms[home]["validation"]
                    for arms in found.values()
                    if f"cell_{a}_{t}" in arms
                ]
            )
            for a in dict.fromkeys(a for a, _ in grid)
        }
        for t in dict.fromkeys(t for _, t in grid)
    }
)
best_a, best_t = surface.stack().idxmax()
chosen = versus(f"cell_{best_a}_{best_t}", home)

# %% mystnb={"figure": {"caption": "Gain over the plain student on validation athletes, for each weight α and temperature τ.", "name": "fig-distil-surface"}, "image": {"alt": "Heat map of the gain in macro-F1 by weight of the teacher and temperature, numbers in the cells."}}
figures.surface(surface)

# %% tags=["check"]
where = (
    f"{at} labelled athletes, the others without labels."
    if at
    else "All are labelled."
)
record("grid_is", where)
record("cell_choosers", len(choosers))
record("cell_overlap", len(choosers & judges))

# %% tags=["check", "nbval-ignore-output"]
record("best_cell", f"α = {best_a:g}, τ = {best_t:g}")
record("surface_low", f"{surface.to_numpy().min():+.3f}")
record("surface_high", f"{surface.to_numpy().max():+.3f}")
record("chosen_gain", signed(chosen.gain))
record("chosen_verdict", chosen.verdict)

# %% [markdown]
# The cells go from {glue:text}`surface_low` to {glue:text}`surface_high`; the highest is
# {glue:text}`best_cell`. On the *test* athletes that cell gains {glue:text}`chosen_gain`:
# {glue:text}`chosen_verdict`. (One cell is chosen for at most two folds together, by the
# {glue:text}`cell_choosers` athletes who validate there; {glue:text}`cell_overlap` of them are test
# athletes of the other fold, so that this test is not wholly blind.) The highest of many noisy cells
# flatters itself; with few validation athletes the surface tells about the rough shape, and not which
# cell is best.

# %% [markdown]
# ## How small can the student be?
#
# The same architecture in several widths; a short run trains all but the usual one distilled
# only. Weights take 4 bytes each as float32 and 1 byte as int8 (that column is arithmetic; we quantise
# nothing here). Microseconds a window on one thread, one window at a time as on a watch and 256 at once
# as on a server: medians, measured on the computer that made this page.


# %% tags=["hide-input"]
def cost(model):
    n = count_parameters(model)
    one, many = (fold.train.X[torch.arange(k) % len(fold.train)] for k in (1, 256))
    return {
        "parameters": n,
        "float32 (kB)": 4 * n / 1000,
        "int8 (kB)": n / 1000,
        "us": np.median(microseconds(model, one)),
        "us_256": np.median(microseconds(model, many, 30)),
    }


anywhere = next(iter(sized))  # the folds and seeds on which all widths were trained
goal = scores("distilled", "teacher", like=anywhere)
table = []
for w in sorted({*widths, sizes.student_width}):
    build = Student(
        len(fold.signs[0]), fold.n_outputs, w, stride=fold.stride
    ).eval()
    price = cost(build)
    for arm in ("plain", "distilled"):
        name = arm if w == sizes.student_width else f"{arm}_width_{w}"
        if any(name in arms for arms in found.values()):
            own = scores(name, like=anywhere)
            b, c = bootstrap(own.to_numpy()), compare(goal, own, "macro_f1")
            shape = {
                "width": w,
                "estimate": b.estimate,
                "low": b.low,
                "high": b.high,
            }
            verdict = {"gain": signed(c.gain), "noninferior": c.noninferior}
            table.append({"arm": arm, **shape, **price, **verdict})
table = pd.DataFrame(table)
b = bootstrap(goal.to_numpy())
master = pd.Series(
    cost(teacher.model) | {"estimate": b.estimate, "low": b.low, "high": b.high}
)
good = table[table["noninferior"]].sort_values("parameters")
style.text_table(
    pd.DataFrame(
        {
            "student": table["arm"],
            "width": table["width"],
            "weights": table["parameters"],
            "kB": table["float32 (kB)"],
            "int8": table["int8 (kB)"],
            "µs, one": table["us"].round().astype(int),
            "µs, 256": table["us_256"],
            "macro-F1": [f"{v:.3f}" for v in table["estimate"]],
            "vs teacher (✓ within the margin)": [
                gain + " ✓" * bool(good)
                for gain, good in zip(
                    table["gain"], table["noninferior"], strict=True
                )
            ],
        }
    )
)

# %% mystnb={"figure": {"caption": "Score against size and time in a batch. Pink: the teacher, which averages over the recording's symmetries (its time is that of one pass); band: within the margin of non-inferiority below it. Bars: 95 % intervals over athletes and seeds.", "name": "fig-distil-pareto"}, "image": {"alt": "Macro-F1 of students of several widths and of the teacher against the number of parameters and against microseconds a window."}}
figures.pareto(table, master, worth)

# %% tags=["check"]
record("parameters_teacher", f"{int(master['parameters']):,}")
record("kb_teacher", master["float32 (kB)"], digits=0)
usual = table[table["width"] == sizes.student_width].iloc[0]
record("parameters_student", f"{int(usual['parameters']):,}")
record("kb_student", usual["float32 (kB)"], digits=1)
record("kb_student_int8", usual["int8 (kB)"], digits=1)

# %% tags=["check", "nbval-ignore-output"]
for name, line in (("teacher", master), ("student", usual)):
    record(f"us_{name}", line["us"], digits=0)
    record(f"us_256_{name}", line["us_256"], digits=1)
smallest = "none of these"
if len(good):
    g = good.iloc[0]
    smallest = f"{g['arm']}, width {g['width']}, {g['parameters']:,} parameters"
record("smallest", smallest)
record("n_sized", len(table))
for _, line in table.iterrows():
    record(f"against_teacher_{line['arm']}_{line['width']}", line["gain"])

# %% [markdown]
# The usual student has {glue:text}`parameters_student` parameters ({glue:text}`kb_student` kB,
# {glue:text}`kb_student_int8` kB as int8) and takes {glue:text}`us_student` µs for one window,
# {glue:text}`us_256_student` µs each in a batch of 256; the teacher {glue:text}`parameters_teacher`
# parameters ({glue:text}`kb_teacher` kB), {glue:text}`us_teacher` and {glue:text}`us_256_teacher` µs.
# **Smallest student that is not worse than the teacher by more than {glue:text}`worth` macro-F1, with
# its whole interval: {glue:text}`smallest`.** It is picked among {glue:text}`n_sized` students by their
# scores on the test athletes, which flatters it. And the teacher here is one network over its
# symmetries; that of chapter 7 may be an ensemble, and harder to reach.
#
# **Caveat.** For a single window one pays mostly for *calling* some fifty small operations, not for
# multiplying; that is why all widths take about as long. Folded into fewer operations, with equal
# outputs, the same student answers several times faster (`benchmarks/distill_speed.py`); a compiled
# one on a watch has no such overhead at all.

# %% [markdown]
# ## Wrong labels
#
# A share of the training windows gets another class by chance; the teacher learns from the same wrong
# labels. (Validation labels stay right. And chance errors, window by window, are kinder than a coach
# who mistakes a whole length.) A teacher smooths single errors away, so one might hope that its
# answers are better than the labels.

# %% tags=["hide-input"]
noise_rows, noise_gain = [], {}
spot = f"plain_noise_{shares[0]}"
for share in (0.0, *shares):
    end = f"_noise_{share}" if share else ""
    for arm in ("plain", "distilled", "teacher"):
        who = "teacher" if arm == "teacher" else "student"
        source = "distilled" if arm == "teacher" else arm
        b = bootstrap(scores(source + end, who, like=spot).to_numpy())
        noise_rows.append((arm, 100 * share, b.estimate, b.low, b.high))
    if share:
        noise_gain[share] = versus(f"distilled{end}", f"plain{end}")
columns = ["arm", "share", "estimate", "low", "high"]
noise_levels = pd.DataFrame(noise_rows, columns=columns)

# %% mystnb={"figure": {"caption": "New athletes' macro-F1 when a share of the training labels is wrong. Bars: 95 % intervals over athletes and seeds.", "name": "fig-distil-noise"}, "image": {"alt": "Macro-F1 of the plain student, the distilled student and the teacher against the share of wrong labels."}}
figures.noise(noise_levels)

# %% tags=["check"]
record("noise_share", f"{100 * shares[-1]:.0f}")

# %% tags=["check", "nbval-ignore-output"]
record("noise_gain", signed(noise_gain[shares[-1]].gain))
record("noise_verdict", noise_gain[shares[-1]].verdict)

# %% [markdown]
# With {glue:text}`noise_share` % wrong labels, distilled against plain: **{glue:text}`noise_gain`,
# {glue:text}`noise_verdict`**.

# %% [markdown]
# ## Other teachers
#
# All training athletes are labelled again, and only what the student is told differs.
#
# | variant | the idea |
# |---|---|
# | out of fold | a teacher is too sure of windows that it learned; let each half of the athletes be answered by a teacher of the *other* half |
# | ensemble | mean logits of the teachers of all seeds |
# | z-scored logits | copy proportions, not the size of the logits {footcite:p}`sun2024` |
# | self | a student with equal size and seed is the teacher {footcite:p}`furlanello2018` |
# | laboratory | the teacher also sees oxygen uptake, which no watch has: privileged information {footcite:p}`lopezpaz2016`; simulated athletes and ACTES have it |

# %% tags=["hide-input"]
titles = {
    "distilled": "the usual teacher",
    "halves": "out of fold",
    "ensemble": "ensemble",
    "zscore": "z-scored logits",
    "self": "self",
    "laboratory": "laboratory",
}
trained = {name for arms in found.values() for name in arms}
compared = {n: versus(n) for n in variants if n in trained}
compared["distilled"] = compare(
    scores("plain", like="self"), scores("distilled", like="self"), "macro_f1"
)


def variant(name, who):
    """Scores of a variant wherever it was trained, of the usual one where the variants were."""
    return scores(name, who, like="self" if name == "distilled" else None)


def variant_row(name):
    if name not in compared:
        return (titles[name], *"––––")
    level = [
        f"{variant(name, w).to_numpy().mean():.3f}" for w in ("teacher", "student")
    ]
    c = compared[name]
    return (titles[name], *level, signed(c.gain), c.verdict)


style.text_table(
    pd.DataFrame(
        [variant_row(name) for name in titles],
        columns=[
            "teacher",
            "its macro-F1",
            "student's",
            "gain over plain",
            "verdict",
        ],
    )
)

# %% tags=["check", "nbval-ignore-output"]
for name in titles:
    c = compared.get(name)
    record(f"variant_gain_{name}", signed(c.gain) if c else "–")
    record(f"variant_verdict_{name}", c.verdict if c else "–")
    told = variant(name, "teacher").to_numpy().mean() if c else None
    record(f"variant_teacher_{name}", f"{told:.3f}" if c else "–")
helped = [titles[n] for n, c in compared.items() if c.verdict == "better"]
record("variants_better", ", ".join(helped) or "none")
record("n_compared", len(compared))

# %% [markdown]
# Verdict *better* than the plain student: {glue:text}`variants_better`. (Ask {glue:text}`n_compared`
# times, and one of the answers may be luck. A dash: this data set cannot train that teacher.) A better
# *teacher* is not the same as a better *lesson*: compare the first two columns of numbers. The laboratory's teacher
# ({glue:text}`variant_teacher_laboratory`) knows what the watch does not record; its student
# ({glue:text}`variant_gain_laboratory`, {glue:text}`variant_verdict_laboratory`) can only learn what is
# in its own channels.

# %% [markdown]
# ## A number in place of a class
#
# Heart rate of the next minute, in bpm, from the last one and the speed or power planned for the next.
# Nobody wrote the plan down: we take the speed or power that was then measured; a real plan is kept
# less exactly, which flatters every model that reads it.
#
# A single number has no temperature: there is nothing to soften. And with squared errors, two targets
# are one. For student $s$, teacher $t$, truth $y$:
#
# $$ \begin{aligned}
#    &\alpha\,\mathrm{MSE}(s, t) + (1-\alpha)\,\mathrm{MSE}(s, y) \\
#    &\quad = \mathrm{MSE}\bigl(s,\; \alpha t + (1-\alpha) y\bigr)
#       + \alpha(1-\alpha)\,\mathrm{MSE}(t, y)
#    \end{aligned} $$
#
# (Write both sides out in $s$: the terms with $s$ agree.) The last term does not depend on the student.
# So where every window has a label, distilling a number *is* plain training on a label that the teacher
# has smoothed, and no more.
#
# Two ways out. **Teacher-bounded** loss {footcite:p}`chen2017`: learn from the truth, and feel an
# extra pull only where the student is worse than the teacher. **A distribution**
# {footcite:p}`imani2018`: cut heart rate into ten bins, each with a tenth of the training windows;
# predict a softmax over them, and answer with the expected value. Then there are soft targets
# again.


# %%
def in_bins(fold, count=10):
    """The same fold with classes in place of numbers, and the mean (K,) of each bin."""
    cuts = torch.quantile(
        fold.train.y, torch.linspace(0, 1, count + 1)[1:-1]
    ).unique()

    def cut(part):
        return replace(part, y=torch.bucketize(part.y, cuts))

    binned = cut(fold.train).y
    centres = [fold.train.y[binned == k].mean() for k in range(len(cuts) + 1)]
    parts = {n: cut(getattr(fold, n)) for n in ("train", "validation", "test")}
    names = tuple(str(k) for k in range(len(centres)))
    return replace(fold, **parts, classes=names), torch.stack(centres)


def regress(job):
    """Predicted bpm of every arm for one fold and seed."""
    fold, s = job
    teacher = train_teacher(fold, s, sizes)
    soft = ask([teacher], fold.train, fold.signs)
    out = {"teacher": in_units(fold, ask([teacher], fold.test, fold.signs))}
    for name, loss in (
        ("plain", Hard()),
        ("mixed", Soft(alpha)),
        ("bounded", Bounded()),
    ):
        told = None if name == "plain" else soft
        student = train_student(fold, s, sizes, loss, told)
        out[name] = in_units(fold, ask([student], fold.test, None))
    bins, centres = in_bins(fold)
    wide = train_teacher(bins, s, sizes)
    soft = ask([wide], bins.train, bins.signs)
    for name, loss in (("bins", Hard()), ("bins_distilled", Soft(alpha, tau))):
        told = None if name == "bins" else soft
        student = train_student(bins, s, sizes, loss, told)
        expected = ask([student], bins.test, None).softmax(1) @ centres
        out[name] = in_units(fold, expected[:, None])
    return out


# %% tags=["hide-input"]
try:
    number = load_task(**settings, target="heart_rate")
    number_splits = fold_athletes(number.windows.athlete)[
        : 3 if full else len(splits)
    ]
    why_not = ""
except UserError as error:
    number, number_splits, why_not = None, [], str(error)
number_folds = [make_fold(number, split) for split in number_splits]
number_jobs = [(i, s) for s in side_seeds for i in range(len(number_folds))]
told = each(regress, [(number_folds[i], s) for i, s in number_jobs], workers)
numbers = dict(zip(number_jobs, told, strict=True))
for i, split in enumerate(number_splits):
    parts = {p: number.windows.take(split.rows(number.windows.athlete, p))
             for p in ("train", "validation")}  # fmt: skip
    for name in ("last", "autoregression_plan"):
        if name in window_baselines_of(number.windows):
            answer = fit_window_baseline(name, *parts.values())(
                number_folds[i].windows
            )
            for job in number_jobs:
                if job[0] == i:
                    numbers[job][name] = answer


def errors(name):
    """RMSE (bpm) of each athlete and seed."""
    columns = {}
    for i, s in number_jobs:
        w = number_folds[i].windows
        part = by_athlete(w.y, numbers[i, s][name], w.athlete, ["rmse"])["rmse"]
        columns.setdefault(s, []).append(part)
    return pd.DataFrame({s: pd.concat(parts) for s, parts in columns.items()})


number_titles = {
    "last": WINDOW_BASELINES["last"],
    "autoregression_plan": WINDOW_BASELINES["autoregression_plan"],
    "teacher": "teacher",
    "plain": "plain student",
    "mixed": "distilled: smoothed label",
    "bounded": "distilled: teacher-bounded",
    "bins": "distribution, plain",
    "bins_distilled": "distribution, distilled",
}
arms_here = [n for n in number_titles if numbers and n in numbers[number_jobs[0]]]
error_of = {n: errors(n) for n in arms_here}
against = {n: compare(error_of["plain"], error_of[n], "hr_bpm") for n in arms_here}
number_table = pd.DataFrame(
    [
        (
            number_titles[n],
            f"{bootstrap(error_of[n].to_numpy()):.2f}",
            "" if n == "plain" else signed(against[n].gain, 2),
            "" if n == "plain" else against[n].verdict,
        )
        for n in arms_here
    ],
    columns=["", "RMSE (bpm)", "gain over plain (bpm)", "verdict"],
)
style.text_table(number_table) if arms_here else "No heart rate to predict here."

# %% tags=["hide-input"]
curves = pd.DataFrame()
if numbers:
    w, job = number_folds[0].windows, numbers[number_jobs[0]]
    s_, t_, y_ = job["plain"], job["teacher"], w.y.astype(float)
    curves = pd.DataFrame(
        {
            a: {
                "two targets": a * mse(t_, s_) + (1 - a) * mse(y_, s_),
                "one target": mse(mixed_target(t_, y_, a), s_),
                "constant": a * (1 - a) * mse(y_, t_),
            }
            for a in np.linspace(0, 1, 21)
        }
    ).T
    gap = curves["two targets"] - curves["one target"] - curves["constant"]

# %% mystnb={"figure": {"caption": "The identity on this page's test windows: two targets (thick) against one target and a constant (dashed).", "name": "fig-distil-identity"}, "image": {"alt": "Curves against the weight of the teacher: the loss with two targets coincides with the sum of the loss with one mixed target and a constant arch."}}
figures.identity(curves)

# %% tags=["check"]
holds = "they agree" if numbers and gap.abs().max() < 1e-6 else "THEY DIFFER"
record("identity_holds", holds if numbers else "–")

# %% tags=["check", "nbval-ignore-output"]
for name in number_titles:
    known = name in arms_here
    record(
        f"rmse_{name}",
        f"{bootstrap(error_of[name].to_numpy()):.2f}" if known else "–",
    )
    record(f"rmse_gain_{name}", signed(against[name].gain, 2) if known else "–")
    record(f"rmse_verdict_{name}", against[name].verdict if known else "–")

# %% [markdown]
# Both sides of the identity: {glue:text}`identity_holds`. Against the plain student, gain in bpm RMSE:
# smoothed label {glue:text}`rmse_gain_mixed` ({glue:text}`rmse_verdict_mixed`), teacher-bounded
# {glue:text}`rmse_gain_bounded` ({glue:text}`rmse_verdict_bounded`); a distribution without teacher
# {glue:text}`rmse_gain_bins` ({glue:text}`rmse_verdict_bins`) and with one
# {glue:text}`rmse_gain_bins_distilled` ({glue:text}`rmse_verdict_bins_distilled`). (A dash: no heart rate
# in this data set. A difference below half a beat is not worth naming.) And simple
# answers stand beside it: the last value has an RMSE of {glue:text}`rmse_last` bpm, the plain student
# {glue:text}`rmse_plain`, a straight line on the last minute and the plan
# {glue:text}`rmse_autoregression_plan` (against the plain student:
# {glue:text}`rmse_verdict_autoregression_plan`). Where that line is better than the plain student, a
# distilled one has first to make up that much.

# %% [markdown]
# ## The long run
#
# One fold and two short trainings prove little. The accepted runs below use every fold, so that each
# real athlete is tested once, and five seeds for the label budget. What is not a score is a paired gain
# over the plain student with equally many labels.

# %% tags=["hide-input"]
LONG = {
    "athletes tested": "tested",
    "teacher, macro-F1": "f1_teacher",
    "plain student, macro-F1": "f1_plain",
    "distilled, all labelled": "gain_distilled",
    **{
        f"{n} labelled, {text}": f"gain_{kind}_{n}"
        for n in (4, 8, 32)
        for kind, text in (
            ("teacher", "the teacher itself"),
            ("distilled", "distilled on their own windows"),
            ("others", "distilled with the others"),
        )
    },
    "α and τ chosen on validation": "chosen_gain",
    "40 % wrong labels": "noise_gain",
    **{titles[n]: f"variant_gain_{n}" for n in titles if n != "distilled"},
    "answers like the teacher, plain": "fidelity_plain",
    "answers like the teacher, distilled": "fidelity_distilled",
    "smallest student within the margin": "smallest",
    "µs a window, student": "us_student",
    "µs a window, teacher": "us_teacher",
    "heart rate: plain student, RMSE (bpm)": "rmse_plain",
    "heart rate: autoregression + plan (bpm)": "rmse_gain_autoregression_plan",
    "heart rate: smoothed label (bpm)": "rmse_gain_mixed",
    "heart rate: teacher-bounded (bpm)": "rmse_gain_bounded",
    "heart rate: distribution, distilled (bpm)": "rmse_gain_bins_distilled",
}


def long_cell(run, key):
    """A recorded number, for a gain with its verdict."""
    verdict = run["numbers"].get(key.replace("gain", "verdict"), "")
    value = str(run["numbers"].get(key, "–"))
    return f"{value} {verdict}".strip() if "gain" in key and value != "–" else value


redo = "sportsml run 08 -p dataset {} -p profile full"
long_runs = {
    name: accepted.find("08_distil", name)
    for name in ("swimming", "actes", "simulated")
}
missing = "; ".join(redo.format(n) for n, run in long_runs.items() if not run)
long_table = pd.DataFrame(
    {
        n: [long_cell(run, key) for key in LONG.values()]
        for n, run in long_runs.items()
        if run
    },
)
long_table.insert(0, "", list(LONG) if len(long_table.columns) else [])
style.text_table(long_table) if len(
    long_table
) else f"No accepted result: {missing}"

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Accepted results: the paired gain over the plain student with equally many labels, by the number of labelled training athletes (the last mark: all of them). Bars: 95 % intervals over athletes and seeds; grey band: too small to name.", "name": "fig-distil-long"}, "image": {"alt": "A panel a data set: gain in macro-F1 of the teacher and of the two distilled students over the plain student against the number of labelled athletes."}}
long_gain = {}
for name, run in long_runs.items():
    if run is None:
        continue
    rows = []
    for kind, title in {"teacher": "teacher", **kinds}.items():
        ends = {n: f"gain_{kind}_{n}" for n in (4, 8, 32)}
        ends[int(run["numbers"]["labelled_all"])] = f"gain_{kind}"
        part = accepted.intervals(run, ends).rename_axis("athletes").reset_index()
        rows.append(part.assign(arm=title))
    title = name if name == "simulated" else f"{name} (real)"
    long_gain[title] = pd.concat(rows)
figures.budgets(long_gain, worth) if long_gain else style.nothing(
    "No accepted result yet."
)

# %% tags=["check"]
first = long_runs["swimming"]
record("long_command", first["command"] if first else redo.format("swimming"))
for name, run in long_runs.items():
    kept = run["numbers"] if run else {}
    for key in (
        "verdict_distilled",
        "gain_distilled",
        "gain_others_8",
        "verdict_others_8",
        "noise_gain",
        "noise_verdict",
        "smallest",
    ):
        record(f"long_{key}_{name}", str(kept.get(key, "–")))

# %% [markdown]
# *Accepted results: this page prints them and does not compute them. To redo one:*
# {glue:text}`long_command`. *Intervals over athletes and seeds, 95 %. The columns called swimming and
# actes are real people; simulated is our own simulator and says nothing about real ones.*
#
# | | swimming | actes | simulated |
# |---|---|---|---|
# | all labelled, distilled | {glue:text}`long_gain_distilled_swimming`: {glue:text}`long_verdict_distilled_swimming` | {glue:text}`long_gain_distilled_actes`: {glue:text}`long_verdict_distilled_actes` | {glue:text}`long_gain_distilled_simulated`: {glue:text}`long_verdict_distilled_simulated` |
# | 8 labelled, the others without labels | {glue:text}`long_gain_others_8_swimming`: {glue:text}`long_verdict_others_8_swimming` | {glue:text}`long_gain_others_8_actes`: {glue:text}`long_verdict_others_8_actes` | {glue:text}`long_gain_others_8_simulated`: {glue:text}`long_verdict_others_8_simulated` |
# | 40 % of the training labels wrong, distilled | {glue:text}`long_noise_gain_swimming`: {glue:text}`long_noise_verdict_swimming` | {glue:text}`long_noise_gain_actes`: {glue:text}`long_noise_verdict_actes` | {glue:text}`long_noise_gain_simulated`: {glue:text}`long_noise_verdict_simulated` |
# | smallest student within the margin below the teacher | {glue:text}`long_smallest_swimming` | {glue:text}`long_smallest_actes` | {glue:text}`long_smallest_simulated` |
#
# **Caveat.** α, τ, widths and steps are one recipe. A student trained ten times as long, on many more
# unlabelled athletes, may profit more; nothing here says that distillation *cannot* help.

# %% [markdown]
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
logits = torch.tensor([[4.0, 2.0, 0.0]])
answer = [soften(logits, t)[0, 1].item() for t in (1, 4)]
record("exercise_1", f"{answer[0]:.2f} and {answer[1]:.2f}")

# %% [markdown]
# ### Exercise 2
#
# The student of exercise 1 says 0, 0, 0. By what factor does the size of the gradient of $H$ shrink when
# τ goes from 50 to 100, and that of $\tau^2 H$?
#
# Expected: {glue:text}`exercise_2`

# %% tags=["solution"]
sizes_at = [
    ((soften(0 * logits, t) - soften(logits, t)) / t).norm().item()
    for t in (50, 100)
]
answer = sizes_at[0] / sizes_at[1]
record("exercise_2", f"{answer:.1f} and {answer / 4:.1f}")

# %% [markdown]
# ### Exercise 3
#
# A teacher predicts 150 bpm where 140 were measured. With α = 0.3: what is the one label that the
# student learns, and how much of the two-target loss can it never remove?
#
# Expected: {glue:text}`exercise_3`

# %% tags=["solution"]
answer = mixed_target(torch.tensor(150.0), torch.tensor(140.0), 0.3).item()
record("exercise_3", f"{answer:.0f} bpm, {0.3 * 0.7 * (150 - 140) ** 2:.0f} bpm²")

# %% [markdown]
# ### Exercise 4
#
# A watch leaves 4 kB for weights in int8. Which is the largest width of our student (in steps of 8) for
# this page's data set that fits?
#
# Expected: {glue:text}`exercise_4`

# %% tags=["solution"]
fits = [
    w
    for w in range(8, 200, 8)
    if count_parameters(Student(len(fold.signs[0]), fold.n_outputs, w)) <= 4000
]
record("exercise_4", max(fits))

# %% [markdown]
# ## Summary
#
# - Soft targets carry the teacher's doubt; τ² keeps their gradient's size, exactly only for high τ.
# - $H$ and KL teach the same; watch KL, because $H$ contains a constant that no student can remove
#   (on this page {glue:text}`share_constant` % of it).
# - With all athletes labelled, distilled against plain is {glue:text}`verdict_distilled` on this page.
#   Compression alone is no result: the plain student is as small.
# - With {glue:text}`fewest` labelled athletes and the others unlabelled: {glue:text}`verdict_others_fewest`.
# - In the long run on real swimmers: all labelled {glue:text}`long_gain_distilled_swimming`
#   ({glue:text}`long_verdict_distilled_swimming`), eight labelled
#   {glue:text}`long_gain_others_8_swimming` ({glue:text}`long_verdict_others_8_swimming`), 40 % wrong
#   labels {glue:text}`long_noise_gain_swimming` ({glue:text}`long_noise_verdict_swimming`).
# - For a single number with every window labelled, distillation is a smoothed label.
#
# ## What comes next
#
# One student for everybody is a compromise. Chapter 9 takes it to one athlete, with a few labelled
# windows, and asks how not to harm anyone.

# %% [markdown]
# ## References
#
# ```{footbibliography}
# ```
