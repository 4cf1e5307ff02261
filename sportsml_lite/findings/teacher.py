"""What chapter 7 says of its study: who won, whose watch sits on the other wrist, mistakes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sportsml_lite.evaluate import Comparison, compare, gains, holm
from sportsml_lite.protocol import margin
from sportsml_lite.studies.teacher import QUESTIONS, TITLES, WRIST, judge, rival

PEOPLE = {"swimming": "swimmers", "actes": "riders", "simulated": "simulated runners"}
WON = {
    "better": "the LSTM teacher beats MiniRocket, the rival named beforehand",
    "worse": "MiniRocket, the rival named beforehand, beats the LSTM teacher",
    "no difference": "the LSTM teacher is as good as MiniRocket, the rival named beforehand, and "
    "no better",
    "undecided": "the LSTM teacher cannot be told from MiniRocket, the rival named beforehand",
}
STANDS = {
    "better": "It is better, by {}",
    "worse": "It is worse, by {}",
    "no difference": "There is no difference worth naming: {}",
    "undecided": "The data cannot decide: {}",
}
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
    main = {d: verdicts[d, rival(t)] for d, t in tables.items()}
    first, pair = main["swimming"], verdicts["swimming", "ensemble"]
    rule_of_thumb = verdicts["actes", "zone"]
    does = "lifts" if other.startswith("+") else "does not lift"
    every = [c.verdict == "better" for (d, q), c in verdicts.items()
             if QUESTIONS[q][0] == "teacher" and q != "ensemble" and d == "swimming"]  # fmt: skip
    names = [f"{PEOPLE[d]} over {TITLES[QUESTIONS[q][1]]}" for (d, q), c in verdicts.items()
             if QUESTIONS[q][0] == "teacher" and q != "ensemble" and survives[d, q]
             and c.verdict == "better"]  # fmt: skip
    return {
        "in_short": f"One line of physics, the mirror, {does} a network for swimmers whose watch "
        f"sits on the other wrist ({other} in macro-F1); and, all swimmers together, "
        f"{WON[first.verdict]}.",
        "answer": "Yes, it is" if all(every) else "That is not shown",
        "stands": STANDS[first.verdict].format(f"{first.gain:+.3f}"),
        "rule": RULE[rule_of_thumb.verdict].format(f"{rule_of_thumb.gain:+.3f}"),
        "riders": _sentence("riders", main["actes"]),
        "runners": _sentence("simulated runners", main["simulated"]),
        "won": f"these of the teacher's gains stand: {'; '.join(names)}"
        if names
        else "none of the teacher's gains stands",
        "ensemble": STANDS[pair.verdict].format(f"{pair.gain:+.3f}"),
        "swimmers": f"{first.athletes}",
        "harmed": f"{first.harmed}",
        "harmed_null": f"{compare(swimmers, 'single_again', 'single').harmed}",
        "smallest": f"{rule.smallest_effect:.2f}",
        "harm": f"{rule.harm:.2f}",
        "asked": f"{len(verdicts)}",
        "shown": f"{len(levels)}",
        "few": f"{len(few)}",
        "mended": other,
        "unmended": usual,
        "third": _third(groups),
    }


def _third(groups: Mapping[str, pd.Series]) -> str:
    """A sentence on whoever's wrist is unknown."""
    least = groups.get("on the other wrist", pd.Series([np.inf])).min()
    unknown = next((part for name, part in groups.items() if "unknown" in name), pd.Series([0.0]))
    count = int((unknown >= least).sum())
    if not count:
        return "Nobody whose wrist is unknown gains as much."
    words = {1: "One swimmer gains", 2: "Two swimmers gain", 3: "Three swimmers gain"}
    who = words.get(count, f"As many as {count} swimmers gain")
    return f"{who} as much without showing the stroke: perhaps theirs sits on that wrist too."


def _sentence(people: str, c: Comparison) -> str:
    said = {
        "better": f"for the {people} the teacher is better, {c.gain:+.3f}",
        "worse": f"for the {people} the teacher is worse, {c.gain:+.3f}",
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
    gain, few, known = gains(scores, "single", "unmirrored"), other_wrist(scores), _levels(scores)
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
