"""Personalising: what is frozen stays, many equal one by one, closed forms, bad input."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from sportsml_lite.errors import UserError
from sportsml_lite.models import Student
from sportsml_lite.schema import Windows
from sportsml_lite.training.data import Sequences
from sportsml_lite.transfer import (
    METHODS,
    Adaptation,
    Population,
    Support,
    adapted,
    as_support,
    fit_population,
    personalise_many,
    personalise_one,
    phases,
    take_shots,
)
from sportsml_lite.transfer import shots as study
from sportsml_lite.transfer.guard import misread
from sportsml_lite.transfer.many import softmax_slope
from sportsml_lite.transfer.support import features_of

TRAINED = ("head", "all", "l2_sp", "lp_ft", "gradual", "scratch")
C, T, K = 3, 24, 4


def student(dtype=torch.float32, seed=0):
    torch.manual_seed(seed)
    return Student(C, K, width=4, kernel=3, stride=2).to(dtype).eval()


def support(dtype=torch.float32, athletes=6, padded=True):
    """Athletes with 8, 7, ... windows of three classes, the last one with none."""
    rng = np.random.default_rng(0)
    X = torch.from_numpy(rng.normal(size=(athletes, 8, C, T))).to(dtype)
    y = torch.from_numpy(rng.integers(0, 3, (athletes, 8)))
    y[:, 0], y[:, 1] = 0, 2
    for i in range(athletes):
        y[i, 8 - i :] = -1
    y[-1] = -1
    mask = torch.ones(athletes, 8, T, dtype=torch.bool)
    mask[0, 3, :10] = False
    return Support(X, mask if padded else None, y)


def adaptation(method, **options):
    return Adaptation(method, **{"steps": 20, "l2_sp_strength": 0.5, "rate": 0.02} | options)


# --- frozen means unchanged, many equals one by one ----------------------------------------------


@pytest.mark.parametrize("method", TRAINED)
def test_only_what_may_move_moves(method):
    base = student()
    before = {n: v.clone() for n, v in base.state_dict().items()}
    model = personalise_one(base, support().take(slice(1)), adaptation(method))
    allowed = set(phases(method, base)[-1])
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]) == (name not in allowed), name
        assert torch.equal(base.state_dict()[name], before[name]), "the population's own"
    many = personalise_many(base, support(), adaptation(method))
    assert set(many.moved) == allowed
    for name, value in many.model(0).state_dict().items():
        assert torch.equal(value, before[name]) == (name not in allowed), name


def test_gradual_unfreezes_from_last_to_first():
    order = phases("gradual", student())
    assert order[0] == ("head.weight", "head.bias")
    assert len(order) == 5
    assert [set(a) < set(b) for a, b in itertools.pairwise(order)] == [True] * 4
    assert set(order[-1]) - set(order[-2]) == {"stem.weight", "stem.bias"}
    one = personalise_one(student(), support().take(slice(1)), adaptation("gradual", steps=4))
    assert torch.equal(one.stem.weight, student().stem.weight), "4 of 5 phases: the stem comes last"


@pytest.mark.parametrize(
    ("method", "masked"), [*((m, False) for m in TRAINED), ("head", True), ("all", True)]
)
def test_many_equal_one_by_one_in_double(method, masked):
    base, given = student(torch.float64), support(torch.float64)
    how = adaptation(method, masked=masked, steps=12)
    many = personalise_many(base, given, how, memory_mb=0.05)
    for i in range(len(given)):
        one = personalise_one(base, given.take(slice(i, i + 1)), how)
        pairs = zip(many.model(i).state_dict().values(), one.state_dict().values(), strict=True)
        assert max(float((a - b).abs().max()) for a, b in pairs) < 1e-8


@pytest.mark.parametrize("method", ["head", "all", "gradual"])
def test_many_equal_one_by_one_for_a_few_float_steps(method):
    base, given = student(), support(padded=False)
    how = adaptation(method, steps=5)
    many = personalise_many(base, given, how)
    for i in range(len(given)):
        one = personalise_one(base, given.take(slice(i, i + 1)), how)
        for a, b in zip(many.model(i).parameters(), one.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def read_by(base, given):
    """The same windows, each labelled with what the student answers among all classes."""
    part = Sequences(given.X.flatten(0, 1), given.mask.flatten(0, 1), given.y.flatten())
    with torch.no_grad():
        answer = base(part.X, part.mask).argmax(1).view(given.y.shape)
    return replace(given, y=torch.where(given.y >= 0, answer, -1))


@pytest.mark.parametrize("method", ["shrink", "head", "all"])
def test_the_guard_moves_only_whom_the_student_misreads(method):
    base, given = student(torch.float64), support(torch.float64)
    rightly = read_by(base, given)
    assert (rightly.seen(K).sum(1) > 1)[:4].all(), "held back by the guard and by nothing else"
    assert not misread(base, rightly).any()
    # One window of athlete 1 and all of athlete 2 have another of the athlete's own classes.
    y = rightly.y.clone()
    y[1, 0] = next(c for c in y[1].tolist() if c not in (int(y[1, 0]), -1))
    shown = y[2][y[2] >= 0].unique()
    y[2] = torch.where(y[2] >= 0, shown[(torch.searchsorted(shown, y[2].clamp(min=0)) + 1)
                                        % len(shown)], -1)  # fmt: skip
    given = replace(rightly, y=y)
    assert misread(base, given).tolist() == [False, True, True, False, False, False]
    known = Population(torch.randn(K, 8).double(), torch.eye(8).double())
    how = adaptation(method, steps=3)
    free, held = (personalise_many(base, given, replace(how, guarded=g), known)
                  for g in (False, True))  # fmt: skip
    assert held.adapted.tolist() == [False, True, True, False, False, False]
    for name, value in held.moved.items():
        stays = base.get_parameter(name).detach()
        for i in range(len(given)):
            assert torch.equal(value[i], free.moved[name][i] if i in (1, 2) else stays)
    if method != "shrink":
        for i in (0, 1):
            alone = personalise_one(base, given.take(slice(i, i + 1)), replace(how, guarded=True))
            for n, v in alone.named_parameters():
                torch.testing.assert_close(held.model(i).get_parameter(n), v, rtol=0, atol=1e-8)


def test_who_is_misread_among_the_classes_shown_alone():
    """An answer that the athlete's windows rule out is no mistake of the masked student."""
    base, given = student(torch.float64), support(torch.float64)
    part = Sequences(given.X[0], given.mask[0], given.y[0])
    with torch.no_grad():
        logits = base(part.X, part.mask)
    two = logits.sum(0).topk(2, largest=False).indices  # classes that it seldom answers
    y = two[logits[:, two].argmax(1)][None]
    assert (logits.argmax(1) != y[0]).any()
    assert not misread(base, Support(given.X[:1], given.mask[:1], y)).any()


