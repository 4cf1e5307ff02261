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
# **The question.** A large network teaches a small one, and the small one is fitted to one athlete. How
# much better is that than its parts, for an athlete nobody has met?
#
# **In one sentence.** {glue:text}`in_short`
#
# ```{admonition} You will be able to
# - **join** teacher, student and athlete into one pipeline, in a dozen lines;
# - **ablate** it: take out one step at a time and see what each is worth;
# - **hold** it against a rival that gets the same windows of the athlete;
# - **say** what it costs, and when the simple model is enough.
# ```
#
# | You need | Where |
# |---|---|
# | the LSTM teacher and MiniRocket | chapter 7 |
# | soft targets and temperature | chapter 8 |
# | earliest windows, the masked baseline, shrinkage | chapter 9 |
#
# *15 minutes to read, 15 seconds to run.*

# %% tags=["imports"]
from dataclasses import replace

import numpy as np
import torch

from sportsml_lite.findings.pipeline import PEOPLE, findings
from sportsml_lite.losses import Soft
from sportsml_lite.models import LSTMTeacher, Student, count_parameters
from sportsml_lite.plots import pipeline as figures
from sportsml_lite.plots import style
from sportsml_lite.prepare.tasks import load_task
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.studies import accepted
from sportsml_lite.training import folds, networks
from sportsml_lite.transfer import (
    Adaptation,
    adapted,
    answers,
    fit_population,
    scored,
    take_shots,
)

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name or path: simulated, swimming or a folder of your own
data_dir = ""  # path: folder of your own tables, or the one that holds the data set
seed = 0  # 0 to 1000000: simulated athletes and the live trainings
n_athletes = 30  # athletes, 20 to 500: how many are simulated for the live example
length_s = 0.0  # s, 0 to 3600: of a window; 0 takes the data set's own
stride_s = 0.0  # s, 0 to 3600: from window to window; 0 follows the length
n_labelled = 8  # athletes, 2 to 100: that train with labels in the live example
k = 2  # windows a class, 1 to 20: what a new athlete of the live example gives

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Macro-F1 (over the classes that each athlete performs) of every athlete, mean over the models that never met them: from the tick (the small student, trained on labels alone) to the dot (the whole pipeline), sorted. Blue: better by more than the margin of harm; orange: harmed.", "name": "fig-pipeline-athletes"}, "image": {"alt": "Two panels, swimmers and young riders, a row an athlete from a tick to a dot; blue lines go to the right, grey ones stay, orange ones go left."}}
check_values("10_pipeline", globals())
torch.set_num_threads(1)
results = {name: accepted.load("pipeline", name) for name in PEOPLE}
tables = {name: result.scores for name, result in results.items()}
figures.for_whom({name: tables[name] for name in ("swimming", "actes")})

# %% tags=["check"]
for name, text in findings(tables).items():
    record(name, text)
record("command", results["swimming"].command)

# %% [markdown]
# ## The book's question, answered
#
# **How much better?** On average, a new swimmer's macro-F1 changes by **{glue:text}`swimming_gain`**, a
# young rider's by **{glue:text}`actes_gain`**.
#
# **For whom?** A mean hides people. The swimmer whom the small student reads worst
# goes from {glue:text}`lowest_before` to {glue:text}`lowest_after`. Whoever is read well has little to
# gain. Harmed, that is, worse by more than the margin of harm: {glue:text}`swimming_harm`;
# {glue:text}`actes_harm`. The tenth of the swimmers who gain least changes by
# {glue:text}`lowest_tenth`.
#
# **Is it the best one can do?** {glue:text}`rival`
#
# **When is the simple model enough?** When nobody can label the first windows, there is nothing to fit
# to. And each step must pay for itself; the ladder below asks which do.
#
# **Caveat.** Part of a long line is luck. Who scored low by chance scores higher the next time, whatever is
# done: *regression to the mean*. The mean gain does not suffer from it; the picture does.
#
# ## The pipeline in a dozen lines

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Few athletes are labelled; the teacher learns from them and answers for the many who are not. The small student learns from both, and the new athlete's first windows fit it to this athlete, whose later windows are the exam.", "name": "fig-pipeline-flow"}, "image": {"alt": "Boxes and arrows: few labelled athletes to the teacher; teacher and many unlabelled athletes to the small student; the student and the athlete's first windows to the athlete's student; from there to later windows, marked you are here."}}
figures.you_are_here()

