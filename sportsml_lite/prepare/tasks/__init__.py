"""What the teacher, the student and each athlete's model learn: windows of one data set.

One function, :func:`load_task`, gives every data set the same form. Targets:

``'class'``
    intensity domain (below VT1, between, above VT2) of the window's last second, or the stroke
    that fills most of the window;
``'heart_rate'``
    mean heart rate over the minute after the window, from the past and the planned speed or power.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from sportsml_lite.collect.datasets import public
from sportsml_lite.collect.datasets.dataset import DataSet
from sportsml_lite.errors import UserError
from sportsml_lite.intensity import DOMAINS
from sportsml_lite.prepare.clean import regular
from sportsml_lite.prepare.tasks.motion import MIRRORED, STROKES, motion_task
from sportsml_lite.prepare.tasks.seconds import LABORATORY, seconds_task
from sportsml_lite.prepare.tasks.task import Task, joined, with_reasons
from sportsml_lite.simulate import GENERATORS, simulate

__all__ = ["DOMAINS", "LABORATORY", "MIRRORED", "STROKES", "Task", "drawn", "joined", "load_task"]

TARGETS = ("class", "heart_rate")
HEART_RATES = ("age", "reserve")
# Length and stride of a window, seconds, where the reader names none.
LENGTHS = {"swimming": (6.0, 2.0), "actes": (60.0, 10.0)}
OTHER_LENGTH = (120.0, 60.0)
SIMULATED_DAYS = 56


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
    length_s, stride_s : of a window, s; 0 takes the data set's own, and the stride follows a length
        that is given
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
    # A stride that is not given keeps the usual share of the length, in whole seconds.
    own_stride = max(1.0, round(length_s * usual[1] / usual[0])) if length_s else usual[1]
    size = (length_s or usual[0], stride_s or own_stride)
    if dataset in GENERATORS and not data_dir:
        data = drawn(dataset, seed, n_athletes, sessions_each)
        return seconds_task(data, size, target, heart_rate)
    if dataset == "pmdata":
        raise UserError("pmdata has no streams to cut windows from; take swimming or actes")
    if dataset in GENERATORS:
        data = public.load_tables(Path(data_dir).expanduser())
    else:
        data = public.load(dataset, data_dir)
    if len(data.motion):
        return motion_task(data, size, target)
    if not len(data.streams):
        raise UserError(f"{data.name}: has no streams; windows are cut from a row a second")
    streams, clock = regular(data.streams)  # the simulator's clock is regular
    dropped = with_reasons(
        data.dropped,
        ("rows averaged with others of their second", clock["merged"].sum()),
        ("seconds without a row, kept as missing", clock["inserted"].sum()),
    )
    data = replace(data, streams=streams, dropped=dropped)
    return seconds_task(data, size, target, heart_rate)


def drawn(generator: str, seed: int, n_athletes: int, sessions_each: int) -> DataSet:
    """Sessions drawn from eight simulated weeks, with the laboratory's channel and label.

    Parameters
    ----------
    generator : ``'simulated'`` or ``'simulated_b'``
    sessions_each : of each athlete, drawn by lot

    Raises
    ------
    UserError if ``sessions_each`` is no whole number from 1 on
    """
    if not isinstance(sessions_each, int) or sessions_each < 1:
        raise UserError(f"sessions_each = {sessions_each}: give a whole number from 1 on")
    sim = simulate(n_athletes, days=SIMULATED_DAYS, seed=seed, generator=generator)
    # By lot: a regular choice meets the same day of the plan's week, and so the same kind.
    lot = pd.Series(np.random.default_rng(seed).random(len(sim.sessions)))
    turn = lot.groupby(sim.sessions["athlete_id"].to_numpy()).rank()
    sessions = sim.sessions[turn <= sessions_each].reset_index(drop=True)
    streams = sim.streams(sessions["session_id"], laboratory=True)
    return DataSet(generator, sim.athletes, sessions, streams)
