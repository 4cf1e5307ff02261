"""The study of chapter 8: two arms differ in what the question names, and in nothing else."""

from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sportsml_lite import schema
from sportsml_lite.losses import Hard, Soft
from sportsml_lite.studies import distil
from sportsml_lite.studies.distil import ARMS, QUESTIONS, Arm
from sportsml_lite.studies.runner import Options
from sportsml_lite.training.folds import folds_of, label_budget, make_fold

QUICK = Options("simulated", profile="quick")


@pytest.fixture(scope="module")
def task():
    return distil.load_task("simulated", seed=0, n_athletes=20, sessions_each=1)


@pytest.fixture(scope="module")
def fold(task):
    return make_fold(task, folds_of(task)[0])


class Spy:
    """Networks that are not trained: each answers by its own random numbers."""

    def __init__(self, monkeypatch):
        self.students, self.teachers = [], []
        for name in ("train_student", "train_teacher", "predict"):
            monkeypatch.setattr(distil, name, getattr(self, name))

    def train_teacher(self, fold, seed, config, labelled=None):
        self.teachers.append((fold.train.y, seed, config, labelled))
        return [SimpleNamespace(seed=1000 + len(self.teachers))]

    def train_student(self, fold, seed, config, loss=None, soft=None, labelled=None, others=False):
        call = SimpleNamespace(
            y=fold.train.y, seed=seed, config=config, loss=loss, soft=soft, labelled=labelled,
            others=others,
        )  # fmt: skip
        self.students.append(call)
        return SimpleNamespace(seed=len(self.students))

    def predict(self, trained, part, signs=None):
        random = torch.Generator().manual_seed(trained[0].seed + len(part))
        return torch.randn(len(part), 3, generator=random)


@pytest.fixture(scope="module")
def spied(task):
    with pytest.MonkeyPatch.context() as monkeypatch:
        spy = Spy(monkeypatch)
        rows = distil.score(task, folds_of(task)[0], 7, ARMS, QUICK)
    names = [name for name, arm in ARMS.items() if not arm.teacher]
    order = sorted(names, key=lambda name: ARMS[name].n_labelled)
    return rows, dict(zip(order, spy.students, strict=True)), spy


def test_the_arms_of_a_question_share_all_but_what_it_asks(spied):
    _, students, _ = spied
    for arm, against in QUESTIONS.items():
        if ARMS[arm].teacher:
            continue
        one, other = students[arm], students[against]
        assert one.seed == other.seed == 7
        assert one.config == other.config
        assert one.labelled == other.labelled
        assert torch.equal(one.y, other.y)
        assert isinstance(one.loss, Soft)
        assert one.soft is not None
        assert isinstance(other.loss, Hard)
        assert other.soft is None
        assert not other.others


def test_the_null_differs_by_its_seed_alone(spied):
    _, students, _ = spied
    one, again = vars(students["plain"]), vars(students["plain_again"])
    differing = [k for k in one if k != "y" and one[k] != again[k]]
    assert differing == ["seed"]
    assert torch.equal(one["y"], again["y"])


def test_few_labels_are_few_for_teacher_and_student(spied, fold):
    _, students, spy = spied
    few = label_budget(fold, distil.FEW)
    assert {students[a].labelled for a in ("plain_8", "distilled_8", "others_8")} == {few}
    assert [s.others for s in students.values()].count(True) == 1
    assert students["others_8"].others
    assert [labelled for *_, labelled in spy.teachers] == [None, few]


def test_rows_fit_the_table_and_every_arm_has_every_athlete(spied, task):
    rows, _, _ = spied
    keys = {"study": "distil", "dataset": "simulated", "partition": 0, "fold": 0, "seed": 7}
    table = rows.assign(**keys, n=rows["n"].astype(float))
    assert len(schema.validate(table, "scores", "here"))
    scores = rows[rows["metric"] == "macro_f1"]
    people = set(folds_of(task)[0].test) & set(task.windows.athlete)
    for arm in ARMS:
        part = scores[scores["arm"] == arm]
        assert set(part["athlete"]) == people
        assert not part["athlete"].duplicated().any()
    assert set(rows.loc[rows["metric"] == "confidence_train", "athlete"]).isdisjoint(people)


