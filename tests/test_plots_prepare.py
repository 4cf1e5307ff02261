"""The figures of chapter 2 show what they were given: both exams, parts, one scale."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from sportsml_lite.findings.prepare import LookAhead
from sportsml_lite.plots import prepare as figures
from sportsml_lite.plots.style import ACCENT


def _title(ax):
    return ax.get_title(loc="left") or ax.get_title()


def _scores(values, gap_s=np.nan, lost=None):
    """Two athletes, two folds; value by arm, a little apart."""
    rows = [
        (arm, fold, athlete, value + 0.01 * fold + 0.02 * i, gap_s, lost)
        for arm, value in values.items()
        for fold in (0, 1)
        for i, athlete in enumerate("ab")
    ]
    columns = ["arm", "fold", "athlete", "value", "gap_s", "lost"]
    table = pd.DataFrame(rows, columns=columns).assign(metric="rmse", partition=0, n=5.0)
    return table.assign(seed=table["fold"])


def test_leak_has_both_exams_of_each_model_and_a_panel_a_data_set():
    scores = _scores({"mean": 2.0, "mean_met": 1.9, "locker": 3.0, "locker_met": 1.0})
    scores = pd.concat([scores, _scores({"mean": 50.0}, 5.0, "nothing")])  # a gap is no exam
    table = figures.leaks(scores, ("mean", "locker"))
    assert table.loc["locker number"].tolist() == pytest.approx([1.015, 3.015])
    fig = figures.leak({"actes": scores, "other": scores}, "title", ("mean", "locker"))
    assert [_title(ax) for ax in fig.axes] == [figures.ASKED["actes"], "other"]


def test_split_colours_cells_by_their_part_and_counts_who_stands_on_both_sides():
    athlete = np.repeat(["a", "b", "c"], 4)
    by_athletes = np.repeat(["train", "test", "validation"], 4)
    by_rows = np.tile(["train", "test", "train", "validation"], 3)
    fig = figures.split(athlete, by_rows, by_athletes)
    titles = [_title(ax) for ax in fig.axes]
    assert titles[0].startswith("deal rows: 3 of 3") and titles[1].startswith("deal athletes: 0")
    cells = fig.axes[1].images[0].get_array()
    assert tuple(cells[0, 2]) == pytest.approx(to_rgb(ACCENT))  # columns: train, validation, test


def test_gaps_leave_out_what_has_no_stream_and_say_which_way_reads_ahead():
    arms = {"fill_hold": 3.0, "fill_forest": 2.0, "fill_interpolate": 1.0}
    scores = pd.concat([_scores(arms, gap, "nothing") for gap in (5.0, 60.0)])
    fig = figures.gaps({"actes": scores, "pmdata": _scores({"mean": 1.0})})
    assert len(fig.axes) == 1
    assert {t.get_text().replace("\n", " ") for t in fig.axes[0].texts} == {
        "hold",
        "forest",
        "line (reads ahead)",
    }


def test_one_scale_draws_the_two_extremes_and_says_where_nobody_has_a_scale():
    athletes = pd.DataFrame(
        {"athlete_id": list("abc"), "age_y": 30.0, "hr_rest_bpm": [50.0, 60, 70],
         "hr_max_bpm": [190.0, 180, 170]}
    )  # fmt: skip
    fig = figures.one_scale(athletes, 120)
    assert fig.get_suptitle() == "At 120 bpm one athlete is at 50 %, another at 50 %"
    assert figures.one_scale(athletes.assign(hr_rest_bpm=np.nan), 120).axes[0].texts


def test_look_ahead_shows_both_curves_and_counts_what_moved():
    curve = np.array([1.0, 2, 3])
    found = LookAhead(np.arange(3.0), 1.5, {"week": (curve, 2 * curve)}, {"week": 4}, 9)
    ax = figures.look_ahead(found).axes[0]
    assert _title(ax) == "week: 4 of 9 earlier values moved"
    assert [list(line.get_ydata()) for line in ax.lines[:2]] == [[2, 4, 6], [1, 2, 3]]


def test_impulses_say_so_where_no_load_is_known():
    loads = pd.DataFrame({"trimp_mean": [np.nan], "trimp_stream": [1.0], "reserve_sd": [0.1]})
    assert "No session" in figures.impulses(loads).axes[0].texts[0].get_text()
