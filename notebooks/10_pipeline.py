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
# # 10 · The whole pipeline
#
# **The question.** A large network teaches a small one, and the small one is fitted to one athlete.
# How much better is that than the small one alone: for whom, at what cost, and when not?
#
# ```{admonition} You will be able to
# - **join** teacher, student and athlete into one pipeline that runs with one command;
# - **ablate** it: take out one step at a time, at equal budgets, and see what each is worth;
# - **judge** a gain by athlete, with an interval, and count who is harmed;
# - **say** when the simple model is enough.
# ```
#
# | You need | Where |
# |---|---|
# | windows, the LSTM teacher, symmetries | chapter 7 |
# | soft labels, temperature, unlabelled athletes | chapter 8 |
# | calibration windows, shrinkage, the masked baseline | chapter 9 |
# | paired intervals over athletes | chapters 2 and 4 |
#
# *25 minutes to read, about a minute to run.*

# %% tags=["imports"]
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from sportsml_lite.baselines.windows import fit_window_baseline
from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import bootstrap, by_athlete, compare
from sportsml_lite.losses import Soft, fidelity
from sportsml_lite.models import count_parameters
from sportsml_lite.plots import pipeline as figures
from sportsml_lite.plots import style
from sportsml_lite.plots.accepted import side_by_side
from sportsml_lite.prepare.tasks import load_task
from sportsml_lite.protocol import few_shot_windows, margin
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.simulate import GENERATORS
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
from sportsml_lite.transfer import (
    NO_OWN_DATA,
    Adaptation,
    adapted,
    fit_population,
    take_shots,
)
from sportsml_lite.transfer import answers as shot_answers

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name or path: simulated(_b), actes, swimming, a folder
data_dir = ""  # path: folder of your own tables, or of the data set
seed = 0  # 0 to 1000000: simulated athletes and the first training run
profile = "quick"  # 'quick' or 'full': one fold, two seeds, or five of both
n_athletes = 200  # athletes, 10 to 2000: how many are simulated
n_labelled = 8  # athletes, 0 to 1000: that train with labels; 0 is all
k = 5  # windows a class, 1 to 20: what a new athlete gives
calibration = "auto"  # 'auto', 'windows' or 'reserve': what it is
alpha = 0.5  # 0 to 1: weight of the teacher's answers
tau = 2.0  # 0.1 to 50: temperature

# %% tags=["hide-input"]
check_values("10", globals())
torch.set_num_threads(1)
full = profile == "full"
seeds = range(seed, seed + (5 if full else 2))
way = calibration
if way == "auto":
    way = "reserve" if dataset == "actes" else "windows"
metric, harm = "macro_f1", margin("macro_f1").harm
worth = margin("macro_f1").worth_naming
settings = {"dataset": dataset, "data_dir": data_dir, "seed": seed}
task = load_task(**settings, n_athletes=n_athletes)
splits = splits_of(task, profile)
folds = [make_fold(task, split) for split in splits]
if way == "reserve":
    if "hr_fraction" not in task.windows.channels:
        raise UserError(
            f"calibration = 'reserve': {task.name} has no heart rate; take 'windows'"
        )
    measured = load_task(**settings, n_athletes=n_athletes, heart_rate="reserve")
    personal = [make_fold(measured, split) for split in splits]
sizes = sizes_for(folds[0], profile)
people = len(set(task.windows.athlete))


def tested(i):
    """The test windows that count, (N,) bool: the same for every arm."""
    if way == "reserve":
        return np.ones(len(folds[i].windows), bool)
    shot = few_shot_windows(folds[i].windows)
    return shot.test & (shot.deepest >= k)


rows = [tested(i) for i in range(len(folds))]
if (
    len({a for f, r in zip(folds, rows, strict=True) for a in f.windows.athlete[r]})
    < 2
):
    raise UserError(
        f"parameter 'k': fewer than two tested athletes have {k} windows of each class before the test; take a smaller k"
    )

