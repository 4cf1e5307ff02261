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
# # 11 · Deploying the student
#
# **The question.** The student is small. How little does it take to run it, on a watch, in a web page, on
# a stream that never ends, and does it lose anything on the way?
#
# **In one sentence.** {glue:text}`in_short`
#
# ```{admonition} You will be able to
# - **count** what a network must compute, and see how far a program is from that limit;
# - **fold** and **round** a network, and check that its answers stay;
# - **read** a stream sample by sample, and say *hold*, *ease* or *stop* in time;
# - **fit** a head to an athlete where the athlete is: on the device.
# ```
#
# | You need | Where |
# |---|---|
# | teacher and student | chapters 7 and 8 |
# | shrunken class means: a head without a gradient | chapter 9 |
# | what a call costs | chapter 10 |
#
# Three students appear here, all of one form. One with random weights: speed and size do not depend on what was
# learned. One after a short training on simulated runners: the pictures and the page. And for every macro-F1 the
# accepted one, trained on all labels without a teacher.
#
# *20 minutes to read, 40 seconds to run.*

# %% tags=["imports"]
import tempfile

import numpy as np
import torch

from sportsml_lite.deploy import c, compiled, example, timing
from sportsml_lite.deploy.int8 import quantise
from sportsml_lite.deploy.network import describe
from sportsml_lite.deploy.page import page
from sportsml_lite.deploy.people import demonstration
from sportsml_lite.deploy.stream import Stream
from sportsml_lite.findings.deploy import PEOPLE, findings
from sportsml_lite.plots import deploy as figures
from sportsml_lite.plots import style
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.studies import accepted

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name or path: simulated, swimming or a folder of your own
data_dir = ""  # path: folder of your own tables, or the one that holds the data set
seed = 0  # 0 to 1000000: simulated athletes and the live trainings
n_athletes = 120  # athletes, 30 to 500: how many are simulated for the live example

# %% tags=["hide-input"]
check_values("11_deploy", globals())
torch.set_num_threads(1)
results = {name: accepted.load("deploy", name) for name in PEOPLE}
tables = {name: result.scores for name, result in results.items()}

# %% tags=["check"]
for name, text in findings(tables).items():
    record(name, text)
record("command", results["swimming"].command)

# %% [markdown]
# ## How far from the limit?
#
# Chapter 10 ended with a puzzle: the small student was hardly faster than its teacher. Small had bought
# nothing that a user can feel. So count what must be computed.
#
# The student works in *steps*, one for every few samples, and none looks ahead. In a step, the first layer (the stem)
# reads the last $K$ samples of $C$ channels into a state of $W$ numbers. Three blocks follow. Each looks back at $K$
# states, one channel at a time (*depthwise*), mixes the $W$ channels (*pointwise*), and divides by their spread (the
# norm). The head comes once: it reads the mean of the states and the last one, twice $W$ numbers. With $S$ steps in a
# window, that is
#
# $$ S\,\bigl(W C K + 3\,(W K + W^2)\bigr) + 2\,W\,n_\text{classes} $$
#
# {term}`multiply-accumulates <multiply-accumulate>`.

# %%
network = timing.sized().network
width, channels, kernel = network.stem.shape
step = width * channels * kernel + 3 * (width * kernel + width**2)
head = network.head_mean.size + network.head_last.size
assert network.macs == network.steps * step + head
print(f"W = {width}, C = {channels}, K = {kernel}, S = {network.steps}")

# %% tags=["check"]
record("macs", f"{network.macs:,}")

# %% [markdown]
# {glue:text}`macs` for a swimmer's window; scaling and norms are not counted. What does each way of running it take on this computer, and what
# would the multiplications alone take?

# %% tags=["hide-input"]
swimmer = (
    timing.sized()
)  # random weights: speed does not depend on what was learned
cost = timing.forms(swimmer)
limit_us = timing.limit_us(swimmer.network)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Time of one window of a swimmer (6 s at 30 Hz) in every form, one thread, one window at a time (median of many calls). Dashed: as many multiply-accumulates in a bare C loop without memory, the best of many turns. The teacher is two LSTMs that read both mirror images.", "name": "fig-deploy-limit"}, "image": {"alt": "Dots on a scale of tenfolds: PyTorch at the right, C at the left, close to the dashed line of the arithmetic."}}
figures.near_the_limit(cost["us"], limit_us)

# %% tags=["check", "nbval-ignore-output"]
has_compiler = compiled.compiler() is not None
fastest = "C" if has_compiler else "NumPy, folded"
record("eager_us", cost["us"]["student, PyTorch"], digits=0)
record("numpy_us", cost["us"]["NumPy, folded"], digits=0)
record("fast_us", cost["us"][fastest], digits=1)
record("fast_name", fastest if has_compiler else "NumPy (no C compiler is here)")
record("times_limit", cost["us"][fastest] / limit_us, digits=1)

