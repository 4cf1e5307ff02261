"""TCX and GPX: XML of unknown origin, read in one pass with defusedxml.

A small reader of our own, because the libraries at hand do not suit files of unknown origin:
tcxreader parses with the unguarded parser and fills missing values by interpolation, gpxpy reads
the whole text with the unguarded parser and keeps every element.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from sportsml_lite import schema
from sportsml_lite.collect.formats.recording import (
    LARGEST,
    NOTICED,
    SECOND_US,
    Recording,
    Refusal,
    as_steps,
    cleaned,
    haversine_m,
    in_order,
    sport_name,
    stamp,
)
from sportsml_lite.collect.formats.text import decimal_mark, missing, to_numbers, to_times, utf16

ROOTS = {"gpx": "GPX", "trainingcenterdatabase": "TCX"}
NAME = rb"[A-Za-z_][\w.-]*"
DECLARATION = re.compile(rb"<\?xml[^>]*\?>")
ENCODING = re.compile(rb"\s+encoding\s*=\s*[\"'](utf-?16|ucs-?2|unicode)[\w-]*[\"']", re.IGNORECASE)
LAP_SLACK_S, LAP_SLACK_M = 5, 10  # laps and points may differ by this and 1 %
NO_ROUTE = "give a recorded activity, not a route, waypoints or a course"
NEIGHBOURS = 10  # fixes among which one can stand out
PAUSE_S = 10  # a step between points longer than this may be a pause, which laps leave out

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


def read_xml(data: bytes, expected: str) -> list[Recording]:
    """Sessions of a TCX file (an Activity each) or a GPX file (a track each).

    TCX: duration and distance are the sums of the laps'; a session without trackpoints gives a
    recording without points. GPX: distance is the great-circle sum and speed is *derived* from it,
    distance over time, where the file states none; duration runs from first to last point; neither
    counts what lies between two segments. Points without a time give no row, but their way counts.
    Cadence on foot comes in strides and is doubled, unless it can only be steps. Times without a
    zone are UTC. An activity or track that cannot be used beside a good one is left out and noted.

    Parameters
    ----------
    expected : ``'TCX'`` or ``'GPX'``

    Raises
    ------
    Refusal for malformed XML (with its line), a document type or entities, another format, or a
    file without a recorded activity
    """
    try:
        return _read(_decoded(data), expected)
    except _Unbound:
        return _read(_bound(_decoded(data)), expected)


class _Unbound(Exception):
    """A prefix is used that the file does not declare; its maker's other readers do not mind."""


def _read(data: bytes, expected: str) -> list[Recording]:
    elements = _walk(data)
    root = next(elements)[1]
    kind = ROOTS.get(_local(root.tag).lower())
    if kind != expected:
        what = f"{kind} data" if kind else f"XML of another kind, <{_local(root.tag)[:40]}>"
        advice = f"rename it to .{kind.lower()}" if kind else "export the activity again"
        raise Refusal(f"it holds {what}, not {expected}", advice)
    return _tcx(elements) if kind == "TCX" else _gpx(elements)


def _decoded(data: bytes) -> bytes:
    """The same lines as the parser takes them: the declaration first, its encoding the true one.

    Strava's TCX begins with spaces; programs on .NET say UTF-16 and write UTF-8, or the reverse.
    """
    codec = utf16(data)
    if codec:
        try:
            data = DECLARATION.sub(b"", data.decode(codec).encode(), count=1)
        except UnicodeError as error:
            raise Refusal(f"its text cannot be decoded ({error})", "save it as UTF-8") from None
    data = data.rstrip(b"\0 \t\r\n")  # a crash leaves empty blocks at the end
    data = data.replace(b"\xef\xbb\xbf", b"", 1)
    blank = len(data) - len(data.lstrip(b" \t\r\n"))
    declared = DECLARATION.match(data, blank)
    if not declared:
        return data
    true = ENCODING.sub(b"", declared.group())
    return true + data[:blank] + data[declared.end() :]  # the blank lines still count


