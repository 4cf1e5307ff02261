"""The field of teachers: calibrated on validation athletes, and chosen by them alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from sportsml_lite import teachers
from sportsml_lite.baselines import kernels
from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import fit_temperature, macro_f1
from sportsml_lite.prepare.tasks import Task
from sportsml_lite.protocol import Split
from sportsml_lite.schema import Windows
from sportsml_lite.teachers import CANDIDATES, KINDS, Teachers, fit_teacher
from sportsml_lite.training import TrainConfig, cache
from sportsml_lite.training.networks import ModelConfig

# pytest undoes the filter that the package sets when it is imported.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec")

NAMES = tuple("abcdefgh")
SPLIT = Split(train=NAMES[:4], validation=NAMES[4:6], test=NAMES[6:])
TINY = TrainConfig(batch_size=32, rate=2e-2, max_epochs=4, steps_per_epoch=15, clip=1.0)
SIZES = ModelConfig(8, 8, 2, TINY, 1, 8, TINY)
SIGNS = np.float32([[1, 1], [-1, 1]])


def task_of(classes=("rest", "swim", "run"), n=40, lacking=None):
    """Eight athletes; the class is how fast channel 0 swings, on either wrist."""
    random = np.random.default_rng(0)
    y = np.tile(np.arange(3), n * len(NAMES))[: n * len(NAMES)]
    athlete = np.repeat(np.array(NAMES, dtype=object), n)
    speed = np.array([0.1, 0.5, 1.3])[y][:, None]
    wave = np.sin(np.arange(30) * speed + random.uniform(0, 6, (len(y), 1)))
    X = random.normal(0, 0.4, (len(y), 2, 30))
    X[:, 0] += wave * random.choice([-1, 1], (len(y), 1))
    windows = Windows(
        X.astype(np.float32), np.ones((len(y), 30), bool), y if classes else y * 1.0, athlete,
        athlete + "1", np.arange(len(y)) * 1.0, ("left", "up"), classes, 30.0,
    )  # fmt: skip
    if lacking is not None:
        windows = windows.take(~(np.isin(athlete, SPLIT.train) & (y == lacking)))
    return Task("planted", windows, None, SIGNS, pd.DataFrame(), pd.DataFrame())


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("models")
        for module in (cache, kernels):
            patch.setattr(module, "project_root", lambda: home)
        patch.setattr(kernels, "COUNT", 168)
        yield Teachers(task_of(), SPLIT, 0, SIZES)


@pytest.fixture(scope="module")
def unseen(field):
    windows = field.task.windows
    return windows.take(SPLIT.rows(windows.athlete, "test"))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_learns_and_is_calibrated_on_validation_athletes(kind, field, unseen):
    teacher = field.fit(kind)
    assert macro_f1(unseen.y, teacher.answers(unseen)) > 0.8
    logits = teacher.logits(field.validation)
    assert logits.shape == (80, 3) and fit_temperature(logits, field.validation.y) == pytest.approx(
        1, rel=0.02
    )
    turned = replace(unseen, X=unseen.X * SIGNS[1][:, None])
    if kind in ("lstm", "lite", "minirocket", "multirocket_hydra"):
        torch.testing.assert_close(
            teacher.logits(turned), teacher.logits(unseen), rtol=1e-3, atol=1e-3
        )


def test_a_blend_is_a_mixture_that_validation_finds_no_worse_than_its_members(field):
    y = torch.as_tensor(field.validation.y)
    loss = {
        kind: torch.nn.functional.cross_entropy(field.fit(kind).logits(field.validation), y)
        for kind in ("blend", *teachers.MEMBERS)
    }
    assert loss["blend"] <= min(loss.values()) + 1e-6


def test_the_chosen_one_scores_best_on_validation_athletes_whatever_the_test_says(field):
    scores = {kind: field.fit(kind).validation_f1 for kind in CANDIDATES}
    chosen = field.fit("chosen")
    assert chosen.validation_f1 == max(scores.values()) == scores[chosen.kind]
    other = Teachers(task_of(), SPLIT, 0, SIZES)
    other.fitted = {
        kind: replace(field.fit(kind), validation_f1=0.1 * i) for i, kind in enumerate(CANDIDATES)
    }
    assert other.fit("chosen").kind == CANDIDATES[-1]


@pytest.mark.parametrize("kind", ["minirocket", "boosting", "blend"])
def test_a_class_that_the_labelled_athletes_lack_is_never_answered(kind, field):
    task = task_of(lacking=2)
    teacher = fit_teacher(task, SPLIT, 0, kind, SIZES)
    logits = teacher.logits(task.windows)
    assert torch.isfinite(logits).all() and not (logits.argmax(1) == 2).any()


def test_only_labelled_athletes_teach(field):
    honest = task_of()
    lied = replace(honest, windows=replace(honest.windows, y=np.where(
        honest.windows.athlete == "d", (honest.windows.y + 1) % 3, honest.windows.y)))  # fmt: skip
    for kind in ("lstm", "minirocket", "boosting"):
        one, two = (
            fit_teacher(task, SPLIT, 0, kind, SIZES, labelled=("a", "b", "c"))
            for task in (honest, lied)
        )
        assert torch.equal(one.logits(honest.windows), two.logits(honest.windows))


def test_what_is_no_teacher_is_refused(field):
    with pytest.raises(UserError, match="teacher = 'forest': choose one of lstm"):
        field.fit("forest")
    with pytest.raises(UserError, match="tells classes apart"):
        Teachers(task_of(classes=()), SPLIT, 0, SIZES)
