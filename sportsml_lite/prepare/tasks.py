"""What the teacher, the student and each athlete's model learn: windows of one data set.

One function, :func:`load_task`, gives every data set the same form. Targets:

``'class'``
    intensity domain (below VT1, between, above VT2) of the window's last second, or the stroke
    that fills most of the window;
``'heart_rate'``
    mean heart rate over the minute after the window, from the past and the planned speed or power.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from sportsml_lite.collect.datasets import public
from sportsml_lite.collect.datasets.swimming import INERTIAL, RATE_HZ, TRANSITION
from sportsml_lite.errors import UserError
from sportsml_lite.prepare import cut_windows, hr_max_by_age, regular, stream_reserve
from sportsml_lite.prepare._rows import of_athletes, of_sessions, recordings
from sportsml_lite.schema import Windows
from sportsml_lite.simulate import GENERATORS, simulate

TARGETS = ("class", "heart_rate")
HEART_RATES = ("age", "reserve")
DOMAINS = ("below_vt1", "between", "above_vt2")
STROKES = ("transition", "freestyle", "breaststroke", "backstroke", "butterfly")
LABORATORY = "vo2_ml_kg_min"
AHEAD_S = 60
SLOPE_S = 30  # a barometer's step of 0.2 m would be a slope of its own over a shorter time
UNKNOWN_AGE_Y = 35.0
# Length and stride of a window, seconds, where the reader names none.
LENGTHS = {"swimming": (6.0, 2.0), "actes": (60.0, 10.0)}
OTHER_LENGTH = (120.0, 60.0)
SIMULATED_DAYS = 56
# The same stroke with the watch on the other wrist is its mirror image: acceleration changes sign
# along x, and the angular rate, which a mirror turns the other way, along y and z.
MIRRORED = (-1, 1, 1, 1, -1, -1)


@dataclass(frozen=True)
class Task:
    """Windows and what is known about them.

    windows : what the watch recorded, :class:`~sportsml_lite.schema.Windows`
    laboratory : (N, 1, T) float32 oxygen uptake beside each window, mL/kg/min, or None; a student
        never reads it
    signs : (G, C) float32 of ±1: the symmetries of the recording; multiplied with the channels
        they give what the same movement could have been recorded as; the first is all 1
    athletes : table of the contract
    dropped : ``reason`` and ``rows``: what the loader left out, merged or had to assume
    """

    name: str
    windows: Windows
    laboratory: np.ndarray | None
    signs: np.ndarray
    athletes: pd.DataFrame
    dropped: pd.DataFrame

    @property
    def left_out(self) -> str:
        """``dropped`` in words."""
        rows = self.dropped[self.dropped["rows"] > 0]
        pairs = zip(rows["reason"], rows["rows"].astype(int), strict=True)
        return "; ".join(f"{reason}: {count:,}" for reason, count in pairs) or "nothing"


def load_task(
    dataset: str,
    data_dir: str = "",
    target: str = "class",
    seed: int = 0,
    heart_rate: str = "age",
    length_s: float = 0.0,
    stride_s: float = 0.0,
    n_athletes: int = 200,
    sessions_each: int = 4,
) -> Task:
    """Windows of a data set.

    Parameters
    ----------
    dataset : ``'simulated'``, ``'simulated_b'``, ``'actes'``, ``'swimming'``, or the path of a
        folder of own tables, whose streams then have a column ``label``
    data_dir : folder that holds it; empty: see :func:`sportsml_lite.collect.fetch.locate`
    target : ``'class'`` or ``'heart_rate'``
    seed : of the simulated athletes
    heart_rate : for the classes: heart rate as a share of the maximum expected at this ``'age'``
        (Nes et al. 2013), or of the athlete's own ``'reserve'`` from measured rest and maximum
    length_s, stride_s : of a window, s; 0 takes the data set's own
    n_athletes, sessions_each : of the simulation

    Raises
    ------
    UserError naming the parameter, or what the data lack
    """
    if target not in TARGETS:
        raise UserError(f"target = {target!r}: choose one of {', '.join(TARGETS)}")
    if heart_rate not in HEART_RATES:
        raise UserError(f"heart_rate = {heart_rate!r}: choose one of {', '.join(HEART_RATES)}")
    usual = LENGTHS.get(dataset, OTHER_LENGTH)
    size = (length_s or usual[0], stride_s or usual[1])
    if dataset in GENERATORS and not data_dir:
        return _streams(*_simulated(dataset, seed, n_athletes, sessions_each), size, target,
                        heart_rate)  # fmt: skip
    if dataset == "pmdata":
        raise UserError("pmdata has no streams to cut windows from; take swimming or actes")
    if dataset in GENERATORS:
        data = public.load_tables(Path(data_dir).expanduser())
    else:
        data = public.load(dataset, data_dir)
    if len(data.motion):
        return _motion(data, size, target)
    if not len(data.streams):
        raise UserError(f"{data.name}: has no streams; windows are cut from a row a second")
    streams, clock = regular(data.streams)  # the simulator's clock is regular
    dropped = _more(
        data.dropped,
        ("rows averaged with others of their second", clock["merged"].sum()),
        ("seconds without a row, kept as missing", clock["inserted"].sum()),
    )
    return _streams(data.name, data.athletes, data.sessions, streams, dropped, size, target,
                    heart_rate)  # fmt: skip


def _simulated(generator: str, seed: int, n_athletes: int, sessions_each: int) -> tuple:
    """Sessions drawn from eight weeks, with the laboratory's channel and label."""
    if not isinstance(sessions_each, int) or sessions_each < 1:
        raise UserError(f"sessions_each = {sessions_each}: give a whole number from 1 on")
    sim = simulate(n_athletes, days=SIMULATED_DAYS, seed=seed, generator=generator)
    # By lot: a regular choice meets the same day of the plan's week, and so the same kind.
    lot = pd.Series(np.random.default_rng(seed).random(len(sim.sessions)))
    turn = lot.groupby(sim.sessions["athlete_id"].to_numpy()).rank()
    sessions = sim.sessions[turn <= sessions_each].reset_index(drop=True)
    streams = sim.streams(sessions["session_id"], laboratory=True)
    dropped = pd.DataFrame({"reason": [], "rows": []})
    return generator, sim.athletes, sessions, streams, dropped


