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
# # 9 · Transfer to a new athlete
#
# **The question.** A few labelled windows of one athlete: how much better does the model become for
# this athlete, by which method, and can it be done so that nobody ends up worse off?
#
# ```{admonition} You will be able to
# - **choose** which weights move, and prove that the others did not;
# - **judge** adaptation by earliest windows and a gap, beside a baseline that only knows *which*
#   classes the athlete performs;
# - **guard** the athletes for whom the model was already right.
# ```
#
# | You need | Where |
# |---|---|
# | why athletes, not rows, are split | chapter 2 |
# | the student, and how it was distilled | chapters 7 and 8 |
# | cross-entropy, softmax, AdamW | chapters 3 and 8 |
#
# *30 minutes to read, about a minute to run.*

# %% tags=["imports"]
import time
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import torch

from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import bootstrap, by_athlete, compare
from sportsml_lite.losses import Soft
from sportsml_lite.models import count_parameters
from sportsml_lite.plots import style
from sportsml_lite.plots import transfer as figures
from sportsml_lite.prepare.tasks import load_task
from sportsml_lite.protocol import (
    PROTOCOL,
    FewShot,
    few_shot_windows,
    margin,
)
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.studies import accepted
from sportsml_lite.training.folds import (
    ask,
    each,
    in_units,
    make_fold,
    sizes_for,
    splits_of,
    train_student,
    train_teacher,
)
from sportsml_lite.transfer import (
    METHODS,
    NO_OWN_DATA,
    Adaptation,
    adapted,
    answers,
    as_support,
    choose,
    fit_population,
    personalise_many,
    personalise_one,
    phases,
    scored,
    take_shots,
    trials,
    with_device,
)

style.use()

# %% tags=["parameters"]
dataset = (
    "simulated"  # name or path: simulated, simulated_b, actes, swimming or a folder
)
data_dir = ""  # path: folder of your own tables, or the one that holds the data set
seed = 0  # 0 to 1000000: simulated athletes, resampling, and the first training run
profile = (
    "quick"  # 'quick' or 'full': the first fold and two seeds, or five of both
)
n_athletes = (
    0  # athletes, 0 to 2000: how many are simulated; 0 is the profile's number
)
steps = 40  # steps, 1 to 10000: of AdamW for one athlete, in every method
k_shift = 5  # windows a class, 1 to 20: given where the device or a class is new

# %% tags=["hide-input"]
check_values("09", globals())
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
if simulated and not full:  # a short training, for a page that runs in a minute
    sizes = replace(
        sizes,
        teacher=replace(sizes.teacher, steps=100, batch_size=32),
        student=replace(sizes.student, steps=80, batch_size=32),
    )
rule = margin("macro_f1")
shot = few_shot_windows(task.windows)
# A ramp test shows its classes one after the other, and each of them once.
in_order = dataset == "actes"
too_few = shot.deepest.max() < 1
large = len(task.windows) > 10_000


def part_of(split, part):
    """The windows of a part of a split, with their athletes and times."""
    return task.windows.take(split.rows(task.windows.athlete, part))


# %% tags=["check"]
named = simulated or dataset in ("swimming", "actes")
record("data", dataset if named else "your own tables")
record("people", len(set(task.windows.athlete)))
shows = pd.Series(task.windows.y).groupby(task.windows.athlete).nunique()
record("two_classes", int((shows < 3).sum()))
record("n_windows", f"{len(task.windows):,}")
record("class_names", ", ".join(task.windows.classes).replace("_", " "))
record("folds_used", len(folds))
record("seeds_used", len(seeds))
record("worth", rule.worth_naming, digits=2)
record("harm", rule.harm, digits=2)
record("steps", steps)
record("run_is", "full" if full else "short")
record("left_out", task.left_out)
record("absent", ", ".join(sorted({c for f in folds for c in f.absent})) or "none")

# %% [markdown]
# ## What a new athlete gives
#
# Data of this page: *{glue:text}`data`*, {glue:text}`n_windows` windows of {glue:text}`people` athletes;
# classes: {glue:text}`class_names` (without any training window in some fold: {glue:text}`absent`). A
# {glue:text}`run_is` run: {glue:text}`folds_used` fold(s), {glue:text}`seeds_used` seeds. Left out by the
# loader, or assumed: {glue:text}`left_out`.
#
# **Intuition.** A new swimmer swims ten seconds of each stroke for the coach, then trains. What the
# coach labelled is the {term}`support`. So the support is the *earliest* $k$ windows of each class
# that the athlete performs. The test is what comes later *of the same class*, a window length away
# from anything used, and is the same for every $k$. With several classes a test window may come before
# another class was shown. Drawing windows at random would be another exam: windows overlap, and a
# random one has its twin in the test.
#
# Who cannot give $k$ windows of every class that they perform drops out, so each point of a curve has
# its own athletes. They are counted here, over all athletes of the data set:

# %% tags=["hide-input"]
style.table(shot.counts().reset_index(), precision=0)

# %% tags=["check"]
kept = shot.counts()["athletes"]
for k in PROTOCOL.k:
    record(f"remain_{k}", int(kept[k]))
record(
    "per_class",
    "the classes come in the order of their intensity, each once: the earliest windows "
    "show one class only, and one that shows all of them is the whole test. So the "
    "curves are left out on this page, and the athlete gives two measured heart rates "
    "instead, at the end of the page"
    if in_order
    else "nobody can give a window of each class and keep others for the test, so the "
    "curves are left out on this page"
    if too_few
    else f"{kept[1]} of {kept[0]} athletes can give a window of each class",
)

# %% [markdown]
# On this data set {glue:text}`per_class`.
#
# ## How a model may move
#
# With $S_w(x)$ the student's probabilities for a window $x$, $w_0$ its weights as trained on other
# athletes (the *{term}`population model`*), and $n$ labelled windows $(x_i, y_i)$,
#
# $$ L(w) = \frac1n \sum_{i=1}^{n} H\bigl(y_i, S_w(x_i)\bigr)
#    + \frac{\lambda}{2n} \lVert w - w_0 \rVert^2 . $$
#
# The second term pulls back to the population. Divided by $n$, it is what a normal prior around $w_0$
# would say: the more windows, the less it weighs. Methods differ in *what may move*:
#
# | name | moves | idea |
# |---|---|---|
# | `masked` | nothing | only the classes of the support may be answered: **the baseline** |
# | `means` | the head, the same for all | the population's class means, none of the athlete's windows |
# | `shrink` | the head, in closed form | an athlete's class means, between own and population's |
# | `head` | the last layer | features are for all, the border is one's own {footcite:p}`raghu2020` |
# | `first` | the first convolution | a new sensor is a new input {footcite:p}`leesurgical2023` |
# | `lp_ft` | the head, then all | a good head first, so that features are not distorted {footcite:p}`kumar2022` |
# | `gradual` | from last layer to first | {footcite:p}`howard2018` |
# | `l2_sp` | all, with pull | {footcite:p}`li2018` |
# | `all` | all | {term}`fine-tuning` as it comes |
# | `scratch` | all, from random weights | does the population help at all? |
#
# Why must the baseline be masked? One labelled window of each class tells a model *which* classes an
# athlete performs. A swimmer of two strokes can then no longer be given a third. That is worth
# something, and has nothing to do with learning. Every method below may use it too.
#
# **Frozen means unchanged.** Not nearly: bit by bit, and buffers too. The student has no statistics
# that drift (no batch normalisation), so we can ask for it:

# %%
fold, split = folds[0], splits[0]


def base_student(fold, seed):
    """The distilled student of chapter 8: the labels, and a teacher of the same seed."""
    teacher = train_teacher(fold, seed, sizes)
    soft = ask([teacher], fold.train, fold.signs)
    return train_student(fold, seed, sizes, Soft(0.5, 2.0), soft)


student = base_student(fold, seed).model
example = fold.train.take(np.unique(fold.train.y.numpy(), return_index=True)[1])
one = [[*range(len(example))]]
moved = {}
for method in METHODS:
    names = set(sum(phases(method, student), ()))
    if names:
        adaptation = Adaptation(method, 5, pull=1.0)
        model, _ = personalise_one(student, as_support(example, one), adaptation)
        same = {
            name: torch.equal(value, student.state_dict()[name])
            for name, value in model.state_dict().items()
        }
        moved[method] = {
            "parameters that may move": sum(
                student.get_parameter(n).numel() for n in names
            ),
            "frozen tensors": sum(n not in names for n in same),
            "of them unchanged": sum(v for n, v in same.items() if n not in names),
        }
moved = pd.DataFrame(moved).T
style.table(moved.rename_axis("method").reset_index(), precision=0)

# %% tags=["check"]
frozen_same = (moved["frozen tensors"] == moved["of them unchanged"]).all()
record("frozen", "unchanged, every bit" if frozen_same else "CHANGED")
record("n_parameters", f"{count_parameters(student):,}")
record("n_head", f"{int(moved.loc['head', 'parameters that may move']):,}")

# %% [markdown]
# What is frozen is {glue:text}`frozen`. Of the student's {glue:text}`n_parameters` parameters the head
# has {glue:text}`n_head`.
#
# ## The one to beat: shrinkage in closed form
#
# **Intuition.** In the student's feature space each class is a cloud. A new athlete's clouds lie a
# little elsewhere. One window is a poor guess of where, the population's mean is a safe one: take a
# point between, nearer to the own mean the more windows there are ({term}`shrinkage`).
#
# **Equation.** With $n_k$ windows of class $k$, their mean feature $\bar f_k$, the population's class
# mean $\mu_k$, and one covariance $\Sigma$ of windows *within* athlete and class,
#
# $$ \mu_k' = \mu_k + \frac{n_k}{n_k + \kappa}\, (\bar f_k - \mu_k), \qquad
#    \text{answer} = \arg\max_k \; \mu_k'^\top \Sigma^{-1} f - \tfrac12\, \mu_k'^\top \Sigma^{-1} \mu_k' . $$
#
# $\kappa$ says how many windows the population counts as. The second formula is linear discriminant
# analysis: linear in $f$, so it is just another head, found without a single gradient.
#
# **Two changes in one.** The formula swaps the trained head for class means, *and* uses the athlete's
# windows. The first alone may gain or lose, and needs no data of the athlete. So it is an arm of its
# own: `means`, with $\kappa \to \infty$. What the windows add is `shrink` minus `means`.
#
# ## A guard: who had better stay?
#
# The athletes who need no adaptation are the ones it can hurt. Their support tells, but not by how
# well the adapted model fits it, and not by leaving a window out either: its neighbour, which overlaps
# it, stays in. So we leave out a whole *class*. A model is made from the athlete's other classes and
# must explain the class it has not seen. With $H_{-c}$ the loss on the windows of class $c$ under the
# model made without them, and $H_0$ the loss on them under the same kind of model made without *any*
# window of the athlete (for `shrink` that is `means`, for `first` the population's model),
#
# $$ \text{adapt this athlete} \iff \sum_c H_{-c} < \sum_c H_0 . $$
#
# Otherwise the athlete keeps the population's model, bit by bit; its answers stay masked. For `shrink`
# both sides are class means, so the change of head is no part of the comparison: if the means of the
# *other* classes, moved to where this athlete's are, help with a class not seen, it is the athlete's
# windows that help. A trained head cannot pass this exam: without a class, it learns to avoid it. What
# leaves the unseen class where it was can: class means; or what changes the input of all: the first
# layer.
#
# The guard cannot examine athletes with fewer than three classes: one left out, there is nothing left
# to tell apart. They always stay, and here that is {glue:text}`two_classes` of {glue:text}`people`.
#
# **The recipe** of this chapter: of `means`, of `shrink` with and without the guard, and of `first`
# with it, the setting with the highest mean gain on validation athletes *among those that harm none of
# them*.
#
# ```{admonition} How it was found
# :class: note
# The guard was devised while looking at one seed of the swimmers below. At that time it compared class
# means with the trained head, and so took the change of head for a gain by the windows. So read the
# swimming curves of guard and recipe as a description. Simulated athletes had no part in either. The
# recipe may leave the guard out, since it also holds back athletes who would have gained.
# ```
#
# ## Settings are chosen on validation athletes
#
# κ, learning rate and pull have to come from somewhere: from *validation* athletes, by their mean gain
# (for the recipe: among the settings that harm none). One fold may have only three. So a fold also
# asks the validation athletes of the other folds, each under a student that did not train on them, but
# none who is to be tested in this fold. If nobody is left to ask, the most careful setting is taken.
# Gain and harm on validation athletes are judged against `masked`, on this page against the population.

# %%
LIGHT = ("masked", "means", "shrink", "guarded", "head", "recipe")
HEAVY = ("first", "lp_ft", "l2_sp", "gradual", "all", "scratch")
TITLES = {"guarded": "shrink, guarded", "lp_ft": "LP-FT", "l2_sp": "L2-SP"}
TITLES |= {"means": "class means, no own data"}
still = Adaptation("population")