# %% tags=["check"]
public = ("swimming", "actes") if data_dir else (*GENERATORS, "swimming", "actes")
record("data", dataset if dataset in public else "your own tables")
record("left_out", task.left_out)
record("people", people)
record("windows", f"{len(task.windows):,}")
record("classes", ", ".join(c.replace("_", " ") for c in task.windows.classes))
record("channels", len(task.windows.channels))
record("folds_used", len(folds))
record("seeds_used", len(seeds))
record("absent", ", ".join(sorted({c for f in folds for c in f.absent})) or "none")
record("way", way)

# %% [markdown]
# ## What is put together
#
# **Intuition.** A student doctor learns from a professor, who has seen much and explains not only the
# answer but also what else it could have been. Then the young doctor meets one patient, again and
# again. Three steps, three reasons to expect a gain:
#
# | step | what it may add | what it costs |
# |---|---|---|
# | **teacher** (chapter 7) | may read a window better than anything small | training once, on a computer |
# | **distillation** (chapter 8) | the small student gets its answers, also for athletes nobody labelled | the same, once |
# | **personalisation** (chapter 9) | the student fits *this* athlete | a few windows or numbers of the athlete |
#
# **Equations.** Teacher $T$ and student $S_\theta$ give logits for a window $x$; $\tau$ is the
# temperature, $H$ the cross-entropy between their softened answers, $\alpha$ the weight of the
# teacher, $L_\text{original}$ the loss against the labels $y$ where there are any
# {footcite:p}`hinton2015`:
#
# $$ \begin{aligned}
#    \theta^\ast &= \arg\min_\theta \; \alpha\,\tau^2\, H\bigl(T(x), S_\theta(x)\bigr)
#       + (1-\alpha)\, L_\text{original}\bigl(S_\theta(x), y\bigr) \\
#    \theta_a &= \mathrm{fit}\bigl(\theta^\ast;\; \text{the first } k \text{ windows a class of athlete } a\bigr)
#    \end{aligned} $$
#
# ```{admonition} An assumption, stated
# :class: note
# "Distil first, then fine-tune for each athlete" can be meant in several ways. Here it means:
# **(1)** few training athletes are labelled, the others gave their data without labels (here
# {glue:text}`labelled_athletes` and {glue:text}`unlabelled_athletes`); the teacher learns from the
# labelled ones alone and labels the rest softly; **(2)** the student sees all of them, in the same
# number of steps as a student without teacher, so that a batch of it holds fewer labelled windows; **(3)** the new athlete gives the earliest
# windows of each class, and is judged on later windows of that class; or two measured heart rates, and is
# judged on all windows.
# ```
#
# **Data of this page:** *{glue:text}`data`*: {glue:text}`people` athletes, {glue:text}`windows`
# windows of {glue:text}`channels` channels. Classes: {glue:text}`classes`; without a training window in
# some fold: {glue:text}`absent`. {glue:text}`folds_used` fold(s), {glue:text}`seeds_used` seeds. Left out
# by the loader, or assumed: {glue:text}`left_out`.

# %% tags=["check"]
labelled = [label_budget(f, n) if (n := min(n_labelled, len(set(f.train_athlete)))) else None
            for f in folds]  # fmt: skip
n_train = [len(set(f.train_athlete)) for f in folds]
n_known = [
    len(names) if names else n for names, n in zip(labelled, n_train, strict=True)
]
record("train_athletes", max(n_train))
record("labelled_athletes", max(n_known))
record("unlabelled_athletes", max(n_train) - max(n_known))
record("steps", sizes.student.steps)

# %% [markdown]
# ## Arms that differ in one thing
#
# To **ablate** is to take out one part and look at what is lost. Every student below has the same
# architecture, the same {glue:text}`steps` steps of the same batch size, the same augmentation, and
# first weights from the same seed. In each fold up to {glue:text}`train_athletes` athletes train;
# {glue:text}`labelled_athletes` of them are labelled and {glue:text}`unlabelled_athletes` are not.
# (Validation athletes are labelled too: they choose the check whose weights are kept, in every arm.)
#
# | arm | learns from | fitted to the athlete |
# |---|---|---|
# | nothing | labels | no |
# | personalised only | labels | yes |
# | distilled only | labels and the teacher's answers | no |
# | self-taught | labels and the answers of an *equal student* in place of the teacher | yes |
# | everything | labels and the teacher's answers | yes |
#
# The *self-taught* arm asks whether the teacher must be large: an equal student labels the unlabelled
# athletes, and everything else stays {footcite:p}`furlanello2018`.


