"""Tasks of motion: what a wrist does at 30 samples a second, and which stroke that is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from sportsml_lite.collect.datasets.dataset import DataSet
from sportsml_lite.collect.datasets.swimming import INERTIAL, RATE_HZ, TRANSITION
from sportsml_lite.errors import UserError
from sportsml_lite.prepare.tasks.task import Task, finished
from sportsml_lite.prepare.windows import cut_windows

STROKES = ("transition", "freestyle", "breaststroke", "backstroke", "butterfly")
# The same stroke with the watch on the other wrist is its mirror image: acceleration changes sign
# along x, and the angular rate, which a mirror turns the other way, along y and z.
MIRRORED = (-1, 1, 1, 1, -1, -1)


def motion_task(data: DataSet, size: tuple[float, float], target: str) -> Task:
    """Windows of inertial channels, labelled with the stroke that fills most of each.

    Parameters
    ----------
    data : with ``motion``, a row a sample
    size : length and stride of a window, s
    target : ``'class'``, the only one that motion has

    Raises
    ------
    UserError for another target, or a channel that is empty everywhere
    """
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
    options = {"classes": STROKES, "short": "skip", "rate_hz": RATE_HZ}
    windows = cut_windows(frame, owners, INERTIAL, *size, **options)
    whole = pieces.set_index(pieces["piece"].astype(str))["session_id"]
    recording = whole.reindex(windows.recording).astype(str).to_numpy(dtype=object)
    signs = np.array([np.ones(len(INERTIAL)), MIRRORED], dtype=np.float32)
    windows = replace(windows, recording=recording)
    return finished(data.name, windows, None, signs, data.athletes, data.dropped)