@pytest.mark.parametrize("method", ["head", "all", "shrink"])
def test_an_athlete_does_not_depend_on_company_or_chunks(method):
    base, given = student(torch.float64), support(torch.float64)
    known = Population(torch.randn(K, 8).double(), torch.eye(8).double())
    alone = personalise_many(base, given.take(slice(2, 3)), adaptation(method), known)
    for memory_mb in (1e-3, 256.0):
        many = personalise_many(base, given, adaptation(method), known, memory_mb=memory_mb)
        for name, value in alone.moved.items():
            torch.testing.assert_close(many.moved[name][2], value[0], rtol=0, atol=1e-10)


def test_the_gradient_of_the_loss_is_autograds():
    given = support(torch.float64).take(slice(5))
    logits = torch.randn(5, 8, K, dtype=torch.float64, requires_grad=True)
    losses, found = softmax_slope(logits.detach(), given.y)
    each = [torch.nn.functional.cross_entropy(z, y, ignore_index=-1)
            for z, y in zip(logits, given.y, strict=True)]  # fmt: skip
    torch.testing.assert_close(losses, torch.stack(each).detach())
    torch.testing.assert_close(found, torch.autograd.grad(sum(each), logits)[0])


def test_a_strong_l2_sp_keeps_the_population():
    base, given = student(), support().take(slice(1))
    far = []
    for strength in (0.01, 1.0, 1000.0):
        how = Adaptation("head", steps=300, rate=1e-3, l2_sp_strength=strength)
        many = personalise_many(base, given, how)
        far.append(float((many.moved["head.weight"][0] - base.head.weight.detach()).norm()))
    assert far[0] > far[1] > far[2]
    assert far[2] < 0.05 * far[0]


# --- closed form ---------------------------------------------------------------------------------


