"""The figures of a reader's own sessions: how they are split in time, and how they are predicted.

A lesson shows them only where it is given the reader's folder, so the text for the blind comes with
the figure and not from the lesson's source.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Iterator

from sportsml_lite.plots import grammar
from sportsml_lite.plots.style import ACCENT, AMBER, GREY, QUIET, plain
from sportsml_lite.studies import own as study
from sportsml_lite.studies.own import ARMS, Own, Person

PARTS = {
    "train": ("learned from", QUIET),
    "validation": ("choose", AMBER),
    "test": ("asked", ACCENT),
}


def timeline(person: Person):
    """Effect of each session over time, coloured by the part that it plays.

    Returns
    -------
    fig
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    asked = int((person.sessions["part"] == "test").sum())
    title = f"{plain(person.name)}: the past teaches, the latest {asked} sessions are asked"
    fig, ax = grammar.canvas(None, title, 3.2)
    for height, (part, (name, color)) in zip((5.3, 5.8, 5.3), PARTS.items(), strict=True):
        mine = person.sessions[person.sessions["part"] == part]
        ax.plot(mine["start"], mine["effect"], "o", color=color, ms=7, mec="white")
        ax.axvline(mine["start"].iloc[0], color=GREY, lw=1, ls=":", zorder=0)
        ax.annotate(f"{name}: {len(mine)}", (mine["start"].iloc[len(mine) // 2], height),
                    ha="center", fontsize=grammar.SMALL, annotation_clip=False)  # fmt: skip
    ax.set(ylim=(-0.2, 6.2), yticks=range(6), ylabel=f"{person.what.removeprefix('the ')}\n(0–5)")
    dates = AutoDateLocator(maxticks=7)
    ax.xaxis.set(major_locator=dates, major_formatter=ConciseDateFormatter(dates))
    return fig


def curve(person: Person):
    """Mean miss of each predictor over the number of sessions that were learned from.

    Returns
    -------
    fig; band: 95 % interval over the test sessions
    """
    table = study.misses(person)
    last = table[table["n"] == person.n].set_index("arm")["estimate"]
    title = (
        f"{plain(person.name)}: after {person.n} sessions a miss of {last[ARMS['between']]:.2f} "
        f"points; the mean so far misses by {last[ARMS['mean']]:.2f}"
    )
    fig, ax = grammar.canvas(None, title, 3.6)
    accent = [ARMS["between"]]
    top = table.loc[table["arm"].isin(accent), "high"].max()
    ax.set_ylim(0, 1.1 * max(table["estimate"].max(), top))  # before the labels
    grammar.interval_curve(table, line="arm", x="n", accent=accent, ax=ax)
    ax.set(xlabel="own sessions learned from", ylabel="mean miss (points)")
    return fig


def spoken(person: Person, draw: Callable) -> str:
    """What one of the two figures shows, in words."""
    if draw is timeline:
        return "Dots over dates, a session each: grey ones are learned from, later ones are asked."
    table = study.misses(person)
    last = table[table["n"] == person.n]
    said = ", ".join(f"{row.arm} {row.estimate:.2f}" for row in last.itertuples())
    return f"Lines of the mean miss over the sessions learned from. With {person.n}: {said} points."


def show(own: Own, draw: Callable = curve) -> None:
    """Display a figure for each person, the table of its numbers, and what was left out.

    Nothing is displayed where the lesson runs without the reader's folder.
    """
    from IPython.display import display

    for item in items(own, draw):
        display(item)


def items(own: Own, draw: Callable = curve) -> Iterator:
    """What :func:`show` displays: pictures and tables."""
    for person in own.people:
        yield _picture(draw(person), spoken(person, draw))
        if draw is curve:
            caption = html.escape(study.about(person), quote=False)  # a folder's name is text
            yield grammar.score_table(study.results(person), caption=caption)
    if own.left_out:
        rows = [{"left out": why, "how often": n} for why, n in own.left_out.items()]
        yield grammar.score_table(rows, caption="When the files were read:")


def _picture(fig, alt: str):
    """A figure as HTML with its text for the blind."""
    from IPython.display import HTML

    file = io.BytesIO()
    fig.savefig(file, format="png", dpi=200)
    data = base64.b64encode(file.getvalue()).decode()
    width = round(100 * fig.get_figwidth())
    return HTML(
        f'<img alt="{html.escape(alt)}" width="{width}" src="data:image/png;base64,{data}">'
    )
