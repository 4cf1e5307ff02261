"""The study of ensembles: judged on people nobody met, trained once, mixed by training athletes."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from sportsml_lite import evaluate
from sportsml_lite.baselines import sessions
from sportsml_lite.errors import UserError
from sportsml_lite.findings import effect as by_target
from sportsml_lite.findings import ensemble as findings
from sportsml_lite.studies import effect
from sportsml_lite.studies import ensemble as study
from sportsml_lite.studies.ensemble import ARMS, KINDS
from sportsml_lite.studies.runner import Options
from sportsml_lite.training import TrainConfig

OPTIONS = Options("simulated", profile="quick", settings={"n_athletes": 16})
FAST = TrainConfig(max_epochs=2)
SEVERAL = ("seeds", "bag", "average")


@pytest.fixture(scope="module")
def data():
    return study.load(OPTIONS)


@pytest.fixture(scope="module")
def split(data):
    return effect.splits(data, 0)[0]


@pytest.fixture(scope="module")
def fast():
    """Networks of two epochs and few trees, and which networks were trained."""
    patch, calls, real = pytest.MonkeyPatch(), [], study.networks

    def networks(train, validation, seeds, config=FAST):
        calls.append((len(train), tuple(seeds)))
        return real(train, validation, seeds, FAST)

    patch.setattr(study, "networks", networks)
    patch.setitem(sessions.TREES, "max_iter", 10)
    yield calls
    patch.undo()


@pytest.fixture(scope="module")
def scored(data, split, fast):
    study.ready()
    fast.clear()
    found = study.score(data, split, 7, ARMS, OPTIONS)
    return found.assign(partition=0, fold=0, seed=7), list(fast)


@pytest.fixture(scope="module")
def scores(scored):
    return scored[0]


def _wide(scores, arm):
    part = scores[scores["arm"] == arm]
    return part.pivot(index="athlete", columns="metric", values="value")


def test_every_arm_is_judged_on_the_test_athletes(scores, split, data):
    assert set(scores["arm"]) == set(ARMS) and set(scores["target"]) == {"effect"}
    for _, part in scores[scores["metric"] == "rmse"].groupby("arm"):
        assert sorted(part["athlete"]) == sorted(split.test)
    table = data.tables["effect"]
    assert scores["n"].max() == max((table.athlete == a).sum() for a in split.test)


def test_a_mean_errs_by_its_members_less_their_disagreement(scores):
    for arm in SEVERAL:
        found = _wide(scores, arm)
        np.testing.assert_allclose(found["member_mse"] - found["disagreement"], found["mse"])
        assert (found["disagreement"] > 0).all()
    assert not {"member_mse", "disagreement"} & set(_wide(scores, "network"))


def test_every_model_is_trained_once(scored):
    calls = scored[1]
    seeds = tuple(7 + 1000 * i for i in range(5))
    whole = max(n for n, s in calls if s == seeds)
    assert [c for c in calls if c[1] in ((7,), (1007,))][:2] == [(whole, (7,)), (whole, (1007,))]
    assert calls.count((whole, seeds)) == 1
    left = [n for n, s in calls if s == seeds and n < whole]
    assert len(left) == 5 and sum(whole - n for n in left) == whole  # each athlete left out once
    bags = [s for n, s in calls if len(s) == 1][2:]
    assert bags == [(s,) for s in seeds]
    assert len(calls) == 2 + 1 + 5 + 5


def test_test_athletes_teach_nobody(data, split, fast):
    tables = effect.cut(data.tables["effect"], split)
    changed = [*tables[:2], replace(tables[2], y=tables[2].y + 3)]
    first, second = study.Fold(tables, 0), study.Fold(changed, 0)
    for name, arm in ARMS.items():
        if name != "floor":
            here, there = study.answer(first, arm), study.answer(second, arm)
            np.testing.assert_array_equal(here.said, there.said, err_msg=name)


def test_a_stack_asks_models_of_all_training_athletes(data, split, fast):
    fold = study.Fold(effect.cut(data.tables["effect"], split), 0)
    alone = {name: study.answer(fold, ARMS[name]).said for name in KINDS}
    stack, average = (study.answer(fold, ARMS[name]) for name in ("stack", "average"))
    mean = np.mean(list(alone.values()), axis=0)
    np.testing.assert_allclose(average.said, mean)
    np.testing.assert_array_equal(average.members, list(alone.values()))
    centre = fold.train.y.mean()
    mixed = centre + sum(w * (alone[name] - centre) for name, w in stack.weights.items())
    np.testing.assert_allclose(stack.said, mixed)
    assert set(stack.weights) == set(KINDS) and min(stack.weights.values()) >= 0


def test_the_one_that_is_chosen_is_one_of_the_kinds(scores):
    weights = findings.weights(scores, "chosen")
    assert sorted(weights.values()) == [0, 0, 1]
    (name,) = [kind for kind, weight in weights.items() if weight]
    for metric in study.METRICS:
        np.testing.assert_allclose(_wide(scores, "chosen")[metric], _wide(scores, name)[metric])
    assert "weight_ridge" not in _wide(scores, "stack_trees")


def test_an_arm_costs_all_that_it_trains(scores):
    took = {arm: findings.seconds(scores, arm) for arm in ARMS}
    assert np.isnan(took["floor"])
    assert took["network"] > 0
    kinds = took["seeds"] + took["ridge"] + took["boosting"]
    assert took["average"] == pytest.approx(kinds)
    assert took["stack"] == took["chosen"] == took["stack_trees"] > 1.5 * kinds


def test_a_single_network_is_that_of_chapter_4(data, split, fast):
    tables = effect.cut(data.tables["effect"], split)
    here = study.networks(*tables[:2], [3])(tables[2])
    there = effect.fit_network(*tables[:2], [3], FAST)[1](tables[2])
    np.testing.assert_array_equal(here, there)
    assert ARMS["network_again"] == replace(ARMS["network"], shift=1000)


def test_real_people_have_no_floor(data, split, fast):
    arms = {name: ARMS[name] for name in ("mean", "floor")}
    found = study.score(replace(data, hidden=None), split, 0, arms, OPTIONS)
    assert set(found["arm"]) == {"mean"}


def test_how_many_athletes_are_simulated(data, monkeypatch):
    assert len(data.athletes) == 16
    with pytest.raises(UserError):
        study.load(Options("no_such_set"))
    monkeypatch.setattr(effect, "load", lambda options: options.settings["n_athletes"])
    assert study.load(Options("simulated", profile="quick")) == study.ATHLETES["quick"]
    assert study.load(Options("simulated")) == study.ATHLETES["full"] > 2 * effect.FEW


def test_questions_are_asked_of_the_arms_that_ran(scores):
    found = study.judge(by_target.by_target({"simulated": scores}))
    assert [key[2:] for key in found] == list(study.QUESTIONS)
    gain = found["simulated", "effect", "seeds", "network"].gain.estimate
    means = [evaluate.mean(scores, arm, "rmse").estimate for arm in ("network", "seeds")]
    assert gain == pytest.approx(means[0] - means[1])
    some = scores[scores["arm"].isin(["seeds", "network"])]
    assert len(study.judge(by_target.by_target({"simulated": some}))) == 1
    assert set(study.TITLES) == set(ARMS) == set(study.STUDY.quick)
    assert isinstance(study.fits(0)["ridge"], partial)
