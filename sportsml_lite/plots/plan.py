"""The best weeks of one person, day by day, with what each is expected to bring."""

from __future__ import annotations

from textwrap import fill

import numpy as np

from sportsml_lite.plots.grammar import SMALL
from sportsml_lite.plots.style import ACCENT, HARM, INK, QUIET, figure, plain
from sportsml_lite.recommend.week import DAYS, Week

SHOWN = 3  # weeks that keep to the rules; the one after them is refused
EASY = 0.4  # opacity of easy minutes, zones 1 and 2
_LETTERS, _LINES = 40, 6  # of a reason beside its bars


def best_weeks(ranking, against: str = "going on as usual"):
    """A row a week: minutes a day as bars, and the expected change of VO2max with its interval.

    The week to take is in the accent colour, the next two are grey; below them stands the most
    promising week that breaks a rule, with the reason.

    Parameters
    ----------
    ranking : :class:`sportsml_lite.recommend.rank.Ranking`
    against : what the change is held against, in words

    Returns
    -------
    fig
    """
    shown = ranking.weeks[:SHOWN]
    refused = ranking.refused[:1]
    count = len(shown) + len(refused)
    fig, axes = figure(count, 2, 1.05 * count + 0.9, squeeze=False, width_ratios=(5, 6))
    every = [*shown, *(one.week for one in refused)]
    most = max((session.minutes for week in every for session in week.sessions), default=60)
    for at, week in enumerate(shown):
        _bars(axes[at, 0], week, ACCENT if at == 0 else QUIET, most)
    for at in range(len(shown)):
        values = (found[at] for found in (ranking.mean, ranking.low, ranking.high))
        _expected(axes[at, 1], *values, ACCENT if at == 0 else QUIET)
    _same_limits(axes[: len(shown), 1])
    axes[len(shown) - 1, 1].set_xlabel(f"change of VO2max (%) against\n{against}, 4 weeks")
    axes[len(shown) - 1, 1].tick_params(labelbottom=True)
    for at, one in enumerate(refused, len(shown)):
        _bars(axes[at, 0], one.week, HARM, most)
        _reason(axes[at, 1], one.reasons[0])
    axes[-1, 0].set_xticks(range(7), [day[0] for day in DAYS])
    return fig


def spoken(ranking) -> str:
    """The figure in words, for those who do not see it."""
    numbers = zip(ranking.weeks, ranking.mean, ranking.low, ranking.high, strict=True)
    said = [
        f"{week.name}, {week.minutes} min, {mean:+.1f} % ({low:+.1f} to {high:+.1f})"
        for week, mean, low, high in list(numbers)[:SHOWN]
    ]
    said += [f"refused: {one.week.name}. {one.reasons[0]}" for one in ranking.refused[:1]]
    return f"Weeks as bars of minutes a day, and what each is expected to bring: {'; '.join(said)}"


def _bars(ax, week: Week, color: str, most: int) -> None:
    easy, hard = np.zeros(7), np.zeros(7)
    for session in week.sessions:
        zones = session.zone_minutes()
        easy[session.day] += zones[:2].sum()
        hard[session.day] += zones[2:].sum()
    ax.bar(range(7), easy, 0.7, color=color, alpha=EASY)
    ax.bar(range(7), hard, 0.7, easy, color=color)
    for day in np.flatnonzero(easy + hard):
        ax.annotate(f"{easy[day] + hard[day]:.0f}", (day, easy[day] + hard[day]), (0, 1),
                    textcoords="offset points", ha="center", fontsize=SMALL, color=INK)  # fmt: skip
    ax.set(xlim=(-0.6, 6.6), ylim=(0, 1.3 * most), yticks=[])
    ax.set_xticks(range(7), [])
    ax.set_title(f"{plain(week.name)}, {week.minutes} min", fontsize=12, color=color, loc="left")
    ax.spines["left"].set_visible(False)


def _expected(ax, mean: float, low: float, high: float, color: str) -> None:
    ax.axvline(0, color=INK, lw=1, zorder=0)
    ax.plot([low, high], [0, 0], color=color, lw=2.5, solid_capstyle="butt")
    ax.plot(mean, 0, "o", color=color, ms=8, mec="white")
    known = low == high == 0  # the week that the others are held against
    ax.annotate("  the others are held against it" if known else f"{mean:+.1f} %", (mean, 0),
                (0, 8), textcoords="offset points", ha="left" if known else "center",
                fontsize=SMALL, color=color)  # fmt: skip
    ax.set(ylim=(-1, 1), yticks=[])
    ax.tick_params(labelbottom=False)
    ax.spines["left"].set_visible(False)


def _same_limits(axes) -> None:
    """One scale for all, wide enough for each number."""
    ends = np.array([ax.get_xlim() for ax in axes])
    low, high = ends[:, 0].min(), ends[:, 1].max()
    edge = 0.08 * max(high - low, 0.1)
    for ax in axes:
        ax.set_xlim(low - edge, high + edge)


def _reason(ax, reason: str) -> None:
    lines = fill(f"Refused: {reason}", _LETTERS).splitlines()
    text = "\n".join(lines[:_LINES]) + (" …" if len(lines) > _LINES else "")
    ax.text(0, 0.5, plain(text), va="center", color=HARM, fontsize=SMALL, transform=ax.transAxes)
    ax.axis("off")
