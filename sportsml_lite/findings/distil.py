"""What chapter 8 says of its study: one telling window, what such answers bought, few labels."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import torch

from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import Comparison, compare, holm, mean
from sportsml_lite.losses import soften
from sportsml_lite.prepare.tasks import STROKES
from sportsml_lite.protocol import margin
from sportsml_lite.studies.distil import FEW, judge

PEOPLE = {"swimming": "swimmers", "actes": "riders", "simulated": "simulated runners"}
# The rows of the lesson's table.
TITLES_SHORT = {
    "distilled": "all labelled",
    "only_distilled": "all labelled, but the teacher alone is heard",
    "distilled_8": "8 labelled",
    "others_8": "8 labelled, the others' windows too",
}
BOUGHT = {
    "better": "For swimmers nobody trained on, it makes the student better: {} in macro-F1.",
    "worse": "Yet for swimmers nobody trained on, it makes the student worse: {} in macro-F1.",
    "no difference": "Yet for swimmers nobody trained on, it changes nothing worth naming: {} in "
    "macro-F1.",
    "undecided": "Yet whether it makes the student better, swimmers nobody trained on cannot tell: "
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
    part = swimmers[swimmers["arm"] == "plain"].groupby("metric")["value"].sum()
    stands = {"better": [], "worse": []}
    for (name, arm), c in verdicts.items():
        if arm in TITLES_SHORT and survives[name, arm] and c.verdict in stands:
            stands[c.verdict].append(f"{TITLES_SHORT[arm]} ({PEOPLE[name]})")
    bought = BOUGHT[gain.verdict].format(f"{gain.gain:+.3f}")
    return {
        "in_short": f"A teacher's soft answer says more than a label. {bought}",
        "gain": f"{gain.gain:+.3f}",
        "label": label,
        "second": answer.drop(label).idxmax(),
        "p_label": f"{answer[label]:.2f}",
        "p_second": f"{answer.drop(label).max():.2f}",
        "sure": f"{mean(swimmers, 'teacher', 'confidence_train').estimate:.2f}",
        "swimmers": f"{gain.athletes}",
        "harmed": f"{gain.harmed}",
        "harmed_null": f"{compare(swimmers, 'plain_again', 'plain').harmed}",
        "smallest": f"{rule.smallest_effect:.2f}",
        "harm": f"{rule.harm:.2f}",
        "constant": f"{100 * part['entropy'] / part['cross_entropy']:.0f}",
        "asked": f"{len(verdicts)}",
        "won": "; ".join(stands["better"]) or "none",
        "lost": "; ".join(stands["worse"]) or "none",
        "lead": _leads(verdicts),
        **{
            f"like_{arm}": f"{100 * mean(swimmers, arm, 'fidelity').estimate:.0f}"
            for arm in ("plain", "distilled")
        },
    }


def _leads(verdicts: Mapping[tuple[str, str], Comparison]) -> str:
    """What may be said of the teacher among swimmers and among simulated runners."""
    said = []
    for name in ("swimming", "simulated"):
        c = verdicts[name, "teacher"]
        said.append(f"For the {PEOPLE[name]} it " + LEADS[c.verdict].format(f"{c.gain:+.3f}."))
    won = [verdicts[name, "teacher"].verdict == "better" for name in ("swimming", "simulated")]
    return " ".join(said) + " A large network does not win by being large." * (not all(won))


def by_labels(scores: pd.DataFrame) -> pd.DataFrame:
    """Macro-F1 with eight and with all training athletes labelled: index arm, a column each.

    Where all are labelled nobody is left to bring windows without labels.
    """
    titles = {"teacher": "teacher", "plain": "labels alone", "distilled": "labels and teacher",
              "others": "others' windows too"}  # fmt: skip
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
    two = [z.nlargest(2) for _, z in logits.iterrows()]
    gap = pd.Series([z.iloc[0] - z.iloc[1] for z in two], logits.index)
    gap = gap[[not set(z.index) & set(dull) for z in two]]
    if gap.empty:
        raise UserError("scores: no window on which the teacher doubts between two such classes")
    return gap.idxmin()[-1], logits.loc[gap.idxmin()]
