"""FIT files, written with Garmin's official SDK."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from sportsml_lite.collect.formats.fit import NOT_SET_S, SEMICIRCLE_DEG, SIMULATED
from sportsml_lite.collect.formats.recording import ON_FOOT, ON_WHEELS
from sportsml_lite.errors import UserError

# FIT field and the lowest and highest value it holds, for the columns that FIT knows.
RECORD_FIELDS = {
    "hr_bpm": ("heart_rate", 1, 254),
    "speed_mps": ("enhanced_speed", 0, 4e6),
    "power_w": ("power", 0, 65_534),
    "altitude_m": ("enhanced_altitude", -500, 8e8),
    "distance_m": ("distance", 0, 4e7),
}
SESSION_FIELDS = {
    "duration_s": ("total_timer_time", 0, 4e6),
    "distance_m": ("total_distance", 0, 4e7),
    "hr_mean_bpm": ("avg_heart_rate", 1, 254),
    "hr_max_bpm": ("max_heart_rate", 1, 254),
    "speed_mean_mps": ("enhanced_avg_speed", 0, 4e6),
    "power_mean_w": ("avg_power", 0, 65_534),
    "effect": ("total_training_effect", 0, 25.4),
}
POSITION_FIELDS = (("lat_deg", "position_lat", 90), ("lon_deg", "position_long", 180))
WHOLE = ("heart_rate", "power", "avg_heart_rate", "max_heart_rate", "avg_power")
HIGHEST_CADENCE = 254
LATEST_S = 2**32 - 2
NOT_A_POSITION = 2**31 - 1  # FIT's "invalid" of a signed number of 32 bits


def write_fit(path: str | os.PathLike, session: Mapping, stream: pd.DataFrame) -> None:
    """Write one session as a FIT activity, which a device's own software can open.

    A missing value becomes an absent field; a second without any value has no record (but for the
    first and last, which keep the length). Cadence is written in the sport's own unit, steps for
    sports on foot. FIT rounds: start to 1 s, heart rate to 1 bpm, power to 1 W, speed to 1 mm/s,
    distance to 1 cm, altitude to 0.2 m, cadence to 1/64 a minute on foot and 1/128 else, position
    to 8.4e-8°, training effect to 0.1. It has no field for ``vo2_ml_kg_min`` or ``label``. A
    simulated training effect is marked as one and read back as one.

    Parameters
    ----------
    path : file to write; it is replaced whole or left as it was
    session : a row of the contract's Sessions (a Series or a mapping)
    stream : its Streams, a row a second

    Raises
    ------
    UserError naming the column and row of a value that FIT cannot hold, or a path not writable
    """
    path = Path(path)
    data = _encode(path.name, session, stream)
    try:
        _replace(path, data)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror}); choose another place"
        ) from None


def _replace(path: Path, data: bytes) -> None:
    draft = path.with_name(f".writing-{secrets.token_hex(8)}")
    try:
        draft.write_bytes(data)
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _encode(name: str, session: Mapping, stream: pd.DataFrame) -> bytes:
    from garmin_fit_sdk import Encoder, Profile

    seconds = _seconds(name, stream)
    last = int(seconds[-1]) if len(seconds) else 0
    start = _start(name, session, last)
    end = start + last
    summary = _summary(name, session, last)
    encoder, number = Encoder(), Profile["mesg_num"]

    def write(kind: str, **fields) -> None:
        encoder.write_mesg({"mesg_num": number[kind], **fields})

    product = SIMULATED if session.get("effect_name") == SIMULATED else None
    about = {"type": "activity", "manufacturer": "development", "product_name": product}
    write("FILE_ID", time_created=start, **about)
    write("EVENT", timestamp=start, event="timer", event_type="start")
    for second, record in _records(name, summary["sport"], stream, seconds):
        write("RECORD", timestamp=start + second, **record)
    write("EVENT", timestamp=end, event="timer", event_type="stop_all")
    summary |= {"event": "lap", "event_type": "stop", "message_index": 0, "num_laps": 1}
    for kind in ("LAP", "SESSION"):  # the encoder leaves out what a lap has no field for
        write(kind, timestamp=end, start_time=start, **summary)
    write("ACTIVITY", timestamp=end, num_sessions=1, type="manual", event="activity")
    return encoder.close()


def _seconds(name: str, stream: pd.DataFrame) -> np.ndarray:
    seconds = stream["t_s"].to_numpy(float)
    if not (np.isfinite(seconds) & (seconds >= 0) & (seconds % 1 == 0)).all():
        raise UserError(f"{name}: FIT records have whole seconds; give t_s as 0, 1, 2, …")
    if not (np.diff(seconds) > 0).all():
        raise UserError(f"{name}: t_s goes back or repeats; sort it and give each second once")
    return seconds


def _start(name: str, session: Mapping, last_s: int) -> int:
    """Start in FIT's own count of seconds."""
    from garmin_fit_sdk import FIT_EPOCH_S

    start = session.get("start")
    if start is None or pd.isna(start):
        raise UserError(f"{name}: the session has no start; give one in UTC")
    stamp = pd.Timestamp(start)
    stamp = stamp.tz_localize("UTC") if stamp.tz is None else stamp
    seconds = int(np.floor(stamp.timestamp())) - FIT_EPOCH_S
    if not NOT_SET_S <= seconds <= LATEST_S - last_s:
        raise UserError(f"{name}: FIT knows no time like {stamp}; give a start from 1999 to 2120")
    return seconds


