"""The figures and sentences of chapter 4 follow their table, whatever it holds."""

import numpy as np
import pandas as pd
import pytest

from sportsml_lite.findings import effect as findings
from sportsml_lite.plots import effect as figures
from sportsml_lite.studies import effect as study

ERRORS = {"mean": 1.0, "mlp": 1.5, "ridge": 0.6, "ridge_past": 0.3, "floor": 0.1}


def _scores(errors, target="effect", people=10, spread=0.01):
    """A row an athlete, arm and metric; two folds."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(people):
        job = {"athlete": f"a{i}", "partition": 0, "fold": i % 2, "seed": i % 2, "n": 9.0}
        job |= {"target": target, "earlier": np.nan}
        for arm, mse in errors.items():
            mse = mse * (1 + spread * rng.normal())
            values = {"mse": mse, "rmse": np.sqrt(mse), "mae": 0.8 * np.sqrt(mse)}
            rows += [job | {"arm": arm, "metric": m, "value": v} for m, v in values.items()]
            rows.append(job | {"arm": arm, "metric": "bias", "value": (i - 5) * mse / 10})
            for k in (0, 3, 40):
                after = {"arm": arm, "metric": "mae_after", "earlier": float(k), "value": mse}
                rows.append(job | after)
        rows.append(job | {"arm": "floor", "metric": "responder", "value": 1 + i / 10})
    return pd.DataFrame(rows)


@pytest.fixture
def simulated():
    return _scores(ERRORS)


@pytest.fixture
def real():
    found = _scores({k: v for k, v in ERRORS.items() if k != "floor"}, "rpe")
    return found[found["metric"] != "responder"]


def _texts(ax):
    return [text.get_text() for text in ax.texts]


def test_ladder_shows_what_is_left_and_who_knows_the_floor(real, simulated):
    fig = figures.ladder({"people": real, "runners": simulated})
    left = figures.remaining(simulated)
    assert left["estimate"].tolist() == pytest.approx([100, 150, 60, 30, 10], rel=0.02)
    assert (left["low"] <= left["estimate"]).all() and (left["estimate"] <= left["high"]).all()
    people, runners = fig.axes
    assert "nobody knows where it lies" in _texts(people)
    assert f"{left.loc['ridge + own past', 'estimate']:.0f}" in _texts(runners)
    grey = [p for p in runners.patches if p.get_x() == 0]
    assert grey[0].get_width() == pytest.approx(10, abs=1)
    assert not people.patches
    assert people.get_xlim() == runners.get_xlim()


def test_learning_curve_marks_the_epoch_that_is_kept():
    history = pd.DataFrame(
        {"epoch": [1, 2, 3, 4], "train_loss": [9.0, 2, 1, 0.5], "val_loss": [9.0, 3, 2.5, 4]}
    )
    ax = figures.learning_curve(history, 3.0, "points").axes[0]
    assert "epoch 3 is kept" in _texts(ax)
    mark = next(line for line in ax.lines if line.get_marker() == "v")
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (3, 2.5)
    assert {"training athletes", "validation athletes", "mean predictor"} <= set(_texts(ax))


def test_experience_names_its_bins(simulated):
    ax = figures.experience({"runners": simulated}).axes[0]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0+", "3+", "40+"]
    assert "points" in ax.get_ylabel()


def test_fewer_athletes_are_drawn_where_they_were_tried(simulated):
    table = _scores(ERRORS | {"ridge_10": 0.9, "bound": 0.5})
    ax = figures.athletes_needed({"runners": table}).axes[0]
    line = next(li for li in ax.lines if len(li.get_xdata()) == 3)
    assert list(line.get_xdata()) == [0, 2, 3]
    assert "Too few" in _texts(figures.athletes_needed({}).axes[0])[0]


def test_the_sentence_is_true_for_its_values(real):
    said = findings.takeaway("Nothing tells", real)
    assert said.startswith("Nothing tells; for how hard a session will feel")
    assert "removes 50 % of ridge regression's squared error" in said
    worse = _scores(ERRORS | {"ridge_past": 0.7}, "rpe")
    assert "does not help ridge regression" in findings.takeaway("Nothing tells", worse)


def test_table_and_counts(real, simulated):
    rows = figures.results(real, simulated)
    assert rows[0]["model"] == "mean predictor" and len(rows) == 5
    assert rows[-1]["real people"] == "nobody knows"
    assert rows[-1]["simulated runners"].estimate == pytest.approx(0.316, abs=0.01)
    assert findings.against(simulated, "mlp", "ridge", "effect").startswith("loses to ridge (-0.45")


def test_every_short_name_is_an_arm():
    assert set(figures.SHORT) <= set(study.ARMS)