def grid_of(arm):
    """Settings to try, the most careful first."""
    if arm == "masked":
        return [replace(still, masked=True)]
    if arm == "means":
        return [Adaptation("shrink", kappa=NO_OWN_DATA, masked=True)]
    if arm == "shrink":
        kappas = (30.0, 10.0, 3.0, 1.0, 0.3)
        return [Adaptation("shrink", kappa=k, masked=True) for k in kappas]
    if arm == "guarded":
        return [replace(a, guarded=True) for a in grid_of("shrink")]
    if arm == "recipe":
        first = [replace(a, guarded=True) for a in grid_of("first")]
        careful = grid_of("means") + grid_of("guarded")
        return careful + grid_of("shrink") + first
    rates = (3e-4, 1e-3, 3e-3)
    pulls = {"head": (10.0, 1.0, 0.0), "l2_sp": (10.0,)}.get(arm, (0.0,))
    if arm in ("head", "scratch"):
        rates = (3e-3, 1e-2, 3e-2)
    rates = rates if full or arm == "head" else rates[1:2]
    return [
        Adaptation(arm, steps, rate, pull, masked=True)
        for rate, pull in product(rates, pulls)
    ]


most = min(int(shot.deepest.max()), 20 if full and not large else 5)
ks = tuple(k for k in PROTOCOL.k if 0 < k <= most)
heavy_ks = ks if full and not large else tuple(k for k in (1, 5) if k in ks)
heavy_seeds = seeds if full and not large else seeds[: 2 if full else 1]
trial_seeds = seeds[: 2 if full and not large else 1]


def cases_of(fold, part, windows):
    """Student, windows to calibrate and test on, and class means; one a seed."""
    shots = take_shots(part, windows)
    students = [base_student(fold, s).model for s in seeds]
    return [
        (s, shots, fit_population(s, fold.train, fold.train_athlete))
        for s in students
    ]


def try_fold(job):
    """What every setting of every method gains on the fold's validation athletes."""
    fold, theirs = job
    cases = cases_of(fold, fold.validation, theirs)
    return {
        arm: trials(
            cases[: len(trial_seeds)],
            grid_of(arm),
            heavy_ks if arm in (*HEAVY, "recipe") else ks,
        )
        for arm in (*LIGHT, *HEAVY)
    }


def adapt_fold(job):
    """Every method on the test athletes of one fold."""
    fold, chosen = job
    cases = cases_of(fold, fold.test, fold.windows)
    found = []
    for arm, how in chosen.items():
        heavy = arm in HEAVY
        some = zip(heavy_seeds if heavy else seeds, cases, strict=False)
        for (s, (student, shots, known)), k in product(
            some, heavy_ks if heavy else ks
        ):
            if k not in shots.most(ks):
                continue
            start = time.perf_counter()
            models = adapted(student, shots, k, how, known)
            took = (time.perf_counter() - start) / len(models)
            said = scored(answers(models, shots, k)).reset_index()
            found.append(
                said.assign(arm=arm, k=k, seed=s, seconds=took, moves=models.steps)
            )
    return found, cases[0]


def chosen_for(split):
    """Settings by all folds' validation athletes who are no test athletes of this one."""
    chosen = {"population": still}
    for arm in (*LIGHT, *HEAVY):
        gains = pd.concat([t[arm] for t in tried])
        gains = gains[~gains.index.isin([str(a) for a in split.test])]
        harm = rule.harm if arm == "recipe" else None
        grid, gains = grid_of(arm), gains.groupby(level=0).mean()
        chosen[arm] = choose(grid, gains, harm) if len(gains) else grid[0]
    return chosen


tried, picks, done = [], [], []
if not (in_order or too_few):
    jobs = [
        (f, part_of(s, "validation")) for f, s in zip(folds, splits, strict=True)
    ]
    tried = each(try_fold, jobs, workers)
    picks = [chosen_for(split) for split in splits]
    done = each(adapt_fold, list(zip(folds, picks, strict=True)), workers)

# %% tags=["check"]
record("n_shrink", len(grid_of("shrink")))
record("n_head_settings", len(grid_of("head")))
record("heavy_settings", len(grid_of("first")))
record("trial_seeds", len(trial_seeds))
record("heavy_seeds", len(heavy_seeds))
record("heavy_ks", ", ".join(map(str, heavy_ks)) if picks else "–")

# %% [markdown]
# Not all are tuned alike. `shrink` was tried with {glue:text}`n_shrink` settings, `head` with
# {glue:text}`n_head_settings`, all with {glue:text}`trial_seeds` seed(s). The methods that train more
# than a head were tried with {glue:text}`heavy_settings` setting(s), and tested with
# {glue:text}`heavy_seeds` seed(s), at $k$ = {glue:text}`heavy_ks` only. In a short run, and above
# 10,000 windows, nobody is given more than five windows a class.
#
# ## Gain against the number of labelled windows
#
# Each athlete's macro-F1 after adaptation, minus the same athlete's under the population's model, on
# the same test windows. Intervals draw athletes and seeds.


# %% tags=["hide-input"]
def score_of(arm, k, metric="macro_f1"):
    """Scores of an arm, athletes × seeds; None where it was not run."""
    part = rows[(rows["arm"] == arm) & (rows["k"] == k)]
    return (
        part.pivot(index="athlete_id", columns="seed", values=metric)
        if len(part)
        else None
    )


def against(arm, k, reference="population", metric="macro_f1"):
    """Judged by the protocol's margins, over the seeds that both have."""
    a, b = score_of(reference, k, metric), score_of(arm, k, metric)
    if b is None or len(b) < 2:
        return None
    return compare(a[b.columns], b, metric)


COLUMNS = ["athlete_id", "arm", "k", "seed", "seconds", "moves"]
COLUMNS += ["macro_f1", "accuracy"]
frames = [frame for found, _ in done for frame in found]
rows = pd.concat(frames) if frames else pd.DataFrame(columns=COLUMNS)
arms = [*LIGHT, *HEAVY]
judged = {(a, k): c for a in arms for k in ks if (c := against(a, k)) is not None}
curve = pd.DataFrame(
    [
        (
            TITLES.get(a, a),
            k,
            c.gain.estimate,
            c.gain.low,
            c.gain.high,
            c.harmed.estimate,
        )
        for (a, k), c in judged.items()
    ],
    columns=["method", "k", "estimate", "low", "high", "harmed"],
)
remaining = {
    k: judged["masked", k].gain.athletes for k in ks if ("masked", k) in judged
}
why_not = "Not on this data set: " + (
    "the classes come in the order of their intensity."
    if in_order
    else "fewer than two of the athletes tested can give a window of each class and keep "
    "others for the test."
)