def test_shrink_follows_its_formula_and_ends_at_the_population():
    base, given = student(torch.float64), support(torch.float64).take(slice(2))
    rng = np.random.default_rng(1)
    A = torch.from_numpy(rng.normal(size=(8, 8)))
    known = Population(torch.from_numpy(rng.normal(size=(K, 8))), A @ A.mT + torch.eye(8))
    many = personalise_many(base, given, Adaptation("shrink", kappa=3.0), known)
    own = given.y[1] >= 0
    part = Sequences(given.X[1, own], given.mask[1, own], given.y[1, own])
    features = features_of(base, part)
    means = known.means.clone()
    for c in range(K):
        rows = features[part.y == c]
        if len(rows):
            means[c] += len(rows) / (len(rows) + 3.0) * (rows.mean(0) - means[c])
    x = torch.randn(8, dtype=torch.float64)

    def score(m):
        return m @ known.precision @ x - 0.5 * (m @ known.precision * m).sum(1)

    found = many.moved["head.weight"][1] @ x + many.moved["head.bias"][1]
    torch.testing.assert_close(found, score(means))
    unknown = replace(known, means=known.means.index_fill(0, torch.tensor([2, 3]), torch.nan))
    new = personalise_many(base, given, Adaptation("shrink", kappa=3.0), unknown)
    two = new.moved["head.weight"][1, 2] @ torch.linalg.inv(known.precision)
    torch.testing.assert_close(two, features[part.y == 2].mean(0))  # nothing to shrink toward
    assert new.moved["head.bias"][1, 3] == -torch.inf, "nobody has shown it"
    far = personalise_many(base, given, Adaptation("shrink", kappa=1e12), known)
    torch.testing.assert_close(far.moved["head.weight"][1], known.means @ known.precision)


def test_the_covariance_is_within_athlete_and_class():
    base = student()
    part = Sequences(torch.randn(40, C, T), None, torch.arange(40) % 2)
    athlete = np.repeat(["a", "b"], 20)
    found = fit_population(base, part, athlete)
    features = features_of(base, part).double()
    left = features.clone()
    for a in "ab":
        for c in (0, 1):
            rows = torch.as_tensor(athlete == a) & (part.y == c)
            left[rows] -= features[rows].mean(0)
    covariance = left.mT @ left / (40 - 2 * K)
    covariance += (0.1 * covariance.diagonal().mean() + 1e-9) * torch.eye(8)
    torch.testing.assert_close(found.precision.double(), torch.linalg.inv(covariance).double(),
                               rtol=1e-3, atol=1e-3)  # fmt: skip
    torch.testing.assert_close(found.means[1].double(), features[part.y == 1].mean(0))
    assert torch.isnan(found.means[2:]).all(), "no training window"


# --- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["population", "head", "all"])
def test_each_window_is_answered_by_its_owners_model(method):
    base, given = student(), support(padded=False)
    many = personalise_many(base, given, adaptation(method, l2_sp_strength=0.0))
    part = Sequences(torch.randn(7, C, T), None, torch.zeros(7, dtype=torch.long))
    owner = torch.tensor([0, 3, 0, 5, 2, 3, 1])
    found = many.outputs(part, owner)
    for i, a in enumerate(owner.tolist()):
        with torch.no_grad():
            alone = many.model(a)(part.X[i : i + 1])[0]
        torch.testing.assert_close(found[i], alone, rtol=1e-4, atol=1e-5)


def test_masked_answers_only_with_the_classes_of_the_support():
    given = support()
    many = personalise_many(student(), given, Adaptation("population", masked=True))
    part = Sequences(torch.randn(6, C, T), None, torch.zeros(6, dtype=torch.long))
    found = many.outputs(part, torch.arange(6))
    assert torch.equal(torch.isfinite(found[:5]), given.seen(K)[:5])
    assert torch.isfinite(found[5]).all(), "nobody's classes are known: all may be answered"


def test_one_class_or_no_window_keeps_the_population():
    given = support()
    given.y[1][given.y[1] >= 0] = 2
    base = student()
    many = personalise_many(base, given, adaptation("all", masked=True))
    for i in (1, 5):
        assert not many.adapted[i]
        for a, b in zip(many.model(i).parameters(), base.parameters(), strict=True):
            assert torch.equal(a, b)
    part = Sequences(torch.randn(4, C, T), None, torch.zeros(4, dtype=torch.long))
    assert many.outputs(part, torch.full((4,), 1)).argmax(1).tolist() == [2] * 4
    alone = personalise_one(base, given.take(slice(1, 2)), adaptation("all"))
    assert torch.equal(alone.head.weight, base.head.weight)
    nobody = personalise_many(base, given.take(slice(0, 0)), adaptation("head"))
    assert len(nobody) == 0


