"""A planned session as files that a device executes: FIT for a watch, ZWO for an indoor trainer.

Heart rate leads: a step's target is the range of its zones, in bpm where the maximal heart rate is
known, else in per cent of the maximum that the watch itself holds. FIT writes a heart rate of b bpm
as 100 + b and a share of the maximum as its per cent (Garmin's FIT profile, type ``workout_hr``).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from xml.etree import ElementTree as xml

import numpy as np

from sportsml_lite.errors import UserError
from sportsml_lite.recommend.week import DAYS, Part, PlannedSession, Step
from sportsml_lite.recommend.zones import ZONE_EDGES

BPM_FROM = 100  # a FIT target above this is in bpm, and so much too high
# Ends of zones 1 to 5 as shares of the power of an hour (FTP). A zone of heart rate has no power of
# its own: an assumption, for trainers that set power.
POWER_EDGES = (0.45, 0.65, 0.80, 0.92, 1.02, 1.15)


@dataclass(frozen=True)
class Target:
    """What a watch asks for: seconds, and a heart rate from ``low`` to ``high``.

    unit : 'bpm', or '%' of the maximal heart rate
    """

    seconds: int
    low: int
    high: int
    unit: str


def target(step: Step, hr_max_bpm: float) -> Target:
    """A step as a watch is told it.

    Parameters
    ----------
    step : minutes at zones
    hr_max_bpm : NaN gives per cent
    """
    ends = ZONE_EDGES[step.low - 1], ZONE_EDGES[step.high]
    whole, unit = (hr_max_bpm, "bpm") if hr_max_bpm > 0 else (100, "%")
    low, high = (round(whole * end) for end in ends)
    return Target(round(step.minutes * 60), low, high, unit)


def targets(session: PlannedSession, hr_max_bpm: float) -> list[Target]:
    """All steps in the order they are done, repetitions written out."""
    return [
        target(step, hr_max_bpm)
        for part in session.parts()
        for _ in range(part.times)
        for step in part.steps
    ]


def described(session: PlannedSession, hr_max_bpm: float) -> list[str]:
    """A session's parts in words, one each: ``'4 × (4 min zone 4–5, 162–181 bpm; 3 min …)'``."""
    return [_part_in_words(part, hr_max_bpm) for part in session.parts()]


def _part_in_words(part: Part, hr_max_bpm: float) -> str:
    steps = "; ".join(_step_in_words(step, hr_max_bpm) for step in part.steps)
    return f"{part.times} × ({steps})" if part.times > 1 else steps


def _step_in_words(step: Step, hr_max_bpm: float) -> str:
    to = target(step, hr_max_bpm)
    zones = f"zone {step.low}" + (f"–{step.high}" if step.high > step.low else "")
    unit = to.unit if to.unit == "bpm" else "% of the maximal heart rate"
    return f"{step.minutes:g} min {zones}, {to.low}–{to.high} {unit}"


def fit(session: PlannedSession, sport: str, day: date, hr_max_bpm: float) -> bytes:
    """A session as a FIT workout; equal input gives equal bytes.

    Parameters
    ----------
    session, sport : what is done; a sport that FIT does not know becomes 'generic'
    day : on which it is planned; the file's date
    hr_max_bpm : NaN writes targets in per cent
    """
    from garmin_fit_sdk import FIT_EPOCH_S, Encoder, Profile

    encoder, number = Encoder(), Profile["mesg_num"]
    name = f"{DAYS[session.day][:3]} {session.kind}"
    made = int(datetime.combine(day, time(), UTC).timestamp()) - FIT_EPOCH_S
    sport = sport if sport in Profile["types"]["sport"].values() else "generic"
    steps = _steps(session, hr_max_bpm)
    about = {"type": "workout", "manufacturer": "development", "product": 0}
    about |= {"time_created": made, "serial_number": zlib.crc32(f"{day} {name}".encode())}
    encoder.write_mesg({"mesg_num": number["FILE_ID"], **about})
    workout = {"wkt_name": name, "sport": sport, "num_valid_steps": len(steps)}
    encoder.write_mesg({"mesg_num": number["WORKOUT"], **workout})
    for index, step in enumerate(steps):
        encoder.write_mesg({"mesg_num": number["WORKOUT_STEP"], "message_index": index, **step})
    return bytes(encoder.close())


