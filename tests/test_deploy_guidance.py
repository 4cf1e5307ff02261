"""A word comes late enough to be meant and early enough to help, and not at all where unsure."""

import numpy as np
import pytest

from sportsml_lite.deploy.guidance import (
    EASE,
    HOLD,
    REST,
    START,
    STOP,
    Settings,
    advance,
    guide,
    judge,
    planned_domain,
)
from sportsml_lite.errors import UserError
from sportsml_lite.recommend.week import PlannedSession

SETTINGS = Settings(confidence=0.7, in_s=20, more_s=60, out_s=30, silent_s=15)


def sure(domains, p=0.9):
    """(M, 3) probabilities of one domain each; None is an answer without a winner, NaN none."""
    rows = {None: [0.4, 0.4, 0.2], "nan": [np.nan] * 3}
    rows |= {d: np.where(np.arange(3) == d, p, (1 - p) / 2).tolist() for d in range(3)}
    return np.array([rows[d] for d in domains])


def words(domains, planned=0, every_s=2.0, settings=SETTINGS, p=0.9):
    t_s = every_s * np.arange(len(domains))
    plan = np.broadcast_to(planned, len(domains))
    return guide(t_s, sure(domains, p), plan, settings)


def spans(found, every_s=2.0):
    """Second at which each word begins."""
    changes = [i for i, w in enumerate(found) if i == 0 or w != found[i - 1]]
    return [(every_s * i, found[i]) for i in changes]


def test_ease_stop_and_hold_after_their_waits():
    found = words([0] * 10 + [1] * 60 + [0] * 30)
    assert spans(found) == [(0, HOLD), (20 + 20, EASE), (20 + 80, STOP), (140 + 30, HOLD)]


def test_easing_in_time_brings_hold_and_no_stop():
    found = words([1] * 30 + [0] * 30)
    assert spans(found) == [(0, HOLD), (20, EASE), (60 + 30, HOLD)]


def test_a_short_excess_or_a_flicker_changes_nothing():
    assert set(words([0] * 20 + [2] * 9 + [0] * 20)) == {HOLD}
    assert set(words([0, 1] * 60)) == {HOLD}
    eased = words([1] * 20 + [0, 1] * 30)
    assert spans(eased) == [(0, HOLD), (20, EASE)], "a flicker neither ends nor worsens it"


@pytest.mark.parametrize(
    ("planned", "told"), [(REST, {0, 1, 2}), (0, {1, 2}), (1, {2}), (2, set())]
)
def test_only_what_is_above_the_plan_is_told(planned, told):
    for domain in range(3):
        assert (EASE in words([domain] * 40, planned)) == (domain in told)


def test_the_wait_begins_anew_with_another_part_of_the_session():
    plan = np.r_[np.full(20, 2), np.full(40, 0)]
    found = words([2] * 60, plan)
    assert spans(found) == [(0, HOLD), (40 + 20, EASE)]
    # Above the plan before and after: still another part, which has to be told by itself.
    found = words([2] * 60, np.r_[np.full(8, 1), np.full(52, 0)])
    assert spans(found) == [(0, HOLD), (16 + 20, EASE), (16 + 80, STOP)]


def test_nothing_is_said_where_it_is_not_sure_or_nothing_is_heard():
    for nothing in (None, "nan"):
        found = words([1] * 20 + [nothing] * 3 + [1] * 30)
        assert found[20:23] == [None] * 3
        assert found[23] == EASE, "a short silence forgets nothing"
        assert spans(found)[-1] == (80, STOP)
        found = words([1] * 20 + [nothing] * 8 + [1] * 30)
        assert spans(found)[2:] == [(40, None), (56, HOLD), (76, EASE)], "a long one forgets all"
    # Two domains above the plan count together, however they share.
    assert EASE in words([1] * 40, settings=Settings(confidence=0.9), p=0.9)
    split = np.tile([0.05, 0.5, 0.45], (40, 1))
    assert EASE in guide(2.0 * np.arange(40), split, np.zeros(40, int), Settings(confidence=0.9))


def test_a_gap_in_time_is_a_silence():
    state, word = advance(START, 0.0, sure([1])[0], 0, SETTINGS)
    state, word = advance(state, 14.0, sure([1])[0], 0, SETTINGS)
    state, word = advance(state, 26.0, sure([1])[0], 0, SETTINGS)
    assert word == EASE
    state, word = advance(state, 100.0, sure([1])[0], 0, SETTINGS)
    assert word == HOLD


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((1.0, [0.2, 0.8], 0), r"shape \(2,\)"),
        ((1.0, [0.1, 0.1, 0.8], 3), "planned = 3"),
        ((-1.0, [0.1, 0.1, 0.8], 0), "t_s = -1 comes before 0"),
    ],
)
def test_what_cannot_be_is_refused(given, message):
    state, _ = advance(START, 0.0, sure([0])[0], 0, SETTINGS)
    with pytest.raises(UserError, match=message):
        advance(state, *given, SETTINGS)


@pytest.mark.parametrize("wrong", [{"confidence": 0.4}, {"confidence": 1}, {"in_s": -1}])
def test_settings_are_checked(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        Settings(**wrong)


def test_a_session_of_chapter_6_plans_a_domain_for_each_second():
    # 10 min easy and what is left over, then 4 x (4 min hard, 3 min easy), then 5 min easy.
    session = PlannedSession(0, "intervals", 45)
    t_s = 60.0 * np.array([0, 11.9, 12.1, 15.9, 16.1, 18.9, 19.1, 44.9, 45.0, 99])
    assert planned_domain(session, t_s).tolist() == [0, 0, 2, 2, 0, 0, 2, 0, REST, REST]
    assert planned_domain(PlannedSession(0, "tempo", 30), np.array([900.0])).tolist() == [1]
    assert set(planned_domain(PlannedSession(0, "long", 90), t_s[:8])) == {0}


def test_judged_by_hand():
    t_s = 10.0 * np.arange(100)
    truth, said = np.zeros(100, int), [HOLD] * 100
    truth[20:30] = 1  # told 30 s late
    said[23:28] = [EASE] * 5
    truth[40:50] = 2  # missed
    truth[60:63] = 1  # too short to count, and no false alarm
    said[61:64] = [EASE] * 3
    said[70:75] = [EASE, EASE, None, STOP, STOP]  # one false alarm
    found = judge(said, t_s, truth, np.zeros(100, int))
    np.testing.assert_array_equal(found.late_s, [30, np.nan])
    assert (found.missed, found.false_alarms) == (1, 1)
    kept_s = 10 * (99 - 23)
    assert found.false_an_hour == pytest.approx(3600 / kept_s)
    assert found.said == pytest.approx(0.99)
    still = judge(said, t_s, truth, np.full(100, 2))
    assert (len(still.late_s), still.false_alarms) == (0, 3)
    with pytest.raises(UserError, match=r"lengths \[99, 100\]"):
        judge(said[1:], t_s, truth, truth)