def test_support_from_rows_pads():
    part = Sequences(torch.randn(10, C, T), None, torch.arange(10) % K)
    given = as_support(part, [[1, 2, 3], [], [9]])
    assert given.y.tolist() == [[1, 2, 3], [-1] * 3, [1, -1, -1]]
    assert torch.equal(given.X[2, 0], part.X[9])
    assert not given.X[1].any()


def test_choose_takes_the_best_and_of_equal_ones_the_most_careful():
    grid = [Adaptation("shrink", kappa=k) for k in (30.0, 2.0, 3.0)]
    gains = pd.DataFrame({0: [0.5, 0.0], 1: [0.0, 0.25], 2: [0.0, 0.5]}, index=["a", "b"])
    assert study.choose(grid, gains).kappa == 30.0
    assert study.choose(grid, gains.add([0.0, 1.0, 0.0])).kappa == 2.0
    assert study.choose(grid, gains[:0]).kappa == 30.0, "nobody tried: the most careful"


def test_shots_hold_the_earliest_windows_and_test_on_later_ones():
    n = 40
    windows = Windows(
        X=np.random.default_rng(0).normal(size=(n, C, T)).astype(np.float32),
        mask=np.ones((n, T), bool),
        y=np.arange(n) % 2,
        athlete=np.repeat(["a", "b"], n // 2),
        recording=np.repeat(["ra", "rb"], n // 2),
        t0_s=np.tile(np.arange(n // 2) * float(T), 2),
        channels=("x", "y", "z"),
        classes=("p", "q", "r", "s"),
        rate_hz=1.0,
    )
    part = Sequences(torch.from_numpy(windows.X), None, torch.from_numpy(windows.y))
    shots = take_shots(part, windows)
    assert shots.feasible_ks((0, 1, 5, 20)) == (0, 1, 5)
    given = shots.support(2)
    assert torch.equal(given.X[1], part.X[20:24])
    rows, owner = shots.test(2)
    assert rows[owner.numpy() == 0].min() == 11, "ten rows of ten may be used, then a gap"
    said = study.answers(adapted(student(), shots, 2, Adaptation("population")), shots, 2)
    assert list(said["athlete"].unique()) == ["a", "b"]
    grid = [Adaptation("population", masked=True), Adaptation("head", 3, 0.1)]
    says = study.student_says(student(), shots, None)
    gains = study.trials(says, grid, (1, 5))
    assert gains.shape == (2, 2)
    assert (gains[0] == 0).all()
    assert study.trials(says, grid, ()).empty
    with pytest.raises(UserError, match="40 windows"):
        take_shots(part, windows.take(np.arange(3)))


# --- bad input -----------------------------------------------------------------------------------


def test_bad_windows_are_refused():
    given = support()
    with pytest.raises(UserError, match="athlete 2 has a missing value"):
        X = given.X.clone()
        X[2, 0, 1, 3] = torch.nan
        Support(X, given.mask, given.y)
    with pytest.raises(UserError, match="windows of 2 channels; the student reads 3"):
        personalise_many(student(), Support(given.X[:, :, :2], None, given.y), adaptation("head"))
    with pytest.raises(UserError, match="class 8; the student knows 0 to 3"):
        personalise_one(student(), Support(given.X, None, given.y + 6), adaptation("head"))
    with pytest.raises(UserError, match=r"give \(A, M, C, T\)"):
        Support(given.X, None, given.y[:, :3])
    with pytest.raises(UserError, match="mask"):
        Support(given.X, given.mask[:, :3], given.y)
    with pytest.raises(UserError, match="needs classes"):
        personalise_many(Student(C, 1), given, adaptation("head"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "haed"}, "'haed': choose one of population"),
        ({"method": "head", "steps": 0}, "steps = 0"),
        ({"method": "head", "rate": -1.0}, "rate = -1"),
        ({"method": "head", "rate": float("nan")}, "rate = nan"),
        ({"method": "head", "l2_sp_strength": -1.0}, "l2_sp_strength = -1"),
        ({"method": "shrink", "kappa": 0.0}, "kappa = 0"),
        ({"method": "l2_sp"}, "give one above 0"),
    ],
)
def test_bad_settings_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        Adaptation(**options)


def test_shrink_needs_a_population_and_memory_is_positive():
    with pytest.raises(UserError, match="fit_population"):
        personalise_many(student(), support(), Adaptation("shrink"))
    with pytest.raises(UserError, match="use personalise_many"):
        personalise_one(student(), support(), Adaptation("shrink"))
    with pytest.raises(UserError, match="memory_mb"):
        personalise_many(student(), support(), adaptation("head"), memory_mb=0)
    assert set(TRAINED) | {"population", "shrink"} == set(METHODS)
