"""The figures of Banister's model: a flat valley, estimates against the truth, what is found."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sportsml_lite.findings import banister as findings
from sportsml_lite.plots import grammar
from sportsml_lite.plots.style import ACCENT, GREY, HARM, INK, QUIET, figure, nothing
from sportsml_lite.recommend import banister
from sportsml_lite.simulate.impulse import Body
from sportsml_lite.studies.banister import FITTED, Design, designs, of

LEVELS = (0.5, 1.0, 2.0)  # of the limit: well inside, at, and well beyond what fits
NAMES = {"tau1_d": "τ1, fitness (days)", "tau2_d": "τ2, fatigue (days)"}


def valley(load, days, values, true: Body | None = None, title: str = ""):
    """How well each pair of time constants fits one athlete's tests.

    Parameters
    ----------
    load, days, values : as for :func:`sportsml_lite.recommend.banister.fit`
    true : parameters, where they are known
    title : above

    Returns
    -------
    fig; blue: pairs that the tests do not rule out at 95 %, all else fitted; the darker, the better
    """
    found = banister.fit(load, days, values)
    tau1, tau2, rss = banister.surface(load, days, values)
    excess = (rss - rss.min()) / found.residual_pct**2
    limit = found.profiles["tau1_d"].limit
    fig, ax = grammar.canvas(None, title, 4.0)
    ax.contourf(tau1, tau2, excess.T, [0, *(limit * level for level in LEVELS[:2])],
                colors=[ACCENT, ACCENT], alpha=0.45)  # fmt: skip
    ax.contourf(tau1, tau2, excess.T, [0, limit * LEVELS[0]], colors=[ACCENT], alpha=0.45)
    ax.contour(tau1, tau2, excess.T, [limit * LEVELS[2]], colors=GREY, linewidths=1)
    points = {"fitted": (found.body, "o", HARM, (-9, 7), "right")}
    points["textbook"] = (Body(0, 0, 0, *banister.START_D), "s", INK, (-9, 7), "right")
    if true is not None:
        points["true"] = (true, "*", INK, (9, -13), "left")
    for name, (body, marker, color, away, side) in points.items():
        at = body.tau1_d, body.tau2_d
        ax.plot(*at, marker, color=color, ms=12 if marker == "*" else 8, mec="white", clip_on=False)
        ax.annotate(name, at, away, textcoords="offset points", fontsize=grammar.SMALL, ha=side,
                    color=color)  # fmt: skip
    ax.set(xscale="log", yscale="log", xlim=banister.TAU1_D, ylim=banister.TAU2_D,
           xlabel=NAMES["tau1_d"], ylabel=NAMES["tau2_d"])  # fmt: skip
    _ticks(ax.xaxis, (20, 30, 42, 60, 90))
    _ticks(ax.yaxis, (1, 2, 4, 7, 12))
    return fig


def profiles(found: Mapping[str, banister.Fit], title: str = ""):
    """Profile of both time constants: how much worse the tests fit with each value held.

    Parameters
    ----------
    found : fits by name, the first one accented
    title : above

    Returns
    -------
    fig; below the dashed line nothing is ruled out at 95 %
    """
    if not found:
        return nothing("Not part of this run.")
    fig, axes = figure(1, 2, 3.4, sharey=True)
    for ax, (tau, label) in zip(axes, NAMES.items(), strict=True):
        for i, fit in enumerate(found.values()):
            profile = fit.profiles[tau]
            ax.plot(profile.tau_d, profile.excess / profile.limit, lw=2,
                    color=QUIET if i else ACCENT, ls="--" if i else "-")  # fmt: skip
        ax.axhline(1, color=INK, lw=1, ls="--")
        ax.set(xscale="log", ylim=(0, 4), xlabel=label)
        _ticks(ax.xaxis, (20, 42, 90) if tau == "tau1_d" else (1, 2, 4, 7, 12))
    axes[0].set_ylabel("worse than the best, in limits")
    for i, name in enumerate(found):
        axes[0].annotate(name, (0.05, 0.94 - 0.09 * i), xycoords="axes fraction", va="top",
                         color=QUIET if i else ACCENT, fontsize=grammar.SMALL)  # fmt: skip
    grammar._headline(fig, title)
    return fig


def recovered(scores: pd.DataFrame, shown: Mapping[str, Design], target: str, title: str = ""):
    """A dot an athlete: fitted against true time constant, a panel a design.

    Parameters
    ----------
    scores : of the study; shown : title → design
    target : ``'tau1_d'`` or ``'tau2_d'``
    title : above

    Returns
    -------
    fig; dotted: the textbook's value for everybody; dashed: equal
    """
    panels = {
        name: (findings.estimates(scores, design, target), target)
        for name, design in shown.items()
        if design in designs(scores)
    }
    return grammar.small_multiples(panels, _dots, title, cols=2, height_in=3.2, share=("x", "y"))


def _dots(table: pd.DataFrame, target: str, ax):
    textbook = banister.START_D[target == "tau2_d"]
    bounds = banister.TAU2_D if target == "tau2_d" else banister.TAU1_D
    ax.plot(bounds, bounds, color=GREY, ls="--", lw=1.2, zorder=0)
    ax.axhline(textbook, color=INK, ls=":", lw=1.2, zorder=0)
    ax.scatter(table["truth"], table["estimate"], s=20, color=ACCENT, alpha=0.6, linewidths=0)
    room = np.array([0.94, 1.06])
    ends = table["truth"].min(), table["truth"].max()
    ax.set(xscale="log", yscale="log", xlim=ends * room, ylim=bounds * room)
    ax.set(xlabel=f"true {NAMES[target].split(',')[0]} (days)", ylabel="fitted (days)")
    ticks = (1, 2, 4, 7, 12) if target == "tau2_d" else (20, 30, 42, 60, 90)
    _ticks(ax.xaxis, [t for t in ticks if ends[0] <= t <= ends[1]])
    _ticks(ax.yaxis, ticks)


def foretold(scores: pd.DataFrame, design: Design, title: str = ""):
    """RMSE of later tests by each way, with intervals over athletes, of one design."""
    table = findings.foretold(scores, design)
    accent = [n for n in table if n == findings.TITLES["fit"]]
    return grammar.interval_rows(table, title, "RMSE of later tests (% of the level)",
                                 accent=accent)  # fmt: skip


def found(scores: pd.DataFrame, title: str = "", ax=None):
    """Share of athletes whose time constants are both found, by the number of tests."""
    rows = []
    for design in designs(scores):
        own = findings.evaluate.mean(of(scores, design, FITTED), "fit", "found")
        line = f"{findings.LOADS[design.loads]}, {design.error_pct:g} %"
        rows.append({"arm": line, "k": design.tests, "estimate": 100 * own.estimate,
                     "low": 100 * max(own.low, 0), "high": 100 * min(own.high, 1)})  # fmt: skip
    table = pd.DataFrame(rows)
    best = table.loc[table["estimate"].idxmax(), "arm"]
    fig = grammar.interval_curve(table, title, "tests in 18 weeks", "both found (% of athletes)",
                                 accent=[best], ax=ax)  # fmt: skip
    (ax or fig.axes[0]).set_ylim(bottom=-1)
    return fig


def _ticks(axis, at) -> None:
    from matplotlib.ticker import NullLocator

    axis.set_ticks(at, [f"{value:g}" for value in at])
    axis.set_minor_locator(NullLocator())