# %%
def train_arms(job):
    """All networks of one fold and seed."""
    i, s = job
    folds_of = {"age": folds[i]} | (
        {"reserve": personal[i]} if way == "reserve" else {}
    )
    made = {}
    for scale, fold in folds_of.items():
        names, loss = labelled[i], Soft(alpha, tau)
        rest = {"labelled": names, "unlabelled": True}
        teacher = train_teacher(fold, s, sizes, names)
        plain = train_student(fold, s, sizes, labelled=names)
        answers = [
            ask([model], fold.train, fold.signs) for model in (teacher, plain)
        ]
        taught, equal = (
            train_student(fold, s, sizes, loss, soft, **rest) for soft in answers
        )
        made[scale] = {
            "teacher": teacher,
            "plain": plain,
            "taught": taught,
            "self": equal,
        }
    return made


jobs = [(i, s) for i in range(len(folds)) for s in seeds]
networks = dict(zip(jobs, each(train_arms, jobs, 2 if full else 1), strict=True))

# %%
RECIPE = Adaptation("shrink", kappa=3.0, masked=True)

# %% [markdown]
# ## What the new athlete gives
#
# - **windows**: the earliest {glue:text}`k_given` labelled windows of each class that the athlete performs;
#   then a gap of one window; what is tested comes from neither. One such window also tells *which* classes
#   the athlete performs at all, so the untuned student that may only answer with those classes is a
#   baseline of its own. The windows are used in closed form: class means in the student's feature space,
#   shrunk toward the population's (chapter 9), which count as three windows, fixed and not tuned.
# - **reserve**: two numbers, measured beforehand, resting and maximal heart rate. They replace the maximum
#   expected at this age. A ramp test shows its classes in order of time, so that its earliest windows are
#   all of one class, and there is nothing to fine-tune on. (In ACTES the maximum comes from the very test
#   that is classified, as if it were known from an earlier one. That flatters it.)
#
# On this page: **{glue:text}`way`**.


# %%
ARMS = {
    "majority": "always the most frequent class",
    "forest": "random forest",
    "teacher": "teacher alone (not for the wrist)",
    "none": "nothing: small student, labels",
    "masked": "nothing, but only classes the athlete showed",
    "only_distilled": "distilled only",
    "taught_masked": "distilled, only classes the athlete showed",
    "means": "the same, by class means of the population",
    "only_personal": "personalised only",
    "self": "self-taught, personalised",
    "whole": "everything: distilled, personalised",
}


def answers_of(job):
    """Predicted class of the tested windows, for every arm of one fold and seed."""
    i = job[0]
    fold, made, rows = folds[i], networks[job]["age"], tested(i)
    if not rows.any():  # nobody in this fold can give so much
        return {arm: np.zeros(0, int) for arm in ARMS if arm not in naive[i]}
    part = fold.test.take(np.flatnonzero(rows))
    nets = {"teacher": "teacher", "none": "plain", "only_distilled": "taught"}
    out = {
        arm: in_units(
            fold, ask([made[net]], part, fold.signs if arm == "teacher" else None)
        )
        for arm, net in nets.items()
    }
    nets = {"only_personal": "plain", "self": "self", "whole": "taught"}
    if way == "reserve":
        own = networks[job]["reserve"]
        return out | {
            arm: in_units(fold, ask([own[net]], personal[i].test, None))
            for arm, net in nets.items()
        }
    shots = take_shots(fold.test, fold.windows)
    still = Adaptation("population", masked=True)
    fitted = {"masked": ("plain", still), "taught_masked": ("taught", still)}
    # The recipe's way to answer, with nothing of the athlete but the names of the classes.
    fitted["means"] = ("taught", replace(RECIPE, kappa=NO_OWN_DATA))
    fitted |= {arm: (net, RECIPE) for arm, net in nets.items()}
    for arm, (net, adaptation) in fitted.items():
        student = made[net].model
        population = fit_population(student, *labelled_windows(i))
        own = adapted(student, shots, k, adaptation, population)
        out[arm] = shot_answers(own, shots, k)["predicted"].to_numpy()
    return out