# %% mystnb={"figure": {"caption": "The methods that cost next to nothing, against the number of labelled windows a class. Left: gain in macro-F1 over the population's model, 95 % intervals over athletes and seeds; each k has its own athletes (in brackets). Right: share of athletes that lose more than the margin of harm.", "name": "fig-transfer-curves"}, "image": {"alt": "Two panels against the number of labelled windows a class: gain in macro-F1 with intervals for masked, class means without own data, shrink, guarded shrink, head and the recipe, and the share of athletes harmed by each."}}
cheap = curve[curve["method"].isin([TITLES.get(a, a) for a in LIGHT])]
figures.curves(cheap, remaining, rule.harm) if len(cheap) else style.nothing(
    why_not
)


# %% tags=["hide-input"]
def gains_of(arm):
    """Every athlete's gain, athletes × k, mean over seeds."""
    found = {k: score_of(arm, k) for k in ks}
    found = {k: (f - score_of("population", k)[f.columns]).mean(axis=1)
             for k, f in found.items() if f is not None}  # fmt: skip
    return pd.DataFrame(found)


# %% mystnb={"figure": {"caption": "Every line is an athlete never seen, mean over seeds; black: the mean of those who remain. At 0: the population's model. Grey: the margin inside which nobody counts as harmed; orange: athletes who leave it at some k. Left, a fine-tuned head. Right, the recipe.", "name": "fig-transfer-athletes"}, "image": {"alt": "Two panels of lines, one for each athlete: gain in macro-F1 against the number of labelled windows a class. Lines that fall below the margin of harm at some k are orange."}}
panels = {"head, fine-tuned": "head", "the recipe": "recipe"}
(
    figures.athletes({t: gains_of(a) for t, a in panels.items()}, rule.harm)
    if judged
    else style.nothing(why_not)
)

# %% [markdown]
# All methods side by side, at one and at five windows a class. *Harmed*: lost more than
# {glue:text}`harm` of macro-F1 (mean over seeds). *Worst*: the largest loss of one athlete.

# %% tags=["hide-input"]
SHOWN = tuple(k for k in (1, 5) if k in ks)


def worst(arm, k):
    """The largest loss of one athlete, as text."""
    return f"{round(gains_of(arm)[k].min(), 2) + 0.0:.2f}"  # no minus zero


def highest(values):
    """Title of the arm with the highest value; several where they are equal."""
    best = [
        TITLES.get(a, a) for a, v in values.items() if v == max(values.values())
    ]
    return best[0] if len(best) == 1 else "several, equal" if best else "–"


def line(arm, k):
    """A row of the table of methods."""
    c = judged[arm, k]
    return [f"{c.gain:.3f}", f"{100 * c.harmed.estimate:.0f}", worst(arm, k)]


columns = pd.MultiIndex.from_product(
    [[f"k = {k}" for k in SHOWN], ["gain", "harmed (%)", "worst"]]
)
methods_table = pd.DataFrame(
    {TITLES.get(a, a): [cell for k in SHOWN for cell in line(a, k)] for a in arms if (a, 1) in judged
     and all((a, k) in judged for k in SHOWN)},
    index=columns if SHOWN else None,
).T  # fmt: skip
methods_table if judged else why_not

# %% tags=["check"]
for k in PROTOCOL.k[1:]:
    record(f"people_{k}", int(remaining.get(k, 0)) or "–")

# %% tags=["check", "nbval-ignore-output"]
for arm, k in product(arms, PROTOCOL.k[1:]):
    c = judged.get((arm, k))
    record(f"gain_{arm}_{k}", f"{c.gain:.3f}" if c else "–")
    record(f"harmed_{arm}_{k}", f"{100 * c.harmed.estimate:.0f}" if c else "–")
    record(f"worst_{arm}_{k}", worst(arm, k) if c else "–")
for arm, k in product(("recipe", "guarded", "shrink", "head", "means"), (1, 5)):
    c = against(arm, k, "means")
    record(
        f"over_means_{arm}_{k}", f"{c.gain:.3f}" if c and arm != "means" else "–"
    )
    c = against(arm, k, "masked")
    record(f"over_masked_{arm}_{k}", f"{c.gain:.3f}" if c else "–")
    record(f"verdict_{arm}_{k}", c.verdict if c else "–")
    c = against(arm, k, metric="accuracy")
    record(f"accuracy_{arm}_{k}", f"{c.gain:.3f}" if c else "–")
for k in (1, 5):
    f = score_of("population", k)
    record(f"f1_population_{k}", f.to_numpy().mean() if f is not None else "–",
           digits=None if f is None else 3)  # fmt: skip
    record(
        f"best_{k}",
        highest({a: judged[a, k].gain.estimate for a in arms if (a, k) in judged}),
    )
hurt = {
    a: int((gains_of(a).min(axis=1) < -rule.harm).sum()) for a in arms if judged
}
for arm in LIGHT:
    record(f"ever_harmed_{arm}", hurt.get(arm, "–"))
adapts = rows[rows["arm"] == "guarded"]["moves"].mean() if judged else None
record(
    "adapted_share", 100 * adapts if judged else "–", digits=0 if judged else None
)
picked = [chosen["recipe"] for chosen in picks]
picked = [
    (
        "class means, no own data"
        if a.kappa == NO_OWN_DATA
        else f"shrink with κ = {a.kappa:g}"
        if a.method == "shrink"
        else f"first at {a.rate:g}"
    )
    + ", guarded" * a.guarded
    for a in picked
]
record("picked", "; ".join(sorted(set(picked))) or "–")

