"""TCX and GPX: XML of unknown origin, read in one pass with defusedxml.

A small reader of our own, because the libraries at hand do not suit files of unknown origin:
tcxreader parses with the unguarded parser and fills missing values by interpolation, gpxpy reads
the whole text with the unguarded parser and keeps every element.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from sportsml_lite.collect.formats.recording import (
    LARGEST,
    Recording,
    Refusal,
    cleaned,
    haversine_m,
    sport_name,
    utc_times,
)

ROOTS = {"gpx": "GPX", "trainingcenterdatabase": "TCX"}
WHITESPACE = b" \t\r\n"

# Names of elements below a point, in lower case and without namespace, by the channel they hold.
# GPX: Garmin's TrackPointExtension v1 and v2, Cluetrust's gpxdata, Strava and Suunto.
POINT = {
    "time": "time",
    # TCX
    "latitudedegrees": "lat_deg",
    "longitudedegrees": "lon_deg",
    "altitudemeters": "altitude_m",
    "distancemeters": "distance_m",
    "value": "hr_bpm",
    "heartratebpm": "hr_bpm",
    "runcadence": "cadence",
    "watts": "power_w",
    # GPX
    "ele": "altitude_m",
    "hr": "hr_bpm",
    "heartrate": "hr_bpm",
    "heart_rate": "hr_bpm",
    "cad": "cadence",
    "power": "power_w",
    "powerinwatts": "power_w",
    # both
    "cadence": "cadence",
    "speed": "speed_mps",
}
# A median above this many a minute cannot be strides, so the maker has counted steps already.
MOST_STRIDES = {"running": 120, "walking": 75, "hiking": 75}


def read_xml(data: bytes, expected: str) -> list[Recording]:
    """Sessions of a TCX file (an Activity each) or a GPX file (a track each).

    TCX: duration and distance are the sums of the laps'; a session without trackpoints gives a
    recording without points. GPX: distance is the great-circle sum and speed is *derived* from it,
    distance over time, where the file states none; duration runs from first to last point; neither
    counts what lies between two segments. Points without a time are left out. Cadence on foot
    comes in strides and is doubled, unless it can only be steps. Times without a zone are UTC.

    Parameters
    ----------
    expected : ``'TCX'`` or ``'GPX'``

    Raises
    ------
    Refusal for malformed XML (with its line), a document type or entities, another format, or a
    file without a recorded activity
    """
    elements = _walk(data)
    root = next(elements)[1]
    kind = ROOTS.get(_local(root.tag).lower())
    if kind != expected:
        what = f"{kind} data" if kind else f"XML of another kind, <{_local(root.tag)[:40]}>"
        advice = f"rename it to .{kind.lower()}" if kind else "export the activity again"
        raise Refusal(f"it holds {what}, not {expected}", advice)
    return _tcx(elements) if kind == "TCX" else _gpx(elements)


def _walk(data: bytes) -> Iterator[tuple[str, object, list]]:
    """Yield (event, element, open elements) with the parser's errors made into refusals."""
    from defusedxml import DefusedXmlException, ElementTree

    begin = len(data) - len(data.lstrip(WHITESPACE))  # Strava's TCX begins with spaces
    open_elements: list = []
    try:
        for event, element in ElementTree.iterparse(
            io.BytesIO(data[begin:]), events=("start", "end"), forbid_dtd=True
        ):
            if event == "start":
                open_elements.append(element)
            else:
                open_elements.pop()
            yield event, element, open_elements
    except ElementTree.ParseError as error:
        line = getattr(error, "position", (1, 0))[0] + data[:begin].count(b"\n")
        what = str(error).split(":")[0]
        raise Refusal(
            f"line {line}: it is no well-formed XML ({what})", "export the activity again"
        ) from None
    except DefusedXmlException:
        raise Refusal(
            "it declares a document type or entities, which can be an attack and no device writes",
            "export the activity again",
        ) from None
    except (ValueError, LookupError) as error:
        raise Refusal(f"its text cannot be decoded ({error})", "save it as UTF-8") from None


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _tcx(elements: Iterator) -> list[Recording]:
    found, points, laps, about = [], [], [], None
    for event, element, parents in elements:
        tag = _local(element.tag)
        if tag == "Activity" and event == "start":
            points, laps, about = [], [], {"sport": element.get("Sport")}
        elif about is None or event == "start":
            continue
        elif tag == "Trackpoint":
            points.append(_point(element))
            _forget(element, parents)
        elif tag == "Lap":
            laps.append(_lap(element))
        elif tag == "Id":
            about.setdefault("start", element.text)
        elif tag == "Activity":
            found.append(_tcx_activity(points, laps, about))
            about = None
    if not found:
        raise Refusal("it holds no activity", "give a recorded activity, not a course or a workout")
    return found


