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
# # 7 · The LSTM teacher: the lab
#
# **The experiment.** Networks, trees, random convolutions and simple rules read the same windows of the
# same athletes, and are tested on athletes whom none of them has met. The lesson of chapter 7 tells why;
# this page shows every arm.
#
# `accepted` reads the tables in `results/`. `quick` recomputes the first fold of one data set, with short
# trainings and few arms; `full` recomputes everything. The command is always the same:
#
# `sportsml run 07_teacher_lab -p dataset swimming -p profile full`

# %% tags=["imports"]
from sportsml_lite.evaluate import athlete_values, mean
from sportsml_lite.findings import teacher as findings
from sportsml_lite.findings.lab import read
from sportsml_lite.plots import style
from sportsml_lite.plots import teacher as figures
from sportsml_lite.plots.grammar import (
    interval_rows,
    paired_scatter,
    score_table,
    small_multiples,
)
from sportsml_lite.plots.tables import level_table
from sportsml_lite.protocol import margin
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.studies import teacher as study

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name or path: swimming, actes, simulated(_b) or a folder
data_dir = ""  # path: folder of your own tables, or the one that holds the data set
seed = 0  # 0 to 1000000: added to every job's own seed
profile = "accepted"  # 'accepted', 'quick' or 'full': read the tables, or recompute
length_s = 0.0  # s, 0 to 3600: of a window; 0 takes the data set's own
stride_s = 0.0  # s, 0 to 3600: from window to window; 0 follows the length

# %% tags=["hide-input"]
check_values("07_teacher_lab", globals())
told = {"length_s": length_s, "stride_s": stride_s}
lab = read(study.STUDY, study.judge, dataset, data_dir, seed, profile, told)
tables, verdicts, survives = lab.tables, lab.verdicts, lab.survives
arms = [a for a in study.ARMS if any(a in set(t["arm"]) for t in tables.values())]
rule = margin("macro_f1")

# %% tags=["check"]
chosen = {d: findings.chosen(t) for d, t in tables.items()}
for name, text in lab.said.items():
    record(name, text)
record("chosen", "; ".join(f"{d}: {text}" for d, text in chosen.items()))

# %% [markdown]
# ## The arms
#
# Every arm runs on the same folds of the athletes, each fold with a seed of its own
# ({glue:text}`tested`). Validation athletes choose the epoch of a network, the number of boosted trees
# and the strength of a ridge, and nothing else.
#
# - *Most frequent class.* The naive answer.
# - *Heart-rate zones.* The mean heart rate of the last 10 s, cut where training athletes are told apart
#   best; where there is a heart rate and an intensity.
# - *Random forest*, *boosted trees.* On statistics of each channel {footcite:p}`breiman2001`.
# - *MiniRocket.* Random convolutions and a ridge {footcite:p}`dempster2021`: 9,996 of them, 2,016 above
#   4,000 training windows. *Mirrored:* its features are averaged over a window and its mirror image, in
#   training and in use. It is the rival that was named beforehand; without a mirror, plain MiniRocket is.
#   *MultiRocket-Hydra* {footcite:p}`tan2022,dempster2023` counts more of each convolution, and which of a
#   group fits best.
# - *One LSTM* without and with the mirror, and with its sensor *turned*: in training each window is
#   rotated by up to 30° and each channel scaled by up to 20 %, where a sensor has three axes. *Another
#   seed*: the same in all else. *Two LSTMs*, the first of which is the one. *Two LITEs*: light
#   convolutions of three lengths in place of an LSTM {footcite:p}`ismailfawaz2023`.
# - *LSTMs and MiniRocket.* Logits at temperatures that validation athletes chose, mixed in the shares
#   that they chose.
# - *The teacher* is, in each fold, the best on its validation athletes of two LSTMs, MiniRocket, boosted
#   trees and the blend: {glue:text}`chosen`.
# - *Student.* The small network of chapter 8, with the mirror in training, and one invariance at a time:
#   rotation, gain, both; an offset of 0.3 standard deviations; time warped by up to 10 %; acceleration
#   less its mean over the window, which is mostly gravity; each channel scaled by its own recording,
#   which a watch cannot know before it has ended.
#
# Some were left out after earlier editions: an LSTM without convolutions; the next minute's heart rate,
# a question of its own.

# %% tags=["hide-input"]
level_table(
    tables,
    study.TITLES,
    caption="Mean over athletes of macro-F1 over the classes that each performs, with its 95 % "
    "interval over athletes and models.",
)

