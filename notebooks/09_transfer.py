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
# them?
#
# **In one sentence.** {glue:text}`in_short`
#
# ```{admonition} You will be able to
# - **choose** which weights move, and prove that the others did not;
# - **derive** an adaptation in closed form, without a single gradient;
# - **examine** it fairly: earliest windows, a gap, and a baseline that only knows *which* classes there
#   are;
# - **count** who was harmed, beside how many luck alone harms.
# ```
#
# | You need | Where |
# |---|---|
# | the split by athlete | chapter 2 |
# | the student and how it was distilled | chapters 7 and 8 |
# | mean, covariance, and minimising a square | any first course in statistics |
#
# *20 minutes to read, 10 seconds to run.*

# %% tags=["imports"]
import copy
from itertools import pairwise

import numpy as np
import torch

from sportsml_lite.findings.transfer import findings
from sportsml_lite.models import Student
from sportsml_lite.plots import style
from sportsml_lite.plots import transfer as figures
from sportsml_lite.prepare import fill_windows, fit_scaler
from sportsml_lite.prepare.tasks import load_task
from sportsml_lite.protocol import few_shot_windows, margin
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.studies import accepted
from sportsml_lite.studies import transfer as study
from sportsml_lite.training.data import Sequences
from sportsml_lite.transfer import (
    Adaptation,
    adapted,
    fit_population,
    phases,
    take_shots,
)

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name or path: simulated, swimming or a folder of your own
data_dir = ""  # path: folder of your own tables, or the one that holds the data set
seed = 0  # 0 to 1000000: simulated athletes and first weights of the live example
n_athletes = 12  # athletes, 5 to 500: how many are simulated for the live example
length_s = 0.0  # s, 0 to 3600: of a window; 0 takes the data set's own
stride_s = 0.0  # s, 0 to 3600: from window to window; 0 follows the length
k = 2  # windows a class, 1 to 20: what the athlete of the live example gives
kappa = 5.0  # windows, 0.01 to 1000: what the population's means count as

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Above: for the swimmer who gains most, the share of each class's later windows that the model reads rightly, before (open) and after (filled) five labelled windows of each. Below: every swimmer's macro-F1, from the tick (the same student for all) to the dot (fitted by five windows a class), sorted; mean over models. Orange: harmed, that is, worse by more than the margin of harm.", "name": "fig-transfer-swimmer"}, "image": {"alt": "Above, rows of strokes with an open and a filled dot. Below, a row a swimmer from a tick to a dot; most are short, a few long ones go right, orange ones go left."}}
check_values("09_transfer", globals())
torch.set_num_threads(1)
results = {name: accepted.load("transfer", name) for name in study.STUDY.datasets}
tables = {name: result.scores for name, result in results.items()}
figures.before_and_after(tables["swimming"])

# %% tags=["check"]
for name, text in findings(tables).items():
    record(name, text)
record("harm", margin("macro_f1").harm, digits=2)
record("command", results["swimming"].command)

# %% [markdown]
# ## What five windows bought
#
# Above, *{glue:text}`athlete`* is the one whom the method of this chapter helps most. On average, five labelled windows of each class change a new swimmer's macro-F1 by
# **{glue:text}`gain`**. Merely being told *which* strokes the swimmer swims is worth
# {glue:text}`mask`. What was learned from the windows themselves adds **{glue:text}`own`**:
# {glue:text}`stands`.
#
# And somebody may pay for it. Swimmers who lose more than {glue:text}`harm`, the
# {term}`margin of harm`: {glue:text}`harmed` of {glue:text}`people`. Before you blame the method: train
# the same student again from another seed and touch nothing else. "Harmed" now:
# {glue:text}`harmed_null`.
#
# And who needs it most? The tenth of the swimmers (at least three) whom another seed of the student reads
# worst change by **{glue:text}`lowest`**. Another seed chooses them, so that they are not merely those
# who were unlucky this time.
#
# The rest of the chapter says what a fair exam is, how a model may move, how the best cheap method
# follows from one minimised square, and why you meet larger numbers elsewhere.
#
# ## What a new athlete gives
#
# A swimmer joins the club. The coach films ten seconds of each stroke and labels them; then the swimmer
# trains. What the coach labelled is the {term}`support`. So the support is the **earliest** $k$ windows
# of each class, and the exam is what comes **later** in that class, at least one window length away from
# anything that was used. The exam is the same for every $k$, or two points of a curve would be two
# different exams.

