"""The figures of chapter 8: a soft answer and what it bought, temperature, label budget."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from sportsml_lite.evaluate import Interval, compare, gains, holm
from sportsml_lite.findings.distil import PEOPLE, TITLES_SHORT, telling_window
from sportsml_lite.losses import soften
from sportsml_lite.plots.grammar import (
    PALE,
    dumbbell,
    end_labels,
    flow,
    score_table,
    small_multiples,
)
from sportsml_lite.plots.style import (
    ACCENT,
    CYCLE,
    GREY,
    HARM,
    INK,
    QUIET,
    figure,
    nothing,
    plain,
)
from sportsml_lite.plots.tables import level_table, narrow
from sportsml_lite.prepare.tasks import STROKES
from sportsml_lite.protocol import margin
from sportsml_lite.studies.distil import TITLES, judge

SHOWN_FROM = 0.005  # probability from which a class gets its number


def answer_and_gain(scores: pd.DataFrame):
    """A window's soft answer beside its label, and below it what such answers bought.

    Parameters
    ----------
    scores : of the study and the swimmers

    Returns
    -------
    fig; a dot is an athlete's gain, orange beyond the margin of harm; the diamond is their mean
    """
    label, answer = telling_window(scores, STROKES[0])
    answer = np.exp(answer - answer.max())
    answer = (answer / answer.sum()).sort_values()
    arms = {"with the\nteacher's\nanswers": "distilled", "only\nanother\nseed": "plain_again"}
    rule = margin("macro_f1")
    height = 0.38 * len(answer), 0.95 * len(arms)
    fig, (top, low) = figure(2, 1, 1.9 + sum(height), height_ratios=height)
    _answer(top, answer, label)
    means = {arm: compare(scores, arm, "plain").gain for arm in arms.values()}
    for y, (arm, color) in enumerate(zip(reversed(means), (QUIET, ACCENT), strict=True)):
        _strip(low, y, gains(scores, arm, "plain"), means[arm], rule.harm, color)
    low.axvspan(-rule.smallest_effect, rule.smallest_effect, color=GREY, alpha=PALE, lw=0)
    low.axvline(0, color=INK, lw=1, zorder=0)
    low.set_yticks(range(len(arms)), reversed(arms))
    low.tick_params(axis="y", length=0)
    low.spines["left"].set_visible(False)
    low.set(xlabel="gain in macro-F1, a dot a swimmer", ylim=(-0.55, len(arms) - 0.4))
    bought, luck = (f"{mean.estimate:+.3f}" for mean in means.values())
    low.set_title(f"Such answers bought {bought}, another seed {luck}")
    return fig


def _answer(ax, answer: pd.Series, label: str) -> None:
    y = np.arange(len(answer))
    told = answer.index == label
    ax.barh(y, told.astype(float), 0.72, color="none", edgecolor=INK, lw=1.4, ls="--")
    ax.barh(y, answer, 0.5, color=ACCENT)
    for at, value in zip(y, answer, strict=True):
        if value >= SHOWN_FROM:
            ax.annotate(f"{value:.2f}", (value, at), (5, 0), textcoords="offset points",
                        va="center", color=ACCENT)  # fmt: skip
    at = int(np.flatnonzero(told)[0])
    ax.annotate("the label: this, and no more", (1, at - 0.5), (0, -3),
                textcoords="offset points", ha="right", va="top", fontsize="small",
                color=INK)  # fmt: skip
    ax.set_yticks(y, [plain(name) for name in answer.index])
    ax.tick_params(axis="y", length=0)
    ax.set(xlim=(0, 1.02), xlabel="probability that the teacher gives")
    ax.set_title("One window: the answer says more than the label")


def _strip(ax, y: float, own: pd.Series, mean: Interval, harm: float, color: str) -> None:
    """A dot an athlete, spread so that none hides another, and below them their mean."""
    own = own.sort_values()
    spread = y + 0.14 + 0.05 * (np.arange(len(own)) % 4)
    lost = (own < -harm).to_numpy()
    ax.scatter(own, spread, s=26, color=np.where(lost, HARM, color), alpha=0.85, linewidths=0)
    ax.plot([mean.low, mean.high], [y - 0.1, y - 0.1], color=color, lw=2.5, solid_capstyle="butt")
    ax.plot(mean.estimate, y - 0.1, "D", color=color, ms=8, mec="white")
    ax.annotate(f"{lost.sum()} of {len(own)} harmed",
                (mean.estimate, y - 0.18), (0, -4), textcoords="offset points", ha="center",
                va="top", fontsize="small", color=color)  # fmt: skip


def teacher_student(teacher: int, student: int):
    """Who learns from whom, and what is left on the wrist.

    teacher, student : parameters of each

    Returns
    -------
    fig
    """
    boxes = {
        "window": (0, 0, "windows"),
        "teacher": (1, 1, f"teacher\n{teacher:,} weights"),
        "label": (1, 0, "labels"),
        "student": (1, -1, f"student\n{student:,} weights"),
        "loss": (2, 0, "loss"),
    }
    arrows = [("window", "teacher"), ("window", "student"), ("teacher", "loss", "α"),
              ("label", "loss", "1 − α"), ("student", "loss")]  # fmt: skip
    return flow(boxes, arrows, "Two lessons for one student", accent=("student",))


def temperature(scores: pd.DataFrame, student: torch.Tensor, teacher: torch.Tensor):
    """What temperature does to one answer, and to the gradient that a student feels.

    Parameters
    ----------
    scores : of the study and the swimmers, for the window above
    student, teacher : (N, K) logits, whose gradient is drawn

    Returns
    -------
    fig
    """
    fig, (top, low) = figure(2, 1, 5.6, sharex=True)
    tau = np.geomspace(0.5, 100, 40)
    logits = telling_window(scores, STROKES[0])[1].sort_values(ascending=False)
    z = torch.tensor(logits.to_numpy()[None])
    p = np.array([soften(z, t)[0].numpy() for t in tau])
    for i, color in zip(range(p.shape[1]), CYCLE, strict=False):
        top.plot(tau, p[:, i], color=color if i < 3 else QUIET, lw=2)
    peak = int(p[:, 2].argmax())
    rise = int((p[:, 2] > min(0.08, p[peak, 2] / 2)).argmax())
    spots = ((0, (3, 5), "left", "bottom"), (0, (3, -9), "left", "top"),
             (rise, (-6, 3), "right", "bottom"), (peak, (14, -4), "left", "top"))  # fmt: skip
    for i, (at, place, side, end) in enumerate(spots[: p.shape[1]]):
        name = "the others" if i == 3 and p.shape[1] > 4 else plain(logits.index[i])
        top.annotate(name, (tau[at], p[at, i]), place, textcoords="offset points", ha=side,
                     va=end, color=CYCLE[i] if i < 3 else QUIET)  # fmt: skip
    top.set(xscale="log", ylim=(0, 1), ylabel="probability")
    top.set_title("The window above: a high τ brings the classes together")
    N, K = student.shape
    size = np.array([((soften(student, t) - soften(teacher, t)) / (t * N)).norm() for t in tau])
    gap = student - student.mean(1, keepdim=True) - teacher + teacher.mean(1, keepdim=True)
    low.plot(tau, size * tau**2, color=ACCENT, lw=2)
    low.plot(tau, size, color=QUIET, lw=2)
    low.axhline(float(gap.norm()) / (K * N), color=INK, lw=1.2, ls=":")
    low.set(yscale="log", xlabel="temperature τ", ylabel="size of the gradient")
    ticks = (0.5, 1, 2, 5, 10, 20, 50, 100)
    low.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    low.minorticks_off()
    low.margins(y=0.12)
    low.annotate("with τ²", (tau[-1], size[-1] * tau[-1] ** 2), (0, 6), ha="right",
                 textcoords="offset points", color=ACCENT)  # fmt: skip
    low.annotate("without", (tau[-1], size[-1]), (-14, -4), ha="right", va="center",
                 textcoords="offset points", color=QUIET)  # fmt: skip
    low.set_title("Without the factor τ² the teacher falls silent")
    return fig


def gain_table(tables: Mapping[str, pd.DataFrame]):
    """The lesson's table: a row a question, a column a data set, the null below.

    Parameters
    ----------
    tables : Scores by data set

    Returns
    -------
    pandas Styler
    """
    verdicts = judge(tables)
    survives = holm(verdicts)
    head = "gain over labels alone"
    rows = [
        {head: title}
        | {PEOPLE[d]: narrow(verdicts[d, arm].gain) + " *" * survives[d, arm] for d in tables}
        for arm, title in TITLES_SHORT.items()
    ]
    luck = {d: compare(t, "plain_again", "plain").gain for d, t in tables.items()}
    rows.append({head: "only another seed"} | {PEOPLE[d]: narrow(g) for d, g in luck.items()})
    return score_table(rows, caption=(
        "Gain in macro-F1: mean over athletes of macro-F1 over the classes that each performs, "
        "with its 95 % interval over athletes and models. * stands after Holm's correction for all "
        "questions of the study."
    ))  # fmt: skip


def arm_table(tables: Mapping[str, pd.DataFrame]):
    """Macro-F1 of every arm, a column a data set.

    Parameters
    ----------
    tables : Scores by data set

    Returns
    -------
    pandas Styler
    """
    return level_table(tables, TITLES, show=lambda level: narrow(level, ""), caption=(
        "Mean over athletes of macro-F1 over the classes that each performs, with its 95 % "
        "interval over athletes and models."
    ))  # fmt: skip


def question_table(tables: Mapping[str, pd.DataFrame]):
    """Every question of the study: gain, verdict, and the harmed beside those of the null.

    Parameters
    ----------
    tables : Scores by data set

    Returns
    -------
    pandas Styler
    """
    verdicts = judge(tables)
    survives = holm(verdicts)
    null = {d: compare(t, "plain_again", "plain").harmed for d, t in tables.items()}
    rows = [
        {
            "arm": f"{d}: {TITLES[arm]}",
            "gain": narrow(c.gain),
            "verdict": c.verdict + " *" * survives[d, arm],
            "harmed (by seed)": f"{c.harmed} ({null[d]}) of {c.athletes}",
        }
        for (d, arm), c in verdicts.items()
    ]
    return score_table(rows, caption=(
        "Paired gain in macro-F1 over the arm with the same labels and no teacher. * stands after "
        "Holm's correction. Harmed athletes; in brackets, how many another seed harms."
    ))  # fmt: skip


def budget(levels: Mapping[str, pd.DataFrame]):
    """Macro-F1 with eight and with all training athletes labelled, a panel a data set.

    Parameters
    ----------
    levels : title → index arm, columns ``8 labelled`` and ``all labelled``

    Returns
    -------
    fig; a low one that says so where nobody trained with eight
    """
    levels = {name: table for name, table in levels.items() if len(table)}
    if not levels:
        return nothing("Too few athletes here to hide the labels of some.")
    return small_multiples(levels, dumbbell, height_in=3.2, share=(), xlabel="macro-F1", spec="",
                           accent=("labels and teacher",))  # fmt: skip


def identity(curves: pd.DataFrame):
    """Both sides of the regression identity against α.

    Parameters
    ----------
    curves : index α; columns ``two targets``, ``one target``, ``constant``

    Returns
    -------
    fig
    """
    fig, ax = figure(height_in=3.3)
    total = curves["one target"] + curves["constant"]
    ax.plot(curves.index, curves["two targets"], color=ACCENT, lw=6, alpha=0.3)
    ax.plot(curves.index, total, color=ACCENT, lw=1.5, ls="--")
    ends = {"both sides": (1.0, total.iloc[-1], ACCENT)}
    for name, color in (("one target", QUIET), ("constant", HARM)):
        ax.plot(curves.index, curves[name], color=color, lw=2)
        ends[name] = (1.0, curves[name].iloc[-1], color)
    ax.set(xlabel="weight of the teacher α", ylabel="squared error", ylim=(0, None))
    ax.set_title("Two targets are one smoothed target and a constant")
    end_labels(ax, ends)
    return fig


def bounded(errors: pd.DataFrame):
    """What a student's error costs under three losses, for one error of the teacher.

    Parameters
    ----------
    errors : index error of the student; a column a loss, the first in the accent colour

    Returns
    -------
    fig
    """
    fig, ax = figure(height_in=3.3)
    ends = {}
    for name, color in zip(errors.columns, (ACCENT, QUIET, HARM), strict=False):
        ax.plot(errors.index, errors[name], color=color, lw=2)
        ends[name] = (errors.index[-1], errors[name].iloc[-1], color)
    ax.set(xlabel="error of the student", ylabel="loss")
    ax.set_title("The bound pulls only where the student is worse than its teacher")
    end_labels(ax, ends)
    return fig
