"""What chapter 8 says of labels, strangers and steps: where a teacher pays, or that none does."""

from __future__ import annotations

import pandas as pd

from sportsml_lite.evaluate import compare, holm, mean
from sportsml_lite.studies.surface import ARMS, CROSS, LABELLED, judge

REFERENCE, AGAIN = "plain_all_x1", "plain_all_x1_again"
ABSENT = "This run did not ask it."


def cells(scores: pd.DataFrame) -> pd.DataFrame:
    """Every cell: labelled (a name of ``LABELLED``), strangers, times, comparison, stands.

    Parameters
    ----------
    scores : of the study

    Returns
    -------
    a row a cell; ``stands``: its gain differs from 0 after Holm's correction for all cells
    """
    verdicts = judge({"": scores})
    survives = holm(verdicts)
    names = {count: name for name, count in LABELLED.items()}
    rows = [
        (names[ARMS[arm].n_labelled], ARMS[arm].strangers, ARMS[arm].times, c, survives["", arm])
        for (_, arm), c in verdicts.items()
    ]
    return pd.DataFrame(rows, columns=["labelled", "strangers", "times", "comparison", "stands"])


def sentence(scores: pd.DataFrame | None) -> str:
    """Where a teacher pays most, where it costs, or that no cell stands; true for every table.

    Beside it what another seed alone does, where the table holds that.
    """
    if scores is None:
        return ABSENT
    table = cells(scores)
    kind = table["comparison"].map(lambda c: c.verdict).where(table["stands"])
    pays, costs = (int((kind == name).sum()) for name in ("better", "worse"))
    estimate = table["comparison"].map(lambda c: c.gain.estimate)
    best = table.loc[(estimate.where(kind == "better") if pays else estimate).idxmax()]
    most = f"{_where(best)}: {best['comparison'].gain:+.3f}"
    lost = f"; in {costs} it costs" if costs else ""
    if pays:
        told = f"A teacher pays in {pays} of {len(table)} cells, most with {most}{lost}."
    else:
        above = int((estimate > 0).sum())
        told = (
            f"A teacher is shown to pay in none of {len(table)} cells, corrected for so many "
            f"questions; {'all' if above == len(table) else above} of the estimates, which share "
            f"athletes and students, lie above 0, and the largest gain is that with "
            f"{most}{lost}."
        )
    return told + _of_a_seed(scores)


def _of_a_seed(scores: pd.DataFrame) -> str:
    """What another seed of the plain student does to it, a sentence; or nothing."""
    if not {AGAIN, REFERENCE} <= set(scores["arm"]):
        return ""
    gain = compare(scores, AGAIN, REFERENCE).gain
    return (
        " No teacher, and merely another seed of the student with all athletes labelled and the "
        f"usual steps: {gain:+.3f}. "
        + (
            "A change of that size means nothing here."
            if gain.low <= 0 <= gain.high
            else "Its interval leaves out 0 although only luck differs: trust none here that "
            "barely does."
        )
    )


def _where(cell: pd.Series) -> str:
    few = "all athletes" if cell["labelled"] == "all" else f"{cell['labelled']} athletes"
    steps = "the usual steps" if cell["times"] == 1 else f"{cell['times']} times the steps"
    others = f"{cell['strangers']:,}" if cell["strangers"] else "no"
    return f"{few} labelled, {others} strangers and {steps}"


def levels(scores: pd.DataFrame | None) -> list[dict]:
    """Rows of a table: macro-F1 of the plain student by steps, and of the teacher, by labels."""
    if scores is None:
        return []
    held = set(scores["arm"])
    arms = {f"student, {times} × steps": f"plain_{{}}_x{times}" for times in CROSS}
    arms["teacher"] = "teacher_{}"
    return [
        {"labelled": some}
        | {title: mean(scores, arm) for title, name in arms.items()
           if (arm := name.format(some)) in held}
        for some in LABELLED
    ]  # fmt: skip