# --- seconds -------------------------------------------------------------------------------------


def _streams(name, athletes, sessions, streams, dropped, size, target, heart_rate) -> Task:
    power = target == "heart_rate" and streams["power_w"].notna().any()
    frame = streams.assign(grade=_grade(streams))
    if target == "class":
        frame["hr_fraction"] = _hr_fraction(streams, sessions, athletes, heart_rate)
    # What is predicted in beats is read in beats: else the last value would be no rival.
    heart = "hr_fraction" if target == "class" else "hr_bpm"
    channels = [heart, "speed_mps", "cadence_spm", "grade"] + ["power_w"] * bool(power)
    channels = [c for c in channels if frame[c].notna().any()]
    if heart not in channels:
        raise UserError(f"{name}: the streams hold no heart rate; add a column 'hr_bpm'")
    laboratory = LABORATORY in frame and frame[LABORATORY].notna().any()
    options = {"target": "label", "rule": "last", "classes": _classes(frame, name, target)}
    if target == "heart_rate":
        plan = "power_w" if power else "speed_mps"
        if plan not in channels:
            raise UserError(f"{name}: no speed and no power, so nothing was planned for the minute")
        frame["hr_next_bpm"] = _next_mean(frame, "hr_bpm")
        frame[f"planned_{plan}"] = _ahead(frame, plan)
        channels.append(f"planned_{plan}")
        options = {"target": "hr_next_bpm", "rule": "last"}
    read = channels + [LABORATORY] * bool(laboratory)
    windows = cut_windows(frame, sessions, read, *size, short="pad", **options)
    felt = ~np.isnan(windows.X[:, 0]).all(axis=1)
    dropped = _more(dropped, ("windows without any heart rate", (~felt).sum()))
    if target == "class" and heart_rate == "age":
        unknown = athletes["age_y"].isna().sum()
        dropped = _more(dropped, (f"athletes of unknown age, read as {UNKNOWN_AGE_Y:g}", unknown))
    windows = windows.take(felt)
    privileged = windows.X[:, len(channels) :].copy() if laboratory else None
    windows = replace(windows, X=windows.X[:, : len(channels)].copy(), channels=tuple(channels))
    signs = np.ones((1, len(channels)), dtype=np.float32)
    return _task(name, windows, privileged, signs, athletes, dropped)


def _task(name, windows, privileged, signs, athletes, dropped) -> Task:
    """The task, with whoever gave it no window among what was left out."""
    there = set(windows.athlete)
    absent = [str(a) for a in athletes["athlete_id"] if a not in there]
    some = ", ".join(absent[:3]) + ", …" * (len(absent) > 3)
    dropped = _more(dropped, (f"athletes without a window that has a label ({some})", len(absent)))
    return Task(name, windows, privileged, signs, athletes, dropped)


def _more(dropped: pd.DataFrame, *counts: tuple[str, int]) -> pd.DataFrame:
    """The table with further reasons."""
    found = pd.DataFrame(counts, columns=["reason", "rows"])
    return pd.concat([dropped, found], ignore_index=True).astype({"rows": "int64"})


def _classes(frame: pd.DataFrame, name: str, target: str) -> tuple[str, ...]:
    if target != "class":
        return ()
    labels = set(frame["label"].dropna()) if "label" in frame else set()
    twins = {label.casefold(): label for label in labels}
    for label in labels - set(twins.values()):
        raise UserError(
            f"{name}: labels {label!r} and {twins[label.casefold()]!r} differ in case only; write "
            "them alike"
        )
    if len(labels) < 2:
        raise UserError(
            f"{name}: the streams have {len(labels)} kinds of label; add a column 'label' with "
            f"two or more, e.g. {', '.join(DOMAINS)}"
        )
    return DOMAINS if labels <= set(DOMAINS) else tuple(sorted(labels))