# %% [markdown]
# The population's model has a macro-F1 of {glue:text}`f1_population_1` (mean over the
# {glue:text}`people_1` athletes at $k = 1$). Knowing the classes alone (`masked`) adds
# {glue:text}`gain_masked_1`. Beyond *that*, with one and with five labelled windows of each class, and
# beyond the class means of others in place of the trained head (`means`):
#
# | method | over masked, $k = 1$ | verdict | over means, $k = 1$ | over masked, $k = 5$ | verdict | over means, $k = 5$ |
# |---|---|---|---|---|---|---|
# | means, no own data | {glue:text}`over_masked_means_1` | {glue:text}`verdict_means_1` | – | {glue:text}`over_masked_means_5` | {glue:text}`verdict_means_5` | – |
# | shrink | {glue:text}`over_masked_shrink_1` | {glue:text}`verdict_shrink_1` | {glue:text}`over_means_shrink_1` | {glue:text}`over_masked_shrink_5` | {glue:text}`verdict_shrink_5` | {glue:text}`over_means_shrink_5` |
# | head | {glue:text}`over_masked_head_1` | {glue:text}`verdict_head_1` | {glue:text}`over_means_head_1` | {glue:text}`over_masked_head_5` | {glue:text}`verdict_head_5` | {glue:text}`over_means_head_5` |
# | shrink, guarded | {glue:text}`over_masked_guarded_1` | {glue:text}`verdict_guarded_1` | {glue:text}`over_means_guarded_1` | {glue:text}`over_masked_guarded_5` | {glue:text}`verdict_guarded_5` | {glue:text}`over_means_guarded_5` |
# | recipe | {glue:text}`over_masked_recipe_1` | {glue:text}`verdict_recipe_1` | {glue:text}`over_means_recipe_1` | {glue:text}`over_masked_recipe_5` | {glue:text}`verdict_recipe_5` | {glue:text}`over_means_recipe_5` |
#
# *Verdict*: of the gain over masked.
#
# Athletes who lose more than {glue:text}`harm` at *some* $k$: means {glue:text}`ever_harmed_means`,
# shrink {glue:text}`ever_harmed_shrink`, guarded {glue:text}`ever_harmed_guarded`, head
# {glue:text}`ever_harmed_head`, the recipe {glue:text}`ever_harmed_recipe`. The guard lets
# {glue:text}`adapted_share` % of the athletes be adapted. As the recipe, the validation athletes
# chose: {glue:text}`picked`. The largest mean gain of all methods at $k = 1$ is that of
# {glue:text}`best_1`, at $k = 5$ that of {glue:text}`best_5`.
#
# **Caveat.** A guard may protect; it cannot promise. It sees a few windows of one moment, and its
# price is the gain of those whom it holds back for nothing. It judges what the windows add, not the
# change of head: where `means` does worse than `masked`, whom it lets go may still lose.

# %% [markdown]
# ## Does a kinder exam give a higher mark?
#
# Tempting numbers come from random support windows. They overlap with the test windows, and there is
# no masked baseline beside them. The same heads, examined in three ways, $k = 1$. The exams do not have
# the same athletes: the random one also takes those who cannot keep a window length free, and is a
# single draw.


# %% tags=["hide-input"]
def careless(shots, draw):
    """One random window of each class to calibrate with; all others test."""
    rng = np.random.default_rng(draw)
    rank = np.zeros(len(shots.y), int)
    groups = pd.DataFrame({"a": shots.athlete, "y": shots.y}).groupby(["a", "y"])
    for own in groups.indices.values():
        rank[rng.choice(own)] = len(own) > 1
    ones = np.ones_like(rank)
    return replace(
        shots, shot=FewShot(shots.athlete.astype(object), rank, ones, rank == 0)
    )


def exam(student, shots, how, reference):
    """Each athlete's accuracy under two adaptations, k = 1, first seed."""
    pair = []
    for adaptation in (reference, how):
        models = adapted(student, shots, 1, adaptation)
        pair.append(scored(answers(models, shots, 1))["accuracy"])
    return pair[1] - pair[0]


exams = {}
for (_, (first, shots, _)), chosen in zip(done, picks, strict=True):
    if not shots.most((1,)):
        continue
    head = chosen["head"]
    free, masked = replace(head, masked=False), replace(still, masked=True)
    for name, got in {
        "random windows, against the population": exam(
            first, careless(shots, seed), free, still
        ),
        "earliest windows and a gap, against the population": exam(
            first, shots, free, still
        ),
        "earliest windows and a gap, against masked": exam(
            first, shots, head, masked
        ),
    }.items():
        exams.setdefault(name, []).append(got)
exams = {name: pd.concat(v) for name, v in exams.items()}


def mean_of(values):
    """Mean over athletes (and seeds) with its interval, as text; a dash below two athletes."""
    return f"{bootstrap(values.to_numpy()):.3f}" if len(values) > 1 else "–"


exam_table = pd.DataFrame(
    [(n, len(g), mean_of(g), f"{(g < -rule.harm).mean():.0%}", f"{g.min():.2f}")
     for n, g in exams.items()],
    columns=["examined by", "athletes", "gain in accuracy", "athletes harmed", "worst"],
)  # fmt: skip
style.text_table(exam_table) if exams else why_not

# %% tags=["check", "nbval-ignore-output"]
for i, name in enumerate(("random", "earliest", "masked")):
    record(f"exam_{name}", mean_of(list(exams.values())[i]) if exams else "–")

# %% [markdown]
# Gain of the head in accuracy: {glue:text}`exam_random` with random windows,
# {glue:text}`exam_earliest` with the earliest ones, {glue:text}`exam_masked` beyond what the names of
# the classes alone tell. Only the last is the gain of *learning from the windows*.

# %% [markdown]
# ## What it costs
#
# Time for one athlete at the largest $k$ of the table, in one call for all athletes of a fold, and
# how many numbers of the model differ from the population's.

# %% tags=["hide-input"]
costs = []
for arm in arms if judged else ():
    part = rows[(rows["arm"] == arm) & (rows["k"] == SHOWN[-1])]
    method = picks[0][arm].method
    names = set(sum(phases("head" if method == "shrink" else method, student), ()))
    touched = sum(student.get_parameter(n).numel() for n in names)
    costs.append((TITLES.get(arm, arm), 1000 * part["seconds"].median(), touched))
costs = pd.DataFrame(
    costs, columns=["method", "ms an athlete", "parameters touched"]
)
costs.style.hide().format(precision=1) if judged else why_not

# %% [markdown]
# For thousands of athletes the package puts their weights side by side (`personalise_many`): one call
# moves all of them. That is exact only because the losses of the athletes are *added*. A mean would
# shrink every step by their number, and one common limit on the gradient's length would couple them.
# In double precision it gives what a loop gives, here for the example from above, twice:

# %%
double = student.double()
wide = replace(example, X=example.X.double())
twice = as_support(wide, one * 2)
many = personalise_many(double, twice, Adaptation("all", 5))
alone, _ = personalise_one(double, twice, Adaptation("all", 5))
apart = max(
    float((a - b).detach().abs().max())
    for a, b in zip(many.model(1).parameters(), alone.parameters(), strict=True)
)
student = double.float()

# %% tags=["check"]
record(
    "same_as_loop", "equal within 1e-8" if apart < 1e-8 else f"APART by {apart:.0e}"
)

# %% [markdown]
# They are {glue:text}`same_as_loop`. `benchmarks/personalise_speed.py` times both sides.
#
# ## When more than the athlete is new
#
# **A new device.** The test athletes' windows, support and test alike, are written anew as by another
# device: a sensor that is one and a half times as sensitive (after scaling), one that is noisy, one
# that writes its last channel with the other sign. Theory says that a changed *input* is best mended
# at the first layer {footcite:p}`leesurgical2023`; here is what was measured, with
# {glue:text}`k_used` windows a class.
#
# **A new class.** One class is left out of training. The model cannot know it; the support shows it.
# This student learns from labels alone: it is not distilled, unlike the others here. In class means a
# class that nobody else has shown is where the athlete's own windows are, in every arm.
#
# **A new sport.** No real second sport recorded with the same channels is at hand, so this shift is
# shown only as a class left out.

