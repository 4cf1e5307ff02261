"""What chapter 7 says of its study: who won, what turning is worth, who is chosen as teacher."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sportsml_lite.evaluate import Comparison, compare, gains, holm
from sportsml_lite.findings.hedge import hedge
from sportsml_lite.protocol import margin
from sportsml_lite.studies.teacher import QUESTIONS, RIVALS, TITLES, WRIST, judge, rival

CANDIDATES = {
    "lstm": "two LSTMs",
    "minirocket": "MiniRocket",
    "boosting": "boosted trees",
    "blend": "the blend",
}
PEOPLE = {"swimming": "swimmers", "actes": "riders", "simulated": "simulated runners"}
TURNED = {
    "better": "A sensor that training turns a little, as another wrist would, lifts one LSTM by {} "
    "in macro-F1 for swimmers never seen",
    "worse": "A sensor that training turns a little, as another wrist would, costs one LSTM {} in "
    "macro-F1 for swimmers never seen",
}
NO_TURN = (
    "A sensor that training turns a little changes one LSTM by {} in macro-F1 for swimmers never "
    "seen, which may be chance"
)
WON = {
    "better": "the networks beat MiniRocket, the rival named beforehand",
    "worse": "MiniRocket, the rival named beforehand, beats the networks",
    "no difference": "the networks are as good as MiniRocket, the rival named beforehand, and no "
    "better",
    "undecided": "so few people do not tell whether the networks or MiniRocket, the rival named "
    "beforehand, are better",
}
STANDS = {
    "better": "It is better, by {}",
    "worse": "It is worse, by {}",
    "no difference": "There is no difference worth naming: {}",
    "undecided": "The data cannot decide: {}",
}
# What is recorded, who they are, and in which table.
OTHERS = ("riders", "riders", "actes"), ("runners", "simulated runners", "simulated")
LITTLE = "The more a label follows from one number, the less there is for a network to find."
RULE = {
    "better": "It is better than two cuts of the heart rate, {}.",
    "worse": "Two cuts of the heart rate are better than it, {}. " + LITTLE,
    "no difference": "Two cuts of the heart rate are as good, {}. " + LITTLE,
    "undecided": "It cannot be told from two cuts of the heart rate, {}. " + LITTLE,
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
    few, levels, groups = other_wrist(swimmers), _levels(swimmers), mended(swimmers)
    mend = {name: f"{part.mean():+.2f}" for name, part in groups.items()}
    other, usual = (mend.get(f"on the {side} wrist", "–") for side in ("other", "usual"))
    asked = {d: (d, f"network_{rival(t)}") for d, t in tables.items()}
    first, turned = verdicts[asked["swimming"]], verdicts["swimming", "turned"]
    against = verdicts["swimming", rival(swimmers)]
    rule_of_thumb = verdicts["actes", "zone"]
    every = [c.verdict == "better" for (d, q), c in verdicts.items()
             if QUESTIONS[q][0] == "teacher" and q in RIVALS and d == "swimming"]  # fmt: skip
    names = [f"{PEOPLE[d]} over {TITLES[QUESTIONS[q][1]]}" for (d, q), c in verdicts.items()
             if q in RIVALS and survives[d, q] and c.verdict == "better"]  # fmt: skip
    return {
        "in_short": _turned(turned) + f"; all swimmers together, {WON[first.verdict]}.",
        "turned": f"{turned.gain:+.3f}",
        "chosen": chosen(swimmers),
        "against": STANDS[against.verdict].format(f"{against.gain:+.3f}"),
        "worth": worth(verdicts),
        "answer": "Yes, it is" if all(every) else "That is not shown",
        "stands": STANDS[first.verdict].format(f"{first.gain:+.3f}"),
        "rule": RULE[rule_of_thumb.verdict].format(f"{rule_of_thumb.gain:+.3f}"),
        **{
            name: _sentence(people, verdicts[asked[d]])
            + hedge(verdicts[asked[d]], survives[asked[d]])
            for name, people, d in OTHERS
        },
        "won": f"these of the teacher's gains stand: {'; '.join(names)}"
        if names
        else "none of the teacher's gains stands",
        "swimmers": f"{first.athletes}",
        "harmed": f"{against.harmed}",
        "harmed_null": f"{compare(swimmers, 'single_again', 'single').harmed}",
        "smallest": f"{rule.smallest_effect:.2f}",
        "harm": f"{rule.harm:.2f}",
        "shown": f"{len(levels)}",
        "few": f"{len(few)}",
        "mended": other,
        "unmended": usual,
    }


def _turned(c: Comparison) -> str:
    if c.verdict in TURNED:
        return TURNED[c.verdict].format(f"{abs(c.gain.estimate):.3f}")
    return NO_TURN.format(f"{c.gain:+.3f}")


def chosen(scores: pd.DataFrame) -> str:
    """Which candidate is the teacher, and in how many of the models."""
    models = scores[scores["arm"] == "teacher"].drop_duplicates(["partition", "fold"])
    counts = models["chosen"].value_counts()
    (first, most), *others = ((CANDIDATES[kind], count) for kind, count in counts.items())
    return ", ".join([f"{first} in {most} of {len(models)} models",
                      *(f"{name} in {count}" for name, count in others)])  # fmt: skip


def invariances(scores: pd.DataFrame) -> dict[str, Comparison]:
    """What each invariance gains the student with the mirror alone, by title, the best first."""
    arms = [a for a in TITLES if a.startswith("student_") and a in set(scores["arm"])]
    found = {TITLES[a].removeprefix("student, "): compare(scores, a, "student") for a in arms}
    return dict(sorted(found.items(), key=lambda item: -item[1].gain.estimate))


def worth(verdicts: Mapping[tuple[str, str], Comparison]) -> str:
    """Which invariances make the student better for swimmers, in words."""
    found = {
        TITLES[q].removeprefix("student, "): c
        for (d, q), c in verdicts.items()
        if d == "swimming" and q.startswith("student_")
    }
    better = [f"{name} ({c.gain:+.3f})" for name, c in found.items() if c.verdict == "better"]
    if not better:
        return "none of them can be told from chance"
    return f"{len(better)} of {len(found)} pay: {'; '.join(better)}"


def _sentence(people: str, c: Comparison) -> str:
    said = {
        "better": f"for the {people} the networks are better, {c.gain:+.3f}",
        "worse": f"for the {people} the networks are worse, {c.gain:+.3f}",
        "no difference": f"for the {people} nothing worth naming lies between them, {c.gain:+.3f}",
        "undecided": f"for the {people} it stays open, {c.gain:+.3f}",
    }
    return said[c.verdict]


def other_wrist(scores: pd.DataFrame) -> list[str]:
    """Athletes whose forearm's mean acceleration has the sign of the few; none if all agree."""
    levels = _levels(scores)
    few = -1 if (levels > 0).mean() > 0.5 else 1
    return sorted(levels.index[np.sign(levels) == few])


