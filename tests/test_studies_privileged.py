"""A teacher with a mask: a watch sees no uptake, nobody what comes, and targets are mixed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from sportsml_lite import schema
from sportsml_lite.collect.datasets.dataset import DataSet
from sportsml_lite.errors import UserError
from sportsml_lite.losses import mixed_target
from sportsml_lite.studies import privileged
from sportsml_lite.studies.privileged import ARMS, QUESTIONS, UPTAKE, Bounded, Field
from sportsml_lite.studies.runner import Options
from sportsml_lite.training.trainer import fit

OPTIONS = Options("intervals", profile="quick")
RIDERS = 8


def rides(riders=RIDERS, bouts=2, rows=18, seed=0):
    """Riders whose uptake drifts, and hearts that follow it with an error of each rider's own."""
    random = np.random.default_rng(seed)
    parts, sessions = [], []
    for r in range(riders):
        name = f"rider_{r:02d}"
        drift = 3 * random.normal(size=bouts * rows).cumsum() / rows**0.5
        uptake = 50 + random.normal(0, 4) + drift
        parts.append(pd.DataFrame({
            "session_id": f"{name}-1", "bout": np.repeat(np.arange(1, bouts + 1), rows),
            "t_s": 10.0 * np.arange(1, bouts * rows + 1), "vo2_ml_kg_min": uptake,
            "hr_bpm": 60 + 2 * uptake + random.normal(0, 5) + random.normal(size=bouts * rows),
        }))  # fmt: skip
        sessions.append({"session_id": f"{name}-1", "athlete_id": name, "power_mean_w": 250.0 + r,
                         "design": "FLAT" if r % 2 else "60/60"})  # fmt: skip
    athletes = pd.DataFrame({
        "athlete_id": [s["athlete_id"] for s in sessions], "sex": ["m", "f"] * (riders // 2),
        "age_y": 20.0, "mass_kg": 70.0 + np.arange(riders), "hr_max_bpm": 190.0,
    })  # fmt: skip
    return DataSet("intervals", athletes, pd.DataFrame(sessions), pd.concat(parts))


@pytest.fixture(scope="module")
def data():
    return privileged.bout_table(rides())


@pytest.fixture(scope="module")
def split(data):
    return privileged.splits(data, 0)[0]


def test_a_row_looks_back_half_a_minute_and_is_asked_of_the_next():
    ride = rides(riders=2, bouts=1)
    uptake = ride.streams["vo2_ml_kg_min"].to_numpy()[:18]
    table = privileged.bout_table(ride).take(slice(0, 5))
    np.testing.assert_allclose(table.column("bout_s"), [30, 60, 90, 120, 150])
    thirds = uptake.reshape(6, 3).mean(1)
    np.testing.assert_allclose(table.column(UPTAKE), thirds[:5])
    np.testing.assert_allclose(table.y, thirds[1:])
    np.testing.assert_allclose(table.column(f"{UPTAKE}_before")[1:], thirds[:4])
    assert np.isnan(table.column(f"{UPTAKE}_before")[0])
    so_far = [uptake[: 3 * n].mean() for n in range(1, 6)]
    np.testing.assert_allclose(table.column(f"{UPTAKE}_bout"), so_far)


def test_nothing_crosses_the_rest_between_two_bouts(data):
    ride = rides()
    alone = privileged.bout_table(replace(ride, streams=ride.streams[ride.streams["bout"] == 1]))
    first = data.column("bout") == 1
    np.testing.assert_allclose(data.y[first], alone.y)
    np.testing.assert_allclose(data.X[first], alone.X)
    second = data.take(~first)
    assert np.isnan(second.column("hr_bpm_before")).sum() == RIDERS
    assert second.column("bout_s").max() == alone.column("bout_s").max()


def test_a_gap_in_the_clock_has_no_answer():
    ride = rides(riders=2, bouts=1)
    late = ride.streams["t_s"] > 90
    jumped = replace(ride, streams=ride.streams.assign(t_s=ride.streams["t_s"] + 30.0 * late))
    table = privileged.bout_table(jumped)
    assert table.dropped > privileged.bout_table(ride).dropped
    assert 90 not in table.column("bout_s")


def test_what_comes_later_changes_no_feature():
    ride = rides(riders=2, bouts=1)
    later = ride.streams["t_s"] > 120
    other = ride.streams.assign(
        **{c: ride.streams[c].where(~later, 0.0) for c in (UPTAKE, "hr_bpm")}
    )
    before, after = (privileged.bout_table(r) for r in (ride, replace(ride, streams=other)))
    same = before.column("bout_s") <= 120
    np.testing.assert_array_equal(before.X[same], after.X[same])
    assert (before.y != after.y).any()


def test_a_watch_sees_no_uptake(data, split, monkeypatch):
    seen = {}
    of = Field.of.__func__

    def spy(cls, table, split):
        seen[len(seen)] = table.names
        return of(cls, table, split)

    monkeypatch.setattr(Field, "of", classmethod(spy))
    arms = {n: ARMS[n] for n in ("mean", "ridge", "teacher")}
    privileged.score(data, split, 0, arms, OPTIONS)
    assert not [n for n in seen[0] if UPTAKE in n]
    assert {n for n in seen[1] if UPTAKE in n} == {UPTAKE, f"{UPTAKE}_bout", f"{UPTAKE}_before"}
    assert "hr_bpm" in seen[0]


class Fixed(Field):
    """Whose ridges all have one strength."""

    def strength(self, y):
        return 10.0


def test_honest_answers_are_those_of_the_other_riders(data, split):
    """A rider's own uptake, changed at will, moves none of the answers to that rider's rows."""
    field = Field.of(data, split)
    mine = field.train.athlete == field.train.athlete[0]
    strange = replace(field.train, y=field.train.y + 30 * mine)
    before, after = (
        Fixed(train, field.validation, field.test).honest() for train in (field.train, strange)
    )
    np.testing.assert_allclose(before[mine], after[mine], atol=1e-8)
    assert np.abs(before[~mine] - after[~mine]).max() > 0.1


def test_a_ridge_of_mixed_targets_is_the_mix_of_both_ridges(data, split):
    """Linear in its target, where the strength is the same: the identity, seen in answers."""
    field = Field.of(data, split)
    told, y = field.honest(), field.train.y
    fixed = Fixed(field.train, field.validation, field.test)
    both = 0.5 * fixed.ridge(told) + 0.5 * fixed.ridge(y)
    np.testing.assert_allclose(fixed.ridge(mixed_target(told, y, 0.5)), both)


def test_arms_reach_the_models_that_they_name(data, split, monkeypatch):
    calls = {}

    def network(self, target, bound, seed):
        calls[len(calls)] = (target, bound, seed)
        return np.full(len(self.test), target.mean())

    monkeypatch.setattr(Field, "network", network)
    rows = privileged.score(data, split, 5, ARMS, OPTIONS)
    names = [name for name, arm in ARMS.items() if arm.model == "mlp"]
    found = dict(zip(names, calls.values(), strict=True))
    y, told = Field.of(data, split).train.y, Field.of(data, split).honest()
    np.testing.assert_array_equal(found["plain"][0], y)
    np.testing.assert_allclose(found["taught_90"][0], 0.9 * told + 0.1 * y)
    np.testing.assert_array_equal(found["bounded"][0], y)
    np.testing.assert_array_equal(found["bounded"][1], told)
    assert [found[n][1] is None for n in names] == [True, True, True, True, False]
    assert [found[n][2] for n in names] == [5, 55, 5, 5, 5]
    keys = {"study": "privileged", "dataset": "intervals", "partition": 0, "fold": 0, "seed": 5}
    assert len(schema.validate(rows.assign(**keys, n=rows["n"].astype(float)), "scores", "here"))
    for _, part in rows.groupby("arm"):
        assert sorted(part["athlete"]) == sorted(split.test)


def test_the_naive_arm_errs_by_the_distance_from_the_training_mean(data, split):
    rows = privileged.score(data, split, 0, {"mean": ARMS["mean"]}, OPTIONS).set_index("athlete")
    field = Field.of(data, split)
    for rider in split.test:
        y = data.y[data.athlete == rider]
        wanted = np.sqrt(np.mean((y - field.train.y.mean()) ** 2))
        assert rows.loc[rider, "value"] == pytest.approx(wanted)


def test_a_bound_is_silent_where_the_student_is_better():
    y, soft = torch.zeros(2), torch.tensor([[1.0], [1.0]])
    better, worse = torch.tensor([0.5, 0.5]), torch.tensor([2.0, 2.0])
    assert Bounded()(better, y, soft, None) == pytest.approx(0.25)
    assert Bounded()(worse, y, soft, None) == pytest.approx(4 * (1 + privileged.BOUND))


def test_a_bounded_network_learns(data, split, monkeypatch):
    monkeypatch.setattr(privileged, "fit_cached", fit)  # nothing is kept for the next run
    short = replace(privileged.CONFIG, max_epochs=4, steps_per_epoch=25)
    monkeypatch.setattr(privileged, "CONFIG", short)
    field = Field.of(data, split)
    said = field.network(field.train.y, field.honest(), 0)
    assert said.shape == (len(field.test),)
    naive = np.square(field.test.y - field.train.y.mean()).mean()
    assert np.square(field.test.y - said).mean() < naive


def test_other_data_are_refused(monkeypatch):
    bare = replace(rides(), sessions=rides().sessions.drop(columns="power_mean_w"))
    monkeypatch.setattr(privileged.public, "load", lambda *_: bare)
    with pytest.raises(UserError, match="take intervals"):
        privileged.load(Options("actes"))


def test_questions_name_arms():
    assert set(QUESTIONS) | set(QUESTIONS.values()) <= set(ARMS)
    assert set(privileged.TITLES) == set(ARMS)
