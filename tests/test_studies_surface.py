"""Where a teacher pays: strangers bring windows and no label, and a cell changes nothing else."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sportsml_lite import schema
from sportsml_lite.errors import UserError
from sportsml_lite.losses import Hard, Soft
from sportsml_lite.studies import surface
from sportsml_lite.studies.runner import Options
from sportsml_lite.studies.surface import ARMS, QUESTIONS, Data, Room
from sportsml_lite.training.folds import make_fold
from sportsml_lite.training.networks import config_for

QUICK = Options("simulated", profile="quick")


@pytest.fixture(scope="module")
def data(simulated_task):
    return Data(simulated_task(20, 1), surface.strangers(6, QUICK))


@pytest.fixture(scope="module")
def split(data):
    return surface.splits(data, 0)[0]


@pytest.fixture
def room(data, split):
    """Eight labelled; the teacher's answers are random numbers."""
    known = surface.by_lot(split.train, 8, 0)
    config = config_for(make_fold(data.task, split), "quick")
    made = Room(data, replace(split, train=known), 3, config)
    random = torch.Generator().manual_seed(0)
    made.told = tuple(
        torch.randn(n, 3, generator=random) for n in (len(made.fold.train), len(data.strangers))
    )
    return made


def few(count):
    """The arm of a taught student with eight labels and so many strangers."""
    return replace(ARMS["taught_8_200_x1"], strangers=count)


def test_strangers_bring_a_few_windows_of_one_session_and_are_in_no_fold(data, monkeypatch):
    windows = data.strangers
    names, counts = np.unique(windows.athlete.astype(str), return_counts=True)
    assert len(names) == 6
    assert counts.max() <= surface.EACH
    assert len(set(windows.recording)) == 6  # of one session each
    assert not set(names) & set(data.task.windows.athlete.astype(str))
    monkeypatch.setattr(surface, "BLOCK", 3)
    again = surface.strangers(6, QUICK)
    assert set(again.athlete.astype(str)) == set(names)


def test_real_athletes_are_refused():
    with pytest.raises(UserError, match="take simulated"):
        surface.load(Options("swimming"))


def test_a_lot_is_nested_and_follows_the_seed():
    names = [f"a{i}" for i in range(50)]
    eight, forty, everyone = (surface.by_lot(names, n, 1) for n in (8, 40, 0))
    assert set(eight) < set(forty) < set(everyone) == set(names)
    assert eight != surface.by_lot(names, 8, 2)
    assert eight == surface.by_lot(names[::-1], 8, 1)


def test_a_cell_and_its_plain_student_share_all_but_teacher_and_strangers():
    for arm, against in QUESTIONS.items():
        plain = replace(ARMS[arm], taught=False, strangers=0)
        assert ARMS[arm].taught
        assert plain == ARMS[against]
    cells = [(a.n_labelled, a.strangers, a.times) for a in map(ARMS.get, QUESTIONS)]
    assert len(set(cells)) == len(cells)
    assert len(set(ARMS.values())) == len(ARMS)


def test_labelled_windows_come_first_and_strangers_have_answers_and_no_label(room, data):
    ask, plain = room.ask(few(4)), room.ask(ARMS["plain_8_x1"])
    own, others = room.told
    rows = surface.of_first(data.strangers, 4)
    assert 0 < rows.sum() < len(rows)
    assert torch.equal(ask.soft, torch.cat([own, others[torch.as_tensor(rows)]]))
    assert torch.equal(ask.data.train.X[: len(own)], plain.data.train.X)
    assert (ask.data.train.y[len(own) :] == -1).all()
    assert torch.equal(ask.data.train.y[: len(own)], plain.data.train.y)
    assert (plain.data.train.y >= 0).all()
    assert torch.equal(ask.data.weight, plain.data.weight)
    assert ask.seed == plain.seed == 3
    assert ask.config == plain.config
    assert (ask.loss, plain.loss) == (Soft(surface.ALPHA, surface.TAU), Hard())
    assert plain.soft is None


def test_more_steps_and_another_seed_are_what_their_arms_say(room):
    usual = room.ask(ARMS["plain_8_x1"])
    long, again = room.ask(ARMS["plain_8_x5"]), room.ask(replace(ARMS["plain_8_x1"], shift=50))
    assert long.config.steps == 5 * usual.config.steps
    assert long.config.max_epochs == usual.config.max_epochs
    assert again.seed == usual.seed + 50


def test_strangers_labels_are_never_read(room, data):
    """Other labels of theirs change nothing that a student or a teacher learns from."""
    asked = room.ask(few(6))
    room.strangers.y[:] = 2 - room.strangers.y
    other = room.ask(few(6))
    assert torch.equal(asked.data.train.y, other.data.train.y)
    room.strangers.y[:] = 2 - room.strangers.y


def test_the_room_holds_labelled_athletes_alone(room, split):
    owners = set(room.fold.train_athlete.astype(str))
    assert owners == set(surface.by_lot(split.train, 8, 0))
    tested = set(room.fold.windows.athlete.astype(str))
    assert tested <= set(split.test)
    assert not tested & set(room.strangers.athlete.astype(str))


def test_rows_fit_the_table(data, split, monkeypatch):
    """Students and teacher answer by lot; every arm has every test athlete once."""

    def answer(part):
        return torch.randn(len(part), 3, generator=torch.Generator().manual_seed(len(part)))

    monkeypatch.setattr(surface, "fit_students_cached", lambda asks: [None] * len(asks))
    monkeypatch.setattr(surface, "predict", lambda trained, part: answer(part))
    monkeypatch.setattr(surface, "soft_answers", lambda teachers, kind: answer(teachers.train))
    monkeypatch.setattr(surface.Teachers, "fit", lambda self, kind: SimpleNamespace(logits=answer))
    arms = {name: arm for name, arm in ARMS.items() if arm.n_labelled == 8}
    rows = surface.score(data, split, 7, arms, QUICK)
    keys = {"study": "surface", "dataset": "simulated", "partition": 0, "fold": 0, "seed": 7}
    assert len(schema.validate(rows.assign(**keys, n=rows["n"].astype(float)), "scores", "here"))
    people = set(split.test) & set(data.task.windows.athlete)
    for name in arms:
        part = rows[rows["arm"] == name]
        assert set(part["athlete"]) == people
        assert len(part) == len(people)
    first = rows.drop_duplicates("arm").set_index("arm")
    assert first.loc["taught_8_2000_x5", ["strangers", "times", "alpha"]].tolist() == [2000, 5, 0.5]
    assert np.isnan(first.loc["teacher_8", "alpha"])
    assert (first["n_labelled"] == 8).all()


def test_every_question_is_asked_where_both_arms_are(data, split):
    assert surface.judge({}) == {}
