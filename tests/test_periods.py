"""Simulated athletes between laboratory tests: by lot, by hand, with an effect that can be 0."""

import numpy as np
import pandas as pd
import pytest

from sportsml_lite import intensity
from sportsml_lite.errors import UserError
from sportsml_lite.simulate import GENERATORS, periods

SAME = ["athlete_id", "period"]


@pytest.fixture(scope="module", params=GENERATORS)
def drawn(request):
    return request.param, *periods.draw(athletes=1500, seed=3, generator=request.param)


def test_impulse_of_zones_by_hand():
    minutes = np.array([[60, 0, 0, 0, 0], [0, 0, 0, 0, 10], [0, 0, 0, 0, 10]])
    found = intensity.zone_trimp(minutes, ["m", "f", None])
    man = 60 * 0.54 * 0.64 * np.exp(1.92 * 0.54)
    woman = 10 * 0.93 * 0.86 * np.exp(1.67 * 0.93)
    assert found == pytest.approx([man, woman, np.nan], nan_ok=True)


def test_a_week_by_hand():
    """A diary of three weeks; one in which nobody trained; one that was not kept."""
    zones = pd.DataFrame([[300, 0, 0, 0, 60], [0] * 5, [np.nan] * 5], columns=periods.ZONES)
    diary = zones.assign(sex="m", weeks=3, session_rpe=[4.0, np.nan, np.nan])
    found = periods.per_week(diary)
    assert found["hours_week"].to_list() == pytest.approx([2, 0, np.nan], nan_ok=True)
    assert found["srpe_week"].to_list() == pytest.approx([480, 0, np.nan], nan_ok=True)
    trimp = intensity.zone_trimp(zones.to_numpy(), "mmm") / 3
    assert found["trimp_week"].to_numpy() == pytest.approx(trimp, nan_ok=True)
    assert list(trimp[1:]) == pytest.approx([0, np.nan], nan_ok=True)


def test_tables_stand_side_by_side(drawn):
    _, diary, hidden = drawn
    pd.testing.assert_frame_equal(diary[SAME], hidden[SAME])
    assert len(diary) == 1500 * periods.PERIODS
    idle = diary["endurance_sessions"] == 0
    assert 0 < idle.mean() < 0.1
    assert (diary["session_rpe"].isna() == idle).all()
    assert not diary.drop(columns="session_rpe").isna().any(axis=None)
    assert not hidden.isna().any(axis=None)
    assert diary["weeks"].between(3, 8).all()
    assert not {"responder", "capacity", "load_ratio"} & set(diary)
    assert (diary["endurance_sessions"] <= 7 * diary["weeks"] - 1).all()  # free before the test


def test_what_is_done_is_drawn_by_lot(drawn):
    _, diary, hidden = drawn
    share = diary["kind"].value_counts(normalize=True)
    assert set(share.index) == set(periods.KINDS)
    assert share.between(0.14, 0.19).all()
    who = diary.groupby("kind")[["age_y", "mass_kg"]].mean() / diary[["age_y", "mass_kg"]].std()
    rho = np.log(hidden["responder"]).groupby(diary["kind"]).mean() / 0.25
    assert np.ptp(who.to_numpy(), axis=0).max() < 0.3
    assert np.ptp(rho.to_numpy()) < 0.3


def test_the_accustomed_is_what_as_usual_gives(drawn):
    """Where the strain is Banister's, load and impulse agree; the day before a test is free."""
    generator, diary, hidden = drawn
    habit = (diary["trimp_week"] - diary["trimp_change_week"])[diary["period"] == 1].to_numpy()
    ratio = diary["trimp_week"] / habit.repeat(periods.PERIODS)
    usual = diary["kind"] == "as_usual"
    assert ratio[usual].mean() == pytest.approx(0.98, abs=0.02)
    assert hidden["load_ratio"][usual].mean() == pytest.approx(0.98, abs=0.02)
    same = np.allclose(ratio, hidden["load_ratio"])
    assert same == (generator == "simulated")
    before = (diary["trimp_week"] - diary["trimp_change_week"])[diary["period"] > 1]
    assert before.to_numpy() == pytest.approx(diary["trimp_week"][diary["period"] < 3].to_numpy())


def test_kinds_do_what_they_say(drawn):
    _, diary, hidden = drawn
    mean = (
        diary.assign(hard=diary["zone_5_min"] / diary["hours_week"])
        .groupby("kind")
        .mean(numeric_only=True)
    )
    hours = mean["hours_week"] / mean["hours_week"]["as_usual"]
    assert hours["rest"] < 0.15 < 0.5 < hours["less"] < 0.7 < 1.4 < hours["more"] < 1.8
    assert hours[["harder", "easier"]].between(0.95, 1.05).all()
    change = hidden.groupby(diary["kind"])["vo2max_change_pct"].mean()
    assert change["rest"] < change["less"] < change["easier"] < change["as_usual"]
    assert change["as_usual"] < min(change["harder"], change["more"])


def test_periods_follow_one_another(drawn):
    """What the laboratory found at the end of a period is where the next begins."""
    _, diary, hidden = drawn
    for table in (diary, hidden):
        start = table["vo2max_ml_kg_min"]
        end = (start * (1 + table["vo2max_change_pct"] / 100))[table["period"] < 3]
        assert end.to_numpy() == pytest.approx(start[table["period"] > 1].to_numpy())


def test_without_an_effect_only_the_laboratory_varies():
    diary, hidden = periods.draw(athletes=1500, seed=4, effect=0, error_pct=3)
    assert hidden["vo2max_change_pct"].to_numpy() == pytest.approx(0)
    assert diary["vo2max_change_pct"].std() == pytest.approx(3 * np.sqrt(2), rel=0.05)
    exact, truth = periods.draw(athletes=20, seed=4, error_pct=0)
    assert exact["vo2max_change_pct"].to_numpy() == pytest.approx(truth["vo2max_change_pct"])
    half = periods.draw(athletes=20, seed=4, effect=0.5)[1]["vo2max_change_pct"]
    ratio = half.abs().sum() / truth["vo2max_change_pct"].abs().sum()
    assert ratio == pytest.approx(0.5, abs=0.05)


def test_an_athlete_is_the_same_in_any_company():
    many, few = periods.draw(8, seed=5), periods.draw(2, seed=5, first=4)
    for a, b in zip(many, few, strict=True):
        mine = a[a["athlete_id"].isin(b["athlete_id"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, b)
    other = periods.draw(8, seed=6)[0]
    assert not np.allclose(other["hours_week"], many[0]["hours_week"])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"generator": "simulated_c"}, "simulated_b"),
        ({"athletes": 0}, "athletes = 0"),
        ({"effect": -1}, "effect = -1"),
        ({"error_pct": float("nan")}, "error_pct = nan"),
        ({"weeks": (8, 3)}, r"weeks = \(8, 3\)"),
        ({"weeks": (0, 3)}, r"weeks = \(0, 3\)"),
    ],
)
def test_a_wrong_option_is_named(options, says):
    with pytest.raises(UserError, match=says):
        periods.draw(**({"athletes": 2} | options))