# %% [markdown]
# **Intuition.** A young doctor learns from a professor, who explains not only the answer but what else it
# could have been. Then the young doctor meets one patient, again and again.
#
# **Equation.** With the teacher's answers $T$, a student $S_\theta$, labels $y$ where there are any, the
# temperature $\tau$ and the weight $\alpha$ of the teacher {footcite:p}`hinton2015`,
#
# $$ \begin{aligned}
#    \theta^\ast &= \arg\min_\theta \; \alpha\,\tau^2 H(T, S_\theta) \\
#    &\quad + (1-\alpha)\, L_\text{original}(S_\theta, y) , \\
#    \theta_a &= \mathrm{fit}(\theta^\ast;\ \text{windows of } a) ,
#    \end{aligned} $$
#
# where athlete $a$ gives the first $k$ windows of each class.
#
# **Code.** The same live, with trainings of a few seconds: an example, no result.

# %% tags=["hide-input"]
window = {"length_s": length_s, "stride_s": stride_s}
task = load_task(
    dataset, data_dir, seed=seed, n_athletes=n_athletes, sessions_each=2, **window
)
print(task.told)
split = folds.folds_of(task)[0]
config = networks.config_for(folds.make_fold(task, split), "quick")
short = {"max_epochs": 4, "patience": 4}
config = replace(
    config,
    teacher=replace(config.teacher, **short),
    student=replace(config.student, **short),
)

# %%
fold = folds.make_fold(task, split)
labelled = folds.label_budget(fold, n_labelled)
teacher = networks.train_teacher(fold, seed, config, labelled)
soft = networks.predict(teacher, fold.train, fold.signs)
student = networks.train_student(
    fold, seed, config, Soft(0.5, 2.0), soft, labelled, unlabelled=True
).model

known = np.isin(fold.train_athlete, labelled)
means = fit_population(student, fold.train.take(known), fold.train_athlete[known])
shots = take_shots(fold.test, fold.windows)
recipe = Adaptation("shrink", kappa=3.0, masked=True)
personal = adapted(student, shots, k, recipe, means)
scores = scored(answers(personal, shots, k))["macro_f1"]

# %% [markdown]
# Two things must hold, or the comparison is worth nothing: no athlete of the exam had a part in the
# training, and no window of the exam lies among those that calibrated.

# %%
train, tested = set(fold.train_athlete), set(scores.index)
assert not train & tested
assert not (shots.shot.support(k) & shots.shot.test_rows(k)).any()

# %% [markdown]
# ## Take out one step
#
# To {term}`ablate <ablation>` is to take out one part and see what is lost. Every student below has the
# same size, first weights, number of steps and batch size; eight training athletes are labelled, the
# others gave their windows only. The same later windows examine every arm. The athlete's *own data* are
# five labelled windows of each class. Riders in a ramp test cannot give
# windows of each class (chapter 9); they give a resting and a maximal heart rate instead.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Macro-F1 of new swimmers, eight labelled training swimmers, five labelled windows of each class from the new one: mean over swimmers of macro-F1 over the strokes that each swims, 95 % intervals over swimmers and models. The MiniRocket rows read each window in both mirror images; the last two get the student's five windows and its mask: one shrinks class means of its scores, the other its ridge.", "name": "fig-pipeline-ladder"}, "image": {"alt": "Rows with intervals from the most frequent class up to the whole pipeline, and below them MiniRocket without and with the athlete's windows."}}
figures.ladder(tables["swimming"], "Rung by rung, and the rival below")

# %% tags=["hide-input"]
figures.step_table(tables)

# %% [markdown]
# *Accepted results: this page prints them and does not compute them;* {glue:text}`command` *redoes the
# swimmers; all arms and all questions are in the lab.*
#
# **The teacher.** Without it the swimmers' macro-F1 changes by {glue:text}`without_teacher`.
# Chapter 8 tells how little a student has left to copy. Must a teacher be large? The lab puts an equal
# student in its place {footcite:p}`furlanello2018`.
#
# **The athlete's windows.** Without them it changes by {glue:text}`without_personal`. The strictest line of the table is *beyond class means of others*: there
# nothing is left but what the athlete's own windows move.
#
# **The rival.** MiniRocket, ten thousand random convolutions and a ridge, is the one to beat
# {footcite:p}`dempster2021`. It learns from the same eight swimmers, in both mirror images, and gets the
# same five windows and the same mask; its ridge is shrunk as class means are (chapter 9). It reaches
# {glue:text}`rival_level`, the pipeline with chapter 9's guard {glue:text}`whole_level`. If all you need
# is the answer on a computer, start there.
#
# ## As good, on the wrist?
#
# MiniRocket does not fit a watch as it is. Can a student that does be made as good: with MiniRocket for
# its teacher, who answers for each training swimmer by the others' ridge, and with all layers moved a
# little (L2-SP, chapter 9) or twice the width?

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Macro-F1 of new swimmers against the size of the model, all fitted to the swimmer by the same five windows of each stroke; the students with the guard of chapter 9. Bars: 95 % intervals over swimmers and models.", "name": "fig-pipeline-wrist"}, "image": {"alt": "Dots with intervals: students of ten to thirty kilobytes, and MiniRocket at more than two hundred."}}
figures.on_the_wrist(tables["swimming"], 6, 5)

