"""The tables that several chapters print of their study: every arm, and every question."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from sportsml_lite.evaluate import Comparison, Interval, mean
from sportsml_lite.plots.grammar import score_table


def level_table(
    tables: Mapping[str, pd.DataFrame],
    titles: Mapping[str, str],
    digits: int = 2,
    caption: str = "",
    *,
    metric: str = "macro_f1",
    show: Callable = lambda level: level,
):
    """The mean of every arm: a row an arm that some table holds, a column a data set.

    Parameters
    ----------
    tables : Scores by data set; titles : of the arms, in the order of the rows
    digits, caption : as in :func:`sportsml_lite.plots.grammar.score_table`
    metric : of the Scores; show : what stands in the cell of an interval

    Returns
    -------
    pandas Styler
    """
    held = {name: set(scores["arm"]) for name, scores in tables.items()}
    rows = [
        {"arm": title}
        | {d: show(mean(t, arm, metric)) if arm in held[d] else "–" for d, t in tables.items()}
        for arm, title in titles.items()
        if any(arm in arms for arms in held.values())
    ]
    return score_table(rows, digits, caption)


def judged_table(
    verdicts: Mapping[tuple, Comparison],
    survives: Mapping[tuple, bool],
    names: Callable[..., dict],
    null: Callable[..., int],
    caption: str = "",
):
    """Every question of a study: a row a comparison.

    Parameters
    ----------
    verdicts, survives : by question, a tuple
    names : of a question's parts: its first cells, by column
    null : of a question's parts: how many athletes a mere change of seed harms

    Returns
    -------
    pandas Styler
    """
    rows = [
        names(*question)
        | {
            "gain": c.gain, "verdict": c.verdict, "Holm": survives[question],
            "harmed (by seed)": f"{c.harmed} of {c.athletes} ({null(*question)})",
            "worst tenth": c.worst_tenth,
        }
        for question, c in verdicts.items()
    ]  # fmt: skip
    return score_table(rows, 3, caption)


def narrow(interval: Interval, sign: str = "+") -> str:
    """An interval with a thin space, at which the line may break on a telephone."""
    return f"{interval:{sign}.3f}".replace(", ", ",\u2009")