# %%
window = {"length_s": length_s, "stride_s": stride_s}
task = load_task(
    dataset, data_dir, seed=seed, n_athletes=n_athletes, sessions_each=3, **window
)
print(task.told)
shot = few_shot_windows(task.windows)
able = shot.athletes(k)  # who can give k windows of every class they perform
classes = {a: len(set(task.windows.y[task.windows.athlete == a])) for a in able}
athlete = max(able, key=classes.get)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "One athlete of the live example, a row a class: the earliest windows calibrate (blue), later ones test; pale ones are kept free, for a larger k or as the gap.", "name": "fig-transfer-time"}, "image": {"alt": "Bars along time, a row a class: early bars are blue, later ones strong, with pale ones between."}}
figures.time_line(task.windows, shot, str(athlete), k)

# %% [markdown]
# Not everybody can give $k$ windows of each class and keep others for the exam, so every $k$ has its own
# athletes. The lab counts them.
#
# **The baseline.** One labelled window of each class tells *which* classes there are. A swimmer of two
# strokes can then no longer be given a third. That is worth something and has nothing to do with
# learning, so every method below may use it, and *masked*, the untouched student that may only answer
# with the support's classes, is the one to beat.
#
# ## How a model may move
#
# With $S_w(x)$ the student's probabilities, $w_0$ its weights as learned from other athletes (the
# {term}`population model`) and $n$ labelled windows,
#
# $$ \begin{aligned}
#    L(w) = {} & \frac1n \sum_{i=1}^{n} H\bigl(y_i, S_w(x_i)\bigr) \\
#    & + \frac{\lambda}{2n} \lVert w - w_0 \rVert^2 .
#    \end{aligned} $$
#
# The second term (L2-SP {footcite:p}`li2018`) pulls back to the population; divided by $n$, it weighs
# less the more windows there are. Methods differ in *what* may move: the **head** alone, on features
# that are good for all {footcite:p}`raghu2020`; the head and **then all** layers, so that a bad head does
# not spoil good features {footcite:p}`kumar2022`; **gradually**, from the last layer to the first
# {footcite:p}`howard2018`; or everything at once. (A new sensor, it is said, calls for the *first* layer
# {footcite:p}`leesurgical2023`; nobody here changed sensors.)
#
# What does not move is *frozen* ({term}`freezing`), and frozen means unchanged, bit by bit. Take a
# student with random weights, which will do for a proof, move its head, and look:

# %% tags=["hide-input"]
windows = task.windows
scaler = fit_scaler(windows.X)
X = scaler.transform(fill_windows(windows.X, scaler.mean)).astype(np.float32)
part = Sequences(torch.from_numpy(X), None, torch.from_numpy(windows.y))
torch.manual_seed(seed)
student = Student(X.shape[1], len(windows.classes), stride=1).eval()
given = np.flatnonzero(shot.support(k) & (windows.athlete == athlete))
few = part.take(given)  # the labelled windows of one athlete

# %%
model = copy.deepcopy(student)
for name, weight in model.named_parameters():
    weight.requires_grad_(name.startswith("head"))
