"""The figures of chapter 4: learning curves, errors between bounds, residuals, athletes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sportsml_lite.plots.style import BLUE, CYCLE, GREY, INK, ORANGE, figure

DOTS = {"s": 20, "alpha": 0.7, "linewidths": 0}


def bounds(way: pd.DataFrame, versus: pd.DataFrame, floor: str, rival: str, unit: str, kinds: dict):
    """How far each model gets from the mean predictor to the floor, and against a rival.

    Parameters
    ----------
    way : a row a model: columns estimate, low, high (%, 0 the mean predictor, 100 the floor)
    versus : the same for the paired gain in MSE over the rival; NaN for the rival itself
    floor : what 100 % is
    rival : name of the rival
    unit : of the gain
    kinds : colour of the models that are not blue

    Returns
    -------
    fig
    """
    fig, (left, right) = figure(1, 2, 0.9 + 0.42 * len(way), width_ratios=[1.7, 1], sharey=True)
    rows = np.arange(len(way))[::-1]
    colors = [kinds.get(name, BLUE) for name in way.index]
    for ax, frame in ((left, way), (right, versus)):
        for row, color, (_, r) in zip(rows, colors, frame.iterrows(), strict=True):
            ax.plot([r["low"], r["high"]], [row, row], color=color, lw=2.5, solid_capstyle="butt")
            ax.plot(r["estimate"], row, "o", color=color, ms=8, mec="white")
        ax.axvline(0, color=INK, lw=1)
    left.axvline(100, color=GREY, lw=1.5, ls="--")
    left.set_yticks(rows, way.index)
    left.set(ylim=(-0.7, rows[0] + 0.7), xlim=(min(-8, way["low"].min() - 4), 106))
    left.set_xlabel(f"% of the way\n(0: mean predictor, 100: {floor})")
    right.set_xlabel(f"gain over {rival}\n(MSE, {unit}; right: better)")
    return fig


def learning_curves(histories: list[pd.DataFrame], lines: dict[str, float], unit: str):
    """Training and validation MSE of each seed against the epoch, with every kept epoch.

    Parameters
    ----------
    histories : columns epoch, train_mse, val_mse, a table a seed
    lines : horizontal lines by name, e.g. the mean predictor's MSE
    unit : of the squared error

    Returns
    -------
    fig
    """
    fig, ax = figure(height_in=3.6)
    for i, history in enumerate(histories):
        for column, color, name in (("train_mse", BLUE, "training"), ("val_mse", ORANGE, "valid.")):
            label = f"{name} athletes" if not i else None
            ax.plot(history["epoch"], history[column], color=color, lw=1.5, alpha=0.7, label=label)
        best = history.loc[history["val_mse"].idxmin()]
        ax.plot(best["epoch"], best["val_mse"], "v", color=INK, ms=8, mec="white", zorder=5,
                label=None if i else "kept", ls="")  # fmt: skip
    _levels(ax, lines)
    # The first epochs of a target far from 0 would press all else to the floor.
    ax.set(xlabel="epoch", ylabel=f"MSE ({unit}²)", ylim=(0, 3 * max(lines.values())))
    ax.legend(loc="upper right", ncols=3, fontsize="small")
    return fig


def _levels(ax, lines: dict[str, float]) -> None:
    """Dashed horizontal lines, named at the right end."""
    for name, level in lines.items():
        ax.axhline(level, color=GREY, lw=1.2, ls="--", zorder=0)
        ax.annotate(name, (1, level), (-2, 2), xycoords=("axes fraction", "data"), ha="right",
                    textcoords="offset points", color=INK, fontsize="small")  # fmt: skip


def athletes_needed(curve: pd.DataFrame, lines: dict[str, float], unit: str):
    """Error on athletes never seen against the number of training athletes.

    Parameters
    ----------
    curve : columns model, athletes, mse; a row a draw of training athletes
    lines : horizontal lines by name
    unit : of the squared error

    Returns
    -------
    fig with a dot a draw and a line through their means
    """
    fig, ax = figure(height_in=3.8)
    for (name, part), color, marker in zip(
        curve.groupby("model", sort=False), CYCLE, "os^D", strict=False
    ):
        ax.scatter(part["athletes"], part["mse"], color=color, marker=marker, **DOTS)
        means = part.groupby("athletes")["mse"].mean()
        ax.plot(means.index, means, marker=marker, color=color, ms=6, mec="white", label=name)
    _levels(ax, lines)
    ticks = np.unique(curve["athletes"])
    ax.set_xscale("log")
    ax.set_xticks(ticks, [f"{n:,}" for n in ticks])
    ax.minorticks_off()
    top = min(1.1 * curve["mse"].max(), 3 * max(lines.values()))
    ax.set(xlabel="training athletes", ylabel=f"MSE ({unit}²)", ylim=(0, top))
    ax.legend(loc="upper right", ncols=3, fontsize="small")
    return fig


def choices(panels: dict[str, dict[str, pd.DataFrame]], unit: str):
    """Validation MSE against the epoch, a panel for each choice and a line for each option.

    Parameters
    ----------
    panels : title -> option -> table with epoch and val_mse (mean over seeds)
    unit : of the squared error

    Returns
    -------
    fig
    """
    fig, axes = figure(1, len(panels), 3.6, sharey=True)
    lowest = []
    for ax, (title, options) in zip(axes, panels.items(), strict=True):
        for (name, history), color, ls in zip(
            options.items(), CYCLE, ("-", "--", "-.", ":"), strict=False
        ):
            ax.plot(history["epoch"], history["val_mse"], color=color, ls=ls, lw=2, label=name)
            lowest.append(history["val_mse"].min())
        ax.set(title=title, xlabel="epoch")
        ax.legend(fontsize="small")
    axes[0].set(ylabel=f"validation MSE ({unit}²)", ylim=(0, 4 * np.median(lowest)))
    return fig


def stopping(watched: pd.DataFrame, chosen: pd.DataFrame, unit: str):
    """Validation MSE and validation F1 against the epoch, and the epoch that each rule keeps.

    Parameters
    ----------
    watched : index epoch; column mse, and a column an F1 by its shift of the class borders
    chosen : index rule, column epoch
    unit : of the squared error

    Returns
    -------
    fig
    """
    fig, (top, bottom) = figure(2, 1, 4.6, sharex=True)
    top.plot(watched.index, watched["mse"], "o-", color=BLUE, ms=4, mec="white")
    top.plot(*_at(watched["mse"], chosen.loc["mse", "epoch"]), "v", color=INK, ms=10, mec="white")
    top.set(ylabel=f"validation\nMSE ({unit}²)", title="stopping on MSE: one curve, one minimum")
    for (name, curve), color in zip(watched.drop(columns="mse").items(), CYCLE[1:], strict=False):
        bottom.plot(curve.index, curve, "o-", color=color, ms=3, lw=1.3, label=name)
        bottom.plot(*_at(curve, chosen.loc[name, "epoch"]), "v", color=color, ms=11, mec=INK)
    bottom.set(xlabel="epoch", ylabel="validation\nmacro-F1")
    bottom.set_title("stopping on F1: another curve for every place of the class borders")
    fig.legend(*bottom.get_legend_handles_labels(), title="borders", loc="outside lower center",
               ncols=len(watched.columns) - 1, fontsize="small")  # fmt: skip
    return fig


def _at(curve: pd.Series, epoch: int) -> tuple[int, float]:
    return epoch, curve.loc[epoch]


def residuals(predicted, error, person: pd.DataFrame, unit: str, hidden: str = ""):
    """Residuals against the prediction, and each athlete's mean residual.

    Parameters
    ----------
    predicted, error : (N,) prediction and truth minus prediction
    person : index athlete; columns bias (mean residual) and x
    unit : of the target
    hidden : name of ``x`` if the simulator knows it; empty ranks the athletes by their bias

    Returns
    -------
    fig
    """
    fig, (left, right) = figure(1, 2, 3.6, sharey=True)
    left.scatter(predicted, error, s=6, color=BLUE, alpha=0.25, linewidths=0, rasterized=True)
    edges = np.unique(np.quantile(predicted, np.linspace(0, 1, 11)))
    middle = pd.Series(predicted).groupby(np.digitize(predicted, edges[1:-1])).mean()
    mean = pd.Series(error).groupby(np.digitize(predicted, edges[1:-1])).mean()
    left.plot(middle, mean, "o-", color=ORANGE, ms=6, mec="white", label="mean of a tenth")
    left.set(xlabel=f"predicted ({unit})", ylabel=f"residual: truth − predicted ({unit})")
    left.legend(loc="upper right", fontsize="small")
    x = person["x"] if hidden else person["bias"].rank()
    right.scatter(x, person["bias"], color=ORANGE, **DOTS)
    right.set_xlabel(hidden or "athletes, by their mean residual")
    right.set_title("a dot an athlete: mean residual")
    for ax in (left, right):
        ax.axhline(0, color=INK, lw=1)
    return fig


def spread(errors: pd.DataFrame, groups: pd.DataFrame, pair: tuple[str, str], unit: str):
    """Each athlete's error under two models, and the errors of groups of athletes.

    Parameters
    ----------
    errors : a row an athlete, a column a model
    groups : columns group, model, estimate, low, high
    pair : the two models of the left panel, the reference first
    unit : of the error, with its name

    Returns
    -------
    fig
    """
    fig, (left, right) = figure(1, 2, 4.2, width_ratios=[1, 1.15])
    left.scatter(errors[pair[0]], errors[pair[1]], color=BLUE, **DOTS)
    left.axline((0, 0), slope=1, color=GREY, lw=1, ls="--")
    top = 1.05 * errors[list(pair)].to_numpy().max()
    left.set(xlim=(0, top), ylim=(0, top), xlabel=f"{pair[0]}: {unit}", ylabel=f"{pair[1]}: {unit}")
    left.set_title("a dot an athlete; below the line: better", fontsize="small")
    names = list(dict.fromkeys(groups["group"]))
    models = list(dict.fromkeys(groups["model"]))
    for i, (model, color) in enumerate(zip(models, CYCLE, strict=False)):
        part = groups[groups["model"] == model].set_index("group").loc[names]
        y = np.arange(len(names))[::-1] + 0.2 * (1 - i)
        error = [part["estimate"] - part["low"], part["high"] - part["estimate"]]
        right.errorbar(part["estimate"], y, xerr=error, fmt="o", color=color, ms=5, label=model)
    right.set_yticks(np.arange(len(names))[::-1], names)
    right.set(xlim=(0, None), xlabel=f"{unit}, 95 % interval")
    fig.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=3,
               fontsize="small")  # fmt: skip
    return fig
