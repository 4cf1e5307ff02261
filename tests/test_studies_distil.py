"""The study of chapter 8: two arms differ in what the question names, and in nothing else."""

import zlib
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
def task(simulated_task):
    return simulated_task(20, 1)


@pytest.fixture(scope="module")
def fold(task):
    return make_fold(task, folds_of(task)[0])


class Spy:
    """Networks and teachers that are not trained: each answers by its own random numbers."""

    def __init__(self, monkeypatch):
        self.students, self.fields, self.bodies = [], [], []
        for name in ("train_student", "predict", "pretrain", "soft_answers", "ridge_answers"):
            monkeypatch.setattr(distil, name, getattr(self, name))
        monkeypatch.setattr(distil, "Teachers", self.field)

    def field(self, task, split, seed, config, labelled=None):
        fold, number = make_fold(task, split), len(self.fields)

        def fit(kind):
            def logits(windows):
                return self.draw(f"{number} {kind} {len(windows)}", len(windows))

            return SimpleNamespace(kind="blend" if kind == "chosen" else kind, logits=logits)

        self.fields.append(SimpleNamespace(fold=fold, fit=fit, labelled=labelled, number=number))
        return self.fields[-1]

    def soft_answers(self, field, kind):
        return self.draw(f"{field.number} {kind}", len(field.fold.train))

    def ridge_answers(self, field):
        return tuple(self.soft_answers(field, kind) for kind in ("minirocket", "in_sample"))

    def draw(self, name, rows):
        random = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        return torch.randn(rows, 3, generator=random)

    def pretrain(self, fold, seed, config, width):
        self.bodies.append((seed, config, width))
        return "body"

    def train_student(
        self, fold, seed, config, loss=None, soft=None, labelled=None, others=False, start=None
    ):
        call = SimpleNamespace(
            y=fold.train.y, seed=seed, config=config, loss=loss, soft=soft, labelled=labelled,
            others=others, start=start,
        )  # fmt: skip
        self.students.append(call)
        return SimpleNamespace(seed=len(self.students))

    def predict(self, trained, part, signs=None):
        return self.draw(f"student {trained[0].seed}", len(part))


@pytest.fixture(scope="module")
def spied(task):
    with pytest.MonkeyPatch.context() as monkeypatch:
        spy = Spy(monkeypatch)
        rows = distil.score(task, folds_of(task)[0], 7, ARMS, QUICK)
    names = [name for name, arm in ARMS.items() if not arm.itself]
    order = sorted(names, key=lambda name: ARMS[name].n_labelled)
    return rows, dict(zip(order, spy.students, strict=True)), spy


def test_the_arms_of_a_question_share_all_but_what_it_asks(spied):
    _, students, spy = spied
    for arm, against in QUESTIONS.items():
        if ARMS[arm].itself:
            continue
        one, other = students[arm], students[against]
        assert one.seed == other.seed == 7
        assert one.config == other.config
        assert one.labelled == other.labelled
        assert torch.equal(one.y, other.y)
        assert (one.start == "body") == ARMS[arm].pretrained
        assert isinstance(one.loss, Hard if ARMS[arm].pretrained else Soft)
        assert (one.soft is None) == ARMS[arm].pretrained
        assert isinstance(other.loss, Hard)
        assert other.soft is None
        assert other.start is None
        assert not other.others
    config = students["plain"].config
    assert students["plain_long"].config.student.steps == 5 * config.student.steps
    assert set(spy.bodies) == {(7, config.student, config.student_width)}  # as many steps


def test_each_student_hears_the_teacher_that_its_arm_names(spied):
    _, students, spy = spied
    soft = {arm: s.soft for arm, s in students.items() if s.soft is not None}
    few = 1  # the second field of teachers: eight are labelled
    for arm, (number, kind) in {
        "by_lstm": (0, "lstm"), "by_minirocket": (0, "minirocket"), "by_blend": (0, "blend"),
        "by_in_sample": (0, "in_sample"), "distilled": (0, "blend"), "distilled_long": (0, "blend"),
        "others_8": (few, "blend"), "others_8_minirocket": (few, "minirocket"),
    }.items():  # fmt: skip
        assert torch.equal(soft[arm], spy.soft_answers(spy.fields[number], kind)), arm