def _bound(data: bytes) -> bytes:
    """Every prefix that is used declared on the root; names count here without their prefix."""
    used = set(re.findall(rb"[<\s/](%b):%b[\s=/>]" % (NAME, NAME), data)) - {b"xml", b"xmlns"}
    root = re.search(rb"<%b(?::%b)?(?=[\s/>])[^>]*" % (NAME, NAME), data)
    if not root:
        return data
    new = used - set(re.findall(rb"xmlns:(%b)" % NAME, root.group()))
    end = root.end() - root.group().endswith(b"/")
    return data[:end] + b"".join(b' xmlns:%b="%b"' % (p, p) for p in sorted(new)) + data[end:]


def _walk(data: bytes) -> Iterator[tuple[str, object, list]]:
    """Yield (event, element, open elements) with the parser's errors made into refusals."""
    from defusedxml import DefusedXmlException, ElementTree

    open_elements: list = []
    try:
        for event, element in ElementTree.iterparse(
            io.BytesIO(data), events=("start", "end"), forbid_dtd=True
        ):
            if event == "start":
                open_elements.append(element)
            else:
                open_elements.pop()
            yield event, element, open_elements
    except ElementTree.ParseError as error:
        line = getattr(error, "position", (1, 0))[0]
        what = str(error).split(":")[0]
        if what == "unbound prefix" and b'xmlns:_bound="' not in data:
            raise _Unbound from None
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
    parts, points, laps, about = _Parts("activity"), [], [], None
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
            parts.add(_tcx_activity, points, laps, about)
            about = None
    return parts.recordings(
        "it holds no activity", "give a recorded activity, not a course or a workout"
    )


def _gpx(elements: Iterator) -> list[Recording]:
    parts, points, segment, sport = _Parts("track"), [], 0, None
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
            parts.add(_gpx_track, points, sport)
    return parts.recordings("it holds no track", NO_ROUTE)


class _Parts:
    """The activities or tracks of a file: those that can be used, and why others cannot."""

    def __init__(self, kind: str):
        self.kind, self.found, self.refused, self.seen = kind, [], {}, 0

    def add(self, parse, *given) -> None:
        self.seen += 1
        try:
            self.found.append(parse(*given))
        except Refusal as refusal:
            self.refused[self.seen] = refusal

    def recordings(self, nothing: str, advice: str) -> list[Recording]:
        if not self.seen:
            raise Refusal(nothing, advice)
        if not self.found:
            raise next(iter(self.refused.values()))
        left = [f"{self.kind} {i} left out: {r.reason}" for i, r in self.refused.items()]
        first = self.found[0]
        return [replace(first, notes=(*left, *first.notes)), *self.found[1:]]


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


def _frame(
    texts: list[dict], sport: str | None, near: pd.Timestamp | None = None
) -> tuple[pd.DataFrame, list[str]]:
    """Points, numbers as numbers and NaT where there is no time, and what could not be read.

    Raises
    ------
    Refusal if there are times, but none that can be read
    """
    index = pd.RangeIndex(1, len(texts) + 1)
    columns = {name: None for point in texts for name in point}
    frame = pd.DataFrame(texts, index, list(columns)).astype("str").apply(lambda c: c.str.strip())
    given = frame.pop("time") if "time" in frame else pd.Series("", index)
    times = to_times(given.rename("point"), near)
    notes = _unread(given, times.notna(), "time")
    if notes and times.isna().all():
        raise Refusal(notes[0], "write times as 2024-05-01T06:00:00Z")
    numbers = _numbers(frame)
    for name, column in numbers.items():
        notes += _unread(frame[name], column.notna(), name)
    numbers = cleaned(numbers)
    if "cadence" in numbers:
        numbers["cadence"] = as_steps(numbers["cadence"], sport_name(sport))
    numbers.insert(0, "time", times)
    return numbers, notes


def _numbers(texts: pd.DataFrame) -> pd.DataFrame:
    """Columns as numbers; a comma is a decimal mark unless the file shows a point, as XML's own."""
    marks = {decimal_mark(column) for _, column in texts.items()} - {None}
    fallback = "," if marks == {","} else "."

    def numbers(column: pd.Series) -> pd.Series:
        comma = not marks and column.str.contains(",", regex=False).any()
        return to_numbers(column, "," if comma else fallback)

    return texts.apply(numbers).astype("float64")