# %% tags=["hide-input"]
def labelled_windows(i):
    """Training windows with labels, and whose they are."""
    fold = folds[i]
    if not labelled[i]:
        return fold.train, fold.train_athlete
    known = np.isin(fold.train_athlete.astype(str), labelled[i])
    return fold.train.take(np.flatnonzero(known)), fold.train_athlete[known]


def naive_answers(i):
    """The same from two baselines that learn from the labelled athletes alone."""
    windows, parts = task.windows, splits[i]
    train = windows.take(parts.rows(windows.athlete, "train"))
    if labelled[i]:
        train = train.take(np.isin(train.athlete.astype(str), labelled[i]))
    judge = windows.take(parts.rows(windows.athlete, "validation"))
    test, names = folds[i].windows.take(tested(i)), ("majority", "forest")
    if not len(test):
        return {name: np.zeros(0, int) for name in names}
    return {
        name: fit_window_baseline(name, train, judge, seed)(test) for name in names
    }


naive = [naive_answers(i) for i in range(len(folds))]
answers = {job: answers_of(job) | naive[job[0]] for job in jobs}
truth = np.concatenate([f.windows.y[r] for f, r in zip(folds, rows, strict=True)])
owner = np.concatenate(
    [f.windows.athlete[r] for f, r in zip(folds, rows, strict=True)]
)
arms = [a for a in ARMS if a in answers[jobs[0]]]
score = {
    arm: pd.DataFrame(
        {
            s: by_athlete(
                truth,
                np.concatenate([answers[i, s][arm] for i in range(len(folds))]),
                owner,
                [metric],
            )[metric]
            for s in seeds
        }
    )
    for arm in arms
}

# %% tags=["check"]
record("k_given", k)
record("athletes_tested", len(score["none"]))
asked = sum(len(set(f.windows.athlete)) for f in folds)
record("athletes_asked", asked)
record("windows_tested", f"{len(truth):,}")

# %% [markdown]
# ## What each step is worth
#
# {glue:text}`athletes_tested` of {glue:text}`athletes_asked` athletes never seen can be tested (who cannot
# give the windows asked for drops out), on {glue:text}`windows_tested` windows. Macro-F1 is
# computed for each athlete over the classes that this athlete performs, and then averaged: an athlete
# with many windows counts as much as one with few. Gains are paired: the same athletes, the same
# windows, the same seeds. Where only a handful of athletes is tested, as on a short page, an interval
# drawn from them is too narrow: read it as a sketch.

# %% mystnb={"figure": {"caption": "Left: macro-F1 on athletes never seen, mean over athletes, with its 95 % interval over athletes and seeds. Right: the paired gain over the small student that learned from labels alone. Green: better, vermilion: worse, grey: too small to name or undecided.", "name": "fig-pipeline-ladder"}, "image": {"alt": "Dots with intervals, a row for each arm from the most frequent class to the whole pipeline, and their gains over the plain student."}}
judged = {arm: compare(score["none"], score[arm], metric) for arm in arms}
interval = {arm: bootstrap(score[arm].to_numpy()) for arm in arms}


def as_table(intervals):
    cells = [(i.estimate, i.low, i.high) for i in intervals]
    frame = pd.DataFrame(cells, columns=["estimate", "low", "high"])
    return frame.set_axis([ARMS[a] for a in shown])


verdicts = {ARMS[a]: judged[a].verdict if a != "none" else "" for a in arms}
shown = [arm for arm in arms if arm != "majority"]  # far below: see the table
figures.ladder(
    as_table([interval[a] for a in shown]),
    as_table([judged[a].gain for a in shown]).assign(verdict=pd.Series(verdicts)),
    worth,
    "macro-F1",
)

# %% tags=["hide-input"]
style.text_table(
    pd.DataFrame(
        {
            "arm": [ARMS[a] for a in arms],
            "macro-F1": [f"{interval[a]:.3f}" for a in arms],
            "gain": ["" if a == "none" else f"{judged[a].gain:.3f}" for a in arms],
            "verdict": list(verdicts.values()),
            "harmed (%)": [f"{100 * judged[a].harmed.estimate:.0f}" for a in arms],
        }
    )
)

