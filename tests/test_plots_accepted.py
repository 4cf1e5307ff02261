"""The figures of accepted results: absent rows stay empty, verdicts keep their colour."""

import numpy as np
import pandas as pd

from sportsml_lite.plots import distil, teacher
from sportsml_lite.plots.accepted import side_by_side
from sportsml_lite.plots.style import BLUE, GREEN, GREY


def _rows(**verdicts):
    rows = pd.DataFrame(0.1, index=list(verdicts), columns=["estimate", "low", "high"])
    return rows.assign(verdict=verdicts.values())


def test_side_by_side_shares_its_rows_and_colours_by_verdict():
    tables = {"one": _rows(a="better", b="undecided"), "two": _rows(b="better")}
    fig = side_by_side(tables, "gain", 0.01)
    names = [t.get_text() for t in fig.axes[0].get_yticklabels()]
    marks = [[m for m in ax.lines if m.get_marker() == "o"] for ax in fig.axes]
    assert [(m.get_ydata()[0], m.get_color()) for m in marks[0]] == [(1, GREEN), (0, GREY)]
    assert names[0] == "b" and [m.get_ydata()[0] for m in marks[1]] == [0]


def test_scores_have_no_verdict_and_one_colour():
    fig = side_by_side({"one": _rows(a="", b="").drop(columns="verdict")}, "macro-F1")
    assert {line.get_color() for line in fig.axes[0].lines} == {BLUE}


def test_budgets_have_a_panel_a_data_set_with_its_own_numbers_of_athletes():
    gains = pd.DataFrame({"arm": "distilled", "athletes": [4, 12], "estimate": 0.0})
    gains = gains.assign(low=-0.1, high=0.1)
    fig = distil.budgets({"one": gains, "two": gains.replace(12, 9)}, 0.01)
    assert [t.get_text() for t in fig.axes[1].get_xticklabels()] == ["4", "9"]


def test_a_dollar_of_the_readers_begins_no_formula():
    fig = teacher.confusion(np.eye(2), ["$a_{b$", "b"])
    fig.canvas.draw()  # a formula without its end would stop here