def _unread(texts: pd.Series, read: pd.Series, name: str) -> list[str]:
    wrong = texts[~read & ~missing(texts)]
    if wrong.empty:
        return []
    first = f"{str(wrong.iloc[0])[:40]!r} at point {wrong.index[0]}"
    what = "a time" if name == "time" else "a number"
    return [f"{name} of {len(wrong)} of {len(texts)} points is not {what} ({first}); left empty"]


def _timed(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The points that have a time, as ``time_us``."""
    timed = frame["time"].notna()
    points = frame[timed].drop(columns="time").reset_index(drop=True)
    points.insert(0, "time_us", frame["time"][timed].astype("int64").to_numpy())
    none = int((~timed).sum())
    return points, [f"{none} of {len(frame)} points have no time and give no row"] * (none > 0)


def _tcx_activity(points: list[dict], laps: list[dict], about: Mapping) -> Recording:
    starts = to_times(
        pd.Series([about.get("start"), *(lap["start"] for lap in laps)], dtype="str", name="start")
    )
    start = starts.min()
    frame, notes = _frame(points, about["sport"], start)
    points, untimed = _timed(frame)
    points, ordered = in_order(points)
    if points.empty and (pd.isna(start) or not laps):
        raise Refusal("an activity has no trackpoints and no laps", "export the activity again")
    start_us = None if pd.isna(start) else start.value // 1_000
    stated, doubts = _checked(_lap_totals(laps), points)
    notes = (*notes, *untimed, *ordered, *doubts)
    return Recording(points, start_us, about["sport"], stated, notes=notes)


def _lap_totals(laps: list[dict]) -> dict[str, float]:
    """Sums over the laps, unless a lap states none; heart rate weighted by the laps' time."""
    if not laps:
        return {}
    lap = _numbers(pd.DataFrame(laps).drop(columns="start").astype("str"))
    lap = lap.where(lap.abs() < LARGEST)
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


def _checked(stated: dict[str, float], points: pd.DataFrame) -> tuple[dict[str, float], list[str]]:
    """The laps' totals, and a note where the points contradict them.

    Laps may leave out pauses, so their time lies between that of the points without and with them.
    """
    notes = []
    reached = points["distance_m"].max() if "distance_m" in points else np.nan
    said = stated.get("distance_m", np.nan)
    if said == 0 < reached:
        notes.append(
            f"laps state 0 m, points reach {reached:,.0f} m: the points' distance is taken"
        )
        stated = stated | {"distance_m": reached}
    elif abs(said - reached) > LAP_SLACK_M + NOTICED * reached:
        notes.append(f"laps state {said:,.0f} m, points reach {reached:,.0f} m; the laps' is taken")
    said = stated.get("duration_s", np.nan)
    step_s = np.diff(points["time_us"]) / SECOND_US
    span, moving = step_s.sum(), step_s[step_s <= PAUSE_S].sum()
    slack = LAP_SLACK_S + NOTICED * span
    if len(step_s) and not moving - slack <= said <= span + slack and np.isfinite(said):
        notes.append(f"laps state {said:,.0f} s, points span {span:,.0f} s; the laps' is taken")
    return stated, notes


def _gpx_track(texts: list[dict], sport: str | None) -> Recording:
    """The track as a recording with its distance, over points without a time too.

    Raises
    ------
    Refusal if it has no point with a time
    """
    if not texts:
        raise Refusal("it holds no track points", NO_ROUTE)
    frame, notes = _frame(texts, sport)
    if frame["time"].isna().all():
        raise Refusal("its points have no time", NO_ROUTE)
    frame["segment"] = frame["segment"].astype("int64")
    points, untimed = _timed(frame)
    ordered, moved = in_order(points)
    if moved:  # then a point without a time has no place
        frame = ordered.rename(columns={"time_us": "time"})
    else:
        first, last = frame["time"].first_valid_index(), frame["time"].last_valid_index()
        frame = frame.loc[first:last].reset_index(drop=True)
        untimed = [f"{note}, but their way counts" for note in untimed]
    frame, spikes = _without_spikes(frame)
    along = _along_m(frame)
    timed = frame["time"].notna()
    points = frame[timed].drop(columns="time")
    points.insert(0, "time_us", ordered["time_us"].to_numpy())
    stated = {"distance_m": along.max()} if along.notna().any() else {}
    if stated:
        points = points.assign(distance_m=along[timed])
    notes = (*notes, *untimed, *moved, *spikes, *_detours(frame, along.max()))
    return Recording(points.reset_index(drop=True), None, sport, stated, notes=notes)


def _without_spikes(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Without single fixes that nobody can reach and return from, such as one with a wrong digit.

    A fix is one if the steps to it and from it are faster than the contract's range while the step
    past it is not.
    """
    fixes = frame[frame["time"].notna()].dropna(subset=["lat_deg", "lon_deg"])
    lat, lon = fixes["lat_deg"].to_numpy(), fixes["lon_deg"].to_numpy()
    time_s = fixes["time"].astype("int64").to_numpy() / SECOND_US
    limit = schema.columns("streams")["speed_mps"].high

    def fast(every: slice) -> np.ndarray:
        return haversine_m(lat[every], lon[every]) > limit * np.maximum(np.diff(time_s[every]), 1)

    spike = np.zeros(len(fixes), dtype=bool)
    if len(fixes) > 2:
        step = fast(slice(None))
        past = np.empty(len(fixes) - 2, dtype=bool)
        for parity in (0, 1):
            past[parity::2] = fast(slice(parity, None, 2))
        whole = np.diff(fixes["segment"]) == 0
        spike[1:-1] = step[:-1] & step[1:] & ~past & whole[:-1] & whole[1:]
    spike |= (np.abs(lat) > 90) | (np.abs(lon) > 180)
    if not spike.any():
        return frame, []
    frame = frame.copy()
    frame.loc[fixes.index[spike], ["lat_deg", "lon_deg"]] = np.nan
    at = fixes["time"].astype("int64").to_numpy()[spike][0]
    return frame, [
        f"positions that cannot be right left out: {spike.sum()}, the first at {stamp(at)}"
    ]


def _detours(frame: pd.DataFrame, total_m: float) -> list[str]:
    """A note on a single fix whose way there and back adds what would be missed of the total."""
    fixes = frame.dropna(subset=["lat_deg", "lon_deg"])
    lat, lon = fixes["lat_deg"].to_numpy(), fixes["lon_deg"].to_numpy()
    if len(fixes) < 2 * NEIGHBOURS:
        return []
    step_m, past_m = haversine_m(lat, lon), np.empty(len(fixes) - 2)
    for parity in (0, 1):
        past_m[parity::2] = haversine_m(lat[parity::2], lon[parity::2])
    extra_m = step_m[:-1] + step_m[1:] - past_m
    extra_m[(np.diff(fixes["segment"]) != 0)[:-1] | (np.diff(fixes["segment"]) != 0)[1:]] = 0
    at = int(extra_m.argmax())
    if not extra_m[at] > NOTICED * (total_m - extra_m[at]):
        return []
    return [
        f"position {at + 2} of {len(fixes)} adds a detour of {extra_m[at]:,.0f} m; kept as it is"
    ]


def _along_m(frame: pd.DataFrame) -> pd.Series:
    """Great-circle way from the first fix, m; NaN without a fix, and where there is but one."""
    fixes = frame[["lat_deg", "lon_deg", "segment"]].dropna()
    if len(fixes) < 2:
        return pd.Series(np.nan, frame.index)
    steps = haversine_m(fixes["lat_deg"].to_numpy(), fixes["lon_deg"].to_numpy())
    steps = np.where(np.diff(fixes["segment"]) == 0, steps, 0.0)
    return pd.Series(np.concatenate([[0.0], np.cumsum(steps)]), fixes.index).reindex(frame.index)
