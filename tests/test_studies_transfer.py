"""Study of chapter 9: who chooses, who is tested, and what an arm may do."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from sportsml_lite.baselines import kernels
from sportsml_lite.models import Student
from sportsml_lite.plots import transfer as figures
from sportsml_lite.prepare.tasks import load_task
from sportsml_lite.protocol import few_shot_windows
from sportsml_lite.studies import transfer as study
from sportsml_lite.studies.runner import Options
from sportsml_lite.training.folds import folds_of, make_fold
from sportsml_lite.transfer import fit_population, student_says, take_shots

QUICK = Options("simulated", profile="quick")
# One step, few k: what is tested is who chooses and who is tested, not how well.
FAST = {
    name: replace(
        arm, adaptation=replace(arm.adaptation, steps=1), ks=(1, 5) if arm.counts else (1,),
        tried=arm.tried[:2],
    )
    for name, arm in study.ARMS.items()
}  # fmt: skip


def untrained(fold, seed, config, shift=0):
    """A small student with random weights of the seed, in place of a trained one."""
    torch.manual_seed(seed + shift)
    model = Student(fold.train.X.shape[1], fold.n_outputs, 2, stride=fold.stride).eval()
    return SimpleNamespace(model=model)


@pytest.fixture(scope="module")
def task(simulated_task):
    return simulated_task(12, 2)


@pytest.fixture(autouse=True)
def no_training(monkeypatch, tmp_path):
    monkeypatch.setattr(kernels, "project_root", lambda: tmp_path)
    monkeypatch.setattr(study, "distilled", untrained)
    monkeypatch.setattr(kernels, "COUNT", 84)


@pytest.fixture(scope="module")
def scores(task, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "project_root", lambda: tmp_path_factory.mktemp("kernels"))
        patch.setattr(study, "distilled", untrained)
        patch.setattr(kernels, "COUNT", 84)
        found = study.score(study.Data(task, None), folds_of(task)[0], 0, FAST, QUICK)
    return found.assign(partition=0, fold=0, seed=0)


def parts(task, split):
    windows = task.windows
    validation = windows.take(split.rows(windows.athlete, "validation"))
    fold = make_fold(task, split)
    return fold, take_shots(fold.validation, validation)


# --- who chooses ---------------------------------------------------------------------------------


def test_only_the_folds_own_validation_athletes_choose(task, monkeypatch):
    asked = []

    def trials(says, grid, ks):
        asked.append(set(says(1, study.STILL)["athlete"]))
        return pd.DataFrame({i: [0.0] for i in range(len(grid))})

    monkeypatch.setattr(study, "trials", trials)
    chosen = {name: arm for name, arm in FAST.items() if len(arm.grid) > 1}
    able = set(few_shot_windows(task.windows).athletes(1))
    for split in folds_of(task)[:2]:
        asked.clear()
        study.score(study.Data(task, None), split, 0, chosen, QUICK)
        assert len(asked) == len(chosen) == 8
        for athletes in asked:
            assert athletes == set(split.validation) & able
            assert not athletes & set(split.test)


def test_what_test_athletes_did_changes_no_setting(task):
    split = folds_of(task)[0]
    spoilt = replace(task.windows, X=task.windows.X.copy(), y=task.windows.y.copy())
    rows = split.rows(spoilt.athlete, "test")
    spoilt.X[rows] = spoilt.X[rows][:, ::-1]
    spoilt.y[rows] = (spoilt.y[rows] + 1) % 3
    chosen = []
    for windows in (task.windows, spoilt):
        fold, validation = parts(replace(task, windows=windows), split)
        student = study.distilled(fold, 0, None).model
        known = fit_population(student, fold.train, fold.train_athlete)
        says = student_says(student, validation, known)
        chosen.append([study.setting(FAST[a], says, validation)
                       for a in ("shrink", "guarded", "head", "lp_ft")])  # fmt: skip
    assert chosen[0] == chosen[1]


def test_the_best_setting_on_validation_athletes_is_taken(task, monkeypatch):
    _, validation = parts(task, folds_of(task)[0])
    gains = pd.DataFrame({0: [0.0], 1: [0.1], 2: [0.3], 3: [0.2], 4: [0.0]})
    monkeypatch.setattr(study, "trials", lambda *_: gains)
    assert study.setting(study.ARMS["shrink"], None, validation).kappa == study.KAPPAS[2]
    monkeypatch.setattr(study, "trials", lambda *_: gains[:0])
    assert study.setting(study.ARMS["shrink"], None, validation).kappa == max(study.KAPPAS)


def test_an_unmasked_head_is_chosen_masked_and_used_unmasked(task):
    fold, validation = parts(task, folds_of(task)[0])
    student = study.distilled(fold, 0, None).model
    says = student_says(student, validation, None)
    masked, free = (study.setting(FAST[a], says, validation)
                    for a in ("head", "head_earliest"))  # fmt: skip
    assert masked.masked
    assert replace(free, masked=True) == masked


# --- who is tested, on what ----------------------------------------------------------------------


def test_every_arm_has_the_same_athletes_and_windows(scores):
    f1 = scores[scores["metric"] == "macro_f1"]
    for k, part in f1.groupby("k"):
        earliest = part[~part["arm"].str.endswith("_random")]
        n = earliest.pivot(index="athlete", columns="arm", values="n")
        assert len(n)
        assert n.notna().all(axis=None)
        assert (n.nunique(axis=1) == 1).all(), f"k = {k}: the same windows"
    one = f1[f1["k"] == 1].pivot(index="athlete", columns="arm", values="n")
    assert one["head_random"].notna().all(), "both exams have the same athletes"
    assert (one["head_random"] > one["head"]).all(), "the random exam keeps no gap"
    assert set(f1["arm"]) == set(study.ARMS) - {"reserve"}


def test_counts_add_up_to_what_is_scored(scores):
    counts = scores[scores["metric"] == "count"]
    assert set(counts["arm"]) == {"population", "masked", "guarded"}
    assert set(counts["k"]) == {5.0}
    five = scores[(scores["k"] == 5) & (scores["arm"] == "guarded")]
    cells = five[five["metric"] == "count"]
    right = cells[cells["truth"] == cells["predicted"]].groupby("athlete")["value"].sum()
    accuracy = five[five["metric"] == "accuracy"].set_index("athlete")
    assert np.allclose(accuracy["value"] * accuracy["n"],
                       right.reindex(accuracy.index).fillna(0))  # fmt: skip


def test_by_lot_one_window_of_a_class_calibrates_and_all_others_test(task):
    fold, _ = parts(task, folds_of(task)[0])
    shots = take_shots(fold.test, fold.windows)
    lot = study.drawn_by_lot(shots, 3)
    given = lot.shot.support(1)
    for athlete in shots.shot.athletes(1):
        mine = lot.athlete == athlete
        assert sorted(lot.y[given & mine]) == sorted(set(lot.y[mine]))
        assert ((given | lot.shot.test_rows(1)) & mine).sum() == mine.sum()
    assert set(lot.shot.athletes(1)) == set(shots.shot.athletes(1))
    assert not np.array_equal(given, study.drawn_by_lot(shots, 4).shot.support(1))


def test_measured_heart_rates_are_read_by_a_student_of_that_scale(task, monkeypatch):
    split = folds_of(task)[0]
    measured = load_task("simulated", n_athletes=12, sessions_each=2, heart_rate="reserve")
    seen = []

    def distilled(fold, seed, config, shift=0):
        seen.append((float(fold.train.X.mean()), shift))
        return untrained(fold, seed, config, shift)

    monkeypatch.setattr(study, "distilled", distilled)
    found = study.score(study.Data(task, measured), split, 0, study.ARMS, QUICK)
    assert set(found["arm"]) == {"population", "population_again", "reserve"}
    assert found["k"].isna().all()
    means = [round(float(make_fold(t, split).train.X.mean()), 6) for t in (task, measured)]
    assert [(round(m, 6), s) for m, s in seen] == [(means[0], 0), (means[0], 50), (means[1], 0)]
    n = found[found["metric"] == "accuracy"].groupby("arm")["n"].sum()
    assert (n == split.rows(task.windows.athlete, "test").sum()).all()


def test_the_time_line_shows_support_gap_and_test(task):
    shots = take_shots(make_fold(task, folds_of(task)[0]).test,
                       make_fold(task, folds_of(task)[0]).windows)  # fmt: skip
    windows = make_fold(task, folds_of(task)[0]).windows
    athlete = str(shots.shot.athletes(1)[0])
    fig = figures.time_line(windows, shots.shot, athlete, 1)
    bars = len(fig.axes[0].patches)
    assert bars == (windows.athlete.astype(str) == athlete).sum()