# %% [markdown]
# From PyTorch to {glue:text}`fast_name`: {glue:text}`eager_us` to {glue:text}`fast_us` µs, which is
# {glue:text}`times_limit` times the limit. PyTorch looks up, checks and allocates
# for each of some twenty small layers. NumPy, with the folded layers, still makes calls for each
# ({glue:text}`numpy_us` µs): folding alone buys little, leaving Python does. Four steps: fold, write in C, round to 8
# bits, stream. The first two must not change an answer, and are checked; what the other two change is measured.
#
# ## Fold what can be folded
#
# **Intuition.** Some layers do nothing that their neighbour could not do on the way: {term}`folding`.
#
# **Equation.** The norm behind a pointwise convolution $P h + b$ first takes the mean over the $W$ channels
# away. That is a matrix too, $J = I - \tfrac1W \mathbf 1 \mathbf 1^\top$, and
#
# $$ J (P h + b) = (J P)\, h + J b : $$
#
# a convolution with centred weights $J P$ leaves nothing for the norm to centre. A bias in front of a linear
# layer goes through it in the same way. What divides by a root mean square cannot be folded: it depends on
# the sample.
#
# **Code.** A check, with random weights:

# %%
student, X = swimmer.student, swimmer.X
folded = describe(student, swimmer.card)
point = student.point[0].weight[:, :, 0].detach().numpy()
J = np.eye(width) - 1 / width
assert np.allclose(folded.blocks[0].point, J @ point, atol=1e-6)
with torch.no_grad():
    exact = student(torch.from_numpy(X)).numpy()
assert np.allclose(folded.logits(X), exact, atol=1e-5)

# %% [markdown]
# ## Write it down in C
#
# What is left are loops over tables of numbers. The package writes them as one header and one source file,
# with nothing but C's own square root behind them, and no memory asked for while they run: what a watch needs. This is the first layer as it stands
# there:

# %%
source = c.c_files(folded, swimmer.prior, swimmer.card)[c.SOURCE]
print(source[source.index("/* h = max(0, bias") :].split("\n\n")[0])

# %% tags=["hide-input"]
if has_compiler:
    with tempfile.TemporaryDirectory() as home:
        c.write_c(folded, swimmer.prior, swimmer.card, home)
        in_c = compiled.compile_c(home, folded).windows(X)[0]
    assert np.allclose(in_c, exact, atol=1e-5)

# %% [markdown]
# Compiled, it gives what PyTorch gives. `sportsml export STUDENT --to c` writes the files of a student that you
# kept (chapter 10's lab); other targets are `onnx`, `int8`, `page` and `executorch`.
#
# ## Eight bits
#
# **Intuition.** A ruler with 255 marks is enough, if its length fits what is measured.
#
# **Equation.** {term}`Quantisation <quantisation>` stores a number $w$ as a whole number $q$ times a unit
# $u$, the same for a whole row of weights:
#
# $$ q = \operatorname{round}(w / u), \qquad u = \max |w| / 127, $$
#
# so that no weight is off by more than $u/2$. Weights are known; how far *states* reach must be looked up
# beforehand, on windows of training athletes ({term}`calibration windows <calibration window>`), because a watch has no time for it. Products of
# whole numbers are summed exactly {footcite:p}`jacob2018`; the norm and the head stay in single precision,
# the norm because a root has no whole numbers, the head because it is what an athlete will change.

# %% tags=["hide-input"]
demo = demonstration(dataset, data_dir, seed, n_athletes)
network, card = demo.network, demo.card
# Live, the windows of one athlete choose the scales, and those of the others are drawn.
fitted, X = (
    example.measured_windows(demo, p) for p in (demo.people[:1], demo.people[1:])
)
scaled = network.scale(X)
in_8_bits = quantise(network, network.scale(fitted))

# %%
row = network.stem[0]
unit = np.abs(row).max() / 127
q = np.round(row / unit)
assert np.abs(q * unit - row).max() <= unit / 2 + 1e-9

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Every logit of windows that chose no scale (live example), in single precision and in 8 bits. Orange: windows whose answer changes.", "name": "fig-deploy-rounded"}, "image": {"alt": "Dots close to the diagonal; a few orange ones where two classes are nearly equal."}}
figures.rounded(network.logits(scaled), in_8_bits.logits(scaled))

# %% [markdown]
# **Caveat.** A picture of logits is no proof. What counts is the answer for athletes whom the student never met. Macro-F1,
# in 8 bits less in single precision: swimmers {glue:text}`swimming_int8`; simulated runners
# {glue:text}`simulated_int8`. The swimmer whom the student reads worst {glue:text}`lowest`. For scale: the same student
# from another seed reaches {glue:text}`again`.
#
# ## A stream has no windows
#
# A watch gets one sample after the other. No output of the student looks ahead (chapter 8), so it need not
# wait for a window: it keeps what its convolutions look back at, and the last $S$ states for the mean. Each new
# sample then costs one step, and not a window.

# %%
stream = Stream(network, card.rate_hz)
said = [stream.push(x, t_s=i / card.rate_hz) for i, x in enumerate(X[0].T)]
answers = [answer for answer in said if answer is not None]
assert len(answers) == network.steps
assert np.allclose(answers[-1].logits, network.logits(scaled[:1])[0], atol=1e-4)

