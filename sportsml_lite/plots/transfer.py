"""The figures of chapter 9: gain against k, athlete by athlete, harm, other devices."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sportsml_lite.plots.style import BLUE, CYCLE, GREY, INK, ORANGE, figure, plain

MARKS = "osD^vPX*h"


def curves(gains: pd.DataFrame, athletes: dict[int, int], harm: float):
    """Gain and share harmed against k, a line a method.

    Parameters
    ----------
    gains : columns method, k, estimate, low, high (macro-F1), harmed (0 to 1)
    athletes : how many remain at each k
    harm : loss from which an athlete counts as harmed

    Returns
    -------
    fig
    """
    fig, (left, right) = figure(1, 2, 4.2, width_ratios=[1.25, 1])
    ks = list(athletes)
    methods = list(dict.fromkeys(gains["method"]))
    apart = np.linspace(-0.25, 0.25, len(methods))
    for i, (method, shift) in enumerate(zip(methods, apart, strict=True)):
        part = gains[gains["method"] == method]
        x = np.array([ks.index(k) for k in part["k"]])
        color, mark = CYCLE[i % len(CYCLE)], MARKS[i % len(MARKS)]
        line = {"color": color, "marker": mark, "ms": 5, "lw": 1.3}
        left.errorbar(
            x + shift, part["estimate"], yerr=_bars(part), elinewidth=1, **line, label=method
        )
        right.plot(x + shift, 100 * part["harmed"], **line)
    for ax in (left, right):
        ax.axhline(0, color=INK, lw=1)
        ax.set_xticks(range(len(ks)), [f"{k}\n({athletes[k]})" for k in ks])
        ax.set_xlabel("windows a class, k (athletes)")
    left.set_ylabel("gain in macro-F1\nover the population's model")
    right.set_ylabel(f"lose more than {harm:g}\n(% of the athletes)")
    fig.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3,
               fontsize="small")  # fmt: skip
    return fig


def athletes(each: dict[str, pd.DataFrame], harm: float):
    """Every athlete's gain against k, a panel a method; the population's model is the line at 0.

    Parameters
    ----------
    each : name of a method -> gains, athletes × k; NaN where an athlete cannot give so much
    harm : band around 0 inside which nobody counts as harmed

    Returns
    -------
    fig
    """
    fig, axes = figure(1, len(each), 4.2, sharey=True, squeeze=False)
    for ax, (name, gains) in zip(axes[0], each.items(), strict=True):
        x = np.arange(1, gains.shape[1] + 1)
        ax.axhspan(-harm, 0, color=GREY, alpha=0.25, lw=0)
        ax.axhline(0, color=INK, lw=1.2)
        for row in gains.to_numpy():
            hurt = np.nanmin(row) < -harm
            ax.plot(np.r_[0, x], np.r_[0, row], "-o", color=ORANGE if hurt else BLUE, lw=1, ms=4,
                    alpha=0.75, mec="white", mew=0.5)  # fmt: skip
        ax.plot(np.r_[0, x], np.r_[0, gains.mean()], color=INK, lw=3)
        ax.set_xticks(np.r_[0, x], ["0", *gains.columns])
        ax.set(title=name, xlabel="labelled windows a class, k")
    axes[0, 0].set_ylabel("gain in macro-F1 over the population's model")
    return fig


def shifts(table: pd.DataFrame):
    """Macro-F1 under each shift, a mark a method, with intervals.

    Parameters
    ----------
    table : columns shift, method, estimate, low, high

    Returns
    -------
    fig
    """
    names = list(dict.fromkeys(table["shift"]))
    fig, ax = figure(height_in=1.2 + 0.62 * len(names))
    methods = list(dict.fromkeys(table["method"]))
    for i, method in enumerate(methods):
        part = table[table["method"] == method]
        y = np.array([len(names) - names.index(s) for s in part["shift"]])
        y = y + 0.3 - 0.6 * i / max(1, len(methods) - 1)
        look = {"fmt": MARKS[i], "color": CYCLE[i % len(CYCLE)], "ms": 6}
        ax.errorbar(part["estimate"], y, xerr=_bars(part), **look, label=method)
    ax.set_yticks(range(len(names), 0, -1), [plain(name) for name in names])
    ax.set_xlabel("macro-F1 of athletes never seen, 95 % interval")
    fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=4,
               fontsize="small")  # fmt: skip
    return fig


def _bars(part: pd.DataFrame) -> np.ndarray:
    """Lengths (2, N) below and above the estimates; an interval may lie beside its estimate."""
    lengths = [part["estimate"] - part["low"], part["high"] - part["estimate"]]
    return np.clip(lengths, 0, None)