def _hr_fraction(streams, sessions, athletes, heart_rate: str) -> np.ndarray:
    """Heart rate between 0 and about 1, (N,)."""
    if heart_rate == "reserve":
        lacking = athletes["hr_rest_bpm"].isna() | athletes["hr_max_bpm"].isna()
        if lacking.any():
            name = athletes.loc[lacking.idxmax(), "athlete_id"]
            raise UserError(
                f"athletes: {name!r} has no measured hr_rest_bpm or hr_max_bpm; add both for "
                "everyone, or do without the reserve"
            )
        return stream_reserve(streams, sessions, athletes)
    first, last = recordings(streams)
    owners = of_sessions(streams["session_id"].to_numpy()[first], sessions)["athlete_id"]
    age = of_athletes(owners, athletes, ["age_y"])["age_y"].fillna(UNKNOWN_AGE_Y)
    top = np.repeat(hr_max_by_age(age.to_numpy(float)), last - first)
    return streams["hr_bpm"].to_numpy(float) / top


def _grade(streams: pd.DataFrame) -> np.ndarray:
    """Slope, rise over run, over the last 30 s, (N,); NaN where one of the two is unknown."""
    climbed, run = (_since(streams, c) for c in ("altitude_m", "distance_m"))
    slope = np.divide(climbed, run, out=np.full(len(run), np.nan), where=run > SLOPE_S / 2)
    return np.clip(slope, -0.45, 0.45)


def _since(streams: pd.DataFrame, column: str) -> np.ndarray:
    value = streams[column].to_numpy(float)
    return value - _shifted(streams, value, SLOPE_S)


def _ahead(streams: pd.DataFrame, column: str) -> np.ndarray:
    return _shifted(streams, streams[column].to_numpy(float), -AHEAD_S)


def _next_mean(streams: pd.DataFrame, column: str) -> np.ndarray:
    """Mean of the next minute, (N,); NaN where less than half of it was measured or it ends."""
    value = streams[column].to_numpy(float)
    first, last = recordings(streams)
    known = ~np.isnan(value)
    total, count = (np.r_[0.0, np.cumsum(v)] for v in (np.where(known, value, 0), known))
    row = np.arange(len(value))
    stop = row + 1 + AHEAD_S
    inside = stop <= np.repeat(last, last - first)
    stop = np.minimum(stop, len(value))
    n = count[stop] - count[row + 1]
    mean = (total[stop] - total[row + 1]) / np.maximum(n, 1)
    return np.where(inside & (n >= AHEAD_S / 2), mean, np.nan)


def _shifted(streams: pd.DataFrame, value: np.ndarray, rows: int) -> np.ndarray:
    """Each row gets the value ``rows`` earlier of its own recording; NaN beyond its ends."""
    first, last = recordings(streams)
    begin, end = (np.repeat(v, last - first) for v in (first, last))
    source = np.arange(len(value)) - rows
    inside = (source >= begin) & (source < end)
    return np.where(inside, value[np.where(inside, source, 0)], np.nan)


# --- motion --------------------------------------------------------------------------------------


def _motion(data, size, target: str) -> Task:
    if target != "class":
        raise UserError(f"{data.name}: has no heart rate; target = 'class' is the only one")
    frame = data.motion.reset_index(drop=True)
    label = frame["label"].where(~frame["label"].isin(TRANSITION), STROKES[0])
    same = frame["session_id"].eq(frame["session_id"].shift())
    # Samples that were left out leave a jump: what stands behind it is another piece. Within one
    # the samples are counted: a clock that runs a little fast or slow jumps nowhere.
    piece = (~(same & (frame["t_s"].diff() * RATE_HZ).between(0.5, 1.5))).cumsum()
    each = frame.groupby(piece)["t_s"]
    tick = (each.transform("first") * RATE_HZ).round() + each.cumcount()
    pieces = pd.DataFrame({"piece": piece, "session_id": frame["session_id"]}).drop_duplicates()
    pieces = pieces.merge(data.sessions[["session_id", "athlete_id"]], on="session_id")
    frame = frame.assign(label=label, t_s=tick / RATE_HZ, session_id=piece.astype(str))
    owners = pd.DataFrame(
        {"session_id": pieces["piece"].astype(str), "athlete_id": pieces["athlete_id"]}
    )
    present = [c for c in INERTIAL if frame[c].notna().any()]
    if len(present) < len(INERTIAL):
        raise UserError(f"{data.name}: channel {set(INERTIAL) - set(present)} is empty everywhere")
    windows = cut_windows(frame, owners, INERTIAL, *size, classes=STROKES, short="skip",
                          rate_hz=RATE_HZ)  # fmt: skip
    whole = pieces.set_index(pieces["piece"].astype(str))["session_id"]
    recording = whole.reindex(windows.recording).astype(str).to_numpy(dtype=object)
    signs = np.array([np.ones(len(INERTIAL)), MIRRORED], dtype=np.float32)
    windows = replace(windows, recording=recording)
    return _task(data.name, windows, None, signs, data.athletes, data.dropped)
