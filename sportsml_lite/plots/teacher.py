"""The figures of chapter 7: windows, learning curves, standing, calibration, where it is wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sportsml_lite.plots.style import AMBER, BLUE, GREY, INK, ORANGE, figure, plain

BAR = {"lw": 2.5, "solid_capstyle": "butt"}


def examples(X: np.ndarray, time_s: np.ndarray, names: list[str], labels: list[str]):
    """One window of each class, a column a class and a row a channel.

    Parameters
    ----------
    X : (K, C, T) windows; time_s : (T,) seconds
    names : C axis labels with units; labels : K titles

    Returns
    -------
    fig
    """
    fig, axes = figure(len(names), len(labels), 0.8 + 1.15 * len(names), sharex=True, sharey="row",
                       squeeze=False)  # fmt: skip
    for column, (window, label) in enumerate(zip(X, labels, strict=True)):
        axes[0, column].set_title(plain(label), fontsize="small")
        axes[-1, column].set_xlabel("seconds", fontsize="small")
        for ax, values in zip(axes[:, column], window, strict=True):
            ax.plot(time_s, values, color=BLUE, lw=1.2)
            ax.tick_params(labelsize="small")
    for ax, name in zip(axes[:, 0], names, strict=True):
        ax.set_ylabel(name, fontsize="small")
    return fig


def learning_curves(histories: list[pd.DataFrame], chance: float):
    """Training and validation loss of each seed against the step, with the weights kept.

    Parameters
    ----------
    histories : columns step, train_loss, val_loss, a table a seed
    chance : loss of somebody who gives every class the same probability

    Returns
    -------
    fig
    """
    fig, ax = figure(height_in=3.4)
    for i, history in enumerate(histories):
        for column, color, name in (
            ("train_loss", BLUE, "training"),
            ("val_loss", ORANGE, "valid."),
        ):
            label = None if i else f"{name} athletes"
            ax.plot(history["step"], history[column], color=color, lw=1.5, alpha=0.8, label=label)
        best = history.loc[history["val_loss"].idxmin()]
        ax.plot(best["step"], best["val_loss"], "v", color=INK, ms=8, mec="white", ls="", zorder=5,
                label=None if i else "kept")  # fmt: skip
    ax.axhline(chance, color=GREY, lw=1.2, ls="--", zorder=0)
    ax.annotate("every class alike", (1, chance), (-2, 3), xycoords=("axes fraction", "data"),
                ha="right", textcoords="offset points", color=INK, fontsize="small")  # fmt: skip
    ax.set(xlabel="step", ylabel="weighted cross-entropy (nats)", ylim=(0, 1.15 * chance))
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper right", ncols=3,
               fontsize="small")  # fmt: skip
    return fig


def standing(score: pd.DataFrame, gain: pd.DataFrame, teacher: str):
    """Macro-F1 of every model, and the teacher's paired gain over each.

    Parameters
    ----------
    score : a row a model: estimate, low, high
    gain : the same rows, of the teacher's gain; NaN for the teacher itself
    teacher : its name among the rows

    Returns
    -------
    fig
    """
    fig, (left, right) = figure(1, 2, 1.0 + 0.4 * len(score), width_ratios=[1.5, 1], sharey=True)
    rows = np.arange(len(score))[::-1]
    for ax, frame, of in ((left, score, "model"), (right, gain, "gain")):
        for row, (name, r) in zip(rows, frame.iterrows(), strict=True):
            color = ORANGE if name == teacher and of == "model" else BLUE
            ax.plot([r["low"], r["high"]], [row, row], color=color, **BAR)
            ax.plot(r["estimate"], row, "o", color=color, ms=8, mec="white")
    right.axvline(0, color=INK, lw=1)
    left.set_yticks(rows, score.index)
    left.set(ylim=(-0.7, rows[0] + 0.7), xlabel="macro-F1, unseen athletes")
    right.set_xlabel("the teacher's gain in macro-F1\n(right of 0: the teacher is better)")
    return fig


def reliability(before: pd.DataFrame, after: pd.DataFrame):
    """How often the answer is right, by how sure the network is, before and after calibration.

    Parameters
    ----------
    before, after : tables of :func:`sportsml_lite.evaluate.reliability`

    Returns
    -------
    fig; the area of a dot is its share of the windows
    """
    fig, axes = figure(1, 2, 3.4, sharex=True, sharey=True)
    for ax, table, title, color in (
        (axes[0], before, "as trained", ORANGE),
        (axes[1], after, "after the temperature", BLUE),
    ):
        ax.plot([0, 1], [0, 1], color=GREY, lw=1.2, ls="--")
        ax.plot(table["confidence"], table["accuracy"], color=color, lw=1.5)
        area = 12 + 300 * table["n"] / table["n"].sum()
        ax.scatter(table["confidence"], table["accuracy"], s=area,
                   color=color, alpha=0.8, linewidths=0, clip_on=False)  # fmt: skip
        ax.set(title=title, xlabel="probability of the answer", xlim=(0, 1.03), ylim=(0, 1.03))
    axes[0].set_ylabel("share that is right")
    return fig


def confusion(matrix: np.ndarray, classes: list[str]):
    """Which class is taken for which, as shares of the true class.

    Parameters
    ----------
    matrix : (K, K) counts, rows the truth; a class that never occurs stays empty

    Returns
    -------
    fig
    """
    share = matrix / np.where(
        matrix.sum(1, keepdims=True) > 0, matrix.sum(1, keepdims=True), np.nan
    )
    fig, ax = figure(height_in=1.4 + 0.5 * len(classes))
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (i, j), value in np.ndenumerate(share):
        if np.isfinite(value):
            ax.text(j, i, f"{value:.0%}", ha="center", va="center", fontsize="small",
                    color="white" if value > 0.6 else INK)  # fmt: skip
    names = [plain(name.replace("_", " ")) for name in classes]
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(names)), [f"{n} ({c:,.0f})" for n, c in zip(names, matrix.sum(1),
                                                                        strict=True)])  # fmt: skip
    ax.set(xlabel="the teacher's answer", ylabel="truth (windows)")
    ax.spines[:].set_visible(False)
    return fig


def _reach(part: pd.DataFrame) -> list[pd.Series]:
    """Lengths of the bars below and above; by rounding an estimate may lie just outside them."""
    reach = part["estimate"] - part["low"], part["high"] - part["estimate"]
    return [length.astype(float).clip(lower=0) for length in reach]


def wrong(athletes: pd.DataFrame, near: pd.DataFrame, teacher: str, rival: str):
    """Each athlete's macro-F1 under two models, and the error rate around changes of the label.

    Parameters
    ----------
    athletes : a row an athlete, columns ``teacher`` and ``rival``
    near : columns model, seconds, estimate, low, high; may be empty
    teacher, rival : names of the two models

    Returns
    -------
    fig
    """
    fig, (left, right) = figure(1, 2, 3.9)
    left.scatter(athletes[rival], athletes[teacher], s=24, color=BLUE, alpha=0.7, linewidths=0)
    left.axline((0, 0), slope=1, color=GREY, lw=1, ls="--")
    low = max(0, athletes.to_numpy().min() - 0.05)
    left.set(xlim=(low, 1.02), ylim=(low, 1.02))
    left.set(xlabel=f"{rival}: macro-F1", ylabel=f"{teacher}: macro-F1")
    left.set_title("a dot an athlete; above the line: better", fontsize="small")
    for shift, (name, color, marker) in enumerate(((teacher, ORANGE, "o"), (rival, BLUE, "s"))):
        part = near[near["model"] == name]
        x = part["seconds"] * (1 + 0.04 * shift)
        error = _reach(part)
        right.errorbar(x, part["estimate"], yerr=error, fmt=f"{marker}-", color=color, ms=6,
                       mec="white", label=name)  # fmt: skip
    right.set(xlabel="seconds to the nearest change of the label", ylabel="share of wrong answers",
              ylim=(0, None))  # fmt: skip
    if len(near):
        right.legend(fontsize="small")
        right.set_xscale("log")
        seconds = near["seconds"].unique()
        right.set_xticks(seconds, [f"{t:g}" for t in seconds])
        right.minorticks_off()
    else:
        right.text(0.5, 0.5, "no label changes within a recording", ha="center",
                   transform=right.transAxes)  # fmt: skip
    return fig


def spoiled(drops: pd.DataFrame):
    """What is lost when part of a window is taken away.

    Parameters
    ----------
    drops : columns change, model, estimate, low, high: the loss of macro-F1

    Returns
    -------
    fig
    """
    changes, models = (list(dict.fromkeys(drops[c])) for c in ("change", "model"))
    fig, ax = figure(height_in=1.2 + 0.45 * len(changes))
    rows = np.arange(len(changes))[::-1]
    for i, (model, color, marker) in enumerate(zip(models, (ORANGE, BLUE, AMBER), "osD",
                                                   strict=False)):  # fmt: skip
        part = drops[drops["model"] == model].set_index("change").loc[changes]
        error = _reach(part)
        ax.errorbar(part["estimate"], rows + 0.12 - 0.24 * i, xerr=error, fmt=marker, color=color,
                    ms=6, mec="white", label=model)  # fmt: skip
    ax.axvline(0, color=INK, lw=1)
    ax.set_yticks(rows, changes)
    ax.set(xlabel="loss of macro-F1, 95 % interval over athletes", ylim=(-0.6, rows[0] + 0.6))
    ax.legend(fontsize="small")
    return fig
