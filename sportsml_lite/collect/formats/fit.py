"""FIT files, read with Garmin's official SDK."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from sportsml_lite.collect.formats.fit_frames import CRC_SIZE, broken, checksum, needed, parts
from sportsml_lite.collect.formats.recording import ON_FOOT, SECOND_US, Recording, Refusal, stamp

NOT_SET_S = 0x10000000  # smaller times count from the device's power-on: its clock was never set
SEMICIRCLE_DEG = 180 / 2**31
MESSAGES = ("FILE_ID", "SPORT", "SESSION", "LAP", "LENGTH", "RECORD", "HR", "ACTIVITY")
SESSION_FIELDS = {
    "duration_s": "total_timer_time",
    "distance_m": "total_distance",
    "hr_mean_bpm": "avg_heart_rate",
    "hr_max_bpm": "max_heart_rate",
    "power_mean_w": "avg_power",
    "elevation_gain_m": "total_ascent",
    "effect": "total_training_effect",
}
# What a narrow field's "not measured" becomes in a wide one, where a device copies it over.
COPIED_INVALID = {"speed_mps": 65.535, "altitude_m": 65_535 / 5 - 500, "cadence": 255}
SIMULATED = "simulated"  # product name of a file whose training effect no device has given
AWAY_S = 3_600  # points this far from every session and from its points had a wrong clock
PAUSE_S = 10  # a longer silence between records may be a pause; smart recording writes every 1 to 7
TOLERANCE = 0.01  # share by which totals may differ


def read_fit(data: bytes) -> list[Recording]:
    """Sessions of a FIT activity, or of several activities in one file (chained FIT).

    A session without records gives a recording without points; records without a session message,
    as a device leaves them whose battery died, give one recording from the first to the last. Heart
    rate that a strap handed over afterwards (``hr`` messages, often a chained part) is merged onto
    the records. Developer fields are left out. Steps are strides doubled, for sports on foot.

    What cannot be used beside something that can is left out and named in ``notes``; so is a stated
    total more than 1 % from what laps or records sum to.

    Raises
    ------
    Refusal if the file is cut short, fails its checksum, breaks the format, or is no activity
    """
    activities, found, refused = [], [], []
    for at, part in parts(data):
        try:
            messages = _messages(part)
        except Refusal as refusal:
            refused.append((at, refusal))
            continue
        beats = messages.get("hr_mesgs")
        if beats and activities and not {"record_mesgs", "session_mesgs"} & set(messages):
            activities[-1][1].setdefault("hr_mesgs", []).extend(beats)
        else:
            activities.append((at, messages))
    for at, messages in activities:
        try:
            found += _activity(messages)
        except Refusal as refusal:
            refused.append((at, refusal))
    if not found:
        raise refused[0][1]
    notes = tuple(f"left out from byte {at:,} on: {refusal.reason}" for at, refusal in refused)
    return [replace(found[0], file_notes=(*notes, *found[0].file_notes)), *found[1:]]


def _messages(part: bytes | Refusal) -> dict[str, list[dict]]:
    from garmin_fit_sdk import Decoder, Profile, Stream
    from garmin_fit_sdk.decoder import DecodeMode

    if isinstance(part, Refusal):
        raise part
    if checksum(part[:-CRC_SIZE]) != int.from_bytes(part[-CRC_SIZE:], "little"):
        raise Refusal(
            "its checksum is wrong: bytes were changed or lost on the way",
            "copy the file from the device again",
        )
    body = needed(part, {Profile["mesg_num"][name] for name in MESSAGES})
    messages, errors = Decoder(Stream.from_byte_array(bytearray(body + bytes(CRC_SIZE)))).read(
        convert_datetimes_to_dates=False,
        enable_crc_check=False,
        merge_heart_rates=False,  # they may follow in another part
        decode_mode=DecodeMode.DATA_ONLY,
    )
    if errors:
        broken(" ".join(str(errors[0]).split()) or type(errors[0]).__name__)
    return {kind: found for kind, found in messages.items() if found}


def _activity(messages: Mapping[str, list[dict]]) -> list[Recording]:
    about = messages.get("file_id_mesgs", [])
    kind = next((m["type"] for m in about if "type" in m), "activity")
    if kind not in ("activity", "activity_summary"):
        raise Refusal(
            f"it is a FIT file of type {kind!r}, not an activity", "give a recorded activity"
        )
    sessions = sorted(messages.get("session_mesgs", []), key=_begin_s)
    points, notes = _points(messages)
    if points.empty and not sessions:
        raise Refusal("it holds no records and no session", "give a recorded activity")
    points, far = _near(points, sessions)
    notes += far + _missing_sessions(messages, len(sessions))
    sport = next((m["sport"] for m in messages.get("sport_mesgs", []) if "sport" in m), None)
    sessions = sessions or [{"sport": sport}]
    product = next((m.get("product_name") for m in about), None)
    starts = np.array([_begin_s(m) for m in sessions])
    recordings = []
    owner = _owner(starts, points["time_us"] / SECOND_US)
    laps, lengths = (messages.get(f"{kind}_mesgs", []) for kind in ("lap", "length"))
    for i, session in enumerate(sessions):
        own = _with_lengths(_own(points, owner == i), _of(lengths, starts, i), session)
        if own.empty and not np.isfinite(starts[i]):
            notes.append("a session has no records and no start")
            continue
        stated, doubts = _stated(session, own, _of(laps, starts, i))
        found = _recording(session, own, stated, SIMULATED if product == SIMULATED else "device")
        recordings.append(replace(found, notes=tuple(doubts)))
    if not recordings:
        raise Refusal(notes[-1], "export the activity again")
    return [replace(recordings[0], file_notes=tuple(notes)), *recordings[1:]]


def _begin_s(message: Mapping) -> float:
    """Start of a session, lap or length, s since 1970 UTC; -inf where it states none."""
    from garmin_fit_sdk import FIT_EPOCH_S

    start = _number(message.get("start_time"))
    if not np.isfinite(start):
        start = _number(message.get("timestamp")) - _number(message.get("total_elapsed_time"))
    return start + FIT_EPOCH_S if start >= NOT_SET_S else -np.inf


def _end_s(message: Mapping) -> float:
    """Latest end that a session or length states, s since 1970 UTC."""
    from garmin_fit_sdk import FIT_EPOCH_S

    longest = max(_or_zero(message, f"total_{kind}_time") for kind in ("elapsed", "timer"))
    return max(_begin_s(message) + longest, _or_zero(message, "timestamp") + FIT_EPOCH_S)


def _owner(starts: np.ndarray, times_s) -> np.ndarray:
    """Number of the session that each time belongs to: before the first session, the first."""
    return np.maximum(np.searchsorted(starts, times_s, side="right") - 1, 0)


def _of(messages: list[dict], starts: np.ndarray, session: int) -> list[dict]:
    owner = _owner(starts, [_begin_s(m) for m in messages])
    return [m for m, mine in zip(messages, owner == session, strict=True) if mine]


def _missing_sessions(messages: Mapping, found: int) -> list[str]:
    told = max((_or_zero(m, "num_sessions") for m in messages.get("activity_mesgs", [])), default=0)
    if not found:
        return ["it holds no session message; the totals are those of its records"]
    if told and told != found:
        return [f"it promises {told:,.0f} sessions, {found:,} are there"]
    return []


def _recording(session: Mapping, points: pd.DataFrame, stated: dict, whose: str) -> Recording:
    begin, sport = _begin_s(session), session.get("sport")
    if isinstance(sport, int):  # a sport that the SDK does not know yet
        sport = f"sport_{sport}"
    sport = sport if isinstance(sport, str) else None
    stated["elevation_gain_m"] += _or_zero(session, "total_fractional_ascent")
    stated["rpe"] = _number(session.get("workout_rpe")) / 10
    if sport in ON_FOOT:  # FIT counts strides, two steps each
        strides = _number(session.get("total_cycles"))
        stated["steps"] = 2 * (strides + _or_zero(session, "total_fractional_cycles"))
        if "cadence" in points:
            points = points.assign(cadence=2 * points["cadence"])
    start = int(begin * SECOND_US) if np.isfinite(begin) else None
    return Recording(points, start, sport, stated, whose)


def _number(value: object) -> float:
    """A field's number; NaN for a field that is absent, text or an array."""
    return float(value) if isinstance(value, int | float) else np.nan


