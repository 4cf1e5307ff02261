"""What chapter 5 says of ensembles: what each adds in error, what it costs, why a mean helps."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from sportsml_lite import evaluate
from sportsml_lite.evaluate import Comparison, Interval
from sportsml_lite.evaluate.verdicts import JOB
from sportsml_lite.findings.effect import SAYS
from sportsml_lite.studies.effect import UNITS
from sportsml_lite.studies.ensemble import KINDS, TITLES

WHO = {
    "pmdata": "real people",
    "simulated": "simulated runners",
    "simulated_b": "simulated runners of another world",
}
RIVALS = {
    "mean": "the mean predictor",
    "network": "one network",
    "seeds": "five seeds",
    "chosen": "the kind that is best out of fold",
    "average": "the plain mean",
    "stack": "the weighted stack",
}
ASKED = {  # name of a sentence → arm, what it is held against
    "network": ("network", "mean"),
    "seeds": ("seeds", "network"),
    "bag": ("bag", "network"),
    "bag_seeds": ("bag", "seeds"),
    "average": ("average", "network"),
    "average_chosen": ("average", "chosen"),
    "stack": ("stack", "network"),
    "stack_chosen": ("stack", "chosen"),
    "stack_average": ("stack", "average"),
    "trees": ("stack_trees", "stack"),
    "seeds_mean": ("seeds", "mean"),
    "stack_mean": ("stack", "mean"),
}


def compare(scores: pd.DataFrame, arm: str, rival: str) -> Comparison:
    """An arm against another in RMSE, by the margins of what is predicted."""
    return evaluate.compare(scores, arm, rival, "rmse", target_of(scores))


def target_of(scores: pd.DataFrame) -> str:
    """What is predicted: ``'effect'`` or ``'rpe'``."""
    return scores["target"].iloc[0]


def by_fold(scores: pd.DataFrame, arm: str, metric: str) -> pd.Series:
    """What belongs to a fold and stands with each of its athletes: one value a job."""
    part = scores[(scores["arm"] == arm) & (scores["metric"] == metric)]
    return part.groupby(JOB)["value"].first()


def seconds(scores: pd.DataFrame, arm: str) -> float:
    """Seconds of one core to train all that an arm asks in a fold: the middle one of the folds.

    NaN for the noise floor, which is no model.
    """
    return float(by_fold(scores, arm, "seconds").median())


def times(scores: pd.DataFrame, arm: str, against: str = "network") -> float:
    """How many times as many seconds an arm takes as another."""
    return seconds(scores, arm) / seconds(scores, against)


def weights(scores: pd.DataFrame, arm: str = "stack") -> dict[str, float]:
    """What a mix gives each kind, mean over the folds; of ``chosen``: how often it was chosen."""
    return {kind: float(by_fold(scores, arm, f"weight_{kind}").mean()) for kind in KINDS}


def parts(scores: pd.DataFrame, arm: str = "seeds") -> dict[str, Interval]:
    """Mean squared error of a plain mean's ``members``, their ``disagreement``, and ``together``.

    The first less the second is the third, athlete by athlete (Krogh and Vedelsby 1995).
    """
    names = {"members": "member_mse", "disagreement": "disagreement", "together": "mse"}
    return {name: evaluate.mean(scores, arm, metric) for name, metric in names.items()}


def rows(scores: pd.DataFrame, arms=tuple(TITLES), digits: int = 1) -> list[dict]:
    """A row an arm: RMSE, gain over one network, verdict, who is harmed, seconds.

    Parameters
    ----------
    scores : of one data set
    arms : names; those that the scores lack are left out
    digits : of the seconds
    """
    found, there = [], set(scores["arm"])
    for arm in (name for name in arms if name in there):
        row = {"who is asked": TITLES[arm], "RMSE": evaluate.mean(scores, arm, "rmse")}
        c = None if arm == "network" else compare(scores, arm, "network")
        row |= {"gain": c.gain if c else "–", "verdict": c.verdict if c else "–"}
        row["harmed"] = f"{c.harmed} of {c.athletes}" if c else "–"
        cost = seconds(scores, arm)
        found.append(row | {"seconds": "–" if pd.isna(cost) else f"{cost:.{digits}f}"})
    return found


# --- sentences -----------------------------------------------------------------------------------


def said(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """What a page prints, by name, each ending in its data set: ``seeds_pmdata``, ``why_pmdata``.

    A name of :data:`ASKED` gives the end of a sentence whose subject the page writes, "does better
    than one network (+0.02 [+0.01, +0.03] points)"; ``why``, ``cost``, ``weights`` and ``chosen``
    are sentences without their capital and full stop; ``takeaway`` is one of all data sets.

    Parameters
    ----------
    tables : Scores by data set, real people first
    """
    found = {}
    for name, scores in tables.items():
        ends = {key: against(scores, *pair) for key, pair in ASKED.items()}
        whole = {
            "why": why(scores),
            "cost": cost(scores),
            "weights": weights_words(scores),
            "chosen": chosen_words(scores),
        }
        found |= {f"{key}_{name}": text for key, text in (ends | whole).items()}
    return found | {"takeaway": takeaway(tables)}


def against(scores: pd.DataFrame, arm: str, rival: str) -> str:
    """What the protocol lets us say of an arm against another, with the gain in RMSE."""
    c, unit = compare(scores, arm, rival), UNITS[target_of(scores)]
    return f"{SAYS[c.verdict]} {RIVALS[rival]} ({c.gain:+.2f} {unit})"


def why(scores: pd.DataFrame) -> str:
    """What five networks err by and what they disagree by, in squared units: of seeds, of bags."""
    unit = f"{UNITS[target_of(scores)]}²"
    sentences = []
    for arm, who in (("seeds", "five seeds"), ("bag", "five bags")):
        p = {name: i.estimate for name, i in parts(scores, arm).items()}
        share = 100 * p["disagreement"] / p["members"] if p["members"] else 0.0
        sentences.append(
            f"networks of {who} err by {p['members']:.3f} {unit} each and disagree by "
            f"{p['disagreement']:.3f}, which is the {share:.0f} % that their mean saves"
        )
    return "; ".join(sentences)


def cost(scores: pd.DataFrame) -> str:
    """Seconds of one core, in multiples of one network's."""
    seeds, bags, stack = (f"{times(scores, arm):.1f}" for arm in ("seeds", "bag", "stack"))
    return (
        f"one network takes {seconds(scores, 'network'):.2g} s of one core; five seeds, trained "
        f"side by side, {seeds} times that, five bags {bags} times, a stack {stack} times"
    )


