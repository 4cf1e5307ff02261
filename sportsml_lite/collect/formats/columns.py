"""What the columns of other programs' tables mean, and in which units: one table for all."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from sportsml_lite.collect.formats.recording import Refusal

# The contract's column: (its names elsewhere, the unit where the header states none). Names stand
# in lower case without spaces and marks. No unit means that the header must state one: apps write
# km/h or mph under the same name. GoldenCheetah, Strava, Polar Flow, Garmin, Concept2, FIT tools,
# Wahoo.
KNOWN: dict[str, tuple[str, str]] = {
    "t_s": ("t secs sec seconds elapsed elapsedtime elapsedseconds timer", "s"),
    "time": ("timestamp datetime dateandtime utc isotime zeit zeitstempel", ""),
    "date": ("datum", ""),
    "sport": ("activitytype aktivitätstyp sportart", ""),
    "hr_bpm": ("hr bpm heart heartrate heartratebpm pulse puls hf herzfrequenz", "bpm"),
    "speed_mps": ("speed velocity spd enhancedspeed gpsspeed geschwindigkeit", ""),
    "pace": ("tempo", ""),
    "power_w": ("power watts watt enhancedpower leistung", "w"),
    "cadence": ("cad runcadence bikecadence trittfrequenz schrittfrequenz", ""),
    "cadence_spm": ("strokerate spm stepspm", "spm"),
    "cadence_rpm": ("rpm", "rpm"),
    "altitude_m": ("altitude elevation enhancedaltitude gpsaltitude höhe", ""),
    "distance_m": ("distance distances dist cumulativedistance distanz strecke", ""),
    "lat_deg": ("lat latitude positionlat latitudedegrees breite breitengrad", "deg"),
    "lon_deg": ("lon lng long longitude positionlong longitudedegrees länge längengrad", "deg"),
}
# Names that say their unit, by one program's habit.
OWN_UNIT = {
    "km": ("distance_m", "km"),
    "kph": ("speed_mps", "km/h"),
    "kmh": ("speed_mps", "km/h"),
    "mph": ("speed_mps", "mph"),
    "velocitysmooth": ("speed_mps", "m/s"),  # Strava
    "enhancedspeed": ("speed_mps", "m/s"),  # FIT
    "enhancedaltitude": ("altitude_m", "m"),
    "alt": ("altitude_m", "m"),  # GoldenCheetah
    "ele": ("altitude_m", "m"),  # GPX
}
# The Wahoo Fitness app's own names, to the letter: metres, m/s, a prefix a sensor.
WAHOO = {
    "hr_heartrate": ("hr_bpm", "bpm"),
    "gps_dist": ("distance_m", "m"),
    "spd_accdist": ("distance_m", "m"),
    "fp_accdist": ("distance_m", "m"),
    "spd_instspeed": ("speed_mps", "m/s"),
    "gps_altitude": ("altitude_m", "m"),
    "gps_lat": ("lat_deg", "deg"),
    "gps_lon": ("lon_deg", "deg"),
    "pwr_instpwr": ("power_w", "w"),
    "cad_cadence": ("cadence_rpm", "rpm"),
    "ma_cadence": ("cadence_spm", "spm"),
}
LENGTH = {"m": 1.0, "km": 1e3, "mi": 1609.344, "yd": 0.9144, "ft": 0.3048}
UNITS: dict[str, dict[str, float]] = {
    "t_s": {"s": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0},
    "time": {"s": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0},
    "hr_bpm": {"bpm": 1.0},
    "speed_mps": {"m/s": 1.0, "km/h": 1 / 3.6, "mph": 0.44704, "kn": 1852 / 3600},
    "pace": {"min/km": 1e3, "min/mi": 1609.344, "min/500m": 500.0, "min/100m": 100.0},
    "power_w": {"w": 1.0, "kw": 1e3},
    "cadence": {"rpm": 1.0, "spm": 1.0},
    "cadence_spm": {"spm": 1.0},
    "cadence_rpm": {"rpm": 1.0},
    "altitude_m": LENGTH,
    "distance_m": LENGTH,
    "lat_deg": {"deg": 1.0, "semicircles": 180 / 2**31},
    "lon_deg": {"deg": 1.0, "semicircles": 180 / 2**31},
}
SPELLINGS = {
    "mps": "m/s", "meterspersecond": "m/s", "kmh": "km/h", "kph": "km/h", "kmph": "km/h",
    "mi/h": "mph", "milesperhour": "mph", "knots": "kn", "kt": "kn",
    "meter": "m", "meters": "m", "metres": "m", "metre": "m",
    "kilometers": "km", "kilometres": "km", "kilometer": "km",
    "miles": "mi", "mile": "mi", "yards": "yd", "yard": "yd", "yds": "yd", "feet": "ft",
    "sec": "s", "secs": "s", "seconds": "s", "second": "s", "minutes": "min", "mins": "min",
    "hours": "h", "hh:mm:ss": "s", "mm:ss": "s", "h:m:s": "s", "watts": "w", "watt": "w",
    "1/min": "rpm", "ppm": "bpm", "beats/min": "bpm", "°": "deg", "degrees": "deg",
    "min/mile": "min/mi", "/km": "min/km", "/mi": "min/mi", "min/500": "min/500m",
    "/500m": "min/500m", "/100m": "min/100m", "steps/min": "spm", "strokes/min": "spm",
}  # fmt: skip
BY_NAME = {
    alias: (column, unit)
    for column, (names, unit) in KNOWN.items()
    for alias in (re.sub(r"[\W_]", "", column), *names.split())
} | OWN_UNIT
ALL_UNITS = {unit for units in UNITS.values() for unit in units} | set(SPELLINGS)


@dataclass(frozen=True)
class Meaning:
    """What one column holds: the contract's column and the factor to its unit.

    Attributes
    ----------
    column : a name of :data:`KNOWN`
    factor : the contract's unit in one of the header's; None where the header states no unit
    """

    column: str
    factor: float | None


def meaning(header: str) -> Meaning | None:
    """What a header means, ``'Speed (km/h)'``, ``'speed_kmh'`` or ``'kph'``; None if not known."""
    text = header.strip().lower().removeprefix("record.")
    if text in KNOWN:
        return Meaning(text, 1.0)
    if text in WAHOO:
        column, unit = WAHOO[text]
        return Meaning(column, UNITS[column][unit])
    bracket = re.fullmatch(r"(.+?)\s*[\[(]\s*(.*?)\s*[\])]", text)
    name, unit = bracket.groups() if bracket else (text, "")
    tail = re.fullmatch(r"(.+?)[\s_]+(\S+)", text)
    if not bracket and tail and tail[2] in ALL_UNITS and _name(tail[1]) in BY_NAME:
        name, unit = tail.groups()
    column, usual = BY_NAME.get(_name(name), (None, ""))
    if column is None:
        return None
    unit = SPELLINGS.get(unit, unit) or usual
    if column == "cadence" and unit in ("rpm", "spm"):
        column = f"cadence_{unit}"
    if column not in UNITS:
        return Meaning(column, 1.0)
    if column in ("cadence", "time") and not unit:
        return Meaning(column, 1.0)
    return Meaning(column, UNITS[column].get(unit))


def nearest(header: str) -> str | None:
    """The contract's column that an unknown header may stand for, by its spelling."""
    text = _name(re.sub(r"[\[(].*", "", header.lower()))
    near = difflib.get_close_matches(text, list(BY_NAME), 1, 0.8) if len(text) > 4 else []
    return BY_NAME[near[0]][0] if near else None


def renamed(header: list[str], columns: str) -> tuple[list[str], list[str]]:
    """A header with the reader's own names for its columns, and the names that it lacks.

    Parameters
    ----------
    columns : pairs such as ``'speed=Velocity(km/h), hr=Puls'``; the unit may stand on either side

    Raises
    ------
    Refusal for a pair that is none, and for a name on the left that is not known
    """
    header, absent = list(header), []
    lower = [name.lower() for name in header]
    for pair in filter(None, (pair.strip() for pair in columns.split(","))):
        name, equals, given = (part.strip() for part in pair.partition("="))
        if not (equals and name and given):
            raise Refusal(f"columns: {pair!r} is no pair", "write speed=Velocity(km/h)")
        if not meaning(name):
            known = ", ".join(column for column in KNOWN)
            raise Refusal(f"columns: {name!r} is no known name", f"give one of {known}")
        if given.lower() not in lower:
            absent.append(given)
            continue
        at = lower.index(given.lower())
        unit = re.search(r"[\[(].*[\])]$", given)
        states = meaning(name).factor is not None and name.lower() not in KNOWN
        header[at] = name if states or not unit else f"{name}{unit.group()}"
    return header, absent


def _name(text: str) -> str:
    return re.sub(r"[\W_]", "", text)
