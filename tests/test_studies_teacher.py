"""The study of chapter 7: every arm reads the same windows, and rows say what was measured."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sportsml_lite import schema
from sportsml_lite.findings import teacher as findings
from sportsml_lite.prepare.tasks import load_task
from sportsml_lite.schema import Windows
from sportsml_lite.studies import teacher as study
from sportsml_lite.studies.runner import Options
from sportsml_lite.studies.teacher import ARMS
from sportsml_lite.training.folds import folds_of

QUICK = Options("simulated", profile="quick")
STROKES = ("transition", "freestyle", "butterfly")


@pytest.fixture(scope="module")
def task():
    return load_task("simulated", seed=0, n_athletes=20, sessions_each=1)


@pytest.fixture
def fitted(monkeypatch):
    """Nothing is trained: notes who was, and answers with the first class."""
    calls = []

    def network(fold, seed, config, labelled=None):
        calls.append(("lstm", seed, config.networks, len(fold.signs), set(fold.train_athlete)))
        return [SimpleNamespace()]

    def baseline(name, train, validation, seed=0):
        calls.append((name, seed, 0, 1, set(train.athlete)))
        return lambda windows: np.zeros(len(windows), int)

    def mirrored(train, validation, signs, seed=0):
        calls.append(("mirrored", seed, 0, len(signs), set(train.athlete)))
        return lambda windows: np.eye(len(train.classes))[np.zeros(len(windows), int)]

    monkeypatch.setattr(study, "train_teacher", network)
    monkeypatch.setattr(study, "fit_window_baseline", baseline)
    monkeypatch.setattr(study, "fit_symmetric_scores", mirrored)
    monkeypatch.setattr(study, "predict", lambda nets, part, signs=None: torch.zeros(len(part), 3))
    return calls


def two_sided(task):
    """The same windows, of a watch that may sit on two wrists."""
    signs = np.ones((2, len(task.windows.channels)), np.float32)
    signs[1, 0] = -1
    return SimpleNamespace(**{**vars(task), "signs": signs})


def test_arms_that_the_windows_do_not_allow_are_left_out(task, fitted):
    rows = study.score(task, folds_of(task)[0], 7, ARMS, QUICK)
    assert set(ARMS) - set(rows["arm"]) == {"unmirrored", "minirocket_mirrored"}
    rows = study.score(two_sided(task), folds_of(task)[0], 7, ARMS, QUICK)
    assert set(rows["arm"]) == set(ARMS)


def test_arms_differ_in_what_they_name_and_in_nothing_else(task, fitted):
    study.score(two_sided(task), folds_of(task)[0], 7, ARMS, Options("simulated"))
    people = fitted[0][-1]
    assert all(call[-1] == people for call in fitted)
    found = dict(zip(ARMS, (call[:4] for call in fitted), strict=True))
    networks = found["teacher"][2]
    assert networks > 1
    assert found["single"] == ("lstm", 7, 1, 2)
    assert found["single_again"] == ("lstm", 57, 1, 2)
    assert found["unmirrored"] == ("lstm", 7, 1, 1)
    assert found["teacher"] == ("lstm", 7, networks, 2)
    assert found["minirocket_mirrored"] == ("mirrored", 7, 0, 2)
    assert found["boosting"] == ("boosting", 7, 0, 1)


def test_rows_fit_the_table_and_test_athletes_trained_nobody(task, fitted):
    split = folds_of(task)[0]
    rows = study.score(task, split, 7, ARMS, QUICK)
    keys = {"study": "teacher", "dataset": "simulated", "partition": 0, "fold": 0, "seed": 7}
    kept = rows.assign(**keys, n=rows["n"].astype(float))
    assert len(schema.validate(kept, "scores", "here"))
    assert set(rows["athlete"]).isdisjoint(fitted[0][-1])
    scores = rows[rows["metric"] == "macro_f1"]
    assert not scores.duplicated(["arm", "athlete"]).any()


def windows_of(y, X, athlete):
    names = np.array(athlete, dtype=object)
    channels = (study.WRIST, "acc_y_mps2")
    return Windows(X.astype(np.float32), np.ones((len(y), X.shape[2]), bool), np.array(y), names,
                   names, np.arange(len(y)) * 9.0, channels, STROKES, 30.0)  # fmt: skip


def test_counts_are_of_each_truth_and_answer():
    windows = windows_of([0, 0, 1, 1], np.zeros((4, 2, 6)), ["a", "a", "a", "b"])
    rows = study.judged(windows, np.array([0, 1, 1, 2]), counted=True)
    counts = rows[rows["metric"] == "count"].set_index(["athlete", "truth", "predicted"])
    assert counts["value"].to_dict() == {
        ("a", "transition", "transition"): 1,
        ("a", "transition", "freestyle"): 1,
        ("a", "freestyle", "freestyle"): 1,
        ("b", "freestyle", "butterfly"): 1,
    }
    assert counts["n"].tolist() == [3, 3, 3, 1]
    assert set(rows["metric"]) == {"macro_f1", "accuracy", "count"}
    assert set(study.judged(windows, windows.y)["metric"]) == {"macro_f1", "accuracy"}
    matrix = findings.confusion(rows.assign(arm="teacher"), "teacher", STROKES)
    assert matrix.to_numpy().tolist() == [[1, 1, 0], [0, 1, 1], [0, 0, 0]]
    assert set(findings.classes_of(rows)) == set(STROKES)


def test_a_mean_window_is_the_window_when_all_are_the_same_but_shifted():
    wave = np.stack([np.sin(np.arange(60) / 60 * 6 * np.pi), np.cos(np.arange(60))])
    shifted = np.stack([np.roll(wave, s, axis=1) for s in (0, 7, 13)])
    np.testing.assert_allclose(study.mean_window(shifted)[0], wave[0], atol=1e-9)
    assert study.mean_window(wave[None]).tolist() == wave.tolist()


def test_wrists_are_told_by_the_sign_along_the_forearm():
    level = np.array([-5.0, -5, -6, 5])
    X = np.zeros((4, 2, 60)) + level[:, None, None]
    rows = study.wrists(windows_of([1, 1, 1, 1], X, ["a", "a", "b", "c"]), 1)
    table = rows.assign(arm=study.RECORDING, partition=0, fold=0, seed=0)
    assert findings.other_wrist(table) == ["c"]
    assert findings.typical(table) == ("a", "c")
    assert findings.stroke(table) == "freestyle"
    assert findings.wave_of(table, "c").tolist() == [5.0] * (60 // study.EVERY)
    none = study.wrists(windows_of([0, 0, 0, 0], X, ["a", "a", "b", "c"]), 1)
    assert not len(none) and "metric" in none