# %% tags=["check", "nbval-ignore-output"]
for arm in ARMS:
    there = arm in arms
    record(f"score_{arm}", f"{interval[arm]:.3f}" if there else "–")
    record(f"gain_{arm}", f"{judged[arm].gain:.3f}" if there else "–")
    record(f"verdict_{arm}", judged[arm].verdict if there else "–")
    harmed = f"{100 * judged[arm].harmed.estimate:.0f}" if there else "–"
    record(f"harmed_{arm}", harmed)

# %% [markdown]
# Against the plain student, the whole pipeline is **{glue:text}`verdict_whole`**: gain
# {glue:text}`gain_whole`; {glue:text}`harmed_whole` % of the athletes lose more than the margin of
# harm. Distillation alone: {glue:text}`verdict_only_distilled`, {glue:text}`gain_only_distilled`.
# Personalisation alone: {glue:text}`verdict_only_personal`, {glue:text}`gain_only_personal`. An equal
# student in the teacher's place: {glue:text}`verdict_self`, {glue:text}`gain_self`. Knowing only
# *which* classes the athlete performs: {glue:text}`verdict_masked`, {glue:text}`gain_masked`.

# %% tags=["check", "nbval-ignore-output"]
steps = {
    "distilling": ("only_personal", "whole"),
    "personalising": ("only_distilled", "whole"),
    "large_teacher": ("self", "whole"),
    "forest": ("forest", "whole"),
}
if "masked" in arms:
    steps |= {
        "beyond_mask": ("taught_masked", "whole"),
        "own_windows": ("means", "whole"),
    }
step = {name: compare(score[a], score[b], metric) for name, (a, b) in steps.items()}
for name in dict.fromkeys([*steps, "beyond_mask", "own_windows"]):
    record(f"step_{name}", f"{step[name].gain:.3f}" if name in step else "–")
    record(f"step_verdict_{name}", step[name].verdict if name in step else "–")

# %% [markdown]
# **One step taken out of the whole.** What the whole pipeline loses without it, so what the step adds
# when the others are there:
#
# | step | adds (macro-F1) |
# |---|---|
# | distillation | {glue:text}`step_distilling`, {glue:text}`step_verdict_distilling` |
# | personalisation | {glue:text}`step_personalising`, {glue:text}`step_verdict_personalising` |
# | a large teacher instead of an equal one | {glue:text}`step_large_teacher`, {glue:text}`step_verdict_large_teacher` |
# | personalisation, beyond knowing the athlete's classes | {glue:text}`step_beyond_mask`, {glue:text}`step_verdict_beyond_mask` |
# | personalisation, beyond that and beyond answering by class means | {glue:text}`step_own_windows`, {glue:text}`step_verdict_own_windows` |
# | everything instead of a random forest that had the same labels | {glue:text}`step_forest`, {glue:text}`step_verdict_forest` |
#
# The last line but one is the strictest: there the athlete's own windows move nothing but the means. (The
# recipe answers by class means instead of the trained head; that alone may help or hurt.)

# %% [markdown]
# ## For whom
#
# A mean hides people. Each arrow is one athlete.

# %% mystnb={"figure": {"caption": "Each athlete's macro-F1 from the plain student (tick) to the whole pipeline (dot), mean over the seeds; sorted by where they begin.", "name": "fig-pipeline-athletes"}, "image": {"alt": "One horizontal line an athlete from a tick to a dot; blue lines gain, grey ones stay, vermilion ones lose."}}
before, after = score["none"].mean(axis=1), score["whole"].mean(axis=1)
figures.each_athlete(before, after, harm, ("nothing", "everything"), "macro-F1")

# %% tags=["check", "nbval-ignore-output"]
gain = after - before
half = before.rank(method="first") <= (len(before) + 1) // 2
record("worst_before", before.min(), digits=2)
record("worst_after", after.min(), digits=2)
record("low_gain", gain[half].mean(), digits=3)
record("high_gain", gain[~half].mean(), digits=3)
record("n_harmed", int((gain < -harm).sum()))
record("n_gain", int((gain > harm).sum()))

