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
# # 8 · Distilling the student: the lab
#
# **The experiment.** Students of one size and one recipe, which differ only in what they are told:
# labels, a teacher's soft answers, or both; by which teacher; with all training athletes labelled, or
# with eight. The lesson of chapter 8 tells why; this page shows every arm.
#
# `accepted` reads the tables in `results/`. `quick` recomputes the first fold of one data set, with
# short trainings; `full` recomputes everything. The command is always the same:
#
# `sportsml run 08_distil_lab -p dataset swimming -p profile full`

# %% tags=["imports"]
from sportsml_lite.evaluate import athlete_values
from sportsml_lite.findings import privileged as masks
from sportsml_lite.findings import surface as cells
from sportsml_lite.findings.distil import by_labels, chosen, sureness
from sportsml_lite.findings.lab import read
from sportsml_lite.plots import distil as figures
from sportsml_lite.plots import style
from sportsml_lite.plots.grammar import (
    interval_rows,
    paired_scatter,
    score_table,
    small_multiples,
)
from sportsml_lite.plots.surface import surface as surface_figure
from sportsml_lite.protocol import margin
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.studies import distil, privileged, surface

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name or path: swimming, actes, simulated(_b) or a folder
data_dir = ""  # path: folder of your own tables, or the one that holds the data set
seed = 0  # 0 to 1000000: added to every job's own seed
profile = "accepted"  # 'accepted', 'quick' or 'full': read the tables, or recompute
length_s = 0.0  # s, 0 to 3600: of a window; 0 takes the data set's own
stride_s = 0.0  # s, 0 to 3600: from window to window; 0 follows the length
alpha = 0.5  # share, 0 to 1: weight of the teacher's answers (quick and full)
tau = 2.0  # 0.1 to 50: temperature of the soft answers (quick and full)

# %% tags=["hide-input"]
check_values("08_distil_lab", globals())
told = {"alpha": alpha, "tau": tau, "length_s": length_s, "stride_s": stride_s}
lab = read(distil.STUDY, distil.judge, dataset, data_dir, seed, profile, told)
tables, verdicts, survives = lab.tables, lab.verdicts, lab.survives
rule = margin("macro_f1")
cross, masked = (
    read(s.STUDY, s.judge, dataset, data_dir, seed, profile, applies=False)
    for s in (surface, privileged)
)
strangers = cross.tables.get("simulated")
riders = masked.tables.get("intervals")

# %% tags=["check"]
tested = "; ".join(
    f"{name}: {athletes} athletes, models an arm: {models}"
    for name, (athletes, models) in lab.sizes.items()
)
picked = "; ".join(f"{d}: {chosen(t)}" for d, t in tables.items())
for name, text in (lab.said | {"tested": tested, "chosen": picked}).items():
    record(name, text)
record("where", cells.sentence(strangers))
record("mask", masks.sentence(riders))
record("riders", masked.tested or "nobody in this run")

# %% [markdown]
# ## The arms
#
# Accepted and full runs take every arm through all folds of all partitions of the athletes, each job with
# a seed of its own. This page: {glue:text}`tested`. Two arms of a comparison share architecture, first
# weights, windows, order of batches and steps. "The teacher" is the candidate that chapter 7 chooses by a
# fold's validation athletes: the ensemble of LSTM networks, MiniRocket, boosted trees, or the mean of the
# first two. MiniRocket and the trees answer training windows out of fold, the networks in sample. It learns from
# the same labels as its student, and weighs α = ½. Validation athletes are labelled in every arm. The eight
# labelled athletes are one choice a fold, by name, and an interval does not contain that luck.
# A pretrained student first fills in spans of time that were hidden from it, on all training windows and for
# as many steps again as it then learns from labels. An earlier edition also had wrong labels, and
# called their gain "better" from three of five folds; on all five it did not stand, and the arm is gone.
# Chosen on validation: {glue:text}`chosen`.

# %% tags=["hide-input"]
figures.arm_table(tables)

# %% [markdown]
# ## The questions
#
# The study asks {glue:text}`asked` on this page, an arm against the one with the same labels, as many
# steps and no teacher. Differences that stand after
# Holm's correction for that many: {glue:text}`stand`. Below
# {glue:text}`smallest` nothing is worth naming; an athlete counts as harmed from a loss of {glue:text}`harm` on,
# and a mere change of seed harms some too.

# %% tags=["hide-input"]
null = lab.by_seed
figures.question_table(tables)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The same gains, with the arm that differs by its seed alone (grey). Bars: 95 % intervals over athletes and models; grey band: too small to name.", "name": "fig-distil-gains"}, "image": {"alt": "For each data set a row an arm, its gain over the arm without teacher as a dot with an interval around zero."}}
own = [a for a in distil.QUESTIONS if not a.startswith("teacher")]
panels = {
    d: {distil.TITLES[a]: verdicts[d, a].gain for a in own if (d, a) in verdicts}
    | {"another seed": null[d].gain}
    for d in tables
}
small_multiples(
    panels,
    interval_rows,
    height_in=6.4,
    band=rule.smallest_effect,
    spec="+.3f",
    accent=[distil.TITLES[a] for a in own],
    xlabel="gain in macro-F1 over labels alone",
)