def _or_zero(message: Mapping, name: str) -> float:
    """A field's number, 0 where it is absent: a fraction in a field of its own adds nothing."""
    return float(np.nan_to_num(_number(message.get(name))))


def _points(messages: Mapping[str, list[dict]]) -> tuple[pd.DataFrame, list[str]]:
    from garmin_fit_sdk import FIT_EPOCH_S

    every = messages.get("record_mesgs", [])
    records = [r for r in every if _number(r.get("timestamp")) >= NOT_SET_S]
    if not records and any("timestamp" in r for r in every):
        raise Refusal(
            "its clock was never set: times count from the device's power-on",
            "export the activity with a date, for example as CSV",
        )
    notes = []
    if len(records) < len(every):
        notes.append(
            f"{len(every) - len(records):,} of {len(every):,} records have no time, left out"
        )
    notes += _merge_heart_rate(records, messages.get("hr_mesgs", []))

    def column(*names: str) -> np.ndarray:
        first = [next((r[n] for n in names if n in r), None) for r in records]
        return np.array([_number(value) for value in first], dtype=float)

    points = {
        "hr_bpm": column("heart_rate"),
        "speed_mps": column("enhanced_speed", "speed"),
        "power_w": column("power"),
        "cadence": column("cadence"),
        "altitude_m": column("enhanced_altitude", "altitude"),
        "distance_m": column("distance"),
        "lat_deg": column("position_lat") * SEMICIRCLE_DEG,
        "lon_deg": column("position_long") * SEMICIRCLE_DEG,
    }
    for name, invalid in COPIED_INVALID.items():
        points[name][np.isclose(points[name], invalid, rtol=0, atol=1e-6)] = np.nan
    points["cadence"] += np.nan_to_num(column("fractional_cadence"))
    frame = pd.DataFrame({k: v for k, v in points.items() if np.isfinite(v).any()})
    time = column("timestamp").astype("int64")
    frame.insert(0, "time_us", (time + FIT_EPOCH_S) * SECOND_US)
    return frame, notes


