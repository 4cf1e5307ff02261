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
# # 9 · Transfer to a new athlete: the lab
#
# **The experiment.** A student distilled as in chapter 8, by LSTMs, fitted to athletes it has never met, in every
# way of the lesson, from 1 to 20 labelled windows a class, and MiniRocket fitted by the same windows. The lesson of chapter 9 tells why; this page
# shows every arm.
#
# `accepted` reads the tables in `results/`. `quick` recomputes the fold of one data set that tests
# most athletes, with short trainings; `full` recomputes everything. The command is always the same:
#
# `sportsml run 09_transfer_lab -p dataset swimming -p profile full`

# %% tags=["imports"]
from sportsml_lite.evaluate import athlete_values, mean
from sportsml_lite.findings.lab import read
from sportsml_lite.findings.transfer import nulls
from sportsml_lite.plots import style
from sportsml_lite.plots import transfer as figures
from sportsml_lite.plots.grammar import before_after, score_table, small_multiples
from sportsml_lite.protocol import margin
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.studies import transfer as study

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name or path: swimming, actes, simulated(_b) or a folder
data_dir = ""  # path: folder of your own tables, or the one that holds the data set
seed = 0  # 0 to 1000000: added to every job's own seed
profile = "accepted"  # 'accepted', 'quick' or 'full': read the tables, or recompute
length_s = 0.0  # s, 0 to 3600: of a window; 0 takes the data set's own
stride_s = 0.0  # s, 0 to 3600: from window to window; 0 follows the length

# %% tags=["hide-input"]
check_values("09_transfer_lab", globals())
told = {"length_s": length_s, "stride_s": stride_s}
lab = read(study.STUDY, study.judge, dataset, data_dir, seed, profile, told)
tables, verdicts, survives = lab.tables, lab.verdicts, lab.survives
by_windows = {d: t for d, t in tables.items() if "masked" in set(t["arm"])}
by_heart_rate = {d: t for d, t in tables.items() if d not in by_windows}
rule = margin("macro_f1")
by_seed = nulls(tables)

# %% tags=["check"]
for name, text in lab.said.items():
    record(name, text)
record("steps", study.STEPS)

# %% [markdown]
# ## The arms
#
# Every arm runs on all folds of all partitions, each job with a seed of its own ({glue:text}`tested`).
# All arms of a job start from one student, which the ensemble of LSTM networks taught in every fold,
# whatever chapter 7 would choose there. *Chosen*: among so many settings (κ; or learning rate and
# strength of L2-SP) the fold's own validation athletes chose, by their mean gain at $k = 1$ and 5, under
# the fold's own student. Nobody who tests a fold had a part in it. The other arms are set in advance.
# Methods that train more than a head run at $k = 1$ and 5 only, with {glue:text}`steps` steps of AdamW
# like the head. All arms but *the same student for all* and the two unmasked heads answer only with
# classes that the support shows.

# %% tags=["hide-input"]
score_table(
    [
        {
            "arm": study.TITLES[name],
            "method": arm.adaptation.method,
            "settings": len(arm.grid),
            "chosen": len(arm.grid) > 1,
            "k": "none" if arm.reserve else ", ".join(map(str, arm.ks)),
        }
        for name, arm in study.ARMS.items()
    ]
)

# %% tags=["hide-input"]
figures.count_table(by_windows) if by_windows else None

# %% [markdown]
# ## Five windows a class

# %% tags=["hide-input"]
figures.level_table(by_windows) if by_windows else None

# %% [markdown]
# ## Gain against the number of windows

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Mean gain in macro-F1 (over the classes that each athlete performs) over the same student for all. In brackets: athletes who can give so many windows. Intervals at k = 1 and 5: in the next table.", "name": "fig-transfer-lab-gain"}, "image": {"alt": "For each data set lines of five methods against the number of windows a class."}}
small_multiples(
    by_windows, figures.gain_against_k, height_in=3.4, share=()
) if by_windows else style.nothing("Here athletes give no windows.")

# %% [markdown]
# ## The questions
#
# The study asks {glue:text}`asked` on this page. Differences that stand after
# Holm's correction for that many: {glue:text}`stand`. Below {glue:text}`smallest` nothing is worth naming; an athlete
# counts as harmed from a loss of {glue:text}`harm` on. *(By seed)*: how many another seed of the same student
# harms. The unmasked heads are judged in accuracy.

# %% tags=["hide-input"]
figures.judged_table(verdicts, survives, by_seed)

# %% [markdown]
# ## Whom does the mask harm?
#
# Every class that an athlete performs later is among their first windows, or the athlete could not be
# examined. So the mask takes no right answer away, and accuracy cannot fall. Macro-F1 can: an answer that
# the athlete never performs is wrong and costs one class its recall; the mask moves it to another class
# of the athlete, and if that is wrong, too, it costs this one its precision as well.

# %% tags=["hide-input"]
figures.mask_table(by_windows) if by_windows else None

# %% [markdown]
# ## Who was harmed, and what the lowest gained
#
# The lowest tenth is chosen by another seed of the same student: whom that one reads worst.

# %% tags=["hide-input"]
figures.lowest_table(by_windows) if by_windows else None

# %% [markdown]
# ## Athlete by athlete

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Macro-F1 of each athlete from the same student for all (tick) to guarded, shrunken class means from five windows a class, or to measured heart rates (dot); mean over models.", "name": "fig-transfer-lab-athletes"}, "image": {"alt": "For each data set a row an athlete from a tick to a dot, orange where the athlete is harmed."}}
panels = {
    d: tuple(athlete_values(study.at(t, 5), a) for a in ("population", "guarded"))
    for d, t in by_windows.items()
} | {
    d: tuple(athlete_values(t, a) for a in ("population", "reserve"))
    for d, t in by_heart_rate.items()
}
small_multiples(
    panels,
    before_after,
    height_in=4.5,
    share=(),
    harm=rule.harm,
    xlabel="macro-F1",
)

# %% [markdown]
# ## One head, three exams
#
# *Drawn by lot*: one random window of each class calibrates, and all others test, also those that overlap
# it. The athletes are those of $k = 1$ in each exam.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Gain in accuracy of the fine-tuned head at one window a class, in three exams, with 95 % intervals.", "name": "fig-transfer-lab-exams"}, "image": {"alt": "For each data set three rows with intervals: windows drawn by lot, earliest windows and a gap, beyond knowing the classes."}}
small_multiples(
    by_windows, figures.exams, height_in=1.9, share=()
) if by_windows else style.nothing("Here athletes give no windows.")

# %% [markdown]
# ## Measured heart rates
#
# Where classes come one after the other, each once, the athlete gives a resting and a maximal heart rate in
# place of windows; teacher and student are trained anew on that scale.

# %% tags=["hide-input"]
score_table(
    [
        {"data": d, "heart rate as a fraction of": title, "macro-F1": mean(t, arm)}
        for d, t in by_heart_rate.items()
        for arm, title in {
            "population": "the maximum expected at this age",
            "population_again": "the same, another seed",
            "reserve": "the own reserve",
        }.items()
    ],
    digits=3,
    caption=figures.CAPTION.split(";")[0] + ".",
) if by_heart_rate else None
