"""What chapter 8 says of its study: one telling window, what such answers bought, few labels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import Comparison, compare, holm, mean
from sportsml_lite.findings.hedge import hedge
from sportsml_lite.losses import soften
from sportsml_lite.prepare.tasks import STROKES
from sportsml_lite.protocol import margin
from sportsml_lite.studies.distil import ARMS, CHOSEN, FEW, TITLES, judge

PEOPLE = {"swimming": "swimmers", "actes": "riders", "simulated": "simulated runners"}
# The rows of the lesson's table.
TITLES_SHORT = {
    "distilled": "all labelled",
    "distilled_long": "all labelled, five times the steps",
    "others_8": "8 labelled, the others' windows too",
    "pretrained_8": "8 labelled, pretrained instead of taught",
}
BOUGHT = {
    "better": "For swimmers nobody trained on, it makes the student better: {} in macro-F1.",
    "worse": "Yet for swimmers nobody trained on, it makes the student worse: {} in macro-F1.",
    "no difference": "Yet for swimmers nobody trained on, it changes nothing worth naming: {} in "
    "macro-F1.",
    "undecided": "Yet whether it makes the student better, these swimmers are too few to tell: "
    "{} in macro-F1.",
}
LEADS = {
    "better": "is better than the plain student, {}",
    "worse": "is even worse than the plain student, {}",
    "no difference": "is as good as the plain student and no better, {}",
    "undecided": "cannot be told from the plain student, {}",
}


def findings(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """What the lesson prints of the study, by the name under which it is recorded.

    Parameters
    ----------
    tables : Scores of ``swimming``, ``actes`` and ``simulated``
    """
    swimmers, rule = tables["swimming"], margin("macro_f1")
    verdicts = judge(tables)
    survives = holm(verdicts)
    gain = verdicts["swimming", "distilled"]
    label, logits = telling_window(swimmers, STROKES[0])
    answer = pd.Series(soften(torch.tensor(logits.to_numpy()[None]), 1.0)[0], logits.index)
    bought = BOUGHT[gain.verdict].format(f"{gain.gain:+.3f}")
    return {
        "in_short": f"A teacher's soft answer says more than a label. {bought}",
        "claim": _claim(verdicts, survives),
        "lost": _listed(verdicts, survives, "worse") or "none",
        "chosen": chosen(swimmers),
        "sure_in": f"{mean(swimmers, 'by_in_sample', 'confidence_train').estimate:.2f}",
        "sure_out": f"{mean(swimmers, 'by_minirocket', 'confidence_train').estimate:.2f}",
        "trap": ", ".join(
            f"{where} {verdicts['swimming', arm].gain:+.3f}"
            for where, arm in (("in sample", "by_in_sample"), ("out of fold", "by_minirocket"))
        ),
        "gain": f"{gain.gain:+.3f}",
        "label": label,
        "second": answer.drop(label).idxmax(),
        "p_label": f"{answer[label]:.2f}",
        "p_second": f"{answer.drop(label).max():.2f}",
        "swimmers": f"{gain.athletes}",
        "harmed": f"{gain.harmed}",
        "harmed_null": f"{compare(swimmers, 'plain_again', 'plain').harmed}",
        "harm": f"{rule.harm:.2f}",
        "asked": f"{len(verdicts)}",
        "lead": _leads(verdicts, survives),
        **{
            f"like_{arm}": f"{100 * mean(swimmers, arm, 'fidelity').estimate:.0f}"
            for arm in ("plain", "distilled")
        },
    }


def _taught(arm: str) -> bool:
    """Whether it is a student with a teacher, asked out of fold where that matters."""
    return bool(ARMS[arm].teacher) and not ARMS[arm].itself


def _claim(verdicts: Mapping, survives: Mapping) -> str:
    """Where a teacher pays, and how it pays most there; or that none does."""
    pays, others = [], []
    for name, people in PEOPLE.items():
        won = {
            arm: c for (d, arm), c in verdicts.items()
            if d == name and _taught(arm) and survives[d, arm] and c.verdict == "better"
        }  # fmt: skip
        if not won:
            others.append(people)
            continue
        arm = max(won, key=lambda arm: won[arm].gain.estimate)
        pays.append(f"for the {people} (most with “{TITLES[arm]}”: {won[arm].gain:+.3f})")
    if not pays:
        return ("No teacher is shown to pay: with few labels or many, no taught student's gain "
                "over the same student without a teacher stands after the correction.")  # fmt: skip
    rest = f" For the {' and the '.join(others)} no gain stands." if others else ""
    most = f"{', '.join(pays[:-1])} and {pays[-1]}" if len(pays) > 1 else pays[0]
    return f"A teacher pays {most}.{rest}"


def _listed(verdicts: Mapping, survives: Mapping, verdict: str) -> str:
    return "; ".join(
        f"{TITLES[arm]} ({PEOPLE[d]})" for (d, arm), c in verdicts.items()
        if _taught(arm) and survives[d, arm] and c.verdict == verdict
    )  # fmt: skip


def chosen(scores: pd.DataFrame) -> str:
    """Which teacher was the best on validation, and in how many models."""
    rows = scores[(scores["arm"] == "teacher") & (scores["metric"] == "chosen")]
    counts = rows["answer"].value_counts()
    (first, most), *others = counts.items()
    return ", ".join([f"{CHOSEN[first]} in {most} of {len(rows)} models",
                      *(f"{CHOSEN[name]} in {n}" for name, n in others)])  # fmt: skip


def _leads(verdicts: Mapping[tuple[str, str], Comparison], survives: Mapping) -> str:
    """What may be said of the teacher, of one data set after the other."""
    said, won = [], []
    for name, people in PEOPLE.items():
        c = verdicts[name, "teacher"]
        gain = f"{c.gain:+.3f}{hedge(c, survives[name, 'teacher'])}."
        said.append(f"For the {people} it " + LEADS[c.verdict].format(gain))
        won.append(c.verdict == "better")
    return " ".join(said) + " A larger teacher need not be better." * (not all(won))


def by_labels(scores: pd.DataFrame) -> pd.DataFrame:
    """Macro-F1 with eight and with all training athletes labelled: index arm, a column each.

    Where all are labelled nobody is left to bring windows without labels.
    """
    titles = {"teacher": "teacher", "plain": "labels alone", "distilled": "labels and teacher",
              "others": "others' windows too",
              "pretrained": "pretrained on all windows"}  # fmt: skip
    arms = set(scores["arm"])
    rows = {
        title: [
            mean(scores, f"{kind}_{FEW}").estimate,
            mean(scores, kind if kind in arms else "distilled").estimate,
        ]
        for kind, title in titles.items()
        if f"{kind}_{FEW}" in arms
    }
    columns = [f"{FEW} labelled", "all labelled"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def sureness(scores: pd.DataFrame) -> dict[str, float]:
    """How often students answer like their teacher, and how sure teachers are; arms of the table.

    ``constant`` is the share of the plain student's soft loss that no student can remove.
    """
    asked = {
        "fidelity, plain": ("plain", "fidelity"),
        "fidelity, distilled": ("distilled", "fidelity"),
        "sure, in sample": ("by_in_sample", "confidence_train"),
        "sure, out of fold": ("by_minirocket", "confidence_train"),
        "sure, new athletes": ("minirocket", "confidence"),
    }
    held = set(scores["arm"])
    found = {t: mean(scores, *q).estimate for t, q in asked.items() if q[0] in held}
    part = scores[scores["arm"] == "plain"].groupby("metric")["value"].sum()
    return found | {"constant": part["entropy"] / part["cross_entropy"]}


def telling_window(scores: pd.DataFrame, *dull: str) -> tuple[str, pd.Series]:
    """The window on which a teacher who is right doubts most, between two classes worth a look.

    Parameters
    ----------
    scores : of this study and one data set
    *dull : classes that neither the label nor the second answer may name

    Returns
    -------
    its label, and the teacher's logits, index class

    Raises
    ------
    UserError if there is no such window
    """
    rows = scores[(scores["metric"] == "logit") & (scores["arm"] == "teacher")]
    keys = ["athlete", "partition", "fold", "truth"]
    logits = rows.pivot_table(index=keys, columns="answer", values="value").dropna()
    order = logits.to_numpy().argsort(axis=1)[:, -2:]
    two = np.take_along_axis(logits.to_numpy(), order, axis=1)
    gap = pd.Series(np.diff(two, axis=1).ravel(), logits.index)
    gap = gap[~np.isin(logits.columns.to_numpy()[order], dull).any(axis=1)]
    if gap.empty:
        raise UserError("scores: no window on which the teacher doubts between two such classes")
    return gap.idxmin()[-1], logits.loc[gap.idxmin()]