# %% [markdown]
# ## How many labels?

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Macro-F1 on new athletes, mean over athletes of macro-F1 over the classes that each performs, with eight (open) and with all training athletes labelled (filled). Intervals: the first table.", "name": "fig-distil-budget"}, "image": {"alt": "For each data set a row an arm: an open dot for eight labelled athletes, a filled dot for all."}}
figures.budget({d: by_labels(t) for d, t in tables.items()})

# %% [markdown]
# ## Athlete by athlete

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Macro-F1 of each athlete (mean over models) under the plain and the distilled student, all labelled. Orange: harmed; band: within the margin of harm.", "name": "fig-distil-athletes"}, "image": {"alt": "For each data set dots of the athletes around the diagonal on which both students are equal."}}
small_multiples(
    {
        d: (athlete_values(t, "plain"), athlete_values(t, "distilled"))
        for d, t in tables.items()
    },
    paired_scatter,
    height_in=3.4,
    share=(),
    harm=rule.harm,
    xlabel="labels alone",
    ylabel="labels and teacher",
)

# %% [markdown]
# ## Like the teacher, and how sure the teacher is
#
# Fidelity is the share of test windows on which student and teacher prefer the same class. A teacher's
# confidence is its mean probability of that class. A ridge that is asked for the windows that it was fitted on
# is surer than it will ever be of new athletes; out of fold it is not. The constant is $H(T)/H(T, S)$, the
# part of the soft loss that no student can remove, over the windows of new athletes.

# %% tags=["hide-input"]
score_table(
    [{"data": d} | sureness(t) for d, t in tables.items()],
    caption="Means over athletes.",
)

# %% [markdown]
# ## Where does a teacher pay?
#
# Labels, windows and steps, all three, for simulated athletes. *Strangers* are in no fold and bring five
# windows each without a label; boosted trees, asked out of fold, answer them. Labelled athletes are drawn by
# lot in every fold. {glue:text}`where` A dash was not tried: long trainings are dear. Recompute:
# `sportsml results redo surface simulated`.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Gain in macro-F1 over the student with the same labels, first weights and steps, with its 95 % interval over athletes and models; * stands after Holm's correction for all cells.", "name": "fig-distil-surface"}, "image": {"alt": "A table of colours for each number of steps: rows are labelled athletes, columns strangers; blue cells gain, orange ones lose."}}
surface_figure(strangers)

# %% tags=["hide-input"]
score_table(
    cells.levels(strangers),
    caption="Macro-F1 without a teacher, and the teacher's own.",
)

# %% [markdown]
# ## A number in place of a class
#
# For squared errors, distilling is training on one smoothed target (an identity, asserted here on random
# numbers). A *teacher-bounded* loss {footcite:p}`chen2017` does something else: it learns from the truth
# and adds a pull only where the student is worse than its teacher. A third way, predicting a distribution
# over bins, needs soft bins to be judged fairly {footcite:p}`imani2018`, and is left out.

# %% tags=["hide-input"]
curves = masks.identity(seed)
sides = curves["two targets"] - curves["one target"] - curves["constant"]
assert sides.abs().max() < 1e-12

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Both sides of the identity on 500 random triples of student, teacher and truth.", "name": "fig-distil-identity"}, "image": {"alt": "Curves against the weight of the teacher: the loss with two targets lies on the sum of the loss with one mixed target and a constant arch."}}
figures.identity(curves)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Loss of one window against the student's error, where the teacher errs by 1. α and the weight of the bound are one half.", "name": "fig-distil-bounded"}, "image": {"alt": "Three parabolas; the bounded loss jumps above the plain one where the student's error is larger than the teacher's."}}
figures.bounded(masks.bounded())

# %% [markdown]
# ## A teacher with a mask
#
# Real riders in the laboratory: how much oxygen will the next half minute take? The teacher sees the uptake so
# far, *privileged information* {footcite:p}`lopezpaz2016`; its student sees heart rate, time in the bout, the
# session's power and who rides. {glue:text}`mask` Tested: {glue:text}`riders`. The identity says why so little
# passes: a teacher who is right on average expects, given what a watch sees, what the truth does. Smoothing takes
# noise from the target, and does not tell riders apart. Where few have worn a mask, it can say nothing of the
# others, for without a mask nobody can ask it. Recompute: `sportsml results redo privileged intervals`.

# %% tags=["hide-input"]
score_table(
    masks.rows(riders),
    caption=(
        "RMSE in mL/kg/min, mean over riders; gain over the named rival, with its 95 % interval over riders and "
        "models. * stands after Holm's correction. Harmed: by more than 1 mL/kg/min."
    ),
)

# %% [markdown]
# ## References
#
# ```{footbibliography}
# ```
