"""The figures of chapter 7 show what they were given: shares, intervals, units."""

import numpy as np
import pandas as pd
import pytest

from sportsml_lite.plots import teacher as figures


def test_confusion_prints_shares_of_the_truth_and_leaves_absent_classes_empty():
    matrix = np.array([[9, 1, 0], [2, 2, 0], [0, 0, 0]])
    ax = figures.confusion(matrix, ["still", "very_slow", "never"]).axes[0]
    assert [t.get_text() for t in ax.texts] == ["90%", "10%", "0%", "50%", "50%", "0%"]
    assert [t.get_text() for t in ax.get_yticklabels()] == [
        "still (10)",
        "very slow (4)",
        "never (0)",
    ]


def test_standing_marks_the_teacher_and_draws_no_gain_of_it_over_itself():
    columns = ["estimate", "low", "high"]
    score = pd.DataFrame([[0.9, 0.8, 0.95], [0.7, 0.6, 0.8]], index=["LSTM", "forest"])
    gain = pd.DataFrame([[np.nan] * 3, [0.2, 0.1, 0.3]], index=["LSTM", "forest"])
    fig = figures.standing(score.set_axis(columns, axis=1), gain.set_axis(columns, axis=1), "LSTM")
    left, right = fig.axes
    assert left.lines[0].get_color() != left.lines[2].get_color()
    assert list(right.lines[2].get_xdata()) == [0.1, 0.3]
    assert np.isnan(right.lines[0].get_xdata()).all()


def test_learning_curves_mark_the_lowest_validation_loss():
    history = pd.DataFrame(
        {"step": [10, 20, 30], "train_loss": [1.0, 0.5, 0.2], "val_loss": [1.1, 0.7, 0.9]}
    )
    ax = figures.learning_curves([history, history], np.log(3)).axes[0]
    marks = [line for line in ax.lines if line.get_marker() == "v"]
    assert [(m.get_xdata()[0], m.get_ydata()[0]) for m in marks] == [(20, 0.7)] * 2
    assert "nats" in ax.get_ylabel()


def test_wrong_says_so_where_no_label_changes():
    athletes = pd.DataFrame({"LSTM": [0.9, 0.5], "forest": [0.8, 0.6]})
    near = pd.DataFrame(columns=["model", "seconds", "estimate", "low", "high"])
    right = figures.wrong(athletes, near, "LSTM", "forest").axes[1]
    assert right.texts[0].get_text().startswith("no label changes")


def test_wrong_marks_every_measured_time():
    athletes = pd.DataFrame({"LSTM": [0.9, 0.5], "forest": [0.8, 0.6]})
    row = {"estimate": 0.2, "low": 0.1, "high": 0.3}
    near = [{"model": m, "seconds": t} | row for t in (1.0, 30.0) for m in athletes]
    right = figures.wrong(athletes, pd.DataFrame(near), "LSTM", "forest").axes[1]
    assert [t.get_text() for t in right.get_xticklabels()] == ["1", "30"]


@pytest.mark.parametrize("channels", [1, 3])
def test_examples_have_a_column_a_class_and_a_row_a_channel(channels):
    X = np.zeros((2, channels, 30), np.float32)
    names = [f"channel {c} (m/s)" for c in range(channels)]
    fig = figures.examples(X, np.arange(30.0), names, ["slow", "fast"])
    assert len(fig.axes) == 2 * channels
    assert [ax.get_ylabel() for ax in fig.axes[::2]] == names


def test_intervals_of_losses_reach_from_low_to_high():
    drops = pd.DataFrame(
        {
            "change": ["shuffled", "shuffled"],
            "model": ["LSTM", "forest"],
            "estimate": [0.3, 0.1],
            "low": [0.2, 0.0],
            "high": [0.4, 0.3],
        }
    )
    ax = figures.spoiled(drops).axes[0]
    ends = [np.round(c[2][0].get_segments()[0][:, 0], 6).tolist() for c in ax.containers]
    assert ends == [[0.2, 0.4], [0.0, 0.3]]


def test_an_estimate_outside_its_interval_is_drawn_with_no_bar_on_that_side():
    row = {"estimate": 0.0, "low": 0.01, "high": 0.02}
    drops = pd.DataFrame([{"change": "shuffled", "model": "LSTM"} | row])
    ax = figures.spoiled(drops).axes[0]
    assert ax.containers[0][2][0].get_segments()[0][:, 0].tolist() == [0.0, 0.02]
    athletes = pd.DataFrame({"LSTM": [0.9, 0.5], "forest": [0.8, 0.6]})
    near = pd.DataFrame([{"model": m, "seconds": 1.0} | row for m in athletes])
    assert len(figures.wrong(athletes, near, "LSTM", "forest").axes[1].containers) == 2


def test_reliability_draws_both_tables():
    table = pd.DataFrame({"confidence": [0.5, 0.9], "accuracy": [0.4, 0.8], "n": [10, 30]})
    fig = figures.reliability(table, table)
    assert all(len(ax.collections[0].get_offsets()) == 2 for ax in fig.axes)
