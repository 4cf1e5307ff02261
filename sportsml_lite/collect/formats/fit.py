"""FIT files, read with Garmin's official SDK."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from sportsml_lite.collect.formats.recording import ON_FOOT, SECOND_US, Recording, Refusal

HEADER_SIZES = (12, 14)
CRC_SIZE = 2
NOT_SET_S = 0x10000000  # smaller times count from the device's power-on: its clock was never set
SEMICIRCLE_DEG = 180 / 2**31
SESSION_FIELDS = {
    "duration_s": "total_timer_time",
    "distance_m": "total_distance",
    "hr_mean_bpm": "avg_heart_rate",
    "hr_max_bpm": "max_heart_rate",
    "power_mean_w": "avg_power",
    "elevation_gain_m": "total_ascent",
    "effect": "total_training_effect",
}
SIMULATED = "simulated"  # product name of a file whose training effect no device has given


def read_fit(data: bytes) -> list[Recording]:
    """Sessions of a FIT activity, or of several activities in one file (chained FIT).

    A session without records gives a recording without points; records without a session message,
    as a device leaves them whose battery died, give one recording from the first to the last.
    Developer fields are left out. Steps are strides doubled, for sports on foot.

    Raises
    ------
    Refusal if the file is cut short, fails its checksum, breaks the format, or is no activity
    """
    found, refused = [], None
    for part in _parts(data):
        try:
            found += _activity(_messages(part))
        except _NoActivity as refusal:
            refused = refusal
    if not found and refused:
        raise refused
    return found


class _NoActivity(Refusal):
    """A sound FIT file of another kind: it may stand beside an activity in a chained file."""


def _parts(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        if data[at + 8 : at + 12] != b".FIT" or data[at] not in HEADER_SIZES:
            where = f"from byte {at} on " if at else ""
            raise Refusal(f"{where}it is not FIT data", "copy the file from the device again")
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + data[at] + size + CRC_SIZE
        if not size:
            raise Refusal(
                "the recording was never closed (its header states no data)",
                "let the device finish it, or export the activity again",
            )
        if end > len(data):
            raise Refusal(
                f"cut short: its header promises {end:,} bytes, {len(data):,} are there",
                "copy the file from the device again",
            )
        yield data[at:end]
        at = end


def _messages(part: bytes) -> dict[str, list[dict]]:
    from garmin_fit_sdk import CrcCalculator, Decoder, Stream

    body, crc = part[:-CRC_SIZE], int.from_bytes(part[-CRC_SIZE:], "little")
    if CrcCalculator.calculate_crc(body, 0, len(body)) != crc:
        raise Refusal(
            "its checksum is wrong: bytes were changed or lost on the way",
            "copy the file from the device again",
        )
    decoder = Decoder(Stream.from_byte_array(bytearray(part)))
    messages, errors = decoder.read(convert_datetimes_to_dates=False, enable_crc_check=False)
    if errors and "ompressed timestamp" in str(errors[0]):
        raise Refusal(
            "it uses compressed timestamps, which Garmin's SDK does not read",
            "export the activity as TCX or GPX",
        )
    if errors:
        what = " ".join(str(errors[0]).split()) or type(errors[0]).__name__
        raise Refusal(
            f"it breaks the FIT format ({what})",
            "copy the file from the device again, or export the activity as TCX or GPX",
        )
    return messages


def _activity(messages: Mapping[str, list[dict]]) -> list[Recording]:
    kind = next((m["type"] for m in messages.get("file_id_mesgs", []) if "type" in m), "activity")
    if kind not in ("activity", "activity_summary"):
        raise _NoActivity(
            f"it is a FIT file of type {kind!r}, not an activity", "give a recorded activity"
        )
    points = _points(messages.get("record_mesgs", []))
    sessions = sorted(messages.get("session_mesgs", []), key=_begin_s)
    if points.empty and not sessions:
        raise _NoActivity("it holds no records and no session", "give a recorded activity")
    if not sessions:
        sport = next((m.get("sport") for m in messages.get("sport_mesgs", [])), None)
        sessions = [{"sport": sport}]
    product = next((m.get("product_name") for m in messages.get("file_id_mesgs", [])), None)
    whose = SIMULATED if product == SIMULATED else "device"
    starts = np.array([_begin_s(m) for m in sessions])
    owner = np.searchsorted(starts, points["time_us"] / SECOND_US, side="right") - 1
    owner = np.maximum(owner, 0)  # a record before the first session belongs to it
    return [_recording(m, _own(points, owner == i), whose) for i, m in enumerate(sessions)]


def _begin_s(session: Mapping) -> float:
    """Start of a session message, s since 1970 UTC; -inf where it states none."""
    from garmin_fit_sdk import FIT_EPOCH_S

    start = _number(session.get("start_time"))
    if not np.isfinite(start):
        start = _number(session.get("timestamp")) - _number(session.get("total_elapsed_time"))
    return start + FIT_EPOCH_S if start >= NOT_SET_S else -np.inf


def _recording(session: Mapping, points: pd.DataFrame, effect_name: str) -> Recording:
    begin = _begin_s(session)
    if points.empty and not np.isfinite(begin):
        raise Refusal("a session has no records and no start", "export the activity again")
    sport = session.get("sport")
    sport = sport if isinstance(sport, str) else None
    stated = {name: _number(session.get(f)) for name, f in SESSION_FIELDS.items()}
    stated["elevation_gain_m"] += _part(session, "total_fractional_ascent")
    stated["rpe"] = _number(session.get("workout_rpe")) / 10
    if sport in ON_FOOT:  # FIT counts strides, two steps each
        strides = _number(session.get("total_cycles"))
        stated["steps"] = 2 * (strides + _part(session, "total_fractional_cycles"))
        if "cadence" in points:
            points = points.assign(cadence=2 * points["cadence"])
    start = int(begin * SECOND_US) if np.isfinite(begin) else None
    return Recording(points, start, sport, stated, effect_name)


def _number(value: object) -> float:
    """A field's number; NaN for a field that is absent, text or an array."""
    return float(value) if isinstance(value, int | float) else np.nan