def _merge_heart_rate(records: list[dict], beats: list[dict]) -> list[str]:
    """Heart rate of ``hr`` messages written into the records, as the SDK does for a whole file."""
    from garmin_fit_sdk.hr_mesg_utils import merge_heart_rates

    try:
        merge_heart_rates(beats, records)
    except Exception as error:  # a missing anchor makes the SDK raise anything
        return [
            f"its {len(beats):,} heart-rate messages cannot be placed in time ({error}), left out"
        ]
    return []


def _near(points: pd.DataFrame, sessions: list[dict]) -> tuple[pd.DataFrame, list[str]]:
    """Points without those whose clock was wrong, where most points are near the sessions.

    Points belong together where no hour lies between them. Such a group is left out if it lies an
    hour or more from every session.
    """
    starts = np.array([_begin_s(m) for m in sessions])
    ends = np.array([_end_s(m) for m in sessions])
    if points.empty or not np.isfinite(starts).all():
        return points, []
    time = points["time_us"].to_numpy() / SECOND_US
    first, last = time.min(), time.max()
    if ((first >= starts - AWAY_S) & (last <= ends + AWAY_S)).any():
        return points, []
    order = np.argsort(time, kind="stable")
    group = np.empty(len(time), dtype=int)
    group[order] = np.cumsum(np.diff(time[order], prepend=time[order[0]]) > AWAY_S)
    by_group = pd.Series(time).groupby(group)
    first, last = by_group.min().to_numpy()[:, None], by_group.max().to_numpy()[:, None]
    near = ((first <= ends + AWAY_S) & (last >= starts - AWAY_S)).any(axis=1)
    keep = near[group]
    if keep.all() or keep.mean() <= 0.5:  # else it is the sessions that have the wrong clock
        return points, []
    at = stamp(points["time_us"][~keep].iloc[0])
    note = f"{(~keep).sum():,} of {len(keep):,} points, far from every session at {at}, left out"
    return points[keep].reset_index(drop=True), [note]


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