# %% tags=["hide-input"]
k_used = max((k for k in ks if k <= k_shift), default=0)
DEVICES = {
    "as recorded": {},
    "gain × 1.5": {"gain": 1.5},
    "noise": {"noise": 0.5},
    "last channel reversed": {
        "signs": [*[1] * (len(task.windows.channels) - 1), -1]
    },
}
TRIED = ("masked", "recipe", "shrink", "head", "first", "all")
new_class = len(task.windows.classes) - 1


def without_class(fold):
    """The fold whose training and validation never show the last class."""
    rows, held = (part.y != new_class for part in (fold.train, fold.validation))
    return replace(fold, train=fold.train.take(rows), validation=fold.validation.take(held),
                   train_athlete=fold.train_athlete[rows.numpy()])  # fmt: skip


def ask_arms(shots, student, known, chosen, shift):
    """Scores of every tried arm on some shots."""
    if k_used not in shots.most((k_used,)):
        return []
    return [
        scored(answers(adapted(student, shots, k_used, chosen[a], known), shots, k_used))
        .reset_index().assign(arm=a, shift=shift)
        for a in TRIED
    ]  # fmt: skip


def shift_fold(job):
    """Every shift of one fold, first seed."""
    fold, student, known, chosen = job
    found = []
    for name, options in DEVICES.items():
        shots = take_shots(with_device(fold.test, **options), fold.windows)
        found += ask_arms(shots, student, known, chosen, name)
    less = without_class(fold)
    naive = train_student(less, seed, sizes).model
    population = fit_population(naive, less.train, less.train_athlete)
    shots = take_shots(fold.test, fold.windows)
    return found + ask_arms(
        shots, naive, population, chosen, f"new class: {names[new_class]}"
    )


names = [c.replace("_", " ") for c in task.windows.classes]
jobs = [
    (f, case[0], case[2], c)
    for f, (_, case), c in zip(folds, done, picks, strict=False)
]
shifted = each(shift_fold, jobs, workers) if k_used and done else []
shifted = [frame for found in shifted for frame in found]

# %% tags=["hide-input"]
shift_rows = []
shift_table = (
    pd.concat(shifted) if shifted else pd.DataFrame({"shift": [], "arm": []})
)
for (shift, arm), part in shift_table.groupby(["shift", "arm"], sort=False):
    if len(part) < 2:
        continue
    i = bootstrap(part["macro_f1"].to_numpy())
    shift_rows.append((shift, TITLES.get(arm, arm), i.estimate, i.low, i.high))
shift_rows = pd.DataFrame(
    shift_rows, columns=["shift", "method", "estimate", "low", "high"]
)

# %% mystnb={"figure": {"caption": "Macro-F1 of athletes never seen when the device or a class is new, first seed, 95 % intervals over athletes.", "name": "fig-transfer-shifts"}, "image": {"alt": "Dot plot with intervals: macro-F1 of each adaptation method for the data as recorded, for three changes of the device, for a class left out in training."}}
figures.shifts(shift_rows) if len(shift_rows) else style.nothing(why_not)

# %% tags=["check"]
record("k_used", k_used or "–")
record("new_class", names[new_class])

# %% tags=["check", "nbval-ignore-output"]
SHIFTS = {"gain": "gain × 1.5", "noise": "noise", "sign": "last channel reversed",
          "class": f"new class: {names[new_class]}",
          "none": "as recorded"}  # fmt: skip
by_shift = (
    shift_table.groupby(["shift", "arm"])["macro_f1"].mean() if shifted else {}
)
for key, shift in SHIFTS.items():
    has = shifted and (shift, "masked") in by_shift.index
    record(f"shift_{key}_best", highest(dict(by_shift[shift])) if has else "–")

# %% [markdown]
# | new | highest mean |
# |---|---|
# | nothing but the athlete | {glue:text}`shift_none_best` |
# | gain × 1.5 | {glue:text}`shift_gain_best` |
# | noise | {glue:text}`shift_noise_best` |
# | last channel reversed | {glue:text}`shift_sign_best` |
# | class *{glue:text}`new_class`* | {glue:text}`shift_class_best` |
#
# *Mean macro-F1 over athletes, first seed: a picture of where which method helps, no ranking.* The
# settings are those chosen for new athletes; nobody tuned them to a shift. The book's second generator
# is no shift of its own here: it differs in how effect follows from strain, and its streams are the
# same.

# %% [markdown]
# ## When classes come in order: two measured heart rates
#
# In a ramp test the intensity only rises. Its earliest windows are all of the lowest class, and an
# athlete who has given windows of every class has finished the test. There, few-shot adaptation by
# class would be a trick of the exam. What *can* be measured beforehand is a resting and a maximal
# {term}`heart rate`. They personalise the *input*: heart rate as a fraction of the athlete's own
# {term}`heart-rate reserve`, not of the maximum expected at this age {footcite:p}`nes2013`.
#
# $$ x_\text{age}(t) = \frac{h(t)}{211 - 0.64\,\text{age}}, \qquad
#    x_\text{reserve}(t) = \frac{h(t) - h_\text{rest}}{h_\text{max} - h_\text{rest}} . $$


# %% tags=["hide-input"]
def reserve_fold(job):
    """Test answers of the same student on both heart rates, a list over seeds each."""
    at_age, at_reserve = job
    return {
        name: [in_units(f, ask([base_student(f, s)], f.test, None)) for s in seeds]
        for name, f in (("age", at_age), ("reserve", at_reserve))
    }


why_no_heart = ""
try:
    if "hr_fraction" not in task.windows.channels:
        raise UserError(f"{task.name} records no heart rate")
    measured = load_task(**settings, heart_rate="reserve")
except UserError as error:
    why_no_heart = f"Not on this data set: {error}."
heart = None
if not why_no_heart:
    jobs = [(f, make_fold(measured, s)) for f, s in zip(folds, splits, strict=True)]
    said = each(reserve_fold, jobs, workers)
    truth = np.concatenate([f.windows.y for f in folds])
    who = np.concatenate([f.windows.athlete for f in folds])
    f1 = {
        n: pd.DataFrame({
            i: by_athlete(truth, np.concatenate([a[n][i] for a in said]), who, ["macro_f1"])[
                "macro_f1"] for i in range(len(seeds))})
        for n in ("age", "reserve")
    }  # fmt: skip
    heart = compare(f1["age"], f1["reserve"], "macro_f1")
