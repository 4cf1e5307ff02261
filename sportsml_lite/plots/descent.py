"""The figures of chapter 3: sessions, loss surfaces with paths of descent, errors of athletes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sportsml_lite.plots.style import BLUE, CYCLE, GREY, INK, ORANGE, figure
from sportsml_lite.regression import closed_form, half_mse, half_mse_hessian

MARKERS = ("o", "s", "^", "D", "v")
POINT = {"color": INK, "ms": 10, "mec": "white", "mew": 0.8, "zorder": 7, "ls": ""}


def sessions(frame: pd.DataFrame):
    """Training effect against heart-rate reserve and duration, with the mean as baseline.

    Parameters
    ----------
    frame : table with hr_reserve, duration_h, effect

    Returns
    -------
    fig
    """
    fig, axes = figure(1, 2, 3.2, sharey=True)
    labels = {"hr_reserve": "heart-rate reserve used (0–1)", "duration_h": "duration (h)"}
    for ax, (name, label) in zip(axes, labels.items(), strict=True):
        ax.scatter(frame[name], frame["effect"], s=9, color=BLUE, alpha=0.35, linewidths=0)
        ax.axhline(frame["effect"].mean(), color=ORANGE, lw=2, ls="--", label="mean predictor")
        ax.set_xlabel(label)
    axes[0].set_ylabel("training effect (0–5)")
    axes[0].legend(loc="upper left")
    return fig


def _surface(ax, X, y, paths: dict[str, np.ndarray], labels: tuple[str, str]) -> None:
    """Contours of the half MSE over two weights, each a factor 2 above the last, and paths on it.

    ``y`` has mean 0, so that the origin is the mean predictor. A path that ends farther from the
    minimum than it began is left out: it climbs out of the window, and its loss shows that better.
    """
    lowest, hessian = closed_form(X, y), half_mse_hessian(X)
    low, high = _window(paths, lowest)
    grid = np.meshgrid(*(np.linspace(a, b, 161) for a, b in zip(low, high, strict=True)))
    away = np.stack(grid, axis=-1) - lowest
    excess = 0.5 * np.einsum("abi,ij,abj->ab", away, hessian, away)
    levels = excess.max() / 2.0 ** np.arange(12, -1, -1)
    ax.contourf(*grid, excess, levels=[0, *levels], cmap=_shades())
    ax.contour(*grid, excess, levels=levels, colors=GREY, linewidths=0.4, alpha=0.6)
    for (name, path), color, marker in zip(paths.items(), CYCLE, MARKERS, strict=False):
        shown = path if _arrives(path, lowest) else path[:1]
        every = max(1, len(path) // 80)
        ax.plot(*shown.T, f"{marker}-", color=color, ms=3, lw=1.3, label=name, markevery=every)
    start = next(iter(paths.values()))[0]
    ax.plot(*start, "o", color=INK, ms=7, mfc="white", mew=1.8, zorder=5, ls="", label="start")
    ax.plot(*lowest, "*", color=INK, ms=13, mec="white", mew=0.8, zorder=6, ls="", label="minimum")
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xlabel=labels[0], ylabel=labels[1])


def _arrives(path: np.ndarray, lowest: np.ndarray) -> bool:
    first, last = np.linalg.norm(path[[0, -1]] - lowest, axis=1)
    return bool(last < first)


def _window(paths: dict[str, np.ndarray], lowest: np.ndarray) -> np.ndarray:
    """(2, 2) lower and upper limits around the paths that arrive, the minimum and the origin."""
    start = next(iter(paths.values()))[0]
    arrived = [path for path in paths.values() if _arrives(path, lowest)]
    points = np.vstack([*arrived, start, lowest, np.zeros(2)])
    low, high = points.min(axis=0), points.max(axis=0)
    return np.array([low - 0.12 * (high - low), high + 0.12 * (high - low)])


def _shades():
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("valley", ["#ffffff", "#d9dde2"])


def _legend_below(fig, ax) -> None:
    handles, names = ax.get_legend_handles_labels()
    options = {"handlelength": 1.6, "columnspacing": 1.4, "fontsize": "small"}
    fig.legend(handles, names, loc="outside lower center", ncols=len(names), **options)


def descent(panels: dict[str, tuple]):
    """Descent on the half MSE before and after scaling: the paths, and how fast the loss falls.

    Parameters
    ----------
    panels : title -> (X, y, paths, labels); X (N, 2) and y (N,) have column means 0, ``paths``
        maps a name to a (steps + 1, 2) array, ``labels`` name the two weights

    Returns
    -------
    fig with a surface for each panel above, loss curves below
    """
    fig, axes = figure(2, len(panels), 6.4, height_ratios=[1.7, 1])
    for (top, bottom), (title, (X, y, paths, labels)) in zip(axes.T, panels.items(), strict=True):
        _surface(top, X, y, paths, labels)
        top.set_title(title)
        least = half_mse(X, y, closed_form(X, y))
        for (name, path), color in zip(paths.items(), CYCLE, strict=False):
            excess = np.array([half_mse(X, y, w) for w in path]) - least
            bottom.plot(np.maximum(excess, 1e-12), color=color, lw=2, label=name)
        bottom.set(yscale="log", ylim=(1e-7, 30), xlabel="step")
        bottom.label_outer()
    axes[1, 0].set_ylabel("½·MSE above its minimum")
    _legend_below(fig, axes[0, 0])
    return fig


def trap(X, y, paths: dict[str, np.ndarray], labels: tuple[str, str], mean: float):
    """Two descents from one start, with the right shape and with (N, 1); and what they predict.

    Parameters
    ----------
    X, y : (N, 2) and (N,) arrays with column means 0
    paths : name -> (steps + 1, 2) array
    labels : names of the two weights
    mean : mean effect, added back to show effects on their own scale (0–5)

    Returns
    -------
    fig
    """
    fig, (left, right) = figure(1, 2, 4.0)
    _surface(left, X, y, paths, labels)
    left.plot(0, 0, "X", label="mean predictor", **POINT)
    for path, color, marker in zip(paths.values(), CYCLE, MARKERS, strict=False):
        guess = mean + X @ path[-1]
        right.plot(mean + y, guess, marker, color=color, ms=3, alpha=0.5, mew=0)
    right.axline((mean, mean), slope=1, color=GREY, lw=1, ls="--")
    right.annotate("perfect prediction", (0.9, 0.9), (8, -8), textcoords="offset points")
    right.set(xlim=(0, 5.1), ylim=(0, 5.1), xlabel="training effect (0–5)")
    right.set_ylabel("predicted effect (0–5)")
    _legend_below(fig, left)
    return fig


def optimisers(X, y, paths: dict[str, np.ndarray], labels: tuple[str, str], ridge, limit: float):
    """Paths of several optimisers from one start, the ridge solution and AdamW's box.

    Parameters
    ----------
    X, y : (N, 2) and (N,) arrays with column means 0
    paths : name -> (steps + 1, 2) array
    labels : names of the two weights
    ridge : (2,) array, minimum of the half MSE with a squared penalty
    limit : half the width of the box |w| <= 1 / weight decay

    Returns
    -------
    fig
    """
    from matplotlib.patches import Rectangle

    fig, ax = figure(height_in=4.8)
    _surface(ax, X, y, paths, labels)
    ax.plot(*ridge, "P", label="ridge", **POINT)
    line = {"fill": False, "ls": "--", "ec": INK, "lw": 1.2, "label": "AdamW's box"}
    ax.add_patch(Rectangle((-limit, -limit), 2 * limit, 2 * limit, **line))
    _legend_below(fig, ax)
    return fig


def held_out(losses: pd.DataFrame, intervals: pd.DataFrame, floor: float | None):
    """Mean squared error on athletes never seen: each athlete, and the mean with its interval.

    Parameters
    ----------
    losses : a row an athlete, a column a model, the baseline first: MSE (points²)
    intervals : a row a model: columns mse, low, high
    floor : MSE that no model can pass, where it is known

    Returns
    -------
    fig
    """
    fig, (left, right) = figure(1, 2, 3.4, width_ratios=[1.25, 1])
    rows = np.arange(len(intervals))[::-1]
    error = [intervals["mse"] - intervals["low"], intervals["high"] - intervals["mse"]]
    left.errorbar(intervals["mse"], rows, xerr=error, fmt="o", color=BLUE, capsize=4, ms=7)
    if floor is not None:
        left.axvline(floor, color=GREY, ls="--", lw=1.5)
        left.annotate("noise floor", (floor, rows[0]), (5, 12), textcoords="offset points")
    left.set_yticks(rows, intervals.index)
    left.set(xlim=(0, None), ylim=(-0.6, rows[0] + 0.7), xlabel="MSE (points²), 95 % interval")
    base, best = losses.columns[0], losses.columns[-1]
    right.scatter(losses[base], losses[best], s=22, color=BLUE, alpha=0.7, linewidths=0)
    right.axline((0, 0), slope=1, color=GREY, lw=1, ls="--")
    top = 1.05 * losses[[base, best]].to_numpy().max()
    right.set(xlim=(0, top), ylim=(0, top))
    right.set(xlabel=f"{base}: MSE (points²)", ylabel=f"{best}:\nMSE (points²)")
    return fig