def _with_lengths(points: pd.DataFrame, lengths: list[dict], session: Mapping) -> pd.DataFrame:
    """Points with the distance at the end of each length of a pool, where records state none."""
    stated = "distance_m" in points and points["distance_m"].notna().any()
    pool_m = _number(session.get("pool_length"))
    lengths = [m for m in lengths if np.isfinite(_begin_s(m))]
    if stated or not lengths or not pool_m > 0:
        return points
    swum = np.cumsum([m.get("length_type") != "idle" for m in lengths])
    ends = [_begin_s(m) + _or_zero(m, "total_elapsed_time") for m in lengths]
    turns = pd.DataFrame(
        {"time_us": [_begin_s(lengths[0]), *ends], "distance_m": [0.0, *(swum * pool_m)]}
    )
    turns["time_us"] = (turns["time_us"] * SECOND_US).round().astype("int64")
    both = pd.concat([points.drop(columns="distance_m", errors="ignore"), turns])
    return both.sort_values("time_us", kind="stable", ignore_index=True)


def _stated(session: Mapping, points: pd.DataFrame, laps: list[dict]) -> tuple[dict, list[str]]:
    """Totals of a session, and in words where its laps or records do not bear them out.

    A total that is absent or 0 is that of the laps, else it is left to the records.
    """
    stated = {name: _number(session.get(field)) for name, field in SESSION_FIELDS.items()}
    doubts = []
    for name, of_records in (("duration_s", _seconds(points)), ("distance_m", _metres(points))):
        field, unit = SESSION_FIELDS[name], name[-1]
        in_laps = [_number(lap[field]) for lap in laps if field in lap]
        sums = {"laps": (np.nansum(in_laps),) * 2} if in_laps else {}
        for who, (low, high) in (sums | {"records": of_records}).items():
            if stated[name] < (1 - TOLERANCE) * low or stated[name] > (1 + TOLERANCE) * high:
                other = low if stated[name] < low else high
                found = f"its {who} make {other:,.6g} {unit}"
                doubts.append(f"the session states {stated[name]:,.6g} {unit}, {found}")
        if not stated[name] > 0 and of_records[1] != 0:
            stated[name] = sums["laps"][0] if in_laps and sums["laps"][0] > 0 else np.nan
    return stated, doubts


def _seconds(points: pd.DataFrame) -> tuple[float, float]:
    """Least and most time that the timer can have run: a long silence may be a pause."""
    if points.empty:
        return np.nan, np.nan
    steps = np.diff(np.sort(points["time_us"])) / SECOND_US
    short = steps[steps <= PAUSE_S]
    slack = 1 + max(1.0, short.max(initial=0))  # whole seconds, and what the last record stands for
    return max(0.0, short.sum() - slack), steps.sum() + slack


def _metres(points: pd.DataFrame) -> tuple[float, float]:
    """Way to the last record, and with one more step, which a session may end in."""
    seen = points["distance_m"].dropna() if "distance_m" in points else pd.Series(dtype=float)
    if seen.empty:
        return np.nan, np.nan
    step = np.median(np.diff(seen)) if len(seen) > 1 else 0.0
    return float(seen.iloc[-1]), float(seen.iloc[-1] + max(0.0, step))
