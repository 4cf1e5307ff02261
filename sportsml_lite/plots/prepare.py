"""The figures of chapter 2: the leak, who stands where, gaps, one scale, loads, looking ahead."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from sportsml_lite import evaluate, prepare
from sportsml_lite.findings.prepare import LookAhead, error
from sportsml_lite.plots import grammar
from sportsml_lite.plots.style import ACCENT, AMBER, GREY, INK, QUIET, figure, nothing
from sportsml_lite.studies.prepare import MODELS, TITLES

SHOWN = ("mean", "ridge", "forest", "boosted", "locker")
ASKED = {
    "actes": "ACTES: oxygen uptake in mL/kg/min",
    "pmdata": "PMData: perceived exertion in CR10 points",
    "simulated": "simulated: training effect, 0–5",
}
RECORDED = {"actes": "ACTES cyclists", "simulated": "simulated runners"}
_SHADES = {"train": "#d9d9d9", "validation": AMBER, "test": ACCENT}
_MOST = 30  # athletes, and rows of an athlete, in the picture of a split


def leak(scores: Mapping[str, pd.DataFrame], title: str = "", models: Collection[str] = SHOWN):
    """Each model twice on the same rows: it has met the athlete, and it never has.

    Parameters
    ----------
    scores : data set → Scores of the study, a panel each
    models : of :data:`sportsml_lite.studies.prepare.MODELS`

    Returns
    -------
    fig
    """
    panels = {ASKED.get(name, name): leaks(table, models) for name, table in scores.items()}
    return grammar.small_multiples(
        panels, grammar.dumbbell, title, share=(), height_in=0.9 + 0.42 * len(models),
        xlabel="RMSE, mean over athletes", names=("met", "never met"), spec=".1f",
        accent=[TITLES["locker"]],
    )  # fmt: skip


def leaks(scores: pd.DataFrame, models: Collection[str] = MODELS) -> pd.DataFrame:
    """RMSE of each model, met and never met, a row a model."""
    rows = {TITLES[m]: [error(scores, a).estimate for a in (f"{m}_met", m)] for m in models}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["met", "never met"])


def split(athlete: np.ndarray, by_rows: np.ndarray, by_athletes: np.ndarray):
    """Who learns and who is asked, a column an athlete and a cell a row.

    Parameters
    ----------
    athlete : (N,); by_rows, by_athletes : (N,) names of parts, of rows or whole athletes dealt

    Returns
    -------
    fig
    """
    fig, axes = figure(2, 1, 4.4, sharex=True)
    order = pd.Series(by_athletes).map({"train": 0, "validation": 1, "test": 2})
    names = list(order.groupby(athlete).first().sort_values(kind="stable").index)
    names = names[:: -(-len(names) // _MOST)]
    for ax, parts, kind in ((axes[0], by_rows, "rows"), (axes[1], by_athletes, "athletes")):
        ax.imshow(_cells(athlete, parts, names), aspect="auto", interpolation="none")
        both = set(athlete[parts == "train"]) & set(athlete[parts == "test"])
        told = f"{len(both)} of {len(set(athlete))} athletes both learned from and asked"
        ax.set_title(f"deal {kind}: {told}", fontsize="medium")
        ax.set(yticks=[], xticks=[])
        ax.spines[:].set_visible(False)
    axes[1].set_xlabel("a column an athlete, a cell a row")
    for i, (part, color) in enumerate(_SHADES.items()):
        place, tone = (0.52 + 0.16 * i, -0.12), GREY if part == "train" else color
        axes[1].annotate(f"■ {part}", place, xycoords="axes fraction", va="top",
                         fontsize=grammar.SMALL, color=tone)  # fmt: skip
    axes[1].xaxis.set_label_coords(0.26, -0.05)
    return fig


def _cells(athlete: np.ndarray, parts: np.ndarray, names: list[str]) -> np.ndarray:
    """Colours (rows, athletes, 3) of the first rows of each athlete, white where there is none."""
    from matplotlib.colors import to_rgb

    image = np.ones((_MOST, len(names), 3))
    for column, name in enumerate(names):
        own = parts[athlete == name][:_MOST]
        image[: len(own), column] = [to_rgb(_SHADES[part]) for part in own]
    return image


def gaps(scores: Mapping[str, pd.DataFrame], title: str = "", arms: Collection[str] = ()):
    """Error of filled heart rate over the length of the gap; the line reads the future.

    Parameters
    ----------
    scores : data set → Scores of the study, a panel each; those without streams are left out
    arms : ways to fill; empty is hold, forest and line

    Returns
    -------
    fig
    """
    arms = arms or ("fill_interpolate", "fill_forest", "fill_hold")
    panels = {RECORDED.get(name, name): filled(table, arms) for name, table in scores.items()}
    panels = {name: table for name, table in panels.items() if len(table)}
    if not panels:
        return nothing("No data set here has heart rate by the second.")
    return grammar.small_multiples(
        panels, grammar.interval_curve, title, share=("x", "y"), line="way", x="gap_s",
        xlabel="length of the gap (s)", ylabel="RMSE (bpm)", accent=["line (reads ahead)"],
    )  # fmt: skip


def filled(scores: pd.DataFrame, arms: Collection[str]) -> pd.DataFrame:
    """Columns way, gap_s, estimate, low, high: RMSE in bpm with nothing else lost."""
    rows = []
    for gap_s, part in scores[scores["lost"] == "nothing"].groupby("gap_s"):
        for arm in arms:
            if (part["arm"] == arm).any():
                i = evaluate.mean(part, arm, "rmse")
                way = TITLES[arm] + " (reads ahead)" * (arm == "fill_interpolate")
                rows.append((way, gap_s, i.estimate, i.low, i.high))
    return pd.DataFrame(rows, columns=["way", "gap_s", "estimate", "low", "high"])


def one_scale(athletes: pd.DataFrame, bpm: float):
    """What one heart rate means to the two athletes for whom it means least and most.

    Parameters
    ----------
    athletes : Athletes; bpm : the heart rate

    Returns
    -------
    fig; a low one that says so where fewer than two athletes have a resting and a highest rate
    """
    people = prepare.with_hr_max(athletes).dropna(subset=["hr_rest_bpm", "hr_max_bpm"])
    if len(people) < 2:
        return nothing("Fewer than two athletes here have a resting and a highest heart rate.")
    share = prepare.heart_rate_reserve(bpm, people["hr_rest_bpm"], people["hr_max_bpm"])
    people = people.assign(share=share).sort_values("share").iloc[[0, -1]]
    low, high = (f"{100 * share:.0f} %" for share in people["share"])
    fig, ax = grammar.canvas(
        None, f"At {bpm:g} bpm one athlete is at {low}, another at {high}", 3.3
    )
    for (_, person), color in zip(people.iterrows(), (QUIET, ACCENT), strict=True):
        ends = [person["hr_rest_bpm"], person["hr_max_bpm"]]
        ax.plot(ends, [0, 1], "o-", color=color, lw=2)
        ax.plot(bpm, person["share"], "o", color=color, mec=INK, ms=9, zorder=5)
        ax.annotate(f"{100 * person['share']:.0f} %", (bpm, person["share"]), (9, -4), color=color,
                    textcoords="offset points", va="top")  # fmt: skip
        ax.annotate(f"highest {ends[1]:.0f}", (ends[1], 1), (0, 7), ha="center", color=color,
                    textcoords="offset points", fontsize=grammar.SMALL)  # fmt: skip
        ax.annotate(f"rest {ends[0]:.0f}", (ends[0], 0), (0, -8), ha="center", va="top",
                    color=color, textcoords="offset points", fontsize=grammar.SMALL)  # fmt: skip
    ax.axvline(bpm, color=INK, lw=1, ls=":", zorder=0)
    ax.set(xlabel="heart rate (bpm)", ylabel="on the athlete's own scale, x", ylim=(-0.14, 1.14))
    return fig


def impulses(loads: pd.DataFrame):
    """How much more TRIMP the stream gives than the mean heart rate does, a dot a session.

    Parameters
    ----------
    loads : trimp_mean, trimp_stream, reserve_sd (spread of the reserve within the session)

    Returns
    -------
    fig; a low one that says so where no load is known
    """
    loads = loads.dropna(subset=["trimp_mean", "trimp_stream"])
    if loads.empty:
        return nothing("No session here has heart rate by the second and an athlete's sex.")
    more = 100 * (loads["trimp_stream"] / loads["trimp_mean"] - 1)
    fig, ax = grammar.canvas(None, "The more uneven the session, the more its mean hides", 3.2)
    ax.scatter(loads["reserve_sd"], more, s=22, color=ACCENT, alpha=0.6, linewidths=0)
    ax.axhline(0, color=INK, lw=1)
    ax.set(xlabel="spread of the reserve in a session (SD, 0–1)", ylabel="by the second: more (%)")
    return fig


def look_ahead(found: LookAhead | None):
    """One athlete's recent load before and after somebody changed the future.

    Parameters
    ----------
    found : of :func:`sportsml_lite.findings.prepare.look_ahead`

    Returns
    -------
    fig; a low one that says so where there is nothing to look back at
    """
    if found is None:
        return nothing("The sessions of this data set have no dates: there is no past to sum up.")
    fig, axes = figure(len(found.curves), 1, 1.9 * len(found.curves), sharex=True, squeeze=False)
    for ax, (way, (before, after)) in zip(axes[:, 0], found.curves.items(), strict=True):
        ax.plot(found.days, after, "o-", color=ACCENT, ms=4, lw=1.6)
        ax.plot(found.days, before, "o-", color=QUIET, ms=4, lw=1.6)
        ax.axvline(found.turn, color=INK, lw=1)
        ax.axvspan(found.turn, found.days.max(), color=GREY, alpha=grammar.PALE, lw=0)
        told = f"{way}: {found.moved[way]} of {found.before} earlier values moved"
        ax.set_title(told, fontsize="medium")
        ax.set_ylabel("load (min)")
    ends = {name: (found.days[-1], curve[-1], color) for name, curve, color in (
        ("as it was", before, QUIET), ("changed", after, ACCENT))}  # fmt: skip
    grammar.end_labels(axes[-1, 0], ends)
    axes[-1, 0].set_xlabel("day (the future begins at the line)")
    return fig