moving = [w for w in model.parameters() if w.requires_grad]
optimizer = torch.optim.AdamW(moving, lr=0.01, weight_decay=0)
for _ in range(20):
    loss = torch.nn.functional.cross_entropy(model(few.X), few.y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
before, after = student.state_dict(), model.state_dict()
for name in before:
    frozen = torch.equal(before[name], after[name])
    assert frozen == (not name.startswith("head"))

# %% [markdown]
# To *unfreeze* gradually is to let one more layer move in each phase, from the last to the first. The
# package's `phases` names them; each contains the one before:

# %%
steps = phases("gradual", student)
assert steps[0] == ("head.weight", "head.bias")
assert all(set(a) < set(b) for a, b in pairwise(steps))

# %% [markdown]
# ## Shrinkage: a head without a gradient
#
# **Intuition.** In the student's feature space each class is a cloud. A new athlete's clouds lie a
# little elsewhere. The mean of one or two windows is a poor guess of where; the population's mean is a
# safe one. Take a point between the two, nearer to the athlete's own the more windows there are:
# {term}`shrinkage`.
#
# **Derivation.** Let $f_1, \dots, f_n$ be the features of the athlete's windows of one class, $\bar f$
# their mean and $\mu$ the population's. Look for the point $m$ that is close to the windows, and let
# the population count as $\kappa$ further windows that all lie at $\mu$:
#
# $$ \min_m \; \sum_{i=1}^{n} \lVert f_i - m \rVert^2 + \kappa\, \lVert \mu - m \rVert^2 . $$
#
# Set the gradient by $m$ to zero: $\sum_i (f_i - m) + \kappa (\mu - m) = 0$, so
# $n \bar f + \kappa \mu = (n + \kappa)\, m$, and
#
# $$ m = \mu + \frac{n}{n + \kappa}\, (\bar f - \mu) . $$
#
# With no window the athlete stays at $\mu$; with many, $m$ goes to $\bar f$. Give all clouds one shape,
# the covariance $\Sigma$ of windows *within* athlete and class, and the most probable class of a window
# with features $f$ is the one with the largest
#
# $$ m_c^\top \Sigma^{-1} f - \tfrac12\, m_c^\top \Sigma^{-1} m_c , $$
#
# which is linear in $f$: just another head (linear discriminant analysis), found without one step of
# training. In code:

# %%
others = windows.athlete != athlete
population = fit_population(student, part.take(others), windows.athlete[others])
shrink = Adaptation("shrink", kappa=kappa)
shots = take_shots(part, windows)
heads = adapted(student, shots, k, shrink, population).moved["head.weight"]

with torch.no_grad():
    features = student.features(few.X)
for c in few.y.unique().tolist():
    own = features[few.y == c]
    n, mu = len(own), population.means[c]
    m = mu + n / (n + kappa) * (own.mean(0) - mu)
    mine = heads[list(able).index(athlete), c]
    assert torch.allclose(mine, m @ population.precision, rtol=1e-3, atol=1e-4)

# %% [markdown]
# **Caveat: two changes in one.** The formula swaps the trained head for class means *and* uses the
# athlete's windows. The first alone may gain or lose and needs none of the athlete's data. So it is an
# arm of its own, *class means of others*: $\kappa \to \infty$.
#
# ## More windows, more gain?

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Mean gain in macro-F1 of new swimmers over the same student for all, against the number of labelled windows a class. In brackets: the swimmers who can give so many, so each point has its own. Intervals at k = 5: in the table below; at k = 1: in the lab.", "name": "fig-transfer-gain"}, "image": {"alt": "Lines of five methods against the number of windows a class; the accented one is that of shrunken class means."}}
figures.gain_against_k(tables["swimming"])

# %% tags=["hide-input"]
figures.method_table(tables["swimming"])

# %% [markdown]
# *Accepted results: this page prints them and does not compute them;* {glue:text}`command` *redoes the
# swimmers.* How strongly to shrink was chosen by each fold's own validation swimmers: nobody who is
# tested chose anything. In simulated runners, who prove nothing about people, learning from
# five windows adds {glue:text}`runners` beyond knowing the classes.
#
# **Could nobody be harmed?** A *guard* moves only whom it must. The student has never seen the athlete, so
# the few labelled windows are an honest exam, before anything moves:
#
# $$ \text{move} \iff S_{w_0}(x_i) \neq y_i \;\text{for some } i . $$
#
# Whoever is read without a mistake stays; whoever is misread is moved. The aim is to protect those who have
# little to gain, and to let pass who needs it most: an athlete whose classes *all* look wrong fails this
# exam. It moves {glue:text}`moves` % of the swimmers. {glue:text}`guard`
#
# An earlier guard of this book hid one class after the other and asked whether the others' windows
# helped to explain it. It held back exactly those whose classes all looked wrong. Six kinds of guard were
# tried, and this one chosen, by a rule written down before, on validation athletes of swimmers and
# simulated runners together: of those that harm no more than another seed does, the one with the largest
# gain of the lowest tenth.
#
# **The rival.** MiniRocket, which fits no watch, gets the same windows, mask and guard, and its ridge is
# shrunk by a $\kappa$ of its own: {glue:text}`rival`.
#
# ## A kinder exam makes the gain
#
# You will meet larger numbers than ours. Often two things make them: the calibration windows are drawn
# **at random**, so that each has a twin in the exam that overlaps it; and no **masked** baseline stands
# beside them. Take one method, the fine-tuned head, with one window of each class, and examine it in
# three ways:

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Gain in accuracy by fine-tuning the head on one window of each class: the same athletes, the same method. The first two against the untouched student, the third against the untouched student that knows which classes there are. Bars: 95 % intervals over athletes and models.", "name": "fig-transfer-exam"}, "image": {"alt": "For swimmers and for simulated runners three rows with intervals: the gain with windows drawn by lot, with the earliest windows and a gap, and beyond knowing the classes."}}
figures.both_exams(tables)

# %% [markdown]
# In accuracy, from the first row to the third: swimmers {glue:text}`exam_swimming`; simulated runners
# {glue:text}`exam_simulated`. {glue:text}`kinder` Only the last row is *learning from the window*, and
# only an exam on later windows says what the athlete will see tomorrow.
#
# ## When classes come in order
#
# In a ramp test the intensity only rises. Its earliest windows all show the lowest class, and whoever has
# shown every class has finished the test. There the athlete gives two numbers instead, a resting and
# a maximal {term}`heart rate`, and the model reads heart rate as a fraction of the athlete's own
# {term}`heart-rate reserve`, not of the maximum expected at this age {footcite:p}`nes2013`:
#
# $$ x_\text{age} = \frac{h}{211 - 0.64\,\text{age}}, $$
#
# $$ x_\text{reserve} = \frac{h - h_\text{rest}}{h_\text{max} - h_\text{rest}} . $$
#
# For the young riders of ACTES that changes macro-F1 by {glue:text}`reserve`:
# {glue:text}`reserve_stands`. **Caveat.** Their maximum was reached in the very test that is classified, which flatters
# the result, and the formula for the age was made for adults.
#
# ## Summary
#
# - The earliest windows calibrate, later ones examine, a gap between them, and the athletes at each $k$
#   are counted.
# - Which classes there are may be worth something by itself: compare with *masked*.
# - Shrunken class means need no gradient; compare them with class means that know nothing of the athlete.
# - Report who was harmed, beside the same count for another seed, and what the lowest tenth gained.
# - A guard spares whom the model reads rightly. Check whether it harms fewer.
#
# ## Exercises
#
# Try each before opening the answer. {download}`This chapter as a notebook with empty answers
# <exercises/09_transfer_exercises.ipynb>` is there to work in.

# %% [markdown]
# ### Exercise 1
#
# An athlete gives $n = 5$ windows of a class, and the population counts as $\kappa = 10$. Which share of
# the way to the own mean does shrinkage go?
#
# Expected: {glue:text}`exercise_1`

# %% tags=["solution"]
answer = 5 / (5 + 10)
record("exercise_1", answer, digits=2)

# %% [markdown]
# ### Exercise 2
#
# How many megabytes ($10^6$ bytes) do the heads of a million athletes take, at 32 bits a number? Use the
# student of the live example.
#
# Expected: {glue:text}`exercise_2`

# %% tags=["solution"]
answer = 1e6 * 4 * sum(p.numel() for p in student.head.parameters()) / 1e6
record("exercise_2", answer, digits=0)

# %% [markdown]
# ### Exercise 3
#
# Twenty athletes are adapted and none is harmed. How large could the true share of harmed athletes still
# be, if such a lucky result should have a chance of at least 5 %? (Solve $(1 - p)^{20} = 0.05$.)
#
# Expected: {glue:text}`exercise_3`

# %% tags=["solution"]
answer = 1 - 0.05 ** (1 / 20)
record("exercise_3", answer, digits=2)

# %% [markdown]
# ## What comes next
#
# Chapter 10 puts teacher, student and personal model in a row, takes out one at a time, and asks what
# each was worth.

# %% [markdown]
# ## References
#
# ```{footbibliography}
# ```
