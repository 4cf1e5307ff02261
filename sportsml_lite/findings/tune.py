"""What chapter 5 says of searching: what it finds, what it promised, and what matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from sportsml_lite import evaluate
from sportsml_lite.evaluate import Comparison, Interval
from sportsml_lite.findings.effect import SAYS
from sportsml_lite.studies.effect import UNITS
from sportsml_lite.studies.tune import BUDGETS, FOUND, TITLES
from sportsml_lite.tune.space import NAMES

WORDS = {  # of the hyper-parameters on a page
    "rate": "learning rate",
    "weight_decay": "weight decay",
    "width": "width",
    "depth": "depth",
    "batch_size": "batch size",
}
RIVALS = TITLES | {
    "mean": "the mean predictor",
    "default": "the default",
    "grid": "the grid",
    "random": "random search",
    "tpe": "TPE",
}
ROWS = ("mean", "ridge", "default", "seeds", "grid", "random", "tpe", "tpe_pruned", "everything")


def target_of(scores: pd.DataFrame) -> str:
    """What is predicted: ``'effect'`` or ``'rpe'``."""
    return scores["target"].iloc[0]


def called_rmse(scores: pd.DataFrame, metric: str, where: Mapping[str, float] | None = None):
    """The rows of another metric, at a budget or a number of trials, as if they were RMSE at last.

    Parameters
    ----------
    scores : of one data set
    metric : e.g. ``'val_rmse'``, of validation athletes, or ``'rmse_at'``
    where : column → value; the default and other arms without a search stay as they are

    Returns
    -------
    Scores that ``evaluate.mean`` and ``compare`` take with metric ``'rmse'``
    """
    part = scores[scores["metric"] == metric]
    for column, value in (where or {}).items():
        part = part[part[column] == value]
    fixed = scores[(scores["metric"] == metric.removesuffix("_at"))]
    fixed = fixed[~fixed["arm"].isin(part["arm"])] if where else fixed[:0]
    return pd.concat([part, fixed]).assign(metric="rmse")


def after(
    scores: pd.DataFrame, by: str, arms: Sequence[str], validation: bool = False
) -> pd.DataFrame:
    """Error of what was found against the budget (epochs) or the number of trials.

    Parameters
    ----------
    by : ``'budget'`` or ``'trials'``; arms : names
    validation : of the athletes who chose, in place of those who test

    Returns
    -------
    DataFrame with arm (its title), ``by``, estimate, low, high
    """
    metric = "val_rmse_at" if validation else "rmse_at"
    rows = []
    for arm in (a for a in arms if a in set(scores["arm"])):
        part = scores[(scores["arm"] == arm) & (scores["metric"] == metric)]
        for at, some in part.groupby(by):
            i = evaluate.mean(some, arm, metric)
            rows.append((TITLES[arm], at, i.estimate, i.low, i.high))
    return pd.DataFrame(rows, columns=["arm", by, "estimate", "low", "high"])


def promise(scores: pd.DataFrame, arm: str, trials: float | None = None) -> dict[str, Interval]:
    """Gain over the default in RMSE that validation athletes promised, and that test athletes got.

    Parameters
    ----------
    scores : of one data set
    arm : whose choice; trials : after so many of them, for arms that count them

    Returns
    -------
    ``promised`` and ``kept``
    """
    end, where = ("_at", {"trials": trials}) if trials else ("", None)
    found = {}
    for name, metric in (("promised", "val_rmse"), ("kept", "rmse")):
        table = called_rmse(scores, metric + end, where)
        found[name] = evaluate.compare(table, arm, "default", "rmse", target_of(scores)).gain
    return found


def promises(scores: pd.DataFrame, arm: str = "everything") -> pd.DataFrame:
    """The same after 1, 2, 4, … trials: columns line, trials, estimate, low, high."""
    part = scores[(scores["arm"] == arm) & (scores["metric"] == "rmse_at")]
    rows = []
    for trials in sorted(part["trials"].dropna().unique()):
        for name, i in promise(scores, arm, trials).items():
            rows.append((name, trials, i.estimate, i.low, i.high))
    return pd.DataFrame(rows, columns=["line", "trials", "estimate", "low", "high"])


def landscape(scores: pd.DataFrame) -> pd.DataFrame:
    """Validation MSE of every configuration: a row a fold and configuration, with ``level``.

    ``level`` is the mean over folds of the logarithm (base 10) of its error, less the fold's mean:
    −0.3 is half the error of a middling configuration.
    """
    part = scores[(scores["metric"] == "val_mse") & (scores["value"] > 0)].copy()
    part["log"] = np.log10(part["value"])
    fold = part.groupby(["partition", "fold"])["log"].transform("mean")
    part["level"] = part["log"] - fold
    return part


def average(scores: pd.DataFrame) -> pd.DataFrame:
    """The landscape, mean over folds: a row a configuration, the best first."""
    found = landscape(scores).groupby(list(NAMES))["level"].mean().reset_index()
    return found.sort_values("level", ignore_index=True)


def importance(scores: pd.DataFrame) -> pd.DataFrame:
    r"""How much of the differences between configurations each hyper-parameter explains alone.

    The whole table is known, so a functional analysis of variance (Hutter 2014) is a few means:
    with :math:`v` the log error and :math:`\bar v_a` its mean over all configurations whose
    hyper-parameter has level a, the share is :math:`\mathrm{Var}_a(\bar v_a) / \mathrm{Var}(v)`.

    Returns
    -------
    DataFrame, index of words, columns estimate, low, high: median, lowest and highest of the folds
    """
    rows = {WORDS[name]: [] for name in NAMES} | {"together only": []}
    for _, fold in landscape(scores).groupby(["partition", "fold"]):
        value = fold["log"]
        shares = [
            float(value.groupby(fold[name]).transform("mean").var() / value.var())
            if value.var() else 0.0
            for name in NAMES
        ]  # fmt: skip
        for name, share in zip(rows, [*shares, 1 - sum(shares)], strict=True):
            rows[name].append(share)
    each = {name: (np.median(v), min(v), max(v)) for name, v in rows.items()}
    return pd.DataFrame.from_dict(each, "index", columns=["estimate", "low", "high"])


def tried(scores: pd.DataFrame, arm: str) -> float:
    """Trials of a search within its budget, mean over folds and searches."""
    part = scores[(scores["arm"] == arm) & (scores["metric"] == "tried")]
    return float(part["value"].mean())


def agreement(scores: pd.DataFrame) -> float:
    """Rank correlation of the configurations by validation and by test, mean over folds."""
    return float(scores.loc[scores["metric"] == "agreement", "value"].mean())


def results(scores: pd.DataFrame, arms: Sequence[str] = ROWS) -> list[dict]:
    """A row an arm: error of test athletes, gain over the default, verdict, the promise, trials."""
    rows, there = [], set(scores["arm"])
    for arm in (name for name in arms if name in there):
        row = {"": TITLES[arm], "RMSE": evaluate.mean(scores, arm, "rmse")}
        if arm == "default":
            rows.append(row | {"gain": "–", "verdict": "–", "promised": "–", "trials": "1"})
            continue
        c = evaluate.compare(scores, arm, "default", "rmse", target_of(scores))
        promised = promise(scores, arm)["promised"].estimate
        number = {"seeds": "32 seeds", "mean": "–", "ridge": "–"}.get(arm)
        if arm in FOUND:
            number = f"{tried(scores, arm):.0f}"
        elif arm == "everything":
            number = f"{len(average(scores))}"
        rows.append(row | {"gain": c.gain, "verdict": c.verdict, "promised": f"{promised:+.2f}",
                           "trials": number})  # fmt: skip
    return rows


def questions(verdicts: Mapping[tuple, Comparison], survives: Mapping[tuple, bool]) -> list[dict]:
    """Rows of the lab's table of questions."""
    return [
        {
            "data": name, "arm": TITLES[arm], "against": TITLES[rival], "gain": c.gain,
            "verdict": c.verdict, "Holm": survives[name, target, arm, rival],
            "harmed": f"{c.harmed} of {c.athletes}",
        }
        for (name, target, arm, rival), c in verdicts.items()
    ]  # fmt: skip