def _gpx(elements: Iterator) -> list[Recording]:
    found, points, segment, sport, seen = [], [], 0, None, 0
    for event, element, parents in elements:
        tag = _local(element.tag)
        if tag == "trk" and event == "start":
            points, sport = [], None
        elif tag == "trkseg" and event == "start":
            segment += 1
        elif event == "start":
            continue
        elif tag == "trkpt":
            point = _point(element) | {"lat_deg": element.get("lat"), "lon_deg": element.get("lon")}
            points.append(point | {"segment": segment})
            _forget(element, parents)
        elif tag == "type" and parents and _local(parents[-1].tag) == "trk":
            sport = element.text
        elif tag == "trk":
            seen += len(points)
            found += _gpx_track(points, sport)
    if not found:
        what = "its points have no time" if seen else "it holds no track"
        raise Refusal(what, "give a recorded activity, not a route, waypoints or a course")
    return found


def _forget(element, parents: list) -> None:
    """Free a point's memory once it is read; it lies below the root, so it has a parent."""
    element.clear()
    parents[-1].remove(element)


def _point(element) -> dict[str, str]:
    """Texts below a point by channel; the first of several names for one channel counts."""
    texts: dict[str, str] = {}
    for node in element.iter():
        channel = POINT.get(_local(node.tag).lower())
        if channel and channel not in texts and node.text and node.text.strip():
            texts[channel] = node.text
    return texts


def _lap(element) -> dict[str, str | None]:
    direct = {_local(child.tag): child for child in element}

    def text(name: str) -> str | None:
        child = direct.get(name)
        return None if child is None else "".join(child.itertext()).strip()

    return {
        "start": element.get("StartTime"),
        "duration_s": text("TotalTimeSeconds"),
        "distance_m": text("DistanceMeters"),
        "hr_mean_bpm": text("AverageHeartRateBpm"),
        "hr_max_bpm": text("MaximumHeartRateBpm"),
    }


def _frame(texts: list[dict], sport: str | None) -> pd.DataFrame:
    """Points with a time, numbers as numbers, cadence as the sport's own count."""
    frame = pd.DataFrame(texts)
    times = utc_times(frame.pop("time") if "time" in frame else pd.Series(None, frame.index, "str"))
    timed = times.notna()
    frame = frame[timed].apply(pd.to_numeric, errors="coerce").astype("float64")
    frame.insert(0, "time_us", times[timed].astype("int64"))
    name = sport_name(sport)
    if "cadence" in frame and name in MOST_STRIDES:
        strides = not frame["cadence"].where(frame["cadence"] > 0).median() > MOST_STRIDES[name]
        frame["cadence"] *= 2 if strides else 1
    return frame.reset_index(drop=True)


def _tcx_activity(points: list[dict], laps: list[dict], about: Mapping) -> Recording:
    frame = _frame(points, about["sport"])
    starts = utc_times(
        pd.Series([about.get("start"), *(lap["start"] for lap in laps)], dtype="str")
    )
    start = starts.min()
    if frame.empty and (pd.isna(start) or not laps):
        raise Refusal("an activity has no trackpoints and no laps", "export the activity again")
    start_us = None if pd.isna(start) else start.value // 1_000
    return Recording(frame, start_us, about["sport"], _lap_totals(laps))


def _lap_totals(laps: list[dict]) -> dict[str, float]:
    """Sums over the laps, unless a lap states none; heart rate weighted by the laps' time."""
    if not laps:
        return {}
    lap = pd.DataFrame(laps).drop(columns="start").apply(pd.to_numeric, errors="coerce")
    lap = lap.astype("float64").where(lap.abs() < LARGEST)
    time_s = lap["duration_s"].clip(lower=0)
    total_s = time_s.sum(skipna=False)
    if not total_s > 0:
        return {"distance_m": lap["distance_m"].sum(skipna=False)}
    return {
        "duration_s": total_s,
        "distance_m": lap["distance_m"].sum(skipna=False),
        "hr_mean_bpm": (lap["hr_mean_bpm"] * time_s).sum(skipna=False) / total_s,
        "hr_max_bpm": lap["hr_max_bpm"].max(),
    }


def _gpx_track(points: list[dict], sport: str | None) -> list[Recording]:
    """The track as a recording with its distance; nothing where no point has a time."""
    frame = _frame(points, sport)
    if frame.empty:
        return []
    frame = cleaned(frame.sort_values("time_us", kind="stable", ignore_index=True))
    fixes = frame[["lat_deg", "lon_deg", "segment"]].dropna()
    if len(fixes) < 2:
        return [Recording(frame, sport=sport)]
    steps = haversine_m(fixes["lat_deg"].to_numpy(), fixes["lon_deg"].to_numpy())
    steps = np.where(np.diff(fixes["segment"]) == 0, steps, 0.0)
    along = pd.Series(np.concatenate([[0.0], np.cumsum(steps)]), fixes.index)
    frame = frame.assign(distance_m=along)
    return [Recording(frame, sport=sport, stated={"distance_m": float(along.iloc[-1])})]