def _steps(session: PlannedSession, hr_max_bpm: float) -> list[dict]:
    """FIT's steps: each part's own, and after a repeated one where to go back to and how often."""
    out: list[dict] = []
    parts = session.parts()
    for place, part in enumerate(parts):
        first = len(out)
        out += [
            _step(target(step, hr_max_bpm), _intensity(place, len(parts), at))
            for at, step in enumerate(part.steps)
        ]
        if part.times > 1:
            out.append({"duration_type": "repeat_until_steps_cmplt", "duration_value": first,
                        "target_value": part.times})  # fmt: skip
    return out


def _step(to: Target, intensity: str) -> dict:
    more = BPM_FROM if to.unit == "bpm" else 0
    return {
        "duration_type": "time",
        "duration_value": 1000 * to.seconds,  # ms
        "target_type": "heart_rate",
        "target_value": 0,  # no zone of the watch's own: the range that follows
        "custom_target_value_low": to.low + more,
        "custom_target_value_high": to.high + more,
        "intensity": intensity,
    }


def _intensity(place: int, parts: int, at: int) -> str:
    if parts > 1 and place in (0, parts - 1):
        return "cooldown" if place else "warmup"
    return "rest" if at else "active"


def read_fit(data: bytes) -> list[Target]:
    """The steps of a FIT workout in the order a watch does them, repetitions written out.

    Raises
    ------
    UserError for what is no workout with steps by time and heart rate
    """
    from garmin_fit_sdk import Decoder, Stream

    messages, errors = Decoder(Stream.from_byte_array(bytearray(data))).read(
        expand_sub_fields=False
    )
    steps = messages.get("workout_step_mesgs", [])
    if errors or not steps or messages["workout_mesgs"][0]["num_valid_steps"] != len(steps):
        raise UserError("no FIT workout, or one that is cut short; write it again")
    out: list[list[Target]] = []  # of each message: what is done from it on to the next
    for step in steps:
        if step["duration_type"] == "repeat_until_steps_cmplt":
            block = [to for part in out[step["duration_value"] :] for to in part]
            out.append(block * (step["target_value"] - 1))  # done once already
        else:
            out.append([_read_step(step)])
    return [to for part in out for to in part]


def _read_step(step: dict) -> Target:
    if step["duration_type"] != "time" or step["target_type"] != "heart_rate":
        raise UserError("a step of the workout has no time or no heart rate; write it again")
    low, high = (step[f"custom_target_value_{end}"] for end in ("low", "high"))
    bpm = low > BPM_FROM
    less = BPM_FROM if bpm else 0
    seconds = round(step["duration_value"] / 1000)
    return Target(seconds, low - less, high - less, "bpm" if bpm else "%")


def zwo(session: PlannedSession, name: str) -> str:
    """A ride as a ZWO workout, which sets a trainer's power as shares of the rider's own FTP.

    The shares are an assumption, :data:`POWER_EDGES`, and the file says so.
    """
    root = xml.Element("workout_file")
    about = {
        "author": "sportsml_lite",
        "name": name,
        "description": "Planned by heart rate. The power of each step is an assumption: follow "
        "the heart rate where the two differ.",
        "sportType": "bike",
    }
    for tag, text in about.items():
        xml.SubElement(root, tag).text = text
    workout = xml.SubElement(root, "workout")
    for part in session.parts():
        _add(workout, part)
    xml.indent(root)
    return xml.tostring(root, encoding="unicode") + "\n"


def _add(workout: xml.Element, part: Part) -> None:
    if len(part.steps) == 2:
        work, rest = part.steps
        xml.SubElement(workout, "IntervalsT", {
            "Repeat": str(part.times),
            "OnDuration": _seconds(work), "OffDuration": _seconds(rest),
            "OnPower": _power(work), "OffPower": _power(rest),
        })  # fmt: skip
        return
    for step in part.steps * part.times:
        xml.SubElement(workout, "SteadyState", {"Duration": _seconds(step), "Power": _power(step)})


def _seconds(step: Step) -> str:
    return str(round(step.minutes * 60))


def _power(step: Step) -> str:
    return f"{np.mean([POWER_EDGES[step.low - 1], POWER_EDGES[step.high]]):.2f}"
