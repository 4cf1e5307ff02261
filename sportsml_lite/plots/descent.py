"""Figures of chapter 3: the bowl of the half MSE, descents on it, and what a trapped model says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sportsml_lite.plots.grammar import end_labels
from sportsml_lite.plots.style import ACCENT, CYCLE, GREY, HARM, INK, figure
from sportsml_lite.regression import closed_form, gradient_descent, half_mse_hessian

LABELS = ("w₁: effect per unit of heart-rate reserve", "w₂: effect per hour")
_RINGS = 10  # contours, each at twice the loss of the one inside


def trap_on_bowl(X, y, right, trapped):
    """The chapter in one picture: from one start to the minimum, or to the mean predictor.

    Parameters
    ----------
    X, y : (N, 2) and (N,) arrays with column means 0, so that the origin is the mean predictor
    right, trapped : (steps + 1, 2) paths, with shapes (N,) and with (N, 1) against (N,)

    Returns
    -------
    fig
    """
    fig, ax = figure(height_in=4.4)
    lowest = closed_form(X, y)
    _bowl(ax, half_mse_hessian(X), lowest, [right, trapped, np.zeros((1, 2))])
    for path, color in ((trapped, HARM), (right, ACCENT)):
        ax.plot(*path.T, "o-", color=color, ms=4, lw=1.6, mec="white", mew=0.4)
    _points(ax, right[0], lowest)
    ax.plot(0, 0, "X", color=HARM, ms=12, mec="white", mew=0.9, zorder=6)
    _say(ax, lowest, "minimum", ACCENT, "center")
    _say(ax, np.zeros(2), "mean predictor", HARM, "left")
    ax.set(xlabel=LABELS[0], ylabel=LABELS[1])
    _headline(
        fig, "Two arrays of one shape reach the minimum;\n(N, 1) against (N,) ends at the mean"
    )
    return fig


def half_and_whole(x, y, start: float, rate: float):
    """One weight: the half MSE and the whole MSE, their slopes at a start, and a step on each.

    Parameters
    ----------
    x, y : (N,) arrays of mean 0
    start : the weight
    rate : learning rate of both steps
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    curvature, best = np.mean(x**2), np.mean(x * y) / np.mean(x**2)
    floor = np.mean((x * best - y) ** 2)
    fig, ax = figure(height_in=3.9)
    reach = 1.35 * abs(start - best) or 1.0
    grid = np.linspace(best - reach, best + reach, 201)
    rows = ((0.5, "½·MSE", ACCENT), (1.0, "whole MSE", INK))
    ends = {}
    for share, name, color in rows:
        loss = share * (floor + curvature * (grid - best) ** 2)
        slope = 2 * share * curvature * (start - best)
        height = share * (floor + curvature * (start - best) ** 2)
        after = start - rate * slope
        ax.plot(grid, loss, color=color, lw=2)
        ax.plot([start, after], [height] * 2, color=color, lw=1, ls=":")
        landed = share * (floor + curvature * (after - best) ** 2)
        ax.annotate("", (after, landed), (after, height), zorder=5,
                    arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1.4})  # fmt: skip
        ax.plot(start, height, "o", color=color, ms=8, mec="white", zorder=6)
        ends[name] = (grid[-1], loss[-1], color)
    ax.axvline(best, color=GREY, lw=1, ls="--", zorder=0)
    ax.annotate("one minimum", (best, 1), (5, -4), xycoords=("data", "axes fraction"), va="top",
                textcoords="offset points", color=GREY)  # fmt: skip
    ax.set(xlabel=LABELS[1].replace("w₂", "w"), ylabel="loss (points²)", ylim=(0, None))
    end_labels(ax, ends)
    _headline(fig, "Same bottom; the whole MSE is twice as steep,\nso its step is twice as long")
    return fig


def rates(X, y, start, shares):
    """Descents at three shares of the limit, on the features as they are and standardised.

    Parameters
    ----------
    X, y : (N, 2) and (N,) arrays with column means 0
    start : (2,) array, the first weights
    shares : three learning rates as shares of each bowl's limit, the last one above 1

    Returns
    -------
    fig
    """
    spread = X.std(axis=0)
    standard = ("w₁: effect per SD of reserve", "w₂: effect per SD of duration")
    panels = {
        "as they are": (X, start, LABELS),
        "standardised": (X / spread, start * spread, standard),
    }
    fig, axes = figure(2, 1, 8.2)
    for ax, (name, (columns, first, labels)) in zip(axes, panels.items(), strict=True):
        hessian, lowest = half_mse_hessian(columns), closed_form(columns, y)
        curvature = np.linalg.eigvalsh(hessian)
        paths = [gradient_descent(columns, y, first, 2 * s / curvature[-1], 60) for s in shares]
        low, high = _bowl(ax, hessian, lowest, paths)
        for path, share, color in zip(paths, shares, (GREY, ACCENT, HARM), strict=True):
            inside = ((path >= low) & (path <= high)).all(axis=1)
            shown = path if inside.all() else path[: int(np.argmin(inside)) + 1]
            ax.plot(*shown.T, "o-", color=color, ms=4, lw=1.4, label=f"{share:g} × limit")
        _points(ax, first, lowest)
        title = f"Features {name}: κ = {curvature[-1] / curvature[0]:.1f}"
        ax.set(xlabel=labels[0], ylabel=labels[1], title=title)
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    _headline(fig, "Short steps creep, long ones bounce, too long ones leave")
    return fig


