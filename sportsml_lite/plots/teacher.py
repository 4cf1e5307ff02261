"""The figures of chapter 7: two wrists, the cell, a learning curve, athletes, mistakes, a ramp."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill

import numpy as np
import pandas as pd

from sportsml_lite.evaluate import athlete_values, mean
from sportsml_lite.findings import teacher as findings
from sportsml_lite.plots.grammar import PALE, SMALL, end_labels, interval_rows, score_table
from sportsml_lite.plots.style import (
    ACCENT,
    AMBER,
    GREEN,
    GREY,
    HARM,
    INK,
    ORANGE,
    QUIET,
    SKY,
    figure,
    nothing,
    plain,
)
from sportsml_lite.protocol import margin
from sportsml_lite.studies import teacher as study

BOX = {"boxstyle": "round,pad=0.35", "fc": "white", "lw": 1.6}
SIGN = {"boxstyle": "circle,pad=0.12", "fc": "white", "ec": INK, "lw": 1.4}


def two_wrists(scores: pd.DataFrame):
    """Two swimmers and one stroke, the second also in the mirror; and what the mirror mends.

    Parameters
    ----------
    scores : of the study and a data set whose watches sit on two wrists

    Returns
    -------
    fig; a low one that says so where every watch sits on one wrist
    """
    usual, other = findings.typical(scores)
    if not other:
        return nothing("Every watch of this data set sits on one wrist.")
    fig, (top, low) = figure(2, 1, 6.4, height_ratios=(1.15, 1))
    mine, theirs = findings.wave_of(scores, usual), findings.wave_of(scores, other)
    theirs = _in_step(mine, -theirs)
    seconds = np.arange(len(mine)) * study.EVERY / study.RATE_HZ
    named = (("one swimmer", mine, QUIET, "-"), ("another, in the mirror", theirs, ACCENT, "-"),
             ("as recorded", -theirs, HARM, "--"))  # fmt: skip
    for i, (name, line, color, dash) in enumerate(named):
        top.plot(seconds, line, dash, color=color, lw=2)
        at = line.max() if line.mean() > 0 else line.min()
        x, side = (seconds[0], "left") if i == 0 else (seconds[-1], "right")
        top.annotate(name, (x, at), (0, 4 if at > 0 else -4), textcoords="offset points", ha=side,
                     va="bottom" if at > 0 else "top", color=color)  # fmt: skip
    top.axhline(0, color=GREY, lw=1)
    top.margins(y=0.2)
    top.set(xlabel="seconds", ylabel="acceleration along\nthe forearm (m/s²)")
    top.set_title(f"The other wrist turns {plain(findings.stroke(scores))} upside down")
    _mended(low, findings.mended(scores))
    return fig


def _mended(ax, groups: Mapping[str, pd.Series]) -> None:
    """Each athlete's gain from the mirror, a row a group; the first in the accent colour."""
    for y, (name, gain) in enumerate(reversed(groups.items())):
        color = ACCENT if name == next(iter(groups)) else QUIET
        spread = y + 0.07 * (np.arange(len(gain)) % 5 - 2 * (len(gain) > 4))
        ax.scatter(gain.sort_values(), spread, s=40, color=color, alpha=0.85, linewidths=0)
    ax.axvline(0, color=INK, lw=1, zorder=0)
    names = [f"{name} ({len(gain)})" for name, gain in groups.items()]
    ax.set_yticks(range(len(groups)), [fill(name, 18) for name in reversed(names)])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set(ylim=(-0.5, len(groups) - 0.5), xlabel="gain in macro-F1, a dot a swimmer never seen")
    ax.set_title("What the mirror changes for one LSTM")


