"""The figures of chapter 8: soft targets, agreement, label budget, surface, size, noise."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sportsml_lite.plots.style import (
    BLUE,
    CYCLE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PINK,
    figure,
    nothing,
    plain,
)

ARMS = {"plain": (GREY, "o"), "distilled": (BLUE, "s"), "with others": (GREEN, "D")}
TEACHER = (PINK, "^")
DOTS = {"alpha": 0.75, "linewidths": 0}


def soft_targets(probability: pd.DataFrame, size: pd.DataFrame):
    """One window's soft targets, and how large the soft term's gradient is, by temperature.

    Parameters
    ----------
    probability : a row a class, a column a temperature
    size : index τ; columns ``with``, ``without`` the factor τ², and ``limit`` of high τ

    Returns
    -------
    fig
    """
    fig, (left, right) = figure(1, 2, 3.5, width_ratios=[1.25, 1])
    step = 0.8 / probability.shape[1]
    x = np.arange(len(probability))
    for i, (tau, column) in enumerate(probability.items()):
        left.bar(x + (i - (probability.shape[1] - 1) / 2) * step, column, 0.9 * step,
                 color=CYCLE[i], label=f"τ = {tau:g}")  # fmt: skip
    left.set_xticks(x, [plain(name) for name in probability.index], rotation=20, ha="right")
    left.set(ylabel="probability", ylim=(0, 1), title="one window, one teacher")
    left.legend(fontsize="small")
    right.plot(size.index, size["with"], color=BLUE, lw=2, label="τ²·H")
    right.plot(size.index, size["without"], color=ORANGE, lw=2, ls="--", label="H alone")
    right.axhline(size["limit"].iloc[0], color=INK, lw=1.2, ls=":", label="limit of high τ")
    right.set(xscale="log", yscale="log", xlabel="temperature τ")
    right.set(ylabel="size of the gradient", title="what the student feels")
    right.legend(fontsize="small")
    return fig


def agreement(points: pd.DataFrame, teacher: str = "the teacher"):
    """A dot an athlete: how often a student answers like its teacher, and how good it is.

    Parameters
    ----------
    points : columns arm (``'plain'`` or ``'distilled'``), fidelity, f1, teacher (its macro-F1)

    Returns
    -------
    fig; the right panel has each athlete's two students side by side
    """
    fig, (left, right) = figure(1, 2, 3.6)
    for arm, part in points.groupby("arm", sort=False):
        color, marker = ARMS[arm]
        left.scatter(part["fidelity"], part["f1"], s=28, color=color, marker=marker, label=arm,
                     **DOTS)  # fmt: skip
    left.set(xlabel=f"share of windows answered like {teacher}", ylabel="macro-F1")
    left.legend(fontsize="small", loc="upper left")
    pairs = points.pivot(index="athlete", columns="arm", values="f1")
    right.scatter(pairs["plain"], pairs["distilled"], s=28, color=BLUE, **DOTS)
    right.axline((0.5, 0.5), slope=1, color=GREY, lw=1, ls="--")
    low = max(0.0, pairs.to_numpy().min() - 0.03)
    right.set(xlim=(low, 1.01), ylim=(low, 1.01), xlabel="macro-F1, plain")
    right.set(ylabel="macro-F1, distilled", title="above the line: distilled is better")
    return fig


def budget(levels: pd.DataFrame, gains: pd.DataFrame, worth: float):
    """Macro-F1 and the paired gain of distillation against the number of labelled athletes.

    Parameters
    ----------
    levels : columns arm (``'teacher'``, ``'plain'``, ``'distilled'``, ``'with others'``), athletes,
        estimate, low, high
    gains : the same for the gain over the plain student
    worth : smallest difference worth naming, drawn as a band

    Returns
    -------
    fig
    """
    fig, (left, right) = figure(1, 2, 3.9)
    ticks = np.unique(levels["athletes"])
    _by_count(left, levels, ticks)
    _gains_by_count(right, gains, ticks, worth)
    left.set(ylabel="macro-F1, new athletes")
    right.set(ylabel="gain over plain (macro-F1)", title="above the band: worth naming")
    _legend_below(fig, left)
    return fig


def budgets(gains: dict[str, pd.DataFrame], worth: float):
    """The paired gain over the plain student against the labelled athletes, a panel a data set.

    Parameters
    ----------
    gains : title of a panel -> columns arm, athletes, estimate, low, high
    worth : smallest difference worth naming, drawn as a band

    Returns
    -------
    fig
    """
    fig, axes = figure(1, len(gains), 3.7, sharey=True, squeeze=False)
    for ax, (title, frame) in zip(axes[0], gains.items(), strict=True):
        _gains_by_count(ax, frame, np.unique(frame["athletes"]), worth)
        ax.set(title=title, xlabel="labelled athletes")
    axes[0, 0].set(ylabel="gain over plain (macro-F1)")
    _legend_below(fig, axes[0, 0])
    return fig


def _by_count(ax, frame: pd.DataFrame, ticks: np.ndarray) -> None:
    names = list(dict.fromkeys(frame["arm"]))
    for i, name in enumerate(names):
        part = frame[frame["arm"] == name]
        color, marker = ARMS.get(name, TEACHER)
        # Side by side, so that no interval hides another.
        x = np.searchsorted(ticks, part["athletes"]) + 0.08 * (i - (len(names) - 1) / 2)
        ax.errorbar(x, part["estimate"], yerr=_reach(part), fmt=f"{marker}-", color=color, ms=7,
                    mec="white", lw=1.6, label=name)  # fmt: skip
    ax.set_xticks(range(len(ticks)), ticks)
    ax.set(xlabel="labelled training athletes", xlim=(-0.5, len(ticks) - 0.5))


def _gains_by_count(ax, frame: pd.DataFrame, ticks: np.ndarray, worth: float) -> None:
    _by_count(ax, frame, ticks)
    ax.axhline(0, color=INK, lw=1)
    ax.axhspan(-worth, worth, color=GREY, alpha=0.2, lw=0)


def surface(gain: pd.DataFrame):
    """Gain over the plain student for each α (rows) and τ (columns), as a heat map.

    Parameters
    ----------
    gain : index α, columns τ, macro-F1

    Returns
    -------
    fig
    """
    fig, ax = figure(height_in=1.4 + 0.55 * len(gain))
    top = max(0.005, np.abs(gain.to_numpy()).max())
    image = ax.imshow(gain, cmap="PuOr", vmin=-top, vmax=top, aspect="auto")
    for (i, j), value in np.ndenumerate(gain.to_numpy()):
        color = "white" if abs(value) > 0.7 * top else INK
        ax.text(j, i, f"{value:+.3f}", ha="center", va="center", color=color)
    ax.set_xticks(range(gain.shape[1]), [f"{tau:g}" for tau in gain.columns])
    ax.set_yticks(range(len(gain)), [f"{alpha:g}" for alpha in gain.index])
    ax.set(xlabel="temperature τ", ylabel="weight α")
    ax.spines[:].set_visible(False)
    fig.colorbar(image, ax=ax, label="gain over plain (macro-F1)")
    return fig


def pareto(students: pd.DataFrame, teacher: pd.Series, margin: float):
    """Macro-F1 against parameters and against microseconds a window.

    Parameters
    ----------
    students : columns arm, parameters, us_256 (a window in a batch of 256), estimate, low, high
    teacher : the same without arm
    margin : of non-inferiority, drawn below the teacher

    Returns
    -------
    fig
    """
    fig, axes = figure(1, 2, 3.8, sharey=True)
    labels = {"parameters": "parameters", "us_256": "µs a window, 256 at once, one thread"}
    for ax, (x, label) in zip(axes, labels.items(), strict=True):
        for i, (arm, part) in enumerate(students.groupby("arm", sort=False)):
            color, marker = ARMS[arm]
            ax.errorbar(part[x] * (1 + 0.05 * i), part["estimate"], yerr=_reach(part),
                        fmt=f"{marker}-", color=color, ms=7, mec="white", lw=1.3,
                        label=arm)  # fmt: skip
        color, marker = TEACHER
        ax.errorbar(teacher[x], teacher["estimate"], yerr=_reach(teacher), fmt=marker, color=color,
                    ms=9, mec="white", label="teacher")  # fmt: skip
        ax.axhline(teacher["estimate"], color=color, lw=1, ls=":")
        ax.axhspan(teacher["estimate"] - margin, teacher["estimate"], color=color, alpha=0.15, lw=0)
        ax.set_xlabel(label)
    axes[1].set(xlim=(0, None))
    axes[0].set(xscale="log", ylabel="macro-F1, new athletes")
    _legend_below(fig, axes[0])
    return fig


def noise(levels: pd.DataFrame):
    """Macro-F1 of both students and of the teacher against the share of wrong training labels.

    Parameters
    ----------
    levels : columns arm, share (%), estimate, low, high

    Returns
    -------
    fig
    """
    fig, ax = figure(height_in=3.5)
    for i, (arm, part) in enumerate(levels.groupby("arm", sort=False)):
        color, marker = ARMS.get(arm, TEACHER)
        ax.errorbar(part["share"] + 0.5 * (i - 1), part["estimate"], yerr=_reach(part), label=arm,
                    fmt=f"{marker}-", color=color, ms=7, mec="white", lw=1.6)  # fmt: skip
    ax.set(xlabel="training labels that are wrong (%)", ylabel="macro-F1, new athletes")
    _legend_below(fig, ax)
    return fig


def identity(curves: pd.DataFrame):
    """Both sides of the regression identity against α.

    Parameters
    ----------
    curves : index α; columns ``two targets``, ``one target``, ``constant``, bpm²

    Returns
    -------
    fig; a low one that says so where there is no heart rate
    """
    if curves.empty:
        return nothing("This data set has no heart rate to predict.")
    fig, ax = figure(height_in=3.3)
    ax.plot(curves.index, curves["two targets"], color=BLUE, lw=5, alpha=0.35,
            label="α·MSE(s, t) + (1 − α)·MSE(s, y)")  # fmt: skip
    total = curves["one target"] + curves["constant"]
    ax.plot(curves.index, total, color=BLUE, lw=1.5, ls="--", label="sum of the two below")
    ax.plot(curves.index, curves["one target"], color=GREEN, lw=2, label="MSE(s, αt + (1 − α)y)")
    ax.plot(curves.index, curves["constant"], color=ORANGE, lw=2, ls="-.",
            label="α(1 − α)·MSE(t, y): the student cannot change it")  # fmt: skip
    ax.set(xlabel="weight of the teacher α", ylabel="bpm²", ylim=(0, None))
    ax.legend(fontsize="small")
    return fig


def _reach(part) -> np.ndarray:
    """Error bars (2, n); an estimate may lie a rounding error outside its own interval."""
    below, above = part["estimate"] - part["low"], part["high"] - part["estimate"]
    return np.maximum(np.array([below, above], dtype=float).reshape(2, -1), 0)


def _legend_below(fig, ax) -> None:
    fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=4,
               fontsize="small")  # fmt: skip
