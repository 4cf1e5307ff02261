"""The study of chapter 7: every arm reads the same windows, and rows say what was measured."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from sportsml_lite import schema
from sportsml_lite.collect.datasets.swimming import INERTIAL
from sportsml_lite.findings import teacher as findings
from sportsml_lite.prepare.tasks import MIRRORED, Task
from sportsml_lite.prepare.tasks import STROKES as ALL_STROKES
from sportsml_lite.schema import Windows
from sportsml_lite.studies import teacher as study
from sportsml_lite.studies.runner import Options
from sportsml_lite.studies.teacher import ARMS
from sportsml_lite.training import Augment
from sportsml_lite.training.folds import folds_of
from sportsml_lite.training.networks import MOTION, WORN

QUICK = Options("simulated", profile="quick")
STROKES = ("transition", "freestyle", "butterfly")


@pytest.fixture(scope="module")
def task(simulated_task):
    return simulated_task(20, 1)


@pytest.fixture
def fitted(monkeypatch):
    """Nothing is trained: notes who was, and answers with the first class."""
    calls = []

    def network(fold, seed, config, labelled=None):
        calls["lstm", config.teacher.augment, seed] = config.networks, len(fold.signs)
        people.append(set(fold.train_athlete))
        return [SimpleNamespace()]

    def student(fold, seed, config):
        calls["student", config.student.augment] = fold.train.X.mean().item(), len(fold.signs)
        people.append(set(fold.train_athlete))
        return SimpleNamespace()

    def baseline(name, train, validation, seed=0):
        calls[name] = seed
        people.append(set(train.athlete))
        return lambda windows: np.zeros(len(windows), int)

    class Field:
        def __init__(self, task, split, seed, config):
            calls["field"] = seed, config

        def fit(self, kind):
            calls["teacher", kind] = True
            answers = lambda windows: np.zeros(len(windows), int)  # noqa: E731
            return SimpleNamespace(kind=kind, answers=answers)

    calls, people = {}, []
    monkeypatch.setattr(study, "train_teacher", network)
    monkeypatch.setattr(study, "train_student", student)
    monkeypatch.setattr(study, "fit_window_baseline", baseline)
    monkeypatch.setattr(study, "Teachers", Field)
    monkeypatch.setattr(study, "predict", lambda nets, part, signs=None: torch.zeros(len(part), 5))
    return SimpleNamespace(calls=calls, people=people)


def swimmers():
    """Twenty people whose windows have two sides and three axes."""
    random = np.random.default_rng(0)
    n = 20 * 10
    names = np.repeat(np.array([f"s{a:02d}" for a in range(20)], dtype=object), 10)
    X = random.normal(size=(n, 6, 30)).astype(np.float32) + 5
    windows = Windows(X, np.ones((n, 30), bool), np.arange(n) % 5, names, names,
                      np.arange(n) * 9.0, INERTIAL, ALL_STROKES, 30.0)  # fmt: skip
    signs = np.array([np.ones(6), MIRRORED], dtype=np.float32)
    return Task("swimming", windows, None, signs, pd.DataFrame(), pd.DataFrame())


def test_arms_that_the_windows_do_not_allow_are_left_out(task, fitted):
    rows = study.score(task, folds_of(task)[0], 7, ARMS, QUICK)
    students = {name for name, arm in ARMS.items() if arm.model == "student"}
    assert set(ARMS) - set(rows["arm"]) == students | {
        "unmirrored", "mirrored", "minirocket_mirrored"
    }  # fmt: skip
    rows = study.score(swimmers(), folds_of(swimmers())[0], 7, ARMS, QUICK)
    assert set(rows["arm"]) == set(ARMS) - {"zone"} | {study.RECORDING}


def test_arms_differ_in_what_they_name_and_in_nothing_else(fitted):
    task = swimmers()
    study.score(task, folds_of(task)[0], 7, ARMS, Options("swimming"))
    assert all(people == fitted.people[0] for people in fitted.people)
    calls = fitted.calls
    assert calls["lstm", None, 7] == (1, 2)  # mirrored, trained after the one without a mirror
    assert calls["lstm", WORN, 7] == calls["lstm", WORN, 57] == (1, 2)
    assert calls["field"] == (7, MOTION)
    assert {key[1] for key in calls if key[0] == "teacher"} == {
        "boosting", "minirocket", "multirocket_hydra", "lstm", "lite", "blend", "chosen"
    }  # fmt: skip
    assert {key[1] for key in calls if key[0] == "student"} == {
        None, Augment(30), Augment(gain=0.2), WORN, Augment(offset=0.3), Augment(warp=0.1)
    }  # fmt: skip
    assert set(calls) >= {"majority", "forest", "minirocket"} and "boosting" not in calls


def test_one_network_without_the_mirror_knows_one_side(fitted):
    task = swimmers()
    only = {"unmirrored": ARMS["unmirrored"]}
    study.score(task, folds_of(task)[0], 7, only, Options("swimming"))
    assert fitted.calls["lstm", None, 7] == (1, 1)


def test_views_take_away_what_they_name():
    windows = swimmers().windows
    level = study.without_gravity(windows).X.mean(axis=2)
    np.testing.assert_allclose(level[:, :3], 0, atol=1e-5)
    np.testing.assert_array_equal(study.without_gravity(windows).X[:, 3:], windows.X[:, 3:])
    X = study.by_recording(windows).X[windows.recording == "s03"]
    np.testing.assert_allclose(X.mean(axis=(0, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(X.std(axis=(0, 2)), 1, atol=1e-3)


def test_rows_fit_the_table_and_test_athletes_trained_nobody(task, fitted):
    split = folds_of(task)[0]
    rows = study.score(task, split, 7, ARMS, QUICK)
    keys = {"study": "teacher", "dataset": "simulated", "partition": 0, "fold": 0, "seed": 7}
    kept = rows.assign(**keys, n=rows["n"].astype(float))
    assert len(schema.validate(kept, "scores", "here"))
    assert set(rows["athlete"]).isdisjoint(fitted.people[0])
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
