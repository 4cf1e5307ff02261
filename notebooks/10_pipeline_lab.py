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
# # 10 · The whole pipeline: the lab
#
# **The experiment.** Eight labelled training athletes, the others without labels, and five windows of each
# class from a new athlete (or two measured heart rates): the whole pipeline, and every arm that leaves
# something out. The lesson of chapter 10 tells why; this page shows every arm.
#
# `accepted` reads the tables in `results/`. `quick` recomputes the fold of one data set that tests most
# athletes, with short trainings; `full` recomputes everything. The command is always the same:
#
# `sportsml run 10_pipeline_lab -p dataset swimming -p profile full`
#
# **Other athletes.** `test_dir` names a folder in the form of the data set (or of your own): all of its
# athletes are tested, by models of all the others. Nobody may be in both. `keep` leaves the student that
# the teacher taught in the folder of the run: `student.npz`, weights and nothing else, and `student.json`,
# which says what it reads and answers; `sportsml_lite.training.keep` loads the two.

# %% tags=["imports"]
import os

from sportsml_lite.evaluate import athlete_values
from sportsml_lite.findings.lab import read
from sportsml_lite.plots import pipeline as figures
from sportsml_lite.plots import style
from sportsml_lite.plots.grammar import (
    interval_rows,
    paired_scatter,
    score_table,
    small_multiples,
)
from sportsml_lite.protocol import margin
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.studies import pipeline

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name or path: swimming, actes, simulated(_b) or a folder
data_dir = ""  # path: folder of your own tables, or the one that holds the data set
seed = 0  # 0 to 1000000: added to every job's own seed
profile = "accepted"  # 'accepted', 'quick' or 'full': read the tables, or recompute
length_s = 0.0  # s, 0 to 3600: of a window; 0 takes the data set's own
stride_s = 0.0  # s, 0 to 3600: from window to window; 0 follows the length
n_labelled = 8  # athletes, 1 to 1000: that train with labels (quick and full)
k = 5  # windows a class, 1 to 20: what a new athlete gives (quick and full)
test_dir = ""  # path: folder of other athletes, who test (quick and full)
keep = False  # true or false: keep the student in the folder of the run

# %% tags=["hide-input"]
check_values("10_pipeline_lab", globals())
told = {
    "n_labelled": n_labelled,
    "k": k,
    "length_s": length_s,
    "stride_s": stride_s,
    "test_dir": test_dir,
}
lab = read(pipeline.STUDY, pipeline.judge, dataset, data_dir, seed, profile, told)
tables, verdicts, survives = lab.tables, lab.verdicts, lab.survives
rule = margin("macro_f1")
null = lab.by_seed
if keep:
    options = lab.options[0]
    folder = os.environ.get("SPORTSML_RUN_DIR", "")
    card = pipeline.keep(options, tables[options.name], folder)
    print(f"student.npz and student.json: {card.athletes} athletes trained it")

# %% tags=["check"]
for name, text in lab.said.items():
    record(name, text)

# %% [markdown]
# ## The arms
#
# Every arm runs on all folds of all partitions, each job with a seed of its own ({glue:text}`tested`), and
# the same windows examine all of them. Students share architecture, first weights, steps and batch
# size. *Labels from*: who answers for the athletes without labels; *the teacher* is the ensemble of LSTM
# networks in every fold, whatever chapter 7 would choose there, and MiniRocket the other choice; *class means*: in place of the trained
# head, shrunk to the athlete's where they are personal (κ = 3 windows, fixed and not tuned). The forest,
# MiniRocket and the teacher learn from the eight labelled athletes; validation athletes are labelled for
# every arm. In ACTES the athlete gives two measured heart rates: there *personal* means that scale, for
# MiniRocket too, and arms that need windows do not exist.

# %% tags=["hide-input"]
score_table(
    [
        {
            "arm": pipeline.TITLES[name],
            "labels from": {
                "taught": "the teacher",
                "self": "an equal student",
                "rocket": "MiniRocket",
            }.get(arm.model, "–"),
            "mask": arm.masked or arm.kappa > 0,
            "class means": arm.kappa > 0,
            "personal": arm.personal,
            "guarded": arm.guarded,
        }
        for name, arm in pipeline.ARMS.items()
    ]
)

# %% tags=["hide-input"]
figures.level_table(tables)

# %% [markdown]
# ## The questions
#
# The study asks {glue:text}`asked` on this page. Differences that stand after
# Holm's correction for that many: {glue:text}`stand`. Below {glue:text}`smallest` nothing is worth naming; an athlete
# counts as harmed from a loss of {glue:text}`harm` on. *(By seed)*: how many athletes the small student
# harms when nothing but its seed changes.

# %% tags=["hide-input"]
figures.judged_table(verdicts, survives, {d: c.harmed for d, c in null.items()})

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The same gains, with the arm that differs by its seed alone (grey). Bars: 95 % intervals over athletes and models; grey band: too small to name.", "name": "fig-pipeline-lab-gains"}, "image": {"alt": "For each data set a row a question, its gain as a dot with an interval around zero."}}
panels = {
    d: {
        figures.ASKED[q]: verdicts[d, q].gain
        for q in pipeline.QUESTIONS
        if (d, q) in verdicts
    }
    | {"another seed": null[d].gain}
    for d in tables
}
small_multiples(
    panels,
    interval_rows,
    height_in=8.0,
    share=(),
    band=rule.smallest_effect,
    spec="+.3f",
    accent=list(figures.ASKED.values()),
    xlabel="gain in macro-F1",
)

# %% [markdown]
# ## Rung by rung

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Macro-F1 of the arms of the lesson on every data set: mean over athletes of macro-F1 over the classes that each performs, with 95 % intervals.", "name": "fig-pipeline-lab-ladder"}, "image": {"alt": "For each data set rows with intervals from the most frequent class up to the whole pipeline and MiniRocket."}}
small_multiples(tables, figures.ladder, height_in=4.4, share=())

# %% [markdown]
# ## Athlete by athlete

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Macro-F1 of every athlete from the small student alone (tick) to the whole pipeline (dot); mean over models. Orange: harmed.", "name": "fig-pipeline-lab-athletes"}, "image": {"alt": "For each data set a row an athlete from a tick to a dot."}}
figures.for_whom(tables)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Macro-F1 of every athlete under MiniRocket with a shrunken ridge and under the whole pipeline with its guard; mean over models. Band: within the margin of harm.", "name": "fig-pipeline-lab-rival"}, "image": {"alt": "For each data set dots of the athletes around the diagonal on which both are equal."}}
pairs = {
    d: tuple(athlete_values(t, a) for a in ("minirocket_ridge", "guarded"))
    for d, t in tables.items()
    if "minirocket_ridge" in set(t["arm"])
}
small_multiples(
    pairs,
    paired_scatter,
    height_in=3.4,
    share=(),
    harm=rule.harm,
    xlabel="MiniRocket, shrunken ridge",
    ylabel="the whole pipeline, guarded",
) if pairs else style.nothing("A quick run leaves MiniRocket out.")