def test_settings_are_columns(spied):
    rows, _, _ = spied
    first = rows.drop_duplicates("arm").set_index("arm")
    columns = ["alpha", "tau", "n_labelled"]
    wanted = {
        "plain": (0.0, np.nan, np.nan),
        "distilled": (0.5, 2.0, np.nan),
        "others_8": (0.5, 2.0, 8.0),
        "teacher_8": (np.nan, np.nan, 8.0),
    }
    for arm, values in wanted.items():
        np.testing.assert_array_equal(first.loc[arm, columns].to_numpy(float), values)


def test_fidelity_and_losses_are_those_of_the_teacher_with_the_same_labels(task, monkeypatch):
    """A student whose logits are the teacher's agrees always, and its KL is 0."""
    monkeypatch.setattr(distil, "train_teacher", lambda fold, *_: float(fold.train.y.sum()))
    monkeypatch.setattr(distil, "train_student", lambda fold, *_: float(fold.train.y.sum()))

    def predict(trained, part, signs=None):
        key = trained[0] if isinstance(trained, list) else trained
        random = torch.Generator().manual_seed(int(key))
        return torch.randn(len(part), 3, generator=random)

    monkeypatch.setattr(distil, "predict", predict)
    rows = distil.score(task, folds_of(task)[0], 1, ARMS, QUICK)
    assert (rows.loc[rows["metric"] == "fidelity", "value"] == 1).all()
    h = rows[rows["metric"] == "cross_entropy"]["value"].to_numpy()
    np.testing.assert_allclose(h, rows[rows["metric"] == "entropy"]["value"].to_numpy(), rtol=1e-9)


def test_a_student_without_teacher_trains_no_teacher(task, monkeypatch):
    spy = Spy(monkeypatch)
    arms = {name: ARMS[name] for name in distil.STUDY.cheap}
    rows = distil.score(task, folds_of(task)[0], 0, arms, QUICK)
    assert not spy.teachers
    assert set(rows["metric"]) == {"macro_f1", "accuracy"}


def test_the_readers_alpha_and_tau_reach_the_students(task, monkeypatch):
    spy = Spy(monkeypatch)
    options = replace(QUICK, settings={"alpha": 0.3, "tau": 5.0})
    arms = {n: ARMS[n] for n in ("plain", "distilled", "only_distilled")}
    rows = distil.score(task, folds_of(task)[0], 0, arms, options)
    assert [s.loss for s in spy.students] == [Hard(), Soft(0.3, 5.0), Soft(1.0, 5.0)]
    assert set(rows.loc[rows["arm"] == "distilled", "alpha"]) == {0.3}


def test_an_arm_that_needs_more_athletes_than_train_is_left_out(task, monkeypatch):
    Spy(monkeypatch)
    arms = {"plain": Arm(), "plain_8": Arm(n_labelled=500)}
    assert set(distil.score(task, folds_of(task)[0], 0, arms, QUICK)["arm"]) == {"plain"}


def test_the_doubted_window_is_right_and_has_the_likeliest_second_class():
    told = torch.tensor([[3.0, 0.0, 0.0], [1.0, 0.9, -3.0], [0.0, 0.1, 0.0], [0.0, 5.0, 0.0]])
    windows = SimpleNamespace(y=np.array([0, 0, 0, 0]), athlete=np.array(["a", "a", "a", "b"]))
    fold = SimpleNamespace(windows=windows, classes=("x", "y", "z"))
    rows = distil.doubted(fold, told)
    assert set(rows["athlete"]) == {"a"}  # the teacher is wrong about b
    np.testing.assert_allclose(rows["value"], told[1])
    assert set(rows["truth"]) == {"x"}


def test_arms_are_frozen_and_named():
    assert {a: asdict(ARMS[a])["teacher"] for a in ("teacher", "plain")} == {
        "teacher": True, "plain": False,
    }  # fmt: skip
    assert set(distil.TITLES) == set(ARMS)
    assert set(QUESTIONS) | set(QUESTIONS.values()) <= set(ARMS)
