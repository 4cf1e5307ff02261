"""The plotting grammar shows what it was given, and marks who gains and who is harmed."""

import numpy as np
import pandas as pd
import pytest

from sportsml_lite.evaluate import Interval
from sportsml_lite.plots import grammar
from sportsml_lite.plots.style import ACCENT, HARM, QUIET

ROWS = pd.DataFrame(
    {"estimate": [0.6, 0.8], "low": [0.5, 0.7], "high": [0.7, 0.9]}, index=["forest", "LSTM"]
)


def _dots(ax):
    return [line for line in ax.lines if line.get_marker() == "o"]


def test_rows_stand_in_their_order_with_interval_number_and_accent():
    fig = grammar.interval_rows(ROWS, "The LSTM wins", "macro-F1", accent=["LSTM"], band=0.05)
    ax = fig.axes[0]
    assert [tuple(line.get_xdata()) for line in ax.lines[:4:2]] == [(0.5, 0.7), (0.7, 0.9)]
    assert [dot.get_color() for dot in _dots(ax)] == [QUIET, ACCENT]
    assert [t.get_text() for t in ax.texts] == ["0.60", "0.80"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["forest", "LSTM"]
    assert fig.get_suptitle() == "The LSTM wins"


def test_a_curve_is_named_at_its_end_and_only_the_accented_has_its_interval():
    table = pd.concat([ROWS.assign(arm="own"), ROWS.assign(arm="all")]).assign(k=[1, 5, 1, 5])
    ax = grammar.interval_curve(table, accent=["own"]).axes[0]
    assert {t.get_text() for t in ax.texts} == {"own", "all"}
    assert len(ax.collections) == 1
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "5"]


def test_labels_keep_apart_in_their_order():
    places = grammar._apart({"a": 0.0, "b": 0.01, "c": 1.0}, 0.2)
    assert places["b"] - places["a"] == pytest.approx(0.2)
    assert places["c"] == 1.0


@pytest.mark.parametrize(("better", "harmed"), [("higher", 1), ("lower", 2)])
def test_before_and_after_count_the_harmed_whatever_the_metric(better, harmed):
    before = pd.Series([0.5, 0.5, 0.5, 0.5], index=list("abcd"))
    after = pd.Series([0.4, 0.51, 0.7, 0.8], index=list("abcd"))
    ax = grammar.before_after(before, after, harm=0.02, better=better).axes[0]
    assert f"{harmed} harmed" in [t.get_text() for t in ax.texts]
    ax = grammar.paired_scatter(before, after, harm=0.02, better=better).axes[0]
    sizes = {HARM: harmed, ACCENT: 4 - harmed}
    dots = [len(c.get_offsets()) for c in ax.collections[:2]]
    assert dots == [sizes[ACCENT], sizes[HARM]]


def test_before_and_after_pair_by_athlete_and_not_by_place():
    before = pd.Series([0.1, 0.9], index=["a", "b"])
    after = pd.Series([0.9, 0.1], index=["b", "a"])
    texts = [t.get_text() for t in grammar.before_after(before, after).axes[0].texts]
    assert texts[:3] == ["0 gain", "2 about the same", "0 harmed"]


def test_a_dumbbell_writes_both_numbers_and_both_names():
    table = pd.DataFrame({"random rows": [0.5], "new athletes": [1.3]}, index=["locker"])
    texts = {t.get_text() for t in grammar.dumbbell(table).axes[0].texts}
    assert texts == {"0.50", "1.30", "random rows", "new athletes"}


def test_multiples_draw_a_panel_each():
    fig = grammar.small_multiples({"one": ROWS, "two": ROWS}, grammar.interval_rows, xlabel="F1")
    assert [ax.get_title(loc="left") or ax.get_title() for ax in fig.axes] == ["one", "two"]
    assert [len(_dots(ax)) for ax in fig.axes] == [2, 2]


def test_flow_draws_every_box_and_arrow():
    ax = grammar.flow({"a": (0, 0, "teacher"), "b": (1, 0, "student")}, [("a", "b")]).axes[0]
    assert [t.get_text() for t in ax.texts] == ["teacher", "student", ""]


def test_a_score_table_prints_intervals_and_escapes_what_a_file_calls_itself():
    gain = Interval(0.434, 0.4, 0.46, 0.95, 20, 10, 0.001)
    row = {
        "<b>": "<i>x</i>",
        "gain": gain,
        "text": "0.10 [-0.00, 0.20] *",
        "n": 1200,
        "known": np.nan,
        "holm": True,
    }
    html = grammar.score_table([row]).to_html()
    for text in (
        "0.43 [0.40,\u00a00.46]",
        "0.10 [0.00,\u00a00.20] *",
        "1,200",
        "–",
        "yes",
        "&lt;i&gt;x",
    ):
        assert text in html
    assert "Nothing of this kind" in grammar.score_table([], caption="gain").to_html()
