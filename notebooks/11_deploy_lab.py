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
# # 11 · Deploying the student: the lab
#
# **The experiment.** One student a fold, trained on all labels without a teacher, answers for athletes whom it has not met in
# every form: as PyTorch has it, in 8 bits, as a stream, and with the athlete's own head from five windows of
# each class, in single precision and in 8 bits. Where the classes are domains of intensity, its streamed answers
# guide an easy session. The lesson of chapter 11 tells why; this page shows every arm.
#
# `accepted` reads the tables in `results/`. `quick` recomputes the fold of one data set that tests most
# athletes, with short trainings; `full` recomputes everything. The command is always the same:
#
# `sportsml run 11_deploy_lab -p dataset swimming -p profile full`

# %% tags=["imports"]
import numpy as np

from sportsml_lite.deploy import compiled, timing
from sportsml_lite.deploy.stream import Stream, push_seconds
from sportsml_lite.findings.lab import read
from sportsml_lite.plots import deploy as figures
from sportsml_lite.plots import style
from sportsml_lite.protocol import margin
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.studies import deploy

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name or path: swimming, actes, simulated(_b) or a folder
data_dir = ""  # path: folder of your own tables, or the one that holds the data set
seed = 0  # 0 to 1000000: added to every job's own seed
profile = "accepted"  # 'accepted', 'quick' or 'full': read the tables, or recompute
length_s = 0.0  # s, 0 to 3600: of a window; 0 takes the data set's own
stride_s = 0.0  # s, 0 to 3600: from window to window; 0 follows the length

# %% tags=["hide-input"]
check_values("11_deploy_lab", globals())
told = {"length_s": length_s, "stride_s": stride_s}
lab = read(deploy.STUDY, deploy.judge, dataset, data_dir, seed, profile, told)
rule = margin("macro_f1")

# %% tags=["check"]
for name, text in lab.said.items():
    record(name, text)

# %% [markdown]
# Tested: {glue:text}`tested`. {glue:text}`asked`; after Holm's correction {glue:text}`stand` stand. The
# smallest difference worth naming is {glue:text}`smallest`, the margin of harm {glue:text}`harm`.
#
# ## What is lost

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Macro-F1 of the student in every form, mean over athletes, 95 % intervals over athletes and models.", "name": "fig-deploy-forms"}, "image": {"alt": "A panel a data set, with rows for the teacher, the student, the student in 8 bits and as a stream."}}
figures.forms(lab.tables)

# %% tags=["hide-input"]
figures.level_table(lab.tables)

# %% tags=["hide-input"]
null = {name: found.harmed for name, found in lab.by_seed.items()}
figures.judged_table(lab.verdicts, lab.survives, null)

# %% [markdown]
# The last arms are tested on later windows only, those that come after the athlete's own; there is a plain student of
# its own for them, *the student, later windows*.
#
# How often does a form answer as PyTorch does?

# %% tags=["hide-input"]
figures.agreement_table(lab.tables)

# %% [markdown]
# A stream remembers what came before the window. The student never met that in its training: its answers change more
# than by rounding, and not always for the worse.
#
# ## In time?
#
# The session is planned easy (below VT1). An *excess* is a minute or more above it. *Late*: from its beginning to the
# first *ease* or *stop*, where there is one; 0 where one is in force already. *Missed*: excesses without any. *False alarm*:
# one that begins while the plan is kept, per hour of keeping it.
# The domain is known every ten seconds, so lateness is no finer than that. The naive rule gets the same patience and
# cuts the heart rate of the last ten seconds where it tells the training athletes' domains apart best.

# %% tags=["hide-input"]
figures.guidance_table(lab.tables)

# %% [markdown]
# The simulated runners who are guided took no part in any training: each is guided by the models of one fold. The riders of ACTES ride a
# ramp test, in which every excess goes on to exhaustion, so that nothing but lateness says much.
#
# ## What it costs here
#
# Networks of the swimmers' size with random weights, one window at a time, one thread of this computer; processor time, median.
# ONNX Runtime is there where it is installed (the extra `export`), C where there is a compiler.

# %% tags=["hide-input"]
swimmer = timing.sized()
cost = timing.forms(swimmer, onnx=True)
figures.cost_table(cost, lab.tables.get("swimming"))

# %% tags=["hide-input"]
if compiled.compiler():
    limit = timing.limit_us(swimmer.network)
    print(f"the multiplications alone: {limit:.1f} µs")

# %% [markdown]
# A stream in Python, sample by sample, as fast as they can come; most samples only fill the buffer, every third makes a step:

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Time of each sample of a swimmer's stream (30 Hz) in NumPy on this computer. Dashed: median, the 99th percentile, and the moment at which the next sample comes.", "name": "fig-deploy-jitter"}, "image": {"alt": "A rising curve: most samples take microseconds; the deadline of thirty a second lies far to the right."}}
pace = Stream(swimmer.network, swimmer.card.rate_hz)
seconds = push_seconds(pace, np.concatenate(list(swimmer.X[:16]), 1))
figures.jitter(seconds, swimmer.card.rate_hz)

# %% [markdown]
# `benchmarks/deploy_speed.py` measures more: batches, streams sample by sample, other compilers' flags.
#
# **Not measured.** No watch, no battery. ExecuTorch is written (`sportsml export STUDENT --to executorch`) for whoever
# installs it.