def _part(message: Mapping, name: str) -> float:
    """A fraction kept in a field of its own, which adds nothing where it is absent."""
    return float(np.nan_to_num(_number(message.get(name))))


def _points(records: list[dict]) -> pd.DataFrame:
    from garmin_fit_sdk import FIT_EPOCH_S

    def column(*names: str) -> np.ndarray:
        first = [next((r[n] for n in names if n in r), None) for r in records]
        return np.array([_number(value) for value in first], dtype=float)

    time = column("timestamp")
    points = {
        "hr_bpm": column("heart_rate"),
        "speed_mps": column("enhanced_speed", "speed"),
        "power_w": column("power"),
        "cadence": column("cadence") + np.nan_to_num(column("fractional_cadence")),
        "altitude_m": column("enhanced_altitude", "altitude"),
        "distance_m": column("distance"),
        "lat_deg": column("position_lat") * SEMICIRCLE_DEG,
        "lon_deg": column("position_long") * SEMICIRCLE_DEG,
    }
    timed = np.isfinite(time)
    if timed.any() and time[timed].max() < NOT_SET_S:
        raise Refusal(
            "its clock was never set: times count from the device's power-on",
            "export the activity with a date, for example as CSV",
        )
    timed &= time >= NOT_SET_S
    frame = pd.DataFrame({k: v[timed] for k, v in points.items() if np.isfinite(v).any()})
    frame.insert(0, "time_us", (time[timed].astype("int64") + FIT_EPOCH_S) * SECOND_US)
    return frame


def _own(points: pd.DataFrame, mine: np.ndarray) -> pd.DataFrame:
    """The points of one session, distance from its start: some devices count on through a file."""
    own = points[mine]
    if "distance_m" not in own or own.empty:
        return own
    before = points["distance_m"].iloc[: own.index[0]].dropna()
    first = own["distance_m"].dropna()
    if before.empty or first.empty or first.iloc[0] < before.iloc[-1]:
        return own
    return own.assign(distance_m=own["distance_m"] - before.iloc[-1])