def weights_words(scores: pd.DataFrame) -> str:
    """What the weighted stack gives each kind, and the mean of the training athletes."""
    w = weights(scores)
    rest = round(1 - sum(w.values()), 2)
    pull = f"; the missing {rest:.2f} pulls towards the mean" if rest > 0 else ""
    return (
        f"the stack weighs the networks {w['seeds']:.2f}, ridge {w['ridge']:.2f} and boosted trees "
        f"{w['boosting']:.2f}{pull}"
    )


def chosen_words(scores: pd.DataFrame) -> str:
    """Which kind was best out of fold, and how often."""
    names = {"seeds": "the networks", "ridge": "ridge", "boosting": "boosted trees"}
    share = weights(scores, "chosen")
    told = [f"{names[k]} in {100 * v:.0f} %" for k, v in share.items() if round(100 * v)]
    return f"of the folds, training athletes choose {', '.join(told)}"


def takeaway(tables: Mapping[str, pd.DataFrame]) -> str:
    """One sentence: what copies add to one network, and a stack to choosing, by data set."""
    told = []
    for name, scores in tables.items():
        copies, stack = (
            SAYS[compare(scores, *pair).verdict]
            for pair in (("seeds", "network"), ("stack", "chosen"))
        )
        told.append(
            f"on {WHO.get(name, name)} the mean of five seeds {copies} one network, and a stack "
            f"{stack} the one kind that is best out of fold"
        )
    return "; ".join(told)