heart_table = pd.DataFrame(
    [("of the maximum expected at this age", mean_of(f1["age"])),
     ("of the measured reserve", mean_of(f1["reserve"])),
     ("gain", f"{heart.gain:.3f}")],
    columns=["heart rate as a fraction", "macro-F1, athletes never seen"],
) if heart else None  # fmt: skip
style.text_table(heart_table) if heart else why_no_heart

# %% tags=["check", "nbval-ignore-output"]
record("f1_age", mean_of(f1["age"]) if heart else "–")
record("f1_reserve", mean_of(f1["reserve"]) if heart else "–")
record("gain_reserve", f"{heart.gain:.3f}" if heart else "–")
record("verdict_reserve", heart.verdict if heart else "–")
record("harmed_reserve", f"{100 * heart.harmed.estimate:.0f}" if heart else "–")
record("people_reserve", heart.gain.athletes if heart else "–")

# %% [markdown]
# Gain by two measured heart rates, the same student otherwise: {glue:text}`gain_reserve`
# ({glue:text}`verdict_reserve`; {glue:text}`people_reserve` athletes), harmed:
# {glue:text}`harmed_reserve` %. Every athlete gets it, those who train the model too.
#
# ## The long runs
#
# All five folds, so that every athlete is tested once, and five seeds. The methods that train more than
# a head had fewer where a data set is large: swimming {glue:text}`swimming_heavy_seeds`, simulated
# {glue:text}`simulated_heavy_seeds`. Gain in macro-F1 over the
# population's model, 95 % interval over athletes and seeds; in brackets the athletes harmed, in %.

# %% tags=["hide-input"]
redo = "sportsml run 09 -p dataset {} -p profile full"
runs = {
    name: accepted.find("09_transfer", name)
    for name in ("swimming", "simulated", "actes")
}


def cell(run, arm, k):
    """Gain and share harmed as they were printed."""
    numbers = run["numbers"] if run else {}
    gain, harmed = (numbers.get(f"{n}_{arm}_{k}", "–") for n in ("gain", "harmed"))
    return gain if gain == "–" else f"{gain} ({harmed})"


