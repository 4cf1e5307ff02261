"""The figures of chapter 10: for whom, where in the book, the ladder, what each step is worth."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from sportsml_lite.baselines import kernels
from sportsml_lite.evaluate import Comparison, athlete_values, holm, mean
from sportsml_lite.findings.pipeline import PEOPLE
from sportsml_lite.models import Student, count_parameters
from sportsml_lite.plots import tables as shared
from sportsml_lite.plots.grammar import (
    SMALL,
    before_after,
    canvas,
    flow,
    interval_rows,
    score_table,
    small_multiples,
)
from sportsml_lite.plots.style import ACCENT, QUIET
from sportsml_lite.protocol import margin
from sportsml_lite.studies.pipeline import ARMS, QUESTIONS, TITLES, judge
from sportsml_lite.training import networks

LADDER = ("majority", "forest", "none", "only_distilled", "masked", "only_personal", "whole",
          "minirocket", "minirocket_personal", "minirocket_ridge")  # fmt: skip
ASKED = {
    "everything": "everything, over nothing",
    "teacher": "teacher alone",
    "personal": "own data alone",
    "mask": "knowing which classes, alone",
    "without_teacher": "teacher, added to the rest",
    "without_personal": "own data, added to the rest",
    "beyond_mask": "of that, beyond knowing which classes",
    "own_windows": "of that, beyond class means of others",
    "large_teacher": "large teacher, not an equal one",
    "guard": "everything with a guard, over nothing",
    "rocket_teaches": "MiniRocket as teacher, alone",
    "better_teacher": "MiniRocket as teacher, not the LSTM",
    "rival": "everything, over MiniRocket with shrunken class means",
    "rival_ridge": "everything with a guard, over MiniRocket with a shrunken ridge",
    "wrist": "taught by MiniRocket, all layers, over the same",
    "wide_wrist": "taught by MiniRocket, twice as wide, over the same",
}
# What is fitted to the athlete, by the name in the figure of sizes.
SIZED = {
    "plain_guarded": "labels alone",
    "guarded": "LSTM taught",
    "rocket_guarded": "MiniRocket taught",
    "rocket_layers": "the same, all layers",
    "rocket_wide": "twice as wide",
    "minirocket_ridge": "MiniRocket",
}
LESSON = ("everything", "without_teacher", "without_personal", "own_windows", "rival_ridge")
CAPTION = (
    "Paired gain in macro-F1: mean over athletes of macro-F1 over the classes that each performs, "
    "with its 95 % interval over athletes and models. * stands after Holm's correction."
)


def for_whom(tables: Mapping[str, pd.DataFrame]):
    """Every athlete from the small student alone to the whole pipeline, a panel a data set.

    Parameters
    ----------
    tables : Scores by data set

    Returns
    -------
    fig
    """
    panels = {
        PEOPLE.get(name, name): tuple(athlete_values(t, arm) for arm in ("none", "whole"))
        for name, t in tables.items()
    }
    return small_multiples(
        panels, before_after, "From the small student to the whole pipeline, athlete by athlete",
        height_in=3.9, harm=margin("macro_f1").harm, names=("", ""), share=(),
        xlabel="macro-F1: student alone (tick), everything (dot)",
    )  # fmt: skip


def you_are_here():
    """The book's pipeline, with the chapters; the last step is where this chapter stands.

    Returns
    -------
    fig
    """
    boxes = {
        "few": (0, 2, "few athletes,\nlabelled"),
        "many": (0, 1, "many athletes,\nnot labelled"),
        "teacher": (1, 2, "teacher\n(chapter 7)"),
        "student": (1, 1, "small student\n(chapter 8)"),
        "own": (0, 0, "the athlete's\nfirst windows"),
        "personal": (1, 0, "their student\n(chapter 9)"),
        "test": (2, 0, "you are here:\nlater windows"),
    }
    arrows = [("few", "teacher"), ("teacher", "student"), ("many", "student"),
              ("few", "student"), ("student", "personal"), ("own", "personal"),
              ("personal", "test")]  # fmt: skip
    return flow(boxes, arrows, "Learn from many, teach a small one, fit it to one", ("test",))


def ladder(scores: pd.DataFrame, title: str = "", ax=None, arms=LADDER):
    """Macro-F1 of the arms, rung by rung.

    Parameters
    ----------
    scores : of the study and one data set; arms : of them, from top to bottom
    ax : where to draw; None makes a figure

    Returns
    -------
    fig
    """
    known = [arm for arm in arms if arm in set(scores["arm"])]
    levels = {TITLES[arm]: mean(scores, arm) for arm in known}
    return interval_rows(
        levels, title, "macro-F1, mean over athletes", accent=(TITLES["whole"],), ax=ax
    )


def on_the_wrist(scores: pd.DataFrame, channels: int, classes: int, ax=None):
    """Macro-F1 against kilobytes: students fitted to the athlete, and their rival on a computer.

    Parameters
    ----------
    scores : of the study and one data set
    channels, classes : of its windows, which say how large a model is
    ax : where to draw; None makes a figure

    Returns
    -------
    fig
    """
    fig, ax = canvas(ax, "As good as the rival, and how small?", 3.6)
    known = [arm for arm in SIZED if arm in set(scores["arm"])]
    for arm in known:
        level, size = mean(scores, arm), kilobytes(arm, channels, classes)
        color = QUIET if arm.startswith("minirocket") else ACCENT
        ax.plot([size, size], [level.low, level.high], color=color, lw=2.5)
        ax.plot(size, level.estimate, "o", color=color, ms=8, mec="white")
        ax.annotate(SIZED[arm], (size, level.estimate), (8, 0), textcoords="offset points",
                    va="center", fontsize=SMALL, color=color)  # fmt: skip
    ax.set_xscale("log")
    ax.set_xlim(right=ax.get_xlim()[1] * 6)  # room for the names
    ax.set_xlabel("size at 32 bits a number (kB)")
    ax.set_ylabel("macro-F1, mean over athletes")
    return fig


def kilobytes(arm: str, channels: int, classes: int) -> float:
    """Size of an arm's model at 32 bits a number, kB: MiniRocket's are thresholds and weights."""
    if arm.startswith("minirocket"):
        return 4 * kernels.COUNT * (classes + 1) / 1000
    width = ARMS[arm].width or networks.MOTION.student_width
    return 4 * count_parameters(Student(channels, classes, width)) / 1000


def step_table(tables: Mapping[str, pd.DataFrame], questions=LESSON):
    """What each step is worth: a row a question, a column a data set.

    Parameters
    ----------
    tables : Scores by data set; questions : of them

    Returns
    -------
    pandas Styler
    """
    verdicts = judge(tables)
    survives = holm(verdicts)
    rows = [
        {"what it is worth": ASKED[q]}
        | {PEOPLE[d]: _cell(verdicts.get((d, q)), survives.get((d, q), False)) for d in tables}
        for q in questions
    ]
    return score_table(rows, caption=CAPTION)


def _cell(found: Comparison | None, stands: bool) -> str:
    if found is None:
        return "–"
    return shared.narrow(found.gain) + " *" * stands


def level_table(tables: Mapping[str, pd.DataFrame]):
    """Macro-F1 of every arm: a row an arm, a column a data set.

    Parameters
    ----------
    tables : Scores by data set

    Returns
    -------
    pandas Styler
    """
    return shared.level_table(tables, TITLES, 3, (
        "Macro-F1: mean over athletes of macro-F1 over the classes that each performs, with its "
        "95 % interval over athletes and models."
    ))  # fmt: skip


def judged_table(
    verdicts: Mapping[tuple, Comparison], survives: Mapping[tuple, bool], nulls: Mapping[str, int]
):
    """Every question of the study: a row a comparison.

    Parameters
    ----------
    verdicts, survives : by (data set, question)
    nulls : harmed by seed alone, by data set

    Returns
    -------
    pandas Styler
    """

    def names(data: str, question: str) -> dict[str, str]:
        arm, against = (TITLES[name] for name in QUESTIONS[question])
        return {"data": data, "arm": arm, "against": against}

    return shared.judged_table(
        verdicts, survives, names, lambda data, _: nulls[data], CAPTION.split(" * ")[0]
    )
