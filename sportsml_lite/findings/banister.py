"""What chapter 6 says of Banister's model: how well it foretells, how badly it is identified."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sportsml_lite import evaluate
from sportsml_lite.studies.banister import (
    FITTED,
    HELD_OUT,
    TITLES,
    Design,
    designs,
    judge,
    of,
)

LOADS = {"habit": "as usual", "varied": "varied by lot"}
TAUS = {"tau1_d": "τ1", "tau2_d": "τ2"}


def name(design: Design) -> str:
    """A design, as a row is headed."""
    return f"{design.tests} tests of {design.error_pct:g} %, training {LOADS[design.loads]}"


def share(scores: pd.DataFrame, design: Design, metric: str) -> float:
    """Share of all fitted athletes of whom something is so, 0 to 1.

    Parameters
    ----------
    scores : of the study
    design : one of those in it
    metric : ``'found'``, ``'refused'``, ``'stuck'``, ``'on_bound'`` or ``'missed'``; a fit that was
        refused has no bound and no minimum, and is left out of the last two
    """
    return evaluate.mean(of(scores, design, FITTED), "fit", metric).estimate


def off_by(scores: pd.DataFrame, design: Design, target: str, arm: str = "fit") -> float:
    """Factor by which a time constant is off: e to the mean distance of logarithms.

    Parameters
    ----------
    scores, design : as for :func:`share`
    target : ``'tau1_d'`` or ``'tau2_d'``; arm : of the study
    """
    return float(np.exp(evaluate.mean(of(scores, design, target), arm, "mae").estimate))


def closer(scores: pd.DataFrame, design: Design, target: str, rival: str) -> evaluate.Interval:
    """How much closer to the truth the fitted value is than a rival's; below 0: farther.

    Parameters
    ----------
    scores, design, target : as for :func:`off_by`; the unit is that of the study's ``mae``
    rival : ``'pooled'``, or ``'textbook'``, around whose values the simulated people were drawn
    """
    # Only the interval is used: the protocol has no margin for a time constant.
    return evaluate.compare(of(scores, design, target), "fit", rival, "mae", "change").gain


def beaten(scores: pd.DataFrame, rival: str) -> str:
    """In how many designs and time constants a rival is closer to the truth, in words.

    scores : of the study; rival : as for :func:`closer`; an interval has to leave out 0
    """
    gains = [closer(scores, d, target, rival) for d in designs(scores) for target in TAUS]
    return counted(sum(gain.high < 0 for gain in gains), len(gains))


def foretold(scores: pd.DataFrame, design: Design) -> dict[str, evaluate.Interval]:
    """RMSE of the later tests, % of the level, by the title of the arm."""
    part = of(scores, design, HELD_OUT)
    shown = [arm for arm in TITLES if arm in set(part["arm"]) and not arm.endswith("_again")]
    return {TITLES[arm]: evaluate.mean(part, arm, "rmse") for arm in shown}


def recovery(scores: pd.DataFrame) -> list[dict]:
    """Rows of the table of designs: how far off, how often found, how well foretold."""
    rows = []
    for design in designs(scores):
        held = of(scores, design, HELD_OUT)
        rows.append({
            "training": LOADS[design.loads],
            "error of a test": f"{design.error_pct:g} %",
            "tests": design.tests,
            **{f"{sign} off by": f"× {off_by(scores, design, target):.2f}"
               for target, sign in TAUS.items()},
            "found": f"{100 * share(scores, design, 'found'):.0f} %",
            "search gives back its start": f"{100 * share(scores, design, 'stuck'):.0f} %",
            "later tests: fit": evaluate.mean(held, "fit", "rmse").estimate,
            "last test": evaluate.mean(held, "last", "rmse").estimate,
            "true parameters": evaluate.mean(held, "true", "rmse").estimate,
        })  # fmt: skip
    return rows


def counted(count: int, of_all: int) -> str:
    """How many of all, in words."""
    if not count:
        return f"none of {of_all}"
    return f"all {of_all}" if count == of_all else f"{count} of {of_all}"


def takeaway(scores: pd.DataFrame) -> str:
    """The page's sentence, true for whatever the table holds."""
    asked = designs(scores)
    found = [100 * share(scores, design, "found") for design in asked]
    verdicts = judge({"": scores})
    better = sum(verdicts["", design, "fit", "last"].verdict == "better" for design in asked)
    spread = f"{min(found):.0f} to {max(found):.0f} %"
    if f"{min(found):.0f}" == f"{max(found):.0f}":
        spread = f"{max(found):.0f} %"
    return (
        f"In {counted(better, len(asked))} designs a fitted model foretells later tests better "
        f"than the last test does; both time constants are found in {spread} of the athletes"
    )


def said(scores: pd.DataFrame) -> dict[str, str]:
    """What the page prints, by the name under which it is recorded.

    scores : of the study; at best and at worst are said of its designs
    """
    asked = designs(scores)
    by_found = sorted(asked, key=lambda design: share(scores, design, "found"))
    worst, best = by_found[0], by_found[-1]
    fitted = of(scores, best, "tau1_d")
    return {
        "one_sentence": takeaway(scores),
        "athletes": str(scores["athlete"].nunique()),
        "best_design": name(best),
        "found_best": f"{100 * share(scores, best, 'found'):.0f}",
        "found_worst": f"{100 * share(scores, worst, 'found'):.0f}",
        "stuck_most": f"{100 * max(share(scores, d, 'stuck') for d in asked):.0f}",
        "bound_most": f"{100 * max(share(scores, d, 'on_bound') for d in asked):.0f}",
        "pooled_closer": beaten(scores, "pooled"),
        "textbook_closer": beaten(scores, "textbook"),
        "tau1_off": f"{off_by(scores, best, 'tau1_d'):.2f}",
        "tau1_off_pooled": f"{off_by(scores, best, 'tau1_d', 'pooled'):.2f}",
        "covered": f"{100 * evaluate.mean(fitted, 'fit', 'covered').estimate:.0f}",
        "foretold": f"{foretold(scores, best)[TITLES['fit']]:.2f}",
        "foretold_last": f"{foretold(scores, best)[TITLES['last']]:.2f}",
        "foretold_floor": f"{foretold(scores, best)[TITLES['true']]:.2f}",
    }


def estimates(scores: pd.DataFrame, design: Design, target: str, arm: str = "fit") -> pd.DataFrame:
    """Estimated and true value of a parameter: index athlete, columns ``truth``, ``estimate``.

    Parameters
    ----------
    scores, design : as for :func:`share`
    target : of :data:`sportsml_lite.studies.banister.PARAMETERS`; arm : of the study
    """
    part = of(scores, design, target)
    found = {
        column: evaluate.athlete_values(part, which, "estimate")
        for column, which in (("truth", "true"), ("estimate", arm))
    }
    return pd.DataFrame(found)