def answers(effect, right, trapped):
    """What two models predict for sessions whose effect is known.

    Parameters
    ----------
    effect : (N,) recorded effect (0–5)
    right, trapped : (N,) predicted effect, trained with the right shapes and with (N, 1)
    """
    fig, ax = figure(height_in=4.0)
    ends = {}
    for name, guess, color in (("(N,)", right, ACCENT), ("(N, 1)", trapped, HARM)):
        ax.plot(effect, guess, "o", color=color, ms=4, alpha=0.5, mew=0)
        slope, level = np.polyfit(effect, guess, 1)
        ends[name] = (effect.max(), slope * effect.max() + level, color)
    low, high = effect.min(), effect.max()
    ax.plot([low, high], [low, high], color=GREY, lw=1.2, ls="--")
    ax.annotate("perfect", (low, low), (14, -4), textcoords="offset points", color=GREY)
    ax.set(xlabel="recorded effect (0–5)", ylabel="predicted effect (0–5)")
    end_labels(ax, ends)
    _headline(fig, "The trapped model gives everybody the mean")
    return fig


def optimisers(X, y, paths: Mapping[str, np.ndarray], ridge, limit: float):
    """Paths of several optimisers from one start, the ridge solution and AdamW's box.

    Parameters
    ----------
    X, y : (N, 2) and (N,) arrays with column means 0
    paths : name → (steps + 1, 2) array
    ridge : (2,) array, minimum of the half MSE with a squared penalty
    limit : half the width of the box |w| <= 1 / weight decay

    Returns
    -------
    fig
    """
    from matplotlib.patches import Rectangle

    fig, ax = figure(height_in=5.0)
    lowest = closed_form(X, y)
    _bowl(ax, half_mse_hessian(X), lowest, paths.values())
    for (name, path), color in zip(paths.items(), CYCLE, strict=False):
        ax.plot(*path.T, "o-", color=color, ms=3, lw=1.4, label=name, markevery=4)
    _points(ax, next(iter(paths.values()))[0], lowest)
    ax.plot(*ridge, "P", color=INK, ms=10, mec="white", zorder=7, ls="", label="ridge")
    line = {"fill": False, "ls": "--", "ec": INK, "lw": 1.2, "label": "AdamW's box"}
    ax.add_patch(Rectangle((-limit, -limit), 2 * limit, 2 * limit, **line))
    ax.set(xlabel=LABELS[0], ylabel=LABELS[1])
    handles, names = ax.get_legend_handles_labels()
    fig.legend(handles, names, loc="outside lower center", ncols=3, fontsize="medium")
    return fig


def _bowl(ax, hessian, lowest, paths) -> np.ndarray:
    """Rings of the half MSE, each at twice the height of the one inside; (2, 2) limits."""
    low, high = _window(list(paths), lowest)
    grid = np.meshgrid(*(np.linspace(a, b, 161) for a, b in zip(low, high, strict=True)))
    away = np.stack(grid, axis=-1) - lowest
    excess = 0.5 * np.einsum("abi,ij,abj->ab", away, hessian, away)
    levels = excess.max() / 2.0 ** np.arange(_RINGS, -1, -1)
    ax.contourf(*grid, excess, levels=[0, *levels], cmap=_shades())
    ax.contour(*grid, excess, levels=levels, colors=GREY, linewidths=0.4, alpha=0.6)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    return np.array([low, high])


def _window(paths, lowest) -> tuple[np.ndarray, np.ndarray]:
    """Limits around the paths that come nearer to the minimum, all starts, and the minimum."""
    shown = [path if _arrives(path, lowest) else path[:1] for path in paths]
    points = np.vstack([*shown, lowest])
    low, high = points.min(axis=0), points.max(axis=0)
    room = 0.13 * np.where(high > low, high - low, 1.0)
    return low - room, high + room


def _arrives(path, lowest) -> bool:
    first, last = np.linalg.norm(path[[0, -1]] - lowest, axis=1)
    return bool(last < first)


def _shades():
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("valley", ["#ffffff", "#d9dde2"])


def _points(ax, start, lowest) -> None:
    ax.plot(*start, "o", color=INK, ms=9, mfc="white", mew=2, zorder=6)
    ax.annotate("start", start, (9, 6), textcoords="offset points", zorder=7)
    ax.plot(*lowest, "*", color=INK, ms=15, mec="white", mew=0.9, zorder=6)


def _say(ax, at, text: str, color: str, ha: str) -> None:
    ax.annotate(text, at, (0, -25), textcoords="offset points", color=color, ha=ha,
                weight="bold", zorder=7)  # fmt: skip


def _headline(fig, title: str) -> None:
    fig.suptitle(title, x=0.01, ha="left", fontsize="large")
