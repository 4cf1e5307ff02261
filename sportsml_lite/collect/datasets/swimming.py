"""ETH swimming: a watch on swimmers' wrists, labelled by stroke (Brunner et al. 2019)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from sportsml_lite import schema
from sportsml_lite.collect.datasets import dataset
from sportsml_lite.collect.datasets.dataset import DataSet, Dropped
from sportsml_lite.errors import UserError

RATE_HZ = 30.0
RATE_TOLERANCE = 0.01
LABELS = ("null", "freestyle", "breaststroke", "backstroke", "butterfly", "turn")
TRANSITION = ("null", "turn")  # what the paper merges into one class
CHANNELS = {
    "ACC_0": "acc_x_mps2",
    "ACC_1": "acc_y_mps2",
    "ACC_2": "acc_z_mps2",
    "GYRO_0": "gyro_x_radps",
    "GYRO_1": "gyro_y_radps",
    "GYRO_2": "gyro_z_radps",
    "MAG_0": "mag_x_ut",
    "MAG_1": "mag_y_ut",
    "MAG_2": "mag_z_ut",
    "PRESS": "pressure_hpa",
}
INERTIAL = tuple(name for name in CHANNELS.values() if name.startswith(("acc_", "gyro_")))
FILE = re.compile(r"(?P<style>[A-Za-z]+)_(?P<stamp>\d+)$")
EPOCH_MS = (1_451_606_400_000, 1_893_456_000_000)  # 2016 to 2030: other stamps are no dates


def load_swimming(folder: Path | str) -> DataSet:
    """Athletes, Sessions and Motion of ETH swimming, in its layout ``11/Freestyle_152….csv``.

    ``motion`` has a row a sample at 30 Hz: acceleration (m/s², with gravity), angular rate (rad/s),
    magnetic field (µT) and air pressure (hPa) as Android's sensors give them, and ``label``. Rows
    with the undocumented labels −1 and 6 are left out, which leaves jumps in ``t_s``: no window may
    bridge one. The repository's root works as well as the folder of swimmers.

    Raises
    ------
    UserError naming file and line for anything that cannot be read
    """
    root, dropped = Path(folder), Dropped()
    inner = root / "data" / "processed_30hz_relabeled"
    root = inner if inner.is_dir() else root
    files = [path for path in root.glob("*/*.csv") if FILE.fullmatch(path.stem)]
    if not files:
        raise UserError(
            f"{root}: holds no file such as 11/Freestyle_1526814573646.csv; give the folder of the "
            "original download (sportsml fetch swimming)"
        )
    motion, sessions = [], []
    for path in sorted(files, key=_by_swimmer):
        recording = _recording(path, dropped)
        if len(recording):
            name = f"{_swimmer(path)}-{path.stem}"
            motion.append(recording.assign(session_id=name))
            sessions.append(_session(path, name, recording))
    everyone = sorted({_swimmer(path) for path in files})
    return DataSet(
        name="swimming",
        athletes=dataset.athletes(everyone),
        sessions=_sessions(sessions),
        motion=_motion(motion),
        dropped=dropped.table(),
    )


def _by_swimmer(path: Path) -> tuple[str, int]:
    return _swimmer(path), int(FILE.fullmatch(path.stem)["stamp"])


def _swimmer(path: Path) -> str:
    name = path.parent.name
    return f"swimmer_{int(name):02d}" if name.isdecimal() else f"swimmer_{name}"


def _recording(path: Path, dropped: Dropped) -> pd.DataFrame:
    """One file: ``t_s``, channels and label."""
    raw = dataset.read_csv(path, ["timestamp", *CHANNELS, "label"], [], dropped)
    raw = dropped.keep(raw, raw["timestamp"].notna(), "samples without a time")
    if raw.empty:
        dropped.count("files without samples", 1)
        return raw
    t_s = (raw["timestamp"] - raw["timestamp"].iloc[0]) / 1e9
    _check_rate(t_s, path)
    raw = raw.assign(t_s=t_s)
    raw = dropped.keep(raw, raw["label"].notna(), "samples without a label")
    for label in sorted({-1.0, 6.0} | set(raw["label"].unique()) - set(range(len(LABELS)))):
        raw = dropped.keep(raw, raw["label"] != label, f"samples of undocumented label {label:g}")
    names = raw["label"].map(dict(enumerate(LABELS))).astype("str")
    return raw.rename(columns=CHANNELS).assign(label=names)[["t_s", *CHANNELS.values(), "label"]]


def _check_rate(t_s: pd.Series, path: Path) -> None:
    step = t_s.diff().iloc[1:]
    if (step <= 0).any():
        raise UserError(
            f"{path}, line {(step <= 0).idxmax()}: timestamp does not rise; sort the file"
        )
    rate = 1 / step.median() if len(step) else RATE_HZ
    if abs(rate / RATE_HZ - 1) > RATE_TOLERANCE:
        raise UserError(f"{path}: has {rate:.1f} samples a second, not {RATE_HZ:g}; resample it")


def _session(path: Path, name: str, recording: pd.DataFrame) -> dict:
    """``start`` comes from the file's name, where that is a date at all."""
    parts = FILE.fullmatch(path.stem)
    stamp = int(parts["stamp"])
    dated = EPOCH_MS[0] <= stamp < EPOCH_MS[1]
    return {
        "session_id": name,
        "athlete_id": _swimmer(path),
        "start": pd.Timestamp(stamp, unit="ms", tz="UTC") if dated else pd.NaT,
        "sport": "swimming",
        "duration_s": len(recording) / RATE_HZ,
        "source": f"swimming/{path.parent.name}/{path.name}",
        "stated_style": parts["style"].lower(),
    }


def _sessions(rows: list[dict]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=None if rows else ["start"])
    return schema.conform(frame.assign(start=pd.to_datetime(frame["start"], utc=True)), "sessions")


def _motion(recordings: list[pd.DataFrame]) -> pd.DataFrame:
    columns = ["session_id", "t_s", *CHANNELS.values(), "label"]
    if not recordings:
        return pd.DataFrame(columns=columns)
    frame = pd.concat(recordings, ignore_index=True)[columns]
    return frame.astype({"session_id": "str"} | dict.fromkeys(CHANNELS.values(), np.float64))