long_table = pd.DataFrame(
    [[TITLES.get(a, a), *(cell(runs[n], a, k) for n in ("swimming", "simulated") for k in (1, 5))]
     for a in arms],
    columns=["method", "swimming, k = 1", "k = 5", "simulated, k = 1", "simulated, k = 5"],
)  # fmt: skip
style.text_table(long_table) if runs["swimming"] or runs["simulated"] else (
    f"No accepted result: {redo.format('swimming')}, then sportsml results accept"
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Accepted result, real swimmers: as the first figure of gains, for all k of the protocol. Bars: 95 % intervals over athletes and seeds.", "name": "fig-transfer-long"}, "image": {"alt": "Two panels against the number of labelled windows a class, for real swimmers: gain in macro-F1 with intervals for each cheap method, and the share of athletes harmed."}}
long_curve, long_remaining = [], {}
if runs["swimming"]:
    numbers = runs["swimming"]["numbers"]
    long_remaining = {
        k: n for k in PROTOCOL.k[1:] if (n := numbers[f"people_{k}"]) != "–"
    }
    for arm in LIGHT:
        names = {k: f"gain_{arm}_{k}" for k in long_remaining}
        part = accepted.intervals(runs["swimming"], names)
        harmed = [float(numbers[f"harmed_{arm}_{k}"]) / 100 for k in part.index]
        part = part.assign(method=TITLES.get(arm, arm), harmed=harmed)
        long_curve.append(part.rename_axis("k").reset_index())
figures.curves(
    pd.concat(long_curve), long_remaining, rule.harm
) if long_curve else style.nothing("No accepted result yet.")

# %% tags=["check"]
for name, run in runs.items():
    record(f"{name}_command", run["command"] if run else redo.format(name))
    numbers = run["numbers"] if run else {}
    for key in (
        *(f"{n}_{arm}_{k}" for n in ("over_masked", "verdict", "over_means")
          for arm in LIGHT[1:] for k in (1, 5) if (n, arm) != ("over_means", "means")),
        *(f"ever_harmed_{arm}" for arm in LIGHT[1:]),
        "people_1", "people_5", "f1_population_1", "picked", "adapted_share", "heavy_seeds",
        "two_classes", "exam_random", "exam_earliest", "exam_masked", "best_1", "best_5",
        "f1_age", "f1_reserve", "gain_reserve", "verdict_reserve", "people_reserve",
        "harmed_reserve",
    ):  # fmt: skip
        value = numbers.get(key, "–")
        value = f"{value:.3f}" if isinstance(value, float) else str(value)
        record(f"{name}_{key}", value)

# %% [markdown]
# *Accepted results: this page prints them and does not compute them. To redo them:*
# {glue:text}`swimming_command`; {glue:text}`simulated_command`; {glue:text}`actes_command`.
#
# **Real swimmers.** {glue:text}`swimming_people_1` at $k = 1$, {glue:text}`swimming_people_5` at
# $k = 5$; population's model {glue:text}`swimming_f1_population_1`. *Over masked* is what is gained
# beyond knowing the classes, *over means* beyond class means without a window of the swimmer: what the
# swimmer's own windows are worth. *Harmed*: swimmers who lose more than {glue:text}`harm` at some $k$.
#
# | method | over masked, $k = 1$ | over masked, $k = 5$ | over means, $k = 5$ | harmed at some $k$ |
# |---|---|---|---|---|
# | means, no own data | {glue:text}`swimming_over_masked_means_1` ({glue:text}`swimming_verdict_means_1`) | {glue:text}`swimming_over_masked_means_5` ({glue:text}`swimming_verdict_means_5`) | – | {glue:text}`swimming_ever_harmed_means` |
# | shrink | {glue:text}`swimming_over_masked_shrink_1` ({glue:text}`swimming_verdict_shrink_1`) | {glue:text}`swimming_over_masked_shrink_5` ({glue:text}`swimming_verdict_shrink_5`) | {glue:text}`swimming_over_means_shrink_5` | {glue:text}`swimming_ever_harmed_shrink` |
# | shrink, guarded | {glue:text}`swimming_over_masked_guarded_1` ({glue:text}`swimming_verdict_guarded_1`) | {glue:text}`swimming_over_masked_guarded_5` ({glue:text}`swimming_verdict_guarded_5`) | {glue:text}`swimming_over_means_guarded_5` | {glue:text}`swimming_ever_harmed_guarded` |
# | head | {glue:text}`swimming_over_masked_head_1` ({glue:text}`swimming_verdict_head_1`) | {glue:text}`swimming_over_masked_head_5` ({glue:text}`swimming_verdict_head_5`) | {glue:text}`swimming_over_means_head_5` | {glue:text}`swimming_ever_harmed_head` |
# | the recipe | {glue:text}`swimming_over_masked_recipe_1` ({glue:text}`swimming_verdict_recipe_1`) | {glue:text}`swimming_over_masked_recipe_5` ({glue:text}`swimming_verdict_recipe_5`) | {glue:text}`swimming_over_means_recipe_5` | {glue:text}`swimming_ever_harmed_recipe` |
#
# The recipe was {glue:text}`swimming_picked`. The guard lets {glue:text}`swimming_adapted_share` % be
# adapted; {glue:text}`swimming_two_classes` swimmers show fewer than three classes, and it cannot
# examine them. Whom it holds back cannot be harmed, and cannot gain. The largest mean gain is that of
# {glue:text}`swimming_best_1` at $k = 1$ and of {glue:text}`swimming_best_5` at $k = 5$. The head's gain
# in accuracy at $k = 1$: {glue:text}`swimming_exam_random` with random windows,
# {glue:text}`swimming_exam_earliest` with the earliest ones, {glue:text}`swimming_exam_masked` beyond
# masking.
#
# **Simulated runners** ({glue:text}`simulated_people_1` at $k = 1$, {glue:text}`simulated_people_5` at
# $k = 5$), who had no part in the choice of guard and recipe:
#
# | method | over masked, $k = 1$ | over masked, $k = 5$ | over means, $k = 5$ | harmed at some $k$ |
# |---|---|---|---|---|
# | means, no own data | {glue:text}`simulated_over_masked_means_1` ({glue:text}`simulated_verdict_means_1`) | {glue:text}`simulated_over_masked_means_5` ({glue:text}`simulated_verdict_means_5`) | – | {glue:text}`simulated_ever_harmed_means` |
# | shrink | {glue:text}`simulated_over_masked_shrink_1` ({glue:text}`simulated_verdict_shrink_1`) | {glue:text}`simulated_over_masked_shrink_5` ({glue:text}`simulated_verdict_shrink_5`) | {glue:text}`simulated_over_means_shrink_5` | {glue:text}`simulated_ever_harmed_shrink` |
# | shrink, guarded | {glue:text}`simulated_over_masked_guarded_1` ({glue:text}`simulated_verdict_guarded_1`) | {glue:text}`simulated_over_masked_guarded_5` ({glue:text}`simulated_verdict_guarded_5`) | {glue:text}`simulated_over_means_guarded_5` | {glue:text}`simulated_ever_harmed_guarded` |
# | head | {glue:text}`simulated_over_masked_head_1` ({glue:text}`simulated_verdict_head_1`) | {glue:text}`simulated_over_masked_head_5` ({glue:text}`simulated_verdict_head_5`) | {glue:text}`simulated_over_means_head_5` | {glue:text}`simulated_ever_harmed_head` |
# | the recipe | {glue:text}`simulated_over_masked_recipe_1` ({glue:text}`simulated_verdict_recipe_1`) | {glue:text}`simulated_over_masked_recipe_5` ({glue:text}`simulated_verdict_recipe_5`) | {glue:text}`simulated_over_means_recipe_5` | {glue:text}`simulated_ever_harmed_recipe` |
#
# Two measured heart rates: {glue:text}`simulated_gain_reserve`
# ({glue:text}`simulated_verdict_reserve`).
#
# **Real cyclists in a ramp test** (ACTES). No windows by class; two measured heart rates give
# {glue:text}`actes_gain_reserve` ({glue:text}`actes_verdict_reserve`, {glue:text}`actes_people_reserve`
# athletes): from {glue:text}`actes_f1_age` to {glue:text}`actes_f1_reserve`. Here the maximum was
# reached in the very same test, which flatters it: before a test one would not have it.
#
# **What is left.** These swimmers ({glue:text}`swimming_people_1`) are few: how many of them were
# harmed is no promise for the next one, and the guard was devised on them. A support of a few seconds
# shows one moment, one pool, one watch. And an athlete whose classes are not all shown in the support
# cannot be given those that come later.

# %% [markdown]
# ## Exercises
#
# Try each before opening the answer. {download}`This chapter as a notebook with empty answers
# <exercises/09_transfer_exercises.ipynb>` is there to work in.

# %% [markdown]
# ### Exercise 1
#
# An athlete gives $k = 5$ windows of a class and the population counts as $\kappa = 10$. Which share
# of the way to the own mean does shrinkage go?
#
# Expected: {glue:text}`exercise_1`

# %% tags=["solution"]
answer = 5 / (5 + 10)
record("exercise_1", answer, digits=2)

# %% [markdown]
# ### Exercise 2
#
# How many bytes does it take to keep the heads of a million athletes, in 32 bits a number? In
# megabytes ($10^6$ bytes).
#
# Expected: {glue:text}`exercise_2`

# %% tags=["solution"]
answer = 1e6 * 4 * sum(p.numel() for p in student.head.parameters()) / 1e6
record("exercise_2", answer, digits=0)

# %% [markdown]
# ### Exercise 3
#
# Twenty athletes are adapted, and none is harmed. How large could the true share of harmed athletes
# be, if such luck shall have at least 5 % probability? (Solve $(1 - p)^{20} = 0.05$.)
#
# Expected: {glue:text}`exercise_3`

# %% tags=["solution"]
answer = 1 - 0.05 ** (1 / 20)
record("exercise_3", answer, digits=2)

# %% [markdown]
# ## Summary
#
# - The support is the earliest windows, the test comes after a gap, and the athletes at each $k$ are
#   counted.
# - Which classes an athlete performs is worth something by itself: compare with `masked`.
# - A closed form is the one to beat: it costs next to nothing. But it changes the head too: compare it
#   with class means that know nothing of the athlete.
# - A strength chosen with the *harmed* in mind is one way to be careful, a guard that leaves out a whole
#   class another. Neither is a promise: at some $k$ the recipe harmed {glue:text}`ever_harmed_recipe`,
#   guarded shrink {glue:text}`ever_harmed_guarded`, plain shrink {glue:text}`ever_harmed_shrink` of the
#   {glue:text}`people_1` athletes tested here; in the long run {glue:text}`swimming_ever_harmed_recipe`,
#   {glue:text}`swimming_ever_harmed_guarded` and {glue:text}`swimming_ever_harmed_shrink` of
#   {glue:text}`swimming_people_1` swimmers.
# - Report the athletes harmed, not only the mean gained.
# - Where classes come in order, measure the person, not the windows.
#
# ## What comes next
#
# Chapter 10 puts teacher, student and personal model in a row, takes out one at a time, and asks what
# each was worth.

# %% [markdown]
# ## References
#
# ```{footbibliography}
# ```
