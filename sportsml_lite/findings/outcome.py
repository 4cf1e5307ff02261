"""What chapter 4 says of measured outcomes: who changes, what of it is the test, what is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sportsml_lite import evaluate
from sportsml_lite.evaluate.power import power
from sportsml_lite.findings import effect
from sportsml_lite.simulate.periods import TEST_ERROR_PCT
from sportsml_lite.studies.outcome import MEASURED, TITLES

WANTED = 0.8  # usual share of studies that should see an effect that is there
RIDERS = (10, 20, 28, 40, 60, 80, 120, 200, 320)
NAMES = {
    "vo2max_ml_min": "VO2max",
    "vo2max_ml_kg_min": "VO2max",
    "power_max_w": "maximal power",
    "power_4mmol_w": "power at 4 mmol lactate",
    "power_15min_w": "15-min trial",
    "power_40min_w": "40-min trial",
    "speed_145_mps": "speed at 145 bpm",
}


@dataclass(frozen=True)
class Ceiling:
    """What two tests in a row leave to be predicted, all in % of the outcome.

    change_pct : mean change; spread_pct : SD of the changes around their period's mean
    error_pct : SD of a single test's error, or None where the tests cannot tell
    floor_pct : RMSE of somebody who knew every true change, √2 times that error, or None
    """

    change_pct: evaluate.Interval
    spread_pct: float
    error_pct: float | None
    floor_pct: float | None


def ceiling(scores: pd.DataFrame) -> Ceiling:
    """The noise of the tests themselves, from their own repeats.

    Parameters
    ----------
    scores : of one data set and outcome
    """
    change = evaluate.mean(scores, MEASURED, "change")
    spread = float(np.sqrt(evaluate.mean(scores, MEASURED, "spread").estimate))
    repeats = scores[(scores["arm"] == MEASURED) & (scores["metric"] == "successive")]
    noise = -evaluate.mean(scores, MEASURED, "successive").estimate if len(repeats) else 0.0
    if noise <= 0:
        return Ceiling(change, spread, None, None)
    return Ceiling(change, spread, float(np.sqrt(noise)), float(np.sqrt(2 * noise)))


def noise_share(scores: pd.DataFrame) -> float:
    """Share of the changes' variance that is error of the tests, 0 to 1; NaN where unknown."""
    found = ceiling(scores)
    if found.floor_pct is None:
        return np.nan
    return min(1.0, (found.floor_pct / found.spread_pct) ** 2)


def error_words(found: Ceiling) -> str:
    """The error of a test, in words."""
    if found.error_pct is None:
        return "the changes of neighbouring periods do not show any"
    return f"{found.error_pct:.1f} %"


def share_words(scores: pd.DataFrame) -> str:
    """How much of the changes' variance is error of the tests, in words."""
    share = noise_share(scores)
    if np.isnan(share):
        return "nobody can say how much of the changes' variance is error of the tests"
    return f"{100 * share:.0f} % of the changes' variance is error of the tests"


def trust_words(imagined: pd.DataFrame) -> str:
    """What the same reckoning finds where the truth is known, in words."""
    found = ceiling(imagined).error_pct
    found = "none" if found is None else f"{found:.1f} %"
    return f"in the simulated athletes it finds {found}, where {TEST_ERROR_PCT:.1f} % is true"


def orders_words(scores: pd.DataFrame | None) -> str:
    """How many differences between orders leave out 0, in words."""
    if scores is None:
        return "Nothing of it is part of this run."
    found = orders(scores)
    out = int(((found["low"] > 0) | (found["high"] < 0)).sum())
    if not out:
        return f"Of {len(found)} differences none leaves out 0."
    return f"Of {len(found)} differences {out} leave{'s' * (out == 1)} out 0, uncorrected."


def adds(scores: pd.DataFrame, arm: str, rival: str) -> str:
    """What an arm adds to another, in words, with its gain and interval in per cent points."""
    found = evaluate.compare(scores, arm, rival, "rmse", "change")
    says = {
        "better": "makes the answers better",
        "worse": "makes the answers worse",
        "no difference": "changes nothing worth naming",
        "undecided": "is not shown to add anything",
    }
    return f"{says[found.verdict]} ({found.gain:+.2f})"


def takeaway(real: pd.DataFrame) -> str:
    """The chapter's sentence on measured outcomes, true for whatever the table holds.

    real : Scores of one outcome
    """
    who = evaluate.compare(real, "who", "mean", "rmse", "change").verdict == "better"
    load = evaluate.compare(real, "load", "who", "rmse", "change").verdict == "better"
    done = evaluate.compare(real, "done", "who", "rmse", "change").verdict == "better"
    known = (
        "Who trains, and when, tells something of how much fitter weeks of training make them"
        if who
        else "Who trains, and when, is not shown to tell how much fitter weeks of training make "
        "them"
    )
    trained = (
        "and how much they did tells more"
        if load or done
        else "and how much they did adds nothing that a study of this size can see"
    )
    if not who and not (load or done):
        trained = "nor is how much they did"
    return f"{known}, {trained}"