# %% [markdown]
# {glue:text}`n_gain` athletes gain more than the margin, {glue:text}`n_harmed` lose more. The lowest
# score goes from {glue:text}`worst_before` to {glue:text}`worst_after`. The half that began lower gains
# {glue:text}`low_gain` on average, the other half {glue:text}`high_gain`. **Caveat.** Part of such a
# slope is no effect at all: who scored low by bad luck scores higher the next time, whatever is done
# (regression to the mean). The mean gain above does not suffer from it; this picture does.

# %% [markdown]
# ## At what cost

# %%
one = folds[0].test.X[:1]
made = networks[jobs[0]]["age"]
small, large = made["taught"].model, made["teacher"].model
times = {
    "student": np.median(microseconds(small, one)),
    "teacher": np.median(microseconds(large, one)),
}
agree = np.mean([fidelity(
    ask([networks[i, s]["age"]["taught"]], folds[i].test, None),
    ask([networks[i, s]["age"]["teacher"]], folds[i].test, folds[i].signs),
) for i, s in jobs])  # fmt: skip

# %% tags=["check"]
record("student_parameters", f"{count_parameters(small):,}")
record("teacher_parameters", f"{count_parameters(large):,}")
record("student_kb", 4 * count_parameters(small) / 1000, digits=1)
record("teacher_kb", 4 * count_parameters(large) / 1000, digits=1)
record("times_smaller", count_parameters(large) / count_parameters(small), digits=0)

# %% tags=["check", "nbval-ignore-output"]
record("student_us", times["student"], digits=0)
record("teacher_us", times["teacher"], digits=0)
record("fidelity", 100 * agree, digits=0)

# %% [markdown]
# | | student | teacher |
# |---|---|---|
# | parameters | {glue:text}`student_parameters` | {glue:text}`teacher_parameters` |
# | kB as 32-bit numbers | {glue:text}`student_kb` | {glue:text}`teacher_kb` |
# | µs a window, one thread, one window a call, on this computer | {glue:text}`student_us` | {glue:text}`teacher_us` |
#
# The student is {glue:text}`times_smaller` times smaller and gives the teacher's answer in
# {glue:text}`fidelity` % of the unseen windows. It is small enough for a watch; the teacher need not be. A time on this
# computer says little about a watch: most of it is the cost of calling PyTorch (chapter 11 leaves
# PyTorch behind). Compression alone is no merit: the plain student is as small.

# %% [markdown]
# ## The long run, on simulated and on real athletes
#
# This page's run is short. The claims rest on the full one: all five folds, so that each athlete is
# tested once, and five seeds.

# %% tags=["hide-input"]
NAMES = ("simulated", "swimming", "actes")
runs = {n: run for n in NAMES if (run := accepted.find("10_pipeline", n))}
redo = "sportsml run 10 -p dataset {} -p profile full"
lines = []
for name, run in runs.items():
    n = run["numbers"]
    lines.append(
        (
            name,
            n["athletes_tested"],
            n["score_none"],
            *(f"{n[f'gain_{a}']} {n[f'verdict_{a}']}" for a in ("masked", "only_distilled", "only_personal", "whole")),
            n["harmed_whole"],
        )
    )  # fmt: skip
columns = ["data", "athletes", "plain", "masked", "distilled", "personalised", "all",
           "harmed (%)"]  # fmt: skip
