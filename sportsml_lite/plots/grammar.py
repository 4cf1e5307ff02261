"""The few figures of which all chapters are made: rows, curves, pairs, before and after, tables.

Each function takes plain tables and returns ``fig``. One colour (``style.ACCENT``) for what the
figure is about, grey for what stands beside it, ``style.HARM`` for who loses; names are written
where they belong, not in a legend; the title gives the answer. Given ``ax``, a function draws there
(see :func:`small_multiples`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from textwrap import fill

import numpy as np
import pandas as pd

from sportsml_lite.plots.style import ACCENT, GREY, HARM, INK, QUIET, figure, nothing, plain

PALE = 0.18  # opacity of bands
SMALL = 11  # points, of the smallest text: nine pixels on a telephone
_TITLE, _ROW = 54, 22  # letters a line, of a title and of a row's name


def interval_rows(
    table,
    title: str = "",
    xlabel: str = "",
    *,
    accent: Collection[str] | None = None,
    zero: bool = False,
    band: float | tuple[float, float] | None = None,
    lines: Mapping[str, float] | None = None,
    spec: str = ".2f",
    ax=None,
):
    """A row a thing: a dot with its interval, the name on the left, the number on the right.

    Parameters
    ----------
    table : index of names, columns estimate, low, high and, if wanted, note (text in place of the
        number); or names and intervals (:class:`sportsml_lite.evaluate.Interval`)
    accent : names drawn in the accent colour, the others grey; None is all
    zero : draw a line at 0
    band : what is too small to name, or is chance: half its width around 0, or its two ends
    lines : dashed lines by name, e.g. ``{"noise floor": 0.3}``
    spec : format of the numbers; empty for none
    ax : where to draw; None makes a figure

    Returns
    -------
    fig
    """
    table = frame_of(table)
    fig, ax = canvas(ax, title, 0.8 + 0.4 * len(table))
    y = np.arange(len(table))[::-1]
    for at, (name, row) in zip(y, table.iterrows(), strict=True):
        color = ACCENT if accent is None or name in accent else QUIET
        ax.plot([row["low"], row["high"]], [at, at], color=color, lw=2.5, solid_capstyle="butt")
        ax.plot(row["estimate"], at, "o", color=color, ms=8, mec="white")
        note = row.get("note", format(row["estimate"], spec) if spec else "")
        _beside(ax, 1, at, "" if pd.isna(row["estimate"]) else note, color)
    _names(ax, y, table.index)
    if band is not None:
        low, high = (-band, band) if np.isscalar(band) else band
        ax.axvspan(low, high, color=GREY, alpha=PALE, lw=0, zorder=0)
    if zero or band is not None:
        ax.axvline(0, color=INK, lw=1, zorder=0)
    for name, at in (lines or {}).items():
        ax.axvline(at, color=INK, lw=1.2, ls="--", zorder=0)
        ax.annotate(name, (at, 1), (0, 2), xycoords=("data", "axes fraction"), ha="center",
                    textcoords="offset points", fontsize=SMALL)  # fmt: skip
    ax.set(xlabel=xlabel, ylim=(-0.6, len(table) - 0.4))
    return fig


def interval_curve(
    table: pd.DataFrame,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    *,
    line: str = "arm",
    x: str = "k",
    accent: Collection[str] | None = None,
    zero: bool = False,
    band: float | None = None,
    ordinal: bool = True,
    ax=None,
):
    """A line a method, named at its end; the accented ones with their intervals.

    Parameters
    ----------
    table : columns ``line`` (a name), ``x``, estimate and, if known, low, high
    accent : names drawn in the accent colour, the others grey; None is the first
    zero, band : as in :func:`interval_rows`, along the other axis
    ordinal : the values of x stand at equal distances
    ax : where to draw; None makes a figure

    Returns
    -------
    fig
    """
    fig, ax = canvas(ax, title, 3.6)
    names = list(dict.fromkeys(table[line]))
    chosen = names[:1] if accent is None else accent
    ticks = np.unique(table[x])
    ends = {}
    for name in sorted(names, key=lambda n: n in chosen):
        part = table[table[line] == name].sort_values(x)
        at = np.searchsorted(ticks, part[x]) if ordinal else part[x].to_numpy(float)
        color = ACCENT if name in chosen else QUIET
        ax.plot(at, part["estimate"], "o-", color=color, lw=2 if name in chosen else 1.4, ms=5,
                mec="white", mew=0.7)  # fmt: skip
        if name in chosen and "low" in part:
            ax.fill_between(at, part["low"], part["high"], color=color, alpha=PALE, lw=0)
        ends[name] = at[-1], part["estimate"].iloc[-1], color
    if ordinal:
        ax.set_xticks(range(len(ticks)), [f"{tick:g}" for tick in ticks])
    if band is not None:
        ax.axhspan(-band, band, color=GREY, alpha=PALE, lw=0, zorder=0)
    if zero or band is not None:
        ax.axhline(0, color=INK, lw=1, zorder=0)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    end_labels(ax, ends)
    return fig


def paired_scatter(
    before: pd.Series,
    after: pd.Series,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    *,
    harm: float = 0.0,
    better: str = "higher",
    ax=None,
):
    """A dot an athlete: one model against another, with the line on which they are equal.

    Parameters
    ----------
    before, after : value of each athlete, of the same athletes
    harm : loss beyond which an athlete counts as harmed and is drawn in the colour of harm
    better : ``'higher'`` or ``'lower'``
    ax : where to draw; None makes a figure

    Returns
    -------
    fig
    """
    fig, ax = canvas(ax, title, 4.2)
    after = after.loc[before.index]
    gain = (after - before) * (1 if better == "higher" else -1)
    for mine, color in ((gain >= -harm, ACCENT), (gain < -harm, HARM)):
        ax.scatter(before[mine], after[mine], s=34, color=color, alpha=0.8, linewidths=0)
    both = np.r_[before, after]
    room = 0.04 * (np.ptp(both) or 1)
    ends = np.array([both.min() - room, both.max() + room])
    ax.plot(ends, ends, color=GREY, lw=1.2, ls="--", zorder=0)
    if harm:
        ax.fill_between(ends, ends - harm, ends + harm, color=GREY, alpha=PALE, lw=0, zorder=0)
    side = "above" if better == "higher" else "below"
    ax.annotate(f"{side} the line: better", (0.02, 0.96), xycoords="axes fraction", va="top",
                fontsize=SMALL, color=ACCENT)  # fmt: skip
    ax.set(xlim=ends, ylim=ends, xlabel=xlabel, ylabel=ylabel)
    return fig


def before_after(
    before: pd.Series,
    after: pd.Series,
    title: str = "",
    xlabel: str = "",
    *,
    harm: float = 0.0,
    names: tuple[str, str] = ("before", "after"),
    better: str = "higher",
    ax=None,
):
    """A row an athlete, sorted: from a tick before to a dot after, harmed ones in another colour.

    Parameters
    ----------
    before, after : value of each athlete, of the same athletes
    harm : change up to which an athlete counts as unchanged (grey)
    names : of the two ends, written at the top row
    better : ``'higher'`` or ``'lower'``
    ax : where to draw; None makes a figure

    Returns
    -------
    fig
    """
    fig, ax = canvas(ax, title, float(np.clip(1.5 + 0.18 * len(before), 2.8, 7.5)))
    before = before.sort_values(ascending=better == "higher")
    start, stop = before.to_numpy(float), after.loc[before.index].to_numpy(float)
    gain = (stop - start) * (1 if better == "higher" else -1)
    y = np.arange(len(start))
    kinds = (("gain", gain > harm, ACCENT), ("about the same", abs(gain) <= harm, QUIET),
             ("harmed", gain < -harm, HARM))  # fmt: skip
    for i, (name, mine, color) in enumerate(kinds):
        ax.hlines(y[mine], start[mine], stop[mine], color=color, lw=2)
        ax.plot(stop[mine], y[mine], "o", color=color, ms=6, mec="white", mew=0.7)
        ax.annotate(f"{mine.sum()} {name}", (0.02 if better == "higher" else 0.72, 0.97 - 0.08 * i),
                    xycoords="axes fraction", va="top", color=color)  # fmt: skip
    ax.plot(start, y, "|", color=INK, ms=8, mew=1.6)
    _ends(ax, (start[-1], stop[-1]), y[-1], names)
    ax.set(xlabel=xlabel, ylabel="athletes", yticks=[], ylim=(-1, len(y) + 0.6))
    return fig


def dumbbell(
    table: pd.DataFrame,
    title: str = "",
    xlabel: str = "",
    *,
    names: tuple[str, str] | None = None,
    accent: Collection[str] | None = None,
    lines: Mapping[str, float] | None = None,
    spec: str = ".2f",
    ax=None,
):
    """A row a thing, measured in two ways: an open dot, a filled dot, and what lies between.

    Parameters
    ----------
    table : index of names; the first two columns are the two ways
    names : of the two ways, written where they lie farthest apart; None is the columns'
    accent, lines, spec, ax : as in :func:`interval_rows`; the numbers stand at the dots

    Returns
    -------
    fig
    """
    fig, ax = canvas(ax, title, 1.2 + 0.5 * len(table))
    y = np.arange(len(table))[::-1]
    for at, (name, row) in zip(y, table.iterrows(), strict=True):
        color = ACCENT if accent is None or name in accent else QUIET
        first, second = row.iloc[:2]
        ax.plot([first, second], [at, at], color=color, lw=3, alpha=0.45, solid_capstyle="butt")
        ax.plot(first, at, "o", color="white", mec=color, mew=2, ms=9)
        ax.plot(second, at, "o", color=color, mec=color, mew=2, ms=9)
        for value, out in ((first, first <= second), (second, second < first)):
            text = format(value, spec) if spec else ""
            ax.annotate(text, (value, at), (-9 if out else 9, 0), textcoords="offset points",
                        ha="right" if out else "left", va="center", fontsize=SMALL,
                        color=color)  # fmt: skip
    for name, at in (lines or {}).items():
        ax.axvline(at, color=INK, lw=1.2, ls="--", zorder=0)
        ax.annotate(name, (at, 0), (4, 3), xycoords=("data", "axes fraction"),
                    textcoords="offset points", fontsize=SMALL)  # fmt: skip
    _names(ax, y, table.index)
    ends = table.iloc[:, :2].to_numpy(float)
    widest = int(np.nanargmax(np.abs(ends[:, 1] - ends[:, 0])))
    _ends(ax, ends[widest], y[widest], names or tuple(table.columns[:2]))
    ax.set(xlabel=xlabel, ylim=(-0.6, len(table) - 0.1))
    ax.margins(x=0.14)
    return fig


def small_multiples(
    panels: Mapping[str, object],
    draw: Callable,
    title: str = "",
    *,
    cols: int = 1,
    height_in: float = 2.6,
    share: tuple[str, ...] = ("x",),
    **options,
):
    """The same figure for several data sets, one above the other, or two side by side.

    Parameters
    ----------
    panels : title → what ``draw`` takes, a table or a tuple of its first arguments
    draw : a function of this module, or another that takes ``ax``; ``options`` go to it
    cols : 1, or 2 where both stay legible on a telephone
    height_in : of a panel; share : ``'x'``, ``'y'``: axes that all panels share

    Returns
    -------
    fig
    """
    if not panels:
        return nothing("Not part of this run.")
    rows = -(-len(panels) // cols)
    fig, axes = figure(rows, cols, 0.4 * bool(title) + height_in * rows, squeeze=False,
                       sharex="x" in share, sharey="y" in share)  # fmt: skip
    for ax, (name, given) in zip(axes.flat, panels.items(), strict=False):
        draw(*(given if isinstance(given, tuple) else (given,)), ax=ax, **options)
        ax.set_title(plain(name), fontsize="medium")
        ax.tick_params(labelbottom=True)
    for ax in axes.flat[len(panels) :]:
        ax.axis("off")
    for ax in axes[:-1].flat if "x" in share else ():
        ax.set_xlabel("")
    _headline(fig, title)
    return fig


def flow(boxes: Mapping[str, tuple], arrows: Collection[tuple], title: str = "", accent=()):
    """Boxes and arrows.

    Parameters
    ----------
    boxes : name → (x, y, text), in steps of a box; y grows upwards
    arrows : (from, to) or (from, to, text), by name
    accent : names of boxes in the accent colour

    Returns
    -------
    fig
    """
    xs, ys = (np.array([box[i] for box in boxes.values()], float) for i in (0, 1))
    fig, ax = canvas(None, title, 0.5 + 0.95 * (np.ptp(ys) + 1))
    for name, (x, y, text) in boxes.items():
        color = ACCENT if name in accent else INK
        frame = {"boxstyle": "round,pad=0.45", "fc": "white", "ec": color, "lw": 1.6}
        ax.text(x, y, text, ha="center", va="center", color=color, zorder=3, bbox=frame)
    for start, stop, *text in arrows:
        a, b = boxes[start][:2], boxes[stop][:2]
        shrink = 26 if a[0] == b[0] else 48
        arrow = {"arrowstyle": "-|>", "color": GREY, "lw": 1.8, "mutation_scale": 16}
        ax.annotate("", b, a, arrowprops=arrow | {"shrinkA": shrink, "shrinkB": shrink}, zorder=1)
        if text:
            ax.text((a[0] + b[0]) / 2, (a[1] + b[1]) / 2 + 0.12, text[0], ha="center", va="bottom",
                    fontsize=SMALL, color=GREY)  # fmt: skip
    ax.set(xlim=(xs.min() - 0.6, xs.max() + 0.6), ylim=(ys.min() - 0.55, ys.max() + 0.55))
    ax.axis("off")
    return fig


def score_table(rows, digits: int = 2, caption: str = ""):
    """The one table of a page: a row a thing, numbers on the right, nothing bold.

    Parameters
    ----------
    rows : DataFrame, or a list of dicts; a cell may be a number, text, a yes or no, or an interval
        (:class:`sportsml_lite.evaluate.Interval`), which prints as 0.43 [0.40, 0.46]
    digits : of numbers that are not whole
    caption : above the table; says what was measured, e.g. how macro-F1 is defined

    Returns
    -------
    pandas Styler
    """
    if not len(rows):
        rows, caption = [{"": "Nothing of this kind was measured here."}], ""
    table = pd.DataFrame(rows).map(lambda value: _cell(value, digits))
    style = table.style.hide().format(escape="html")
    style = style.set_table_attributes('class="score-table"')
    return style.set_caption(caption) if caption else style


def frame_of(intervals) -> pd.DataFrame:
    """A table with estimate, low and high from names and intervals; a table stays as it is."""
    if isinstance(intervals, pd.DataFrame):
        return intervals
    rows = {name: (i.estimate, i.low, i.high) for name, i in intervals.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "low", "high"])


def end_labels(ax, ends: Mapping[str, tuple]) -> None:
    """Write each line's name at its end, kept apart from one another.

    Parameters
    ----------
    ax : with its lines drawn, so that its limits are final
    ends : name → (x, y, color) of the line's last point
    """
    low, high = ax.get_ylim()
    tall_in = ax.figure.get_figheight() / ax.get_subplotspec().get_gridspec().nrows
    least = 0.27 * (high - low) / tall_in
    right = max(x for x, _, _ in ends.values())
    for name, y in _apart({name: y for name, (_, y, _) in ends.items()}, least).items():
        _beside(ax, right, y, fill(plain(name), _ROW), ends[name][2], data=True)


def _apart(places: Mapping[str, float], least: float) -> dict[str, float]:
    """Places with at least that distance, in their order, about their common middle."""
    names = sorted(places, key=places.get)
    wanted = np.array([places[name] for name in names], float)
    y = wanted.copy()
    for _ in range(100):
        push = np.maximum(least - np.diff(y), 0) / 2
        if not (push > 1e-9 * max(least, 1e-12)).any():
            break
        y[:-1] -= push
        y[1:] += push
    return dict(zip(names, y, strict=True))


def canvas(ax, title: str, height_in: float):
    """The axes to draw on, with the title; a figure of its own where none is given."""
    if ax is not None:
        if title:
            ax.set_title(fill(title, _TITLE), fontsize="medium")
        return ax.figure, ax
    lines = fill(title, _TITLE).count("\n") + bool(title)
    fig, ax = figure(height_in=height_in + 0.24 * lines)
    _headline(fig, title)
    return fig, ax


def _headline(fig, title: str) -> None:
    if title:
        fig.suptitle(fill(title, _TITLE), x=0.01, ha="left", fontsize=13.5)


def _names(ax, y, names) -> None:
    ax.set_yticks(y, [fill(plain(name), _ROW) for name in names])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def _ends(ax, values, y: float, names: tuple[str, str]) -> None:
    """The names of the two ends of a row, above them, leaning away from each other."""
    low_first = values[0] <= values[1]
    for value, name, left in zip(values, names, (low_first, not low_first), strict=True):
        ax.annotate(name, (value, y), (6 if left else -6, 9), textcoords="offset points",
                    ha="right" if left else "left", fontsize=SMALL, color=INK)  # fmt: skip


def _beside(ax, x: float, y: float, text: str, color: str, data: bool = False) -> None:
    coords = ("data" if data else "axes fraction", "data")
    ax.annotate(text, (x, y), (7, 0), xycoords=coords, textcoords="offset points", va="center",
                color=color, annotation_clip=False)  # fmt: skip


def _cell(value, digits: int) -> str:
    if hasattr(value, "estimate"):
        value = f"{value:.{digits}f}"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (float, np.floating)):
        return "–" if np.isnan(value) else f"{value:.{digits}f}"
    if isinstance(value, (int, np.integer)):
        return f"{value:,}"
    text = re.sub(r"-(0\.0+)(?!\d)", r"\1", str(value))  # no minus before a zero
    return re.sub(r"\[(\S+), (\S+)\]", "[\\1,\u00a0\\2]", text)