# --- sentences -----------------------------------------------------------------------------------


def said(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """What the chapter prints, by name: each ends in its data set, ``tpe_pmdata``.

    ``random``, ``tpe``, ``pruned`` and ``all`` are ends of sentences whose subject the page writes,
    against the default; ``methods`` is TPE against random search; ``promise`` and ``rank`` are
    numbers in words; ``takeaway`` is the chapter's one sentence.

    Parameters
    ----------
    tables : Scores by data set, real people first
    """
    found = {"budget": f"{BUDGETS[-1]:,}", "takeaway": takeaway(tables)}
    for name, scores in tables.items():
        share = 100 * importance(scores)["estimate"].drop("together only")
        ends = {
            "random": against(scores, "random", "default"),
            "tpe": against(scores, "tpe", "default"),
            "pruned": against(scores, "tpe_pruned", "default"),
            "all": against(scores, "everything", "default"),
            "methods": against(scores, "tpe", "random"),
            "grid": against(scores, "random", "grid"),
            "ridge": against(scores, "tpe_pruned", "ridge"),
            "promise": promise_words(scores),
            "rank": f"{agreement(scores):.2f}",
            "first": f"{share.idxmax()} comes first; it explains {share.max():.0f} % alone",
            "more": more_words(scores),
        }
        found |= {f"{key}_{name}": text for key, text in ends.items()}
    return found


def against(scores: pd.DataFrame, arm: str, rival: str) -> str:
    """What the protocol lets us say of an arm against another, with the gain in RMSE."""
    c = evaluate.compare(scores, arm, rival, "rmse", target_of(scores))
    return f"{SAYS[c.verdict]} {RIVALS[rival]} ({c.gain:+.3f} {UNITS[target_of(scores)]})"


def promise_words(scores: pd.DataFrame, arm: str = "everything") -> str:
    """What the best of all configurations promised, and what came of it."""
    i, unit = promise(scores, arm), UNITS[target_of(scores)]
    return (
        f"validation athletes promised a gain of {i['promised'].estimate:+.2f} {unit}, test "
        f"athletes got {i['kept'].estimate:+.2f}"
    )


def more_words(scores: pd.DataFrame, first: str = "tpe", pruned: str = "tpe_pruned") -> str:
    """How many trials pruning makes of the same budget."""
    return f"{tried(scores, pruned):.0f} trials under the same budget, in place of " + (
        f"{tried(scores, first):.0f}"
    )


def takeaway(tables: Mapping[str, pd.DataFrame]) -> str:
    """One sentence: was the search worth it, on whom, and does it then beat what is simpler."""
    who = {"pmdata": "real people", "simulated": "simulated runners",
           "simulated_b": "runners of another simulated world"}  # fmt: skip
    told = []
    for name, scores in tables.items():
        default, ridge, mean = (
            SAYS[evaluate.compare(scores, "tpe_pruned", a, "rmse", target_of(scores)).verdict]
            for a in ("default", "ridge", "mean")
        )
        told.append(
            f"on {who.get(name, name)} a tuned network {default} the untuned one, {ridge} ridge, "
            f"and {mean} the mean predictor"
        )
    return "; ".join(told)
