"""The figures of chapter 7 show what they were given."""

import numpy as np
import pandas as pd
import pytest

from sportsml_lite.plots import teacher as figures
from sportsml_lite.studies import teacher as study


def table(people=6, other=2, mend=0.3):
    """Scores of swimmers, the last of whom wear the watch on the other wrist."""
    wave = np.sin(np.arange(60) / 5) - 4
    rows = []
    for a in range(people):
        key = {"partition": 0, "fold": a % 3, "seed": a % 3, "athlete": f"s{a}", "n": 10.0 + a}
        turned = a >= people - other
        side = -1 if turned else 1
        rows.append(key | {"arm": study.RECORDING, "metric": "level", "value": -4.0 * side,
                           "truth": "freestyle"})  # fmt: skip
        rows += [
            key | {"arm": study.RECORDING, "metric": "wave", "value": side * v, "step": float(t),
                   "channel": study.WRIST, "truth": "freestyle"}
            for t, v in enumerate(wave)
        ]  # fmt: skip
        for arm, value in (("unmirrored", 0.9 - mend * turned), ("mirrored", 0.92),
                           ("single", 0.93), ("ensemble", 0.935),
                           ("teacher", 0.95), ("minirocket_mirrored", 0.94),
                           ("boosting", 0.8), ("majority", 0.2)):  # fmt: skip
            rows.append(key | {"arm": arm, "metric": "macro_f1", "value": value + 0.001 * a})
    return pd.DataFrame(rows)


def texts(ax):
    return " ".join(t.get_text() for t in ax.texts)


def test_the_mirror_lays_the_other_wrist_onto_the_first():
    top, low = figures.two_wrists(table()).axes
    mine, mirrored, recorded = (line.get_ydata() for line in top.lines[:3])
    np.testing.assert_allclose(mirrored, -recorded)
    np.testing.assert_allclose(mine, mirrored, atol=1e-9)
    assert recorded.mean() > 0 > mine.mean()
    assert "in the mirror" in texts(top)
    assert "freestyle" in top.get_title()
    names = [t.get_text().replace("\n", " ") for t in low.get_yticklabels()]
    assert names == ["on the usual wrist (4)", "on the other wrist (2)"]
    usual, other = (c.get_offsets()[:, 0] for c in low.collections[::-1])
    np.testing.assert_allclose(other, 0.02)
    np.testing.assert_allclose(usual, 0.32)


def test_one_wrist_is_said_to_be_one():
    fig = figures.two_wrists(table(other=0))
    assert "one wrist" in texts(fig.axes[0])


def test_the_cell_names_what_the_equations_name():
    said = texts(figures.cell().axes[0])
    for symbol in ("c_{t-1}", "c_t", "h_{t-1}", "h_t", "x_t", "f$: keep", "i$: write", "o$: show"):
        assert symbol in said
    assert said.count("×") == 3 and said.count("+") == 1


def test_the_lowest_validation_loss_is_kept():
    curve = pd.DataFrame({"train_loss": [1.0, 0.5, 0.2], "val_loss": [1.1, 0.7, 0.9]})
    ax = figures.learning_curve(curve, np.log(3)).axes[0]
    kept = next(t for t in ax.texts if t.get_text() == "kept")
    assert kept.xy == (2, 0.7)
    assert ax.get_ylim()[0] == 0


def test_the_ranking_has_five_rows_with_the_swimmers_best_first():
    html = figures.ranking({"swimming": table()}).to_html()
    order = ["the teacher, as chosen", "MiniRocket, the rival", "two LSTMs", "boosted trees",
             "a simple rule"]  # fmt: skip
    places = [html.index(name) for name in order]
    assert places == sorted(places)
    assert "swimmers" in html


def test_invariances_are_rows_with_those_that_pay_in_colour():
    students = pd.DataFrame(
        {"arm": arm, "metric": "macro_f1", "value": value + 0.002 * (a % 3), "n": 9.0,
         "athlete": f"s{a}", "partition": 0, "fold": a % 3, "seed": a % 3}
        for a in range(9)
        for arm, value in (("student", 0.8), ("student_gain", 0.8), ("student_rotation", 0.9))
    )  # fmt: skip
    ax = figures.invariances(students).axes[0]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["rotation", "gain"]
    assert "+0.100" in texts(ax)
    assert "three axes" in texts(figures.invariances(table()).axes[0])


@pytest.mark.parametrize("order", [1, -1])
def test_confusion_prints_shares_of_the_truth_and_leaves_absent_classes_empty(order):
    names = ["still", "very_slow", "never"][::order]
    counts = pd.DataFrame([[9, 1, 0], [2, 2, 0], [0, 0, 0]], ["still", "very_slow", "never"],
                          ["still", "very_slow", "never"])  # fmt: skip
    ax = figures.confusion(counts.loc[names, names]).axes[0]
    shown = [t.get_text() for t in ax.texts]
    assert sorted(shown) == sorted(["90%", "10%", "0%", "50%", "50%", "0%"])
    assert [t.get_text() for t in ax.get_yticklabels()] == [n.replace("_", " ") for n in names]


def test_the_ramp_rises_through_three_domains():
    ax = figures.ramp().axes[0]
    heart = ax.lines[0].get_ydata()
    assert (np.diff(heart) > 0).all()
    assert len(ax.patches) == 3
    assert texts(ax).count("a window") == 3