# %% [markdown]
# ## The questions
#
# The study asks {glue:text}`asked` on this page. After Holm's correction for that many, the
# number of gains that differ from 0 is {glue:text}`stand` (marked \*). Below {glue:text}`smallest` nothing is
# worth naming; an athlete counts as harmed from a loss of {glue:text}`harm` on. In brackets: how many a
# mere change of seed harms.

# %% tags=["hide-input"]
null = lab.by_seed
score_table(
    [
        {
            "question": f"{d}: {study.TITLES[study.QUESTIONS[q][0]]}, "
            f"not {study.TITLES[study.QUESTIONS[q][1]]}",
            "gain": f"{c.gain:+.3f}",
            "verdict": c.verdict + " *" * survives[d, q],
            "harmed": f"{c.harmed} of {c.athletes} ({null[d].harmed})",
        }
        for (d, q), c in verdicts.items()
    ],
    digits=3,
    caption="Paired gain in macro-F1 (over the classes that each athlete performs).",
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Macro-F1 of every arm but the naive answer. Blue: networks. Bars: 95 % intervals over athletes and models.", "name": "fig-teacher-arms"}, "image": {"alt": "For each data set a row an arm: a dot with its interval on the axis of macro-F1."}}
networks = ("lstm", "ensemble", "lite", "student")
panels = {
    d: {
        study.TITLES[a]: mean(t, a)
        for a in arms
        if a in set(t["arm"]) and a != "majority"
    }
    for d, t in tables.items()
}
small_multiples(
    panels,
    interval_rows,
    height_in=6.0,
    share=(),
    spec=".3f",
    accent=[study.TITLES[a] for a in arms if study.ARMS[a].model in networks],
    xlabel="macro-F1, athletes never seen",
)

# %% [markdown]
# ## One invariance at a time

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Gain of the student over the one with the mirror alone, with 95 % intervals. Blue: the interval lies above zero.", "name": "fig-teacher-lab-invariances"}, "image": {"alt": "A row for each invariance: a dot with its interval around zero."}}
figures.invariances(tables.get("swimming", next(iter(tables.values()))))

# %% [markdown]
# ## Athlete by athlete

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Macro-F1 of each athlete (mean over models) under the first rival of the page and the teacher. Orange: harmed; band: within the margin of harm.", "name": "fig-teacher-each"}, "image": {"alt": "For each data set dots of the athletes around the diagonal on which both models are equal."}}
rivals = {
    d: next(a for a in (study.rival(t), "forest") if a in set(t["arm"]))
    for d, t in tables.items()
}
small_multiples(
    {
        f"{d}: {study.TITLES[rivals[d]]} and teacher": (
            athlete_values(t, rivals[d]),
            athlete_values(t, "teacher"),
        )
        for d, t in tables.items()
    },
    paired_scatter,
    height_in=3.4,
    share=(),
    harm=rule.harm,
    xlabel="rival",
    ylabel="teacher",
)

# %% [markdown]
# ## What is taken for what
#
# Shares of the windows of each true class, over all athletes and models. Here frequent athletes weigh
# more, which they do not in the tables above.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Answers of the teacher. A row a true class; each row sums to 100 %.", "name": "fig-teacher-confusion"}, "image": {"alt": "For each data set a square of shares, dark on the diagonal where the answer is right."}}
small_multiples(
    {
        d: findings.confusion(t, "teacher", findings.classes_of(t))
        for d, t in tables.items()
    },
    figures.confusion,
    height_in=3.2,
    share=(),
)

# %% [markdown]
# ## Where riders' and runners' labels come from
#
# In a ramp test the load rises until the athlete has to stop. Breathing changes its pace twice, at the
# {term}`ventilatory thresholds <ventilatory threshold>` VT1 and VT2, and these cut the test into three
# domains. A window gets the domain of its last second. Power *defines* the domain here, so power is no
# input: whoever had it would read the label off its own formula, with no heart rate and no use.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A ramp test, drawn and not measured: heart rate lags the rising load; windows cut from it carry the label of the domain in which they end.", "name": "fig-teacher-ramp"}, "image": {"alt": "A rising line of heart rate over three coloured zones, parted by VT1 and VT2, with a marked window in each."}}
figures.ramp()

# %% [markdown]
# ## References
#
# ```{footbibliography}
# ```