def seen(noise_sd: float, slopes=(0.5, 1.0, 1.5, 2.0), riders=RIDERS) -> pd.DataFrame:
    """Power of a study like that of the riders: columns slope, riders, power.

    Parameters
    ----------
    noise_sd : SD of all that is not the effect, %; slopes : % for a SD of training
    """
    rows = [(b, n, power(n, b, noise_sd)) for b in slopes for n in riders]
    return pd.DataFrame(rows, columns=["slope", "riders", "power"])


def needed(noise_sd: float, slope: float, most: int = 300) -> str:
    """How many riders would see an effect of ``slope`` % in four of five studies, in words."""
    enough = (n for n in range(10, most + 1, 10) if power(n, slope, noise_sd) >= WANTED)
    found = next(enough, None)
    return f"about {found}" if found else f"more than {most}"


def said(trained: pd.DataFrame, imagined: pd.DataFrame, real: pd.DataFrame) -> dict[str, str]:
    """What the lesson prints, by the name under which it is recorded.

    Parameters
    ----------
    trained : Scores of all outcomes of the riders; imagined : of simulated athletes
    real : Scores of how hard real people's sessions felt
    """
    people = trained["athlete"].nunique()
    riders = trained[trained["target"] == "vo2max_ml_min"]
    noise = ceiling(riders)
    return {
        "one_sentence": effect.takeaway(takeaway(riders), real),
        "n_riders": str(people),
        "mean_change": f"{noise.change_pct:.1f}",
        "load_adds": adds(riders, "load", "who"),
        "done_adds": adds(riders, "done", "who"),
        "net_adds": adds(riders, "mlp", "mean"),
        "taught_adds": adds(riders, "pretrained", "mlp"),
        "imagined_adds": adds(imagined, "load", "who"),
        "error": error_words(noise),
        "noise_share": share_words(riders),
        "seen": f"{100 * power(people, 1.0, noise.spread_pct):.0f}",
        "needed": needed(noise.spread_pct, 1.0),
        "trust": trust_words(imagined),
        "network_real": effect.against(real, "mlp", "ridge", "rpe"),
        "past_real": effect.against(real, "ridge_past", "ridge", "rpe"),
    }


def whole_changes(scores: pd.DataFrame) -> pd.DataFrame:
    """Change from first to last test with the group, a row an athlete who missed no test.

    Every partition holds the same tests again, and who missed one has a change over fewer periods.

    scores : of one outcome
    """
    total = scores[scores["metric"] == "total"].drop_duplicates("athlete")
    return total[total["n"] == total["n"].max()]


def orders(scores: pd.DataFrame) -> pd.DataFrame:
    """Differences between groups that trained in another order, with 95 % intervals (Welch).

    Parameters
    ----------
    scores : of one outcome of a data set whose arm ``measured`` holds ``total`` by ``group``

    Returns
    -------
    DataFrame, index of pairs, columns estimate, low, high (% points), and ``riders``, in each of
    two groups, that would show a difference of that size in four of five studies
    """
    from scipy.stats import ttest_ind

    total = whole_changes(scores)
    values = {name: part["value"].to_numpy() for name, part in total.groupby("group")}
    rows, names = {}, sorted(values)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            a, b = values[first], values[second]
            found = ttest_ind(a, b, equal_var=False)
            low, high = found.confidence_interval(0.95)
            gap = a.mean() - b.mean()
            spread = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
            # Two-sided 5 %, power 80 %: 2 (1.96 + 0.84)² (SD / difference)².
            riders = np.ceil(2 * 2.8**2 * (spread / gap) ** 2) if gap else np.inf
            rows[f"{first} − {second}"] = (gap, low, high, riders)
    return pd.DataFrame.from_dict(rows, orient="index",
                                  columns=["estimate", "low", "high", "riders"])  # fmt: skip


def order_rows(scores: pd.DataFrame | None) -> list[dict]:
    """Rows of the table of :func:`orders`; none where the data set is not there."""
    if scores is None:
        return []
    return [
        {
            "orders": name,
            "difference": f"{row['estimate']:+.1f} [{row['low']:+.1f}, {row['high']:+.1f}]",
            "riders a group": f"{row['riders']:.0f}",
        }
        for name, row in orders(scores).iterrows()
    ]


def name(dataset: str, outcome: str) -> str:
    """A data set and an outcome, as a column is headed."""
    return f"{dataset} · {NAMES[outcome]}"


def ceilings(panels: Mapping[tuple[str, str], pd.DataFrame]) -> list[dict]:
    """What the tests say of themselves, a row a data set and outcome."""
    found = {key: ceiling(scores) for key, scores in panels.items()}
    return [
        {
            "data": name(*key),
            "mean change": f"{c.change_pct:+.1f}",
            "spread": f"{c.spread_pct:.1f}",
            "error of a test": f"{c.error_pct:.1f}" if c.error_pct else "–",
            "floor": f"{c.floor_pct:.1f}" if c.floor_pct else "–",
        }
        for key, c in found.items()
    ]


def questions(verdicts, survives) -> list[dict]:
    """Rows of the lab's table of questions."""
    return [
        {
            "data": name(*key[:2]),
            "arm": TITLES[key[2]],
            "against": TITLES[key[3]],
            "gain": c.gain,
            "verdict": c.verdict,
            "Holm": survives[key],
        }
        for key, c in verdicts.items()
    ]