style.text_table(pd.DataFrame(lines, columns=columns)) if lines else "\n".join(
    f"No accepted result: {redo.format(name)}, then sportsml results accept"
    for name in NAMES
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Accepted results: the paired gain in macro-F1 over the plain student, 95 % intervals over athletes and seeds. Green: better, vermilion: worse, grey: undecided or too small to name (the band). A row that a data set cannot have is empty.", "name": "fig-pipeline-long"}, "image": {"alt": "A panel a data set, a row an arm: the gain of each arm of the pipeline over the plain student with its interval."}}
long_gains = {}
for name, run in runs.items():
    rest = {a: t for a, t in ARMS.items() if a not in ("majority", "none")}
    table = accepted.intervals(run, {t: f"gain_{a}" for a, t in rest.items()})
    said = {t: run["numbers"][f"verdict_{a}"] for a, t in rest.items()}
    title = name if name == "simulated" else f"{name} (real)"
    long_gains[title] = table.assign(verdict=pd.Series(said))
side_by_side(
    long_gains, "gain in macro-F1", worth
) if long_gains else style.nothing("No accepted result yet.")

# %% tags=["check"]
for name in NAMES:
    found = runs.get(name)
    record(f"long_command_{name}", found["command"] if found else redo.format(name))
    number = (found or {"numbers": {}})["numbers"]
    for each_name in ("gain_whole", "verdict_whole", "harmed_whole", "n_harmed", "athletes_tested",
                      "gain_only_distilled", "verdict_only_distilled", "gain_only_personal",
                      "verdict_only_personal", "step_distilling", "step_verdict_distilling",
                      "step_personalising", "step_verdict_personalising", "step_beyond_mask",
                      "step_verdict_beyond_mask", "step_verdict_large_teacher",
                      "worst_before", "worst_after", "low_gain", "high_gain",
                      "step_own_windows", "step_verdict_own_windows", "step_forest",
                      "step_verdict_forest"):  # fmt: skip
        value = number.get(each_name, "–")
        digits = 2 if each_name.startswith("worst") else 3
        value = f"{value:.{digits}f}" if isinstance(value, float) else str(value)
        record(f"{name}_{each_name}", value)

# %% [markdown]
# *Accepted results: this page prints them and does not compute them. To redo them:*
# {glue:text}`long_command_simulated`, {glue:text}`long_command_swimming`,
# {glue:text}`long_command_actes`. *Gains in macro-F1 with 95 % intervals over athletes and seeds; the
# simulated athletes are in no way real ones. (The second generator, `simulated_b`, differs in the law of the training
# effect alone, so that its windows are the same.)*
#
# | | simulated | swimming (real) | ACTES (real) |
# |---|---|---|---|
# | the whole pipeline | {glue:text}`simulated_verdict_whole` | {glue:text}`swimming_verdict_whole` | {glue:text}`actes_verdict_whole` |
# | distillation adds | {glue:text}`simulated_step_distilling` {glue:text}`simulated_step_verdict_distilling` | {glue:text}`swimming_step_distilling` {glue:text}`swimming_step_verdict_distilling` | {glue:text}`actes_step_distilling` {glue:text}`actes_step_verdict_distilling` |
# | personalisation adds | {glue:text}`simulated_step_personalising` {glue:text}`simulated_step_verdict_personalising` | {glue:text}`swimming_step_personalising` {glue:text}`swimming_step_verdict_personalising` | {glue:text}`actes_step_personalising` {glue:text}`actes_step_verdict_personalising` |
# | a large teacher rather than an equal one | {glue:text}`simulated_step_verdict_large_teacher` | {glue:text}`swimming_step_verdict_large_teacher` | {glue:text}`actes_step_verdict_large_teacher` |
# | personalisation, beyond knowing the athlete's classes | {glue:text}`simulated_step_beyond_mask` {glue:text}`simulated_step_verdict_beyond_mask` | {glue:text}`swimming_step_beyond_mask` {glue:text}`swimming_step_verdict_beyond_mask` | – |
# | and beyond answering by class means, too | {glue:text}`simulated_step_own_windows` {glue:text}`simulated_step_verdict_own_windows` | {glue:text}`swimming_step_own_windows` {glue:text}`swimming_step_verdict_own_windows` | – |
# | everything instead of a random forest | {glue:text}`simulated_step_forest` {glue:text}`simulated_step_verdict_forest` | {glue:text}`swimming_step_forest` {glue:text}`swimming_step_verdict_forest` | {glue:text}`actes_step_forest` {glue:text}`actes_step_verdict_forest` |
# | lowest athlete, before and after | {glue:text}`simulated_worst_before`, {glue:text}`simulated_worst_after` | {glue:text}`swimming_worst_before`, {glue:text}`swimming_worst_after` | {glue:text}`actes_worst_before`, {glue:text}`actes_worst_after` |
# | athletes harmed | {glue:text}`simulated_n_harmed` of {glue:text}`simulated_athletes_tested` | {glue:text}`swimming_n_harmed` of {glue:text}`swimming_athletes_tested` | {glue:text}`actes_n_harmed` of {glue:text}`actes_athletes_tested` |

# %% [markdown]
# ## The book's question, answered plainly
#
# **How much better?** Real swimmers: {glue:text}`swimming_gain_whole` macro-F1,
# {glue:text}`swimming_verdict_whole`; the young athletes of ACTES: {glue:text}`actes_gain_whole`,
# {glue:text}`actes_verdict_whole`; simulated runners: {glue:text}`simulated_gain_whole`,
# {glue:text}`simulated_verdict_whole`. *Undecided* is an answer: with this many athletes the gain cannot be
# told from none.
#
# **For whom?** The half of the swimmers that began lower gained {glue:text}`swimming_low_gain` on average,
# the other half {glue:text}`swimming_high_gain`; in ACTES {glue:text}`actes_low_gain` and
# {glue:text}`actes_high_gain`. Who is already served well has little to gain and something to lose, which is
# why harm is counted by athlete: {glue:text}`swimming_n_harmed` of {glue:text}`swimming_athletes_tested`
# swimmers and {glue:text}`actes_n_harmed` of {glue:text}`actes_athletes_tested` in ACTES lost more than the
# margin.
#
# **At what cost?** One large network trained once, a second training of the small one, and a little of
# each new athlete's time: windows with labels, or two measured heart rates.
#
# **When not?** Where the step tables above say *undecided* or *no difference*, leave the step out: a plain
# student is as small. When the athlete performs few classes, tell the model which: that alone is a strong
# baseline. When nobody can label the first windows, there is nothing to fit to. And nowhere does a gain on
# simulated athletes promise one on real ones.

# %% [markdown]
# ## Exercises
#
# Try each before opening the answer. {download}`This chapter as a notebook with empty answers
# <exercises/10_pipeline_exercises.ipynb>` is there to work in.

# %% [markdown]
# ### Exercise 1
#
# Accuracy instead of macro-F1: what share of the test windows of this page does the whole pipeline
# get right, mean over the seeds?
#
# Expected: {glue:text}`exercise_1`

# %% tags=["solution", "nbval-ignore-output"]
right = [
    np.concatenate([answers[i, s]["whole"] for i in range(len(folds))]) == truth
    for s in seeds
]
record("exercise_1", np.mean(right), digits=2)

# %% [markdown]
# ### Exercise 2
#
# Leave out the athlete who gains most. What is the mean gain of the whole pipeline then?
#
# Expected: {glue:text}`exercise_2`

# %% tags=["solution", "nbval-ignore-output"]
record("exercise_2", gain.drop(gain.idxmax()).mean(), digits=3)

# %% [markdown]
# ### Exercise 3
#
# How many kilobytes would the student take with 8 bits a parameter?
#
# Expected: {glue:text}`exercise_3`

# %% tags=["solution"]
record("exercise_3", count_parameters(small) / 1000, digits=1)

# %% [markdown]
# ## Summary
#
# - A pipeline is judged by taking out one step at a time, at equal budgets, paired by athlete.
# - On this page: everything against nothing is {glue:text}`verdict_whole` ({glue:text}`gain_whole`);
#   of it, distillation adds {glue:text}`step_distilling` and personalisation
#   {glue:text}`step_personalising`.
# - On real swimmers the whole pipeline is {glue:text}`swimming_verdict_whole`
#   ({glue:text}`swimming_gain_whole`), on the young athletes of ACTES {glue:text}`actes_verdict_whole`
#   ({glue:text}`actes_gain_whole`).
# - The mean is not the point: the lowest athlete and the number harmed are.
#
# ## What comes next
#
# The student is small enough for a watch, but still lives in PyTorch. Chapter 11 exports it, makes it
# smaller still, and lets it read a stream as it comes. Chapter 12 asks whether it can be trusted.

# %% [markdown]
# ## References
#
# ```{footbibliography}
# ```