def typical(scores: pd.DataFrame) -> tuple[str, str]:
    """The athlete of either wrist with the most windows of the stroke; '' where there is none."""
    few = other_wrist(scores)
    counts = scores[scores["metric"] == "level"].groupby("athlete")["n"].first()
    pair = counts.drop(few), counts.loc[few]
    return tuple(part.idxmax() if len(part) else "" for part in pair)


def mended(scores: pd.DataFrame) -> dict[str, pd.Series]:
    """What the mirror gains one network, athlete by athlete, by the wrist that the watch sits on.

    Those who do not show the stroke are a group of their own: their wrist is not known from it.
    """
    gain, few, known = gains(scores, "mirrored", "unmirrored"), other_wrist(scores), _levels(scores)
    groups = {
        "on the other wrist": gain.loc[few],
        "on the usual wrist": gain.loc[known.index.difference(few)],
        f"no {stroke(scores)}, wrist unknown": gain.loc[gain.index.difference(known.index)],
    }
    return {name: part for name, part in groups.items() if len(part)}


def wave_of(scores: pd.DataFrame, athlete: str) -> np.ndarray:
    """An athlete's mean window along the forearm, m/s², every third sample."""
    rows = scores[(scores["metric"] == "wave") & (scores["channel"] == WRIST)]
    return rows[rows["athlete"] == athlete].groupby("step")["value"].mean().to_numpy()


def stroke(scores: pd.DataFrame) -> str:
    """The movement in which wrists are told apart."""
    return scores.loc[scores["metric"] == "level", "truth"].iloc[0]


def _levels(scores: pd.DataFrame) -> pd.Series:
    """Mean acceleration along the forearm of each athlete who shows the stroke, m/s²."""
    return scores[scores["metric"] == "level"].groupby("athlete")["value"].mean()


def confusion(scores: pd.DataFrame, arm: str, classes: tuple[str, ...]) -> pd.DataFrame:
    """Windows of each class (rows) by what an arm answered (columns), all athletes and models."""
    rows = scores[(scores["metric"] == "count") & (scores["arm"] == arm)]
    table = rows.pivot_table(index="truth", columns="predicted", values="value", aggfunc="sum")
    return table.reindex(index=classes, columns=classes).fillna(0)


def classes_of(scores: pd.DataFrame) -> tuple[str, ...]:
    """Names of the classes that were seen or answered, the most frequent first."""
    rows = scores[scores["metric"] == "count"]
    seen = rows.groupby("truth")["value"].sum().sort_values(ascending=False)
    return tuple(dict.fromkeys([*seen.index, *sorted(rows["predicted"].unique())]))