# %% [markdown]
# The student with all layers moved, less MiniRocket: {glue:text}`wrist`.
#
# ```{admonition} Whose swimmers chose?
# :class: warning
# The same swimmers saw four chapters being made. Mirroring, turning and the networks' sizes (chapter 7),
# the number of steps (chapter 8), the guard and shrinkage with a fixed κ (chapters 9 and 10) were
# all settled by people who had looked at results on them. Folds keep a swimmer out of a *training*, not
# out of our heads. Only new swimmers can tell how much of the gain is left.
# ```
#
# ## What it costs
#
# Training the teacher, once, on a computer. Five labelled windows of each class, from every new athlete:
# somebody has to label them. And on the wrist, the student, which is small. Is it fast? Networks of the book's
# sizes, on one window of a swimmer, in plain PyTorch with one thread of this computer:

# %%
motion, x = networks.MOTION, torch.randn(256, 6, 180)
large = LSTMTeacher(
    6, 5, motion.teacher_width, motion.teacher_hidden, motion.teacher_layers
).eval()
small = Student(6, 5, motion.student_width, stride=3).eval()
us = {
    (name, n): np.median(networks.latency_us(model, x[:n], turns))
    for name, model in (("large", large), ("small", small))
    for n, turns in ((1, 100), (256, 3))
}

# %% tags=["check"]
record("small_kb", 4 * count_parameters(small) / 1000, digits=1)
record("large_kb", 4 * count_parameters(large) / 1000, digits=0)

# %% tags=["check", "nbval-ignore-output"]
for (name, n), value in us.items():
    record(f"{name}_{n}", value, digits=0)
record(
    "speed",
    "about as fast as one network of its teacher, for all its fewer weights"
    if abs(us["small", 1] / us["large", 1] - 1) < 0.1
    else "slower than one network of its teacher, for all its fewer weights"
    if us["small", 1] > us["large", 1]
    else "faster than one network of its teacher, but far less so than its size suggests",
)

# %% [markdown]
# | µs a window | student ({glue:text}`small_kb` kB) | one teacher network ({glue:text}`large_kb` kB) |
# |---|---|---|
# | one at a time | {glue:text}`small_1` | {glue:text}`large_1` |
# | 256 at once | {glue:text}`small_256` | {glue:text}`large_256` |
#
# One window at a time, the small student is {glue:text}`speed`. So small a
# network spends its time on being called: each of its many little layers is a call from Python, while the
# teacher's LSTM is one. Many windows at once show the arithmetic. Neither line says that the student runs on a
# watch. Its size would allow it; its speed there is not measured here.
#
# ## Summary
#
# - Judge a pipeline by taking out one step at a time, paired by athlete, at equal budgets.
# - Give the rival what your model gets: the same windows, the same mask, the same means.
# - Few weights are not few microseconds: measure.
#
# ## Exercises
#
# Try each before opening the answer. {download}`This chapter as a notebook with empty answers
# <exercises/10_pipeline_exercises.ipynb>` is there to work in.

# %% [markdown]
# ### Exercise 1
#
# Leave out the swimmer who gains most. What is the mean gain of the whole pipeline then? (`evaluate.gains`
# gives every swimmer's.)
#
# Expected: {glue:text}`exercise_1`

# %% tags=["solution"]
from sportsml_lite.evaluate import gains

own = gains(tables["swimming"], "whole", "none")
record("exercise_1", own.drop(own.idxmax()).mean(), digits=3)

# %% [markdown]
# ### Exercise 2
#
# How many kilobytes would the student take with 8 bits a weight?
#
# Expected: {glue:text}`exercise_2`

# %% tags=["solution"]
record("exercise_2", count_parameters(small) / 1000, digits=1)

# %% [markdown]
# ### Exercise 3
#
# Nothing at all changes between two exams, but each has noise of its own: macro-F1 is the athlete's level
# (standard deviation 0.05 between athletes) plus noise (0.05). Which part of a low score's distance to
# the mean is gone the next time, on average? (The share of noise in the variance.)
#
# Expected: {glue:text}`exercise_3`

# %% tags=["solution"]
record("exercise_3", 0.05**2 / (0.05**2 + 0.05**2), digits=2)

# %% [markdown]
# ## What comes next
#
# The student still lives in PyTorch, where calling it costs more than computing it. Chapter 11 takes it
# out of there and lets it read a stream as it arrives; chapter 12, still to come, asks whether it can be
# trusted.

# %% [markdown]
# ## References
#
# ```{footbibliography}
# ```
