"""Workout files: every step comes back, by two decoders; a trainer's file lasts as long."""

import io
from datetime import date
from itertools import chain
from xml.etree import ElementTree as xml

import fitdecode
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sportsml_lite.errors import UserError
from sportsml_lite.recommend import workout
from sportsml_lite.recommend.week import KINDS, PlannedSession, Step

DAY = date(2026, 3, 4)
NAN = float("nan")
sessions = st.builds(
    PlannedSession, st.integers(0, 6), st.sampled_from(KINDS), st.integers(10, 600)
)


def second_decoder(data):
    """Fields of every message as another reader of FIT sees them, by message."""
    out = {}
    with fitdecode.FitReader(io.BytesIO(data), check_crc=fitdecode.CrcCheck.RAISE) as reader:
        for frame in reader:
            if isinstance(frame, fitdecode.FitDataMessage):
                fields = {field.name: field.value for field in frame.fields}
                out.setdefault(frame.name, []).append(fields)
    return out


def as_done(steps):
    """The second decoder's steps written out: (seconds, low, high)."""
    done = []
    for step in steps:
        if step["duration_type"] == "repeat_until_steps_cmplt":
            block = list(chain.from_iterable(done[step["duration_step"] :]))
            done.append(block * (step["repeat_steps"] - 1))
        else:
            ends = (step[f"custom_target_heart_rate_{end}"] for end in ("low", "high"))
            done.append([(step["duration_time"], *ends)])
    return list(chain.from_iterable(done))


@settings(max_examples=25, deadline=None)
@given(sessions, st.one_of(st.just(NAN), st.floats(140, 215)))
def test_every_step_comes_back_by_two_decoders(session, hr_max_bpm):
    data = workout.fit(session, "running", DAY, hr_max_bpm)
    planned = workout.targets(session, hr_max_bpm)
    assert workout.read_fit(data) == planned
    more = 0 if hr_max_bpm != hr_max_bpm else 100  # FIT's offset of a heart rate in bpm
    expected = [(to.seconds, to.low + more, to.high + more) for to in planned]
    assert as_done(second_decoder(data)["workout_step"]) == expected
    assert sum(to.seconds for to in planned) == 60 * session.minutes


def test_a_workout_says_what_it_is():
    data = workout.fit(PlannedSession(1, "intervals", 50), "running", DAY, 190.0)
    read = second_decoder(data)
    assert read["file_id"][0]["type"] == "workout"
    assert read["workout"][0]["wkt_name"] == "Tue intervals"
    assert read["workout"][0]["sport"] == "running"
    assert read["workout"][0]["num_valid_steps"] == len(read["workout_step"]) == 5
    kinds = [step.get("intensity") for step in read["workout_step"]]
    assert kinds == ["warmup", "active", "rest", None, "cooldown"]
    assert data == workout.fit(PlannedSession(1, "intervals", 50), "running", DAY, 190.0)


def test_targets_are_the_ends_of_the_zones():
    assert workout.target(Step(4, 4, 5), 200) == workout.Target(240, 174, 194, "bpm")
    assert workout.target(Step(4, 4, 5), NAN) == workout.Target(240, 87, 97, "%")
    assert workout.target(Step(30, 1, 2), 200) == workout.Target(1800, 120, 164, "bpm")


def test_words_name_minutes_zones_and_heart_rate():
    said = workout.described(PlannedSession(1, "intervals", 50), 200)
    assert said == [
        "10 min zone 1–2, 120–164 bpm",
        "5 × (4 min zone 4–5, 174–194 bpm; 3 min zone 1, 120–144 bpm)",
        "5 min zone 1, 120–144 bpm",
    ]
    assert "60–82 % of the maximal" in workout.described(PlannedSession(0, "easy", 40), NAN)[0]


def test_a_sport_unknown_to_fit_is_generic():
    data = workout.fit(PlannedSession(0, "easy", 40), "quidditch", DAY, 190.0)
    assert second_decoder(data)["workout"][0]["sport"] == "generic"


def test_what_is_no_workout_is_refused():
    data = workout.fit(PlannedSession(1, "tempo", 50), "running", DAY, 190.0)
    with pytest.raises(UserError, match="no FIT workout"):
        workout.read_fit(data[:-20])


@settings(max_examples=25, deadline=None)
@given(sessions)
def test_a_trainers_file_lasts_as_long_and_is_hardest_where_the_session_is(session):
    root = xml.fromstring(workout.zwo(session, 'Tue "<&'))
    assert root.findtext("name") == 'Tue "<&' and root.findtext("sportType") == "bike"
    seconds, hardest = 0, 0.0
    for step in root.find("workout"):
        if step.tag == "IntervalsT":
            both = int(step.get("OnDuration")) + int(step.get("OffDuration"))
            seconds += int(step.get("Repeat")) * both
            assert float(step.get("OnPower")) > float(step.get("OffPower"))
            hardest = max(hardest, float(step.get("OnPower")))
        else:
            seconds += int(step.get("Duration"))
            hardest = max(hardest, float(step.get("Power")))
    assert seconds == 60 * session.minutes
    zone = session.zone_minutes().nonzero()[0][-1]
    assert workout.POWER_EDGES[zone - 1] <= hardest <= workout.POWER_EDGES[zone + 1]
