"""The figures of chapter 11: how far from the limit, what 8 bits change, when to ease."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sportsml_lite.evaluate import Comparison, mean
from sportsml_lite.findings.deploy import PEOPLE
from sportsml_lite.intensity import DOMAINS
from sportsml_lite.plots import tables as shared
from sportsml_lite.plots.grammar import (
    SMALL,
    canvas,
    interval_rows,
    score_table,
    small_multiples,
)
from sportsml_lite.plots.style import ACCENT, CYCLE, GREY, HARM, INK, QUIET, figure
from sportsml_lite.studies.deploy import GUIDES, QUESTIONS, TITLES

FORMS = ("teacher", "student", "student_again", "int8", "stream")
DOMAIN_NAMES = dict(zip(DOMAINS, ("below VT1", "between", "above VT2"), strict=True))
CAPTION = (
    "Paired difference in macro-F1: mean over athletes of macro-F1 over the classes that each "
    "performs, with its 95 % interval over athletes and models. * stands after Holm's correction."
)


def near_the_limit(us: pd.Series, limit_us: float, ax=None):
    """Time of a window in every form, on a scale of tenfolds, with the limit of the arithmetic.

    Parameters
    ----------
    us : µs a window, index form; limit_us : of the multiplications alone, NaN
        where it is not known
    ax : where to draw; None makes a figure

    Returns
    -------
    fig
    """
    fig, ax = canvas(ax, "Most of the time was not arithmetic", 0.9 + 0.42 * len(us))
    y, known = np.arange(len(us))[::-1], np.isfinite(limit_us)
    for at, (name, value) in zip(y, us.items(), strict=True):
        color = ACCENT if name.startswith("C") else QUIET
        ax.plot([limit_us, value], [at, at], color=color, lw=2.5, alpha=0.4)
        ax.plot(value, at, "o", color=color, ms=9, mec="white")
        ax.annotate(f"{value:,.0f}" if value >= 10 else f"{value:.1f}", (value, at), (9, 0),
                    textcoords="offset points", va="center", color=color)  # fmt: skip
    ax.axvline(limit_us, color=INK, lw=1.2, ls="--", zorder=0)
    name = "the arithmetic alone" if known else ""
    ax.annotate(name, (limit_us, 1), (4, -2), xycoords=("data", "axes fraction"), va="top",
                textcoords="offset points", fontsize=SMALL)  # fmt: skip
    ax.set_xscale("log")
    ax.set_xlim(0.6 * (limit_us if known else us.min()), 4 * us.max())
    ax.set_yticks(y, us.index)
    ax.set_ylim(-0.6, len(us) + 0.1)
    ax.set_xlabel("µs a window, one thread of this computer")
    return fig


def rounded(exact: np.ndarray, in_8_bits: np.ndarray, ax=None):
    """Every logit of the student against the same in whole numbers.

    Parameters
    ----------
    exact, in_8_bits : (N, K) logits of the same windows
    ax : where to draw; None makes a figure

    Returns
    -------
    fig
    """
    fig, ax = canvas(ax, "8 bits hardly change the logits", 3.8)
    same = exact.argmax(1) == in_8_bits.argmax(1)
    for mine, color, size in ((same, ACCENT, 8), (~same, HARM, 26)):
        ax.scatter(exact[mine].ravel(), in_8_bits[mine].ravel(), s=size, color=color, alpha=0.5,
                   linewidths=0)  # fmt: skip
    ends = np.array([exact.min(), exact.max()])
    ax.plot(ends, ends, color=INK, lw=1, ls="--", zorder=0)
    ax.annotate(f"{same.mean():.1%} of the windows: the same answer", (0.02, 0.97), va="top",
                xycoords="axes fraction", color=ACCENT)  # fmt: skip
    if not same.all():
        ax.annotate(
            "the others: a different answer",
            (0.02, 0.89),
            va="top",
            xycoords="axes fraction",
            color=HARM,
        )
    ax.set(xlabel="logit, single precision", ylabel="logit, 8 bits")
    return fig


def forms(tables: Mapping[str, pd.DataFrame], arms=FORMS):
    """Macro-F1 of every form, a panel a data set.

    Parameters
    ----------
    tables : Scores by data set; arms : of them, from top to bottom

    Returns
    -------
    fig
    """
    panels = {
        PEOPLE.get(name, name): {TITLES[a]: mean(t, a) for a in arms if a in set(t["arm"])}
        for name, t in tables.items()
    }
    return small_multiples(
        panels, interval_rows, "The same student in every form", height_in=2.7, share=("x",),
        xlabel="macro-F1, mean over athletes", accent=(TITLES["int8"], TITLES["stream"]),
        spec=".3f",
    )  # fmt: skip


def guided(t_s, heart, probability, truth, said, classes):
    """A recording as the stream reads it: heart rate, probabilities, the true domain, the words.

    Parameters
    ----------
    t_s : (T,) s; heart : (T,) share of the maximum expected at this age
    probability : (T, K); truth : (T,) position in ``classes``
    said : (T,) str, ``'hold'``, ``'ease'``, ``'stop'`` or ``''``
    classes : K names

    Returns
    -------
    fig
    """
    from matplotlib.patches import Patch

    fig, (top, middle, low) = figure(3, 1, 5.6, sharex=True,
                                     gridspec_kw={"height_ratios": [3, 3, 1.3]})  # fmt: skip
    minutes = np.asarray(t_s) / 60
    top.plot(minutes, heart, color=INK, lw=1.2)
    top.set_ylabel("heart rate\n(share of max)")
    colors = (CYCLE[4], CYCLE[5], CYCLE[1])
    middle.stackplot(minutes, np.nan_to_num(probability).T, colors=colors, lw=0, alpha=0.85,
                     labels=[DOMAIN_NAMES.get(name, name) for name in classes])  # fmt: skip
    middle.set(ylabel="probability", ylim=(0, 1))
    middle.legend(loc="upper center", bbox_to_anchor=(0.5, 1.22), ncol=3, fontsize=SMALL,
                  handlelength=1)  # fmt: skip
    marks = {"hold": GREY, "ease": CYCLE[5], "stop": HARM}
    for place, (values, names, shades) in enumerate((
        (np.asarray(said), tuple(marks), tuple(marks.values())),
        (np.asarray(truth), range(len(classes)), colors),
    )):  # fmt: skip
        for name, shade in zip(names, shades, strict=True):
            low.fill_between(minutes, place, place + 0.8, where=values == name, step="post",
                             color=shade, lw=0)  # fmt: skip
    low.set(yticks=[0.4, 1.4], yticklabels=["said", "truth"], xlabel="time (min)")
    words = [Patch(color=shade, label=name) for name, shade in marks.items()]
    low.legend(handles=words, loc="upper center", bbox_to_anchor=(0.5, -0.75), ncol=3,
               fontsize=SMALL, handlelength=1)  # fmt: skip
    low.spines["left"].set_visible(False)
    low.tick_params(axis="y", length=0)
    return fig


def jitter(seconds: np.ndarray, rate_hz: float, ax=None):
    """How long each sample of a stream takes: the share of samples that are done by a time.

    Parameters
    ----------
    seconds : (T,) of each sample, from :func:`sportsml_lite.deploy.stream.push_seconds`
    rate_hz : at which samples come: the next one is the deadline
    ax : where to draw; None makes a figure

    Returns
    -------
    fig
    """
    fig, ax = canvas(ax, "Ready long before the next sample", 3.2)
    us = 1e6 * np.sort(seconds)
    ax.step(us, np.arange(1, len(us) + 1) / len(us), color=ACCENT, lw=2, where="post")
    marks = {"median": np.median(us), "99 %": np.quantile(us, 0.99), "deadline": 1e6 / rate_hz}
    for height, (name, at) in zip((0.35, 0.6, 0.85), marks.items(), strict=True):
        ax.axvline(at, color=INK, lw=1.2, ls="--", zorder=0)
        side = (-5, "right") if at > 1e5 / rate_hz else (5, "left")
        ax.annotate(f"{name}: {at:,.0f} µs", (at, height), (side[0], 0), ha=side[1], va="center",
                    textcoords="offset points", fontsize=SMALL)  # fmt: skip
    ax.set_xscale("log")
    ax.set(xlabel="time of a sample (µs)", ylabel="share of the samples", ylim=(0, 1.03))
    return fig


def level_table(tables: Mapping[str, pd.DataFrame]):
    """Macro-F1 of every arm: a row an arm, a column a data set.

    Parameters
    ----------
    tables : Scores by data set

    Returns
    -------
    pandas Styler
    """
    titles = {arm: title for arm, title in TITLES.items() if arm not in GUIDES}
    return shared.level_table(tables, titles, 3, (
        "Macro-F1: mean over athletes of macro-F1 over the classes that each performs, with its "
        "95 % interval over athletes and models."
    ))  # fmt: skip


def judged_table(
    verdicts: Mapping[tuple, Comparison], survives: Mapping[tuple, bool], nulls: Mapping[str, int]
):
    """Every question of the study: a row a comparison.

    Parameters
    ----------
    verdicts, survives : by (data set, question)
    nulls : harmed by seed alone, by data set

    Returns
    -------
    pandas Styler
    """

    def names(data: str, question: str) -> dict[str, str]:
        arm, against = (TITLES[name] for name in QUESTIONS[question])
        return {"data": data, "arm": arm, "against": against}

    return shared.judged_table(
        verdicts, survives, names, lambda data, _: nulls[data], CAPTION.split(" * ")[0]
    )


def in_a_frame(page: str, height_px: int = 900):
    """A page of its own within the page: an IPython object; nothing is fetched.

    Parameters
    ----------
    page : HTML; height_px : of the frame
    """
    from html import escape

    from IPython.display import HTML

    return HTML(
        f'<div><iframe title="The student in your browser" srcdoc="{escape(page)}" loading="lazy" '
        f'style="width: 100%; height: {height_px}px; border: 0"></iframe></div>'
    )


def cost_table(cost: pd.DataFrame, scores: pd.DataFrame | None = None):
    """What each form costs, beside what it reaches.

    Parameters
    ----------
    cost : from :func:`sportsml_lite.deploy.timing.forms`; scores : of the study, the swimmers',
        or None

    Returns
    -------
    pandas Styler
    """
    arms = {"teacher, PyTorch": "teacher", "C, 8 bits": "int8"}

    def reached(form: str) -> str:
        return f"{mean(scores, arms.get(form, 'student')).estimate:.3f}"

    rows = [
        {
            "form": name,
            **({} if scores is None else {"macro-F1": reached(name)}),
            "weights (kB)": f"{row['weight_bytes'] / 1000:,.1f}",
            "state (kB)": "" if np.isnan(row["ram_bytes"]) else f"{row['ram_bytes'] / 1000:.1f}",
            "multiplications": f"{row['macs']:,.0f}",
            "µs": f"{row['us']:,.0f}" if row["us"] >= 10 else f"{row['us']:.1f}",
        }
        for name, row in cost.iterrows()
    ]
    return score_table(rows, caption=(
        "One window of a swimmer (6 s at 30 Hz) in each form. Weights include what learning on the "
        "device needs, where the form can learn; state is what is remembered between two samples. "
        "Multiplications (each with an addition) are a rough stand-in for the energy, which was "
        "not measured."
    ))  # fmt: skip


def agreement_table(tables: Mapping[str, pd.DataFrame]):
    """Share of the windows that a form answers as PyTorch does: a row a form, a column a data set.

    Parameters
    ----------
    tables : Scores by data set

    Returns
    -------
    pandas Styler
    """
    forms = ("int8", "stream", "personal_int8")
    rows = [
        {"form": TITLES[arm]}
        | {PEOPLE.get(n, n): _level(t, arm, "agreement", ".1%") for n, t in tables.items()}
        for arm in forms
    ]
    return score_table(rows, caption=(
        "Share of the windows that are answered as in PyTorch: mean over athletes, with its 95 % "
        "interval over athletes and models."
    ))  # fmt: skip


def guidance_table(tables: Mapping[str, pd.DataFrame]):
    """Lateness, misses and false alarms of each guide: a row each, a column a data set.

    Parameters
    ----------
    tables : Scores by data set

    Returns
    -------
    pandas Styler
    """
    guided = {n: t for n, t in tables.items() if (t["metric"] == "late_s").any()}
    asked = {"late_s": ("s late", ".0f"), "missed": ("missed", ".0%"),
             "false_alarms_per_h": ("false alarms an hour", ".1f")}  # fmt: skip
    rows = [
        {"guide": TITLES[arm], "": words}
        | {PEOPLE.get(n, n): _level(t, arm, metric, spec) for n, t in guided.items()}
        for arm in GUIDES
        for metric, (words, spec) in asked.items()
    ]
    return score_table(rows if guided else [], caption=(
        "Mean over guided athletes, with its 95 % interval over athletes and models."
    ))  # fmt: skip


def _level(scores: pd.DataFrame, arm: str, metric: str, spec: str) -> str:
    own = scores[(scores["arm"] == arm) & (scores["metric"] == metric)]
    if own["athlete"].nunique() < 2:  # of a short run: no interval
        return format(own["value"].mean(), spec) if len(own) else "–"
    found = mean(scores, arm, metric)
    if np.isnan(found.low):
        return format(found.estimate, spec)
    low = max(0.0, found.low)  # times, shares and counts are never below 0
    return f"{found.estimate:{spec}} [{low:{spec}}, {found.high:{spec}}]"