def _summary(name: str, session: Mapping, last_s: int) -> dict:
    summary = {"sport": _sport(name, session.get("sport"))}
    for column, (field, low, high) in SESSION_FIELDS.items():
        value = np.array([_number(session.get(column))])
        summary[field] = _fitting(name, column, value, field, low, high)[0]
    timer = summary["total_timer_time"]
    summary["total_elapsed_time"] = max(timer or 0, last_s)
    climbed = _number(session.get("elevation_gain_m"))
    if 0 <= climbed < 65_535:
        whole, part = divmod(round(climbed * 100), 100)
        summary |= {"total_ascent": whole, "total_fractional_ascent": part / 100}
    steps = _number(session.get("steps"))
    if summary["sport"] in ON_FOOT and 0 <= steps < 2**32:
        whole, part = divmod(round(steps * 64), 128)
        summary |= {"total_cycles": whole, "total_fractional_cycles": part / 128}
    rpe = _number(session.get("rpe"))
    return summary | {"workout_rpe": round(rpe * 10) if 0 <= rpe <= 10 else None}


def _sport(name: str, sport: object) -> str | None:
    from garmin_fit_sdk import Profile

    if not isinstance(sport, str):
        return None
    known = set(Profile["types"]["sport"].values())
    if sport == "other":
        return "generic"
    if sport not in known:
        raise UserError(f"{name}: FIT knows no sport {sport!r}; give 'other' or one of its own")
    return sport


def _number(value: object) -> float:
    return np.nan if value is None or pd.isna(value) else float(value)


def _fitting(name, column, values: np.ndarray, field: str, low: float, high: float) -> list:
    """Values as the encoder takes them: None for NaN, whole where the field is."""
    bad = np.flatnonzero((values < low) | (values > high))
    if len(bad):
        raise UserError(
            f"{name}: row {bad[0]}: {column} = {values[bad[0]]:g} does not fit a FIT file "
            f"({low:g} to {high:g}); correct it or leave it empty"
        )
    rounded = np.round(values) if field in WHOLE else values
    return [None if v != v else v for v in rounded.tolist()]


def _records(
    name: str, sport: str | None, stream: pd.DataFrame, seconds: np.ndarray
) -> Iterator[tuple[int, dict]]:
    fields = {
        field: _fitting(name, column, stream[column].to_numpy(float), field, low, high)
        for column, (field, low, high) in RECORD_FIELDS.items()
        if column in stream
    }
    fields |= _cadence(name, sport, stream) | _position(name, stream)
    for row, second in enumerate(seconds.astype(int).tolist()):
        record = {field: v[row] for field, v in fields.items() if v[row] is not None}
        if record or row in (0, len(seconds) - 1):
            yield second, record


def _cadence(name: str, sport: str | None, stream: pd.DataFrame) -> dict[str, list]:
    column = "cadence_rpm" if sport in ON_WHEELS else "cadence_spm"
    if column not in stream:
        return {}
    per_turn = 2 if sport in ON_FOOT else 1  # FIT counts strides, two steps each
    values = stream[column].to_numpy(float)
    turns = _fitting(name, column, values, "cadence", 0, per_turn * HIGHEST_CADENCE)
    parts = [None if v is None else divmod(round(v / per_turn * 128), 128) for v in turns]
    return {
        "cadence": [p and p[0] for p in parts],
        "fractional_cadence": [p and p[1] / 128 for p in parts],
    }


def _position(name: str, stream: pd.DataFrame) -> dict[str, list]:
    fields = {}
    for column, field, limit in POSITION_FIELDS:
        if column in stream:
            values = stream[column].to_numpy(float)
            degrees = _fitting(name, column, values, field, -limit, limit)
            fields[field] = [
                None if v is None else min(round(v / SEMICIRCLE_DEG), NOT_A_POSITION - 1)
                for v in degrees
            ]
    return fields