def test_the_null_differs_by_its_seed_alone(spied):
    _, students, _ = spied
    one, again = vars(students["plain"]), vars(students["plain_again"])
    differing = [k for k in one if k != "y" and one[k] != again[k]]
    assert differing == ["seed"]
    assert torch.equal(one["y"], again["y"])


def test_few_labels_are_few_for_teacher_and_student(spied, fold):
    _, students, spy = spied
    few = label_budget(fold, distil.FEW)
    assert {s.labelled for arm, s in students.items() if arm.endswith("_8")} == {few}
    assert {arm for arm, s in students.items() if s.others} == {
        "others_8", "others_8_lstm", "others_8_minirocket",
    }  # fmt: skip
    assert [field.labelled for field in spy.fields] == [None, few]


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


def test_the_teacher_of_a_job_is_named_once(spied):
    rows, _, _ = spied
    for arm in ("teacher", "teacher_8"):
        chosen = rows[(rows["arm"] == arm) & (rows["metric"] == "chosen")]
        assert len(chosen) == 1
    assert set(rows.loc[rows["metric"] == "chosen", "answer"]) == {"blend"}


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


def test_fidelity_and_losses_are_those_of_the_arms_own_teacher(task, monkeypatch):
    """A student whose logits are its teacher's agrees always, and its KL is 0."""
    spy = Spy(monkeypatch)
    monkeypatch.setattr(
        distil, "predict",
        lambda trained, part, signs=None: spy.fields[0].fit("lstm").logits(part),
    )  # fmt: skip
    for arm, same in (("by_lstm", True), ("by_minirocket", False)):
        spy.fields.clear()
        rows = distil.score(task, folds_of(task)[0], 1, {arm: ARMS[arm]}, QUICK)
        sums = rows.groupby("metric")["value"].sum()
        assert (rows.loc[rows["metric"] == "fidelity", "value"] == 1).all() == same
        assert (abs(sums["cross_entropy"] - sums["entropy"]) < 1e-6) == same


def test_windows_too_short_for_a_kernel_leave_its_arms_out(task, monkeypatch):
    Spy(monkeypatch)
    monkeypatch.setattr(distil, "MIN_SAMPLES", 1 + task.windows.X.shape[2])
    rows = distil.score(task, folds_of(task)[0], 1, ARMS, QUICK)
    assert {"distilled", "by_lstm", "others_8", "teacher"} < set(rows["arm"])
    assert not {arm for arm in set(rows["arm"]) if "minirocket" in arm or "blend" in arm}


def test_a_student_without_teacher_trains_no_teacher(task, monkeypatch):
    spy = Spy(monkeypatch)
    arms = {name: ARMS[name] for name in distil.STUDY.cheap}
    rows = distil.score(task, folds_of(task)[0], 0, arms, QUICK)
    assert all(arm.soft is None for arm in spy.students)
    assert set(rows["metric"]) == {"macro_f1", "accuracy"}


def test_the_readers_alpha_and_tau_reach_the_students(task, monkeypatch):
    spy = Spy(monkeypatch)
    options = replace(QUICK, settings={"alpha": 0.3, "tau": 5.0})
    arms = {n: ARMS[n] for n in ("plain", "distilled")}
    rows = distil.score(task, folds_of(task)[0], 0, arms, options)
    assert [s.loss for s in spy.students] == [Hard(), Soft(0.3, 5.0)]
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
    assert {a: asdict(ARMS[a])["itself"] for a in ("teacher", "plain")} == {
        "teacher": True, "plain": False,
    }  # fmt: skip
    assert set(distil.TITLES) == set(ARMS)
    assert set(QUESTIONS) | set(QUESTIONS.values()) <= set(ARMS)