def _in_step(wave: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The other wave shifted round until it fits the first best."""
    fits = [np.dot(wave - wave.mean(), np.roll(other, s)) for s in range(len(wave))]
    return np.roll(other, int(np.argmax(fits)))


def cell():
    """An LSTM cell: the memory runs straight through, gates decide what is kept, added, shown.

    Returns
    -------
    fig
    """
    fig, ax = figure(height_in=3.9)
    line = {"color": INK, "lw": 1.6}
    ax.annotate("", (9.6, 4), (0.3, 4), arrowprops={"arrowstyle": "-|>", "color": ACCENT, "lw": 4})
    for x, text in ((0.2, "$c_{t-1}$"), (9.8, "$c_t$")):
        ax.text(x, 4, text, ha="right" if x < 1 else "left", va="center", color=ACCENT, fontsize=15)
    ax.text(5, 4.75, "memory: added to, not overwritten", ha="center", color=ACCENT)
    ax.plot([0.9, 8.0], [0.6, 0.6], **line)
    ax.text(0.7, 0.6, "$x_t$, $h_{t-1}$", ha="right", va="center", fontsize=14)
    gates = ((1.8, "σ", "$f$: keep", HARM), (3.9, "σ", "$i$: write", HARM),
             (5.5, "tanh", "$g$: what", INK), (8.0, "σ", "$o$: show", HARM))  # fmt: skip
    for x, function, name, color in gates:
        ax.plot([x, x], [0.6, 1.4], **line)
        ax.text(x, 1.4, function, ha="center", va="center", color=color, fontsize=13, zorder=3,
                bbox=BOX | {"ec": color})  # fmt: skip
        ax.text(x, 0.12, name, ha="center", va="center", color=color)
    _way(ax, (1.8, 1.75), (1.8, 3.72))
    ax.plot([3.9, 3.9, 4.5], [1.75, 2.7, 2.7], **line)
    ax.plot([5.5, 5.5, 4.9], [1.75, 2.7, 2.7], **line)
    _way(ax, (4.7, 2.9), (4.7, 3.72))
    ax.plot([8.0, 8.0], [1.75, 2.5], **line)
    ax.plot([8.0, 8.0], [4.0, 3.55], **line)
    ax.text(8.0, 3.35, "tanh", ha="center", va="center", zorder=3, fontsize=11,
            bbox=BOX | {"ec": INK})  # fmt: skip
    _way(ax, (8.2, 2.7), (9.5, 2.7))
    ax.text(9.7, 2.7, "$h_t$", va="center", fontsize=14)
    for x, y, sign in ((1.8, 4, "×"), (4.7, 2.7, "×"), (4.7, 4, "+"), (8.0, 2.7, "×")):
        ax.text(x, y, sign, ha="center", va="center", fontsize=14, zorder=4, bbox=SIGN)
    ax.set(xlim=(-1.2, 10.6), ylim=(-0.3, 5.2))
    ax.axis("off")
    return fig


def _way(ax, start, stop) -> None:
    ax.annotate("", stop, start, arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.6})


def learning_curve(curve: pd.DataFrame, chance: float):
    """Training and validation loss, with the weights that early stopping would keep.

    Parameters
    ----------
    curve : columns train_loss, val_loss, a row an epoch
    chance : loss of whoever gives every class the same probability

    Returns
    -------
    fig
    """
    fig, ax = figure(height_in=3.3)
    epoch, ends = np.arange(1, len(curve) + 1), {}
    for column, name, color in (("train_loss", "athletes it trains on", QUIET),
                                ("val_loss", "athletes it does not know", ACCENT)):  # fmt: skip
        ax.plot(epoch, curve[column], "o-", color=color, lw=2, ms=4)
        ends[name] = epoch[-1], curve[column].iloc[-1], color
    best = int(curve["val_loss"].to_numpy().argmin())
    ax.annotate("kept", (epoch[best], curve["val_loss"].iloc[best]), (0, -26), ha="center",
                textcoords="offset points", color=ACCENT,
                arrowprops={"arrowstyle": "-", "color": ACCENT})  # fmt: skip
    ax.axhline(chance, color=GREY, lw=1.2, ls="--", zorder=0)
    ax.annotate("every class alike", (epoch[-1], chance), (0, 3), color=GREY, ha="right",
                textcoords="offset points", fontsize=SMALL)  # fmt: skip
    top = max(1.15 * chance, 1.08 * curve.max().max())
    ax.set(xlabel="epoch", ylabel="weighted cross-entropy", ylim=(0, top))
    ax.xaxis.get_major_locator().set_params(integer=True)
    end_labels(ax, ends)
    return fig


def ranking(tables: Mapping[str, pd.DataFrame]):
    """The lesson's table: teacher, networks, the rival, boosted trees and a simple rule.

    Parameters
    ----------
    tables : Scores by data set, the swimmers first, who also give the order of the rows

    Returns
    -------
    pandas Styler
    """
    first = next(iter(tables.values()))
    kinds = {
        "the teacher, as chosen": lambda t: "teacher",
        "two LSTMs": lambda t: "ensemble",
        "MiniRocket, the rival": study.rival,
        "boosted trees": lambda t: "boosting",
        "a simple rule": lambda t: "zone" if "zone" in set(t["arm"]) else "majority",
    }
    kinds = dict(sorted(kinds.items(), key=lambda k: -athlete_values(first, k[1](first)).mean()))
    rows = [
        {"model": title} | {findings.PEOPLE[d]: mean(t, arm(t)) for d, t in tables.items()}
        for title, arm in kinds.items()
    ]
    return score_table(rows, caption=(
        "Athletes never seen: mean over athletes of macro-F1 over the classes that each performs, "
        "with its 95 % interval over athletes and models. The rival sees the swimmers' mirror too; "
        "the simple rule is the most frequent class, or zones of heart rate where there is one."
    ))  # fmt: skip


def invariances(scores: pd.DataFrame):
    """What each invariance is worth alone: gains of a student over one that knows the mirror only.

    Parameters
    ----------
    scores : of the study and a data set whose sensors have three axes

    Returns
    -------
    fig
    """
    gain = {name: c.gain for name, c in findings.invariances(scores).items()}
    if not gain:
        return nothing("No sensor of this data set has three axes.")
    return interval_rows(
        gain,
        "What each invariance is worth to a small network",
        "gain in macro-F1, swimmers never seen",
        accent=[name for name, value in gain.items() if value.low > 0],
        band=margin("macro_f1").smallest_effect,
        spec="+.3f",
    )


def confusion(counts: pd.DataFrame, title: str = "", ax=None):
    """Which class is taken for which, as shares of the true class.

    Parameters
    ----------
    counts : rows the truth, columns the answer, the same classes in the same order

    Returns
    -------
    fig
    """
    import seaborn as sns

    fig = None
    if ax is None:
        fig, ax = figure(height_in=1.4 + 0.5 * len(counts))
    total = counts.sum(axis=1).to_numpy()[:, None]
    share = counts.to_numpy() / np.where(total > 0, total, np.nan)
    names = [plain(str(name).replace("_", " ")) for name in counts.columns]
    sns.heatmap(share, cmap="Blues", vmin=0, vmax=1, annot=True, fmt=".0%", cbar=False, ax=ax,
                annot_kws={"fontsize": SMALL}, xticklabels=names, yticklabels=names)  # fmt: skip
    ax.tick_params(axis="x", rotation=25 if len(names) > 3 else 0)
    ax.tick_params(axis="y", rotation=0)
    ax.set(xlabel="answer", ylabel="truth", title=title)
    ax.tick_params(length=0)
    return fig or ax.figure


def ramp():
    """A drawn ramp test: two thresholds, three domains, and the windows that are cut from it.

    Returns
    -------
    fig; a sketch, no measurement
    """
    fig, ax = figure(height_in=3.9)
    minute = np.linspace(0, 15, 400)
    lag = 0.7  # min, by which heart rate follows
    heart = 0.45 + 0.5 / 15 * (minute - lag * (1 - np.exp(-minute / lag)))
    vt1, vt2 = 6.5, 11.5
    for low, high, name, color in ((0, vt1, "below VT1", SKY), (vt1, vt2, "between", AMBER),
                                   (vt2, 15, "above VT2", ORANGE)):  # fmt: skip
        ax.axvspan(low, high, color=color, alpha=PALE + 0.1, lw=0)
        ax.text((low + high) / 2, 1.035, name, ha="center", va="center")
    ax.plot(minute, heart, color=INK, lw=2)
    for begin in (3.0, 8.5, 13.0):
        inside = (minute >= begin) & (minute <= begin + 1)
        ax.plot(minute[inside], heart[inside], color=GREEN, lw=6, solid_capstyle="butt")
        ax.annotate("a window", (begin + 0.5, heart[inside].mean()), (0, -20), ha="center",
                    textcoords="offset points", color=GREEN, fontsize=SMALL)  # fmt: skip
    for at, name in ((vt1, "VT1"), (vt2, "VT2")):
        ax.axvline(at, color=INK, lw=1.2, ls="--")
        ax.annotate(name, (at, 0.41), (4, 0), textcoords="offset points", va="center")
    ax.set(xlim=(0, 15), ylim=(0.38, 1.08), xlabel="minutes; the load rises all the time",
           ylabel="heart rate, share of maximum")  # fmt: skip
    return fig