# %% [markdown]
# A stream knows what came before the window, which the student never saw in its training. That changes
# macro-F1 by: swimmers {glue:text}`swimming_stream`; simulated runners {glue:text}`simulated_stream`.
#
# **A word in time.** An easy run is meant to stay easy. When the stream says that it is not, the watch should
# say *ease*, and *stop* where easing does not help: soon, but not at every hill. So the guide adds up the
# probabilities of all domains above the plan, and is silent where the sum is neither high nor low. A high sum must last before
# it says *ease*, and last longer before *stop*; a low one, before it says *hold*: go on as you are.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A simulated runner whom the student has not met, on a session that should have been easy (the middle one of the page's three athletes): heart rate; the probabilities of the three domains as the stream gives them; the true domain, and the words of the guide below it. Where it is white, the guide is unsure and silent. This is a recording: nobody hears the words. VT1, VT2: the ventilatory thresholds of chapter 7.", "name": "fig-deploy-guide"}, "image": {"alt": "Three panels over time: heart rate, stacked probabilities, and two bands: the true domain, and the words hold, ease and stop."}}
figures.guided(**example.guided_run(demo))

# %% [markdown]
# An *excess* is a minute or more above the plan. *Late* counts from its beginning to the first word, where there is
# one; false alarms are counted per hour in which the plan is kept. On simulated runners: {glue:text}`guide`. A fixed
# share of the maximal heart rate in the student's place: {glue:text}`guide_zone`. {glue:text}`guides` The student
# without patience, and satisfied with being less sure: {glue:text}`guide_hasty`. **Caveat.** The guide judges
# intensity and nothing else: no pain, no illness. It is no medical device.
#
# ## The athlete teaches the device
#
# Chapter 9's head needs no gradient: class means, moved toward the athlete's own, times a matrix that was
# computed beforehand. That is a few thousand multiplications, so it can be done where the athlete is. The page below
# is the student, with recordings of three athletes; it runs on *your* machine. **Mark an athlete's first windows, press *Learn*,
# and watch the rest.**

# %% tags=["hide-input"]
figures.in_a_frame(page(**vars(demo)))

# %% [markdown]
# The athletes are simulated, and chosen by a rule that the page tells: the first is the one whom learning
# helps most. New swimmers, with five windows of each stroke, gain {glue:text}`personal`. In 8 bits, the personal head
# changes that by {glue:text}`personal_int8`.

# %% [markdown]
# ## What it costs

# %% tags=["hide-input"]
figures.cost_table(
    cost.loc[[n for n in cost.index if n != "NumPy, folded"]], tables["swimming"]
)

# %% [markdown]
# *Macro-F1: accepted results, of athletes whom the model never met; this page prints them and does not compute them;*
# {glue:text}`command` *redoes the swimmers. Times: this computer.* The student, trained
# on labels alone, is {glue:text}`small` the two LSTMs of chapter 7.
#
# The weights of the C forms include a table for learning on the device; head, norms and scales stay in single
# precision in 8 bits, too. Whole numbers make the rest smaller. Whether they also make it faster depends on the processor: one with vector units for
# single precision may well be slower in 8 bits, a small one without them will not. **Caveat.** No watch was measured here.
# Bytes and multiplications carry over to one; microseconds do not.
#
# ## Summary
#
# - Count the multiplications first: they are the limit, and most of the time is lost elsewhere.
# - Fold what a neighbour can do, and check with an `assert` that no answer changes.
# - Choose the scales of 8 bits on training athletes, and judge the loss on athletes whom the student never met.
# - A causal network reads a stream as it is; a word on the watch needs patience, and the right to be silent.
# - Learning on the device need not mean training on the device.
#
# ## Exercises
#
# Try each before opening the answer. {download}`This chapter as a notebook with empty answers
# <exercises/11_deploy_exercises.ipynb>` is there to work in.

# %% [markdown]
# ### Exercise 1
#
# How many multiplications (each with an addition) does the swimmers' student make in an hour of streaming at 30 Hz, a step
# every 3 samples? In millions, without the head.
#
# Expected: {glue:text}`exercise_1`

# %% tags=["solution"]
record("exercise_1", 3600 * 30 / 3 * step / 1e6, digits=1)

# %% [markdown]
# ### Exercise 2
#
# A row of weights reaches from -0.4 to 0.3. By how much can a weight be off in 8 bits?
#
# Expected: {glue:text}`exercise_2`

# %% tags=["solution"]
record("exercise_2", 0.4 / 127 / 2, digits=4)

# %% [markdown]
# ### Exercise 3
#
# On how many samples, the present ones included, does one state depend, with a kernel of 9 in the stem, a stride of 3, and blocks that look back 8
# states at distances 1, 2 and 4?
#
# Expected: {glue:text}`exercise_3`

# %% tags=["solution"]
record("exercise_3", 9 + 3 * 8 * (1 + 2 + 4))

# %% [markdown]
# ## What comes next
#
# The student is on the wrist. Should its wearer trust it? Chapter 12, still to come, asks how sure it is, for whom it fails, and
# what it must never be used for.

# %% [markdown]
# ## References
#
# ```{footbibliography}
# ```
