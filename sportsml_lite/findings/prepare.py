"""What chapter 2 says of its study: the leak, loads of a session, and what looks ahead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sportsml_lite import evaluate, prepare
from sportsml_lite.studies.prepare import Data


def error(scores: pd.DataFrame, arm: str) -> evaluate.Interval:
    """RMSE of a model in the exam, mean over athletes."""
    return evaluate.mean(scores[scores["lost"].isna()], arm, "rmse")


def gain(scores: pd.DataFrame, arm: str, against: str) -> evaluate.Interval:
    """How much smaller a model's RMSE in the exam is than another's."""
    exam = scores[scores["lost"].isna()]
    return evaluate.compare(exam, arm, against, "rmse", "effect").gain


def impulses(data: Data) -> pd.DataFrame:
    """TRIMP of each recorded session, by the second and of its mean heart rate.

    Returns
    -------
    a row a session: trimp_stream, trimp_mean, reserve_sd (spread of the reserve); none where there
    is no heart rate by the second
    """
    columns = ["trimp_stream", "trimp_mean", "reserve_sd"]
    if not len(data.streams):
        return pd.DataFrame(columns=columns, dtype=float)
    loads = prepare.stream_loads(data.streams, data.sessions, data.athletes)
    reserve = pd.Series(prepare.stream_reserve(data.streams, data.sessions, data.athletes))
    own = reserve.groupby(data.streams["session_id"].to_numpy())
    sex = data.athletes.set_index(data.athletes["athlete_id"].astype(str))["sex"]
    sex = sex.loc[data.owner.loc[loads.index]].to_numpy(dtype=object)
    by_mean = prepare.trimp(loads["minutes"], own.mean().loc[loads.index], sex)
    loads = loads.assign(trimp_mean=by_mean, reserve_sd=own.std())
    return loads.rename(columns={"trimp": "trimp_stream"})[columns]


@dataclass(frozen=True)
class LookAhead:
    """What three ways of summing up recent load do when the future changes.

    days : of one athlete's sessions; turn : the day from which every load was made three times as
    large; curves : way → load before and after; moved : way → sessions before the turn whose value
    moved, of all athletes; before : how many sessions lie before the turn
    """

    days: np.ndarray
    turn: float
    curves: dict[str, tuple[np.ndarray, np.ndarray]]
    moved: dict[str, int]
    before: int


def look_ahead(sessions: pd.DataFrame) -> LookAhead | None:
    """Change the future and see whether the past moves; None where sessions have no dates."""
    known = sessions["start"].notna() & sessions["duration_s"].notna()
    line = sessions[known].sort_values(["athlete_id", "start"], ignore_index=True)
    if not len(line):
        return None
    load = line["duration_s"] / 60
    middle = line["start"].median().normalize()
    turn = middle + pd.Timedelta(days=3 - middle.weekday())  # a Thursday
    future = line["start"] >= turn
    changed = load.where(~future, 3 * load)  # the clock stays, so that nothing else can move
    mine = (
        line["athlete_id"] == line.loc[~future, "athlete_id"].value_counts().idxmax()
    ).to_numpy()
    moved, curves = {}, {}
    for way, build in WAYS.items():
        before, after = build(line, load), build(line, changed)
        moved[way] = int((np.abs(before - after) > 1e-9)[~future].sum())
        curves[way] = before[mine], after[mine]
    days = ((line["start"] - line["start"].min()) / pd.Timedelta(days=1)).to_numpy()[mine]
    begun = (turn - line["start"].min()) / pd.Timedelta(days=1)
    return LookAhead(days, begun, curves, moved, int((~future).sum()))


def _only_past(frame: pd.DataFrame, load: pd.Series) -> np.ndarray:
    """What ended in the 7 days before the session's start."""
    return prepare.TrainingHistory.of(frame).total(load, 7)


def _calendar_week(frame: pd.DataFrame, load: pd.Series) -> np.ndarray:
    """The load of the session's whole calendar week."""
    week = frame["start"].dt.strftime("%G-%V")
    return load.groupby([frame["athlete_id"], week]).transform("sum").to_numpy()


def _centred(frame: pd.DataFrame, load: pd.Series) -> np.ndarray:
    """A smooth curve, 28 days wide, centred on each session, per week."""
    days = ((frame["start"] - frame["start"].min()) / pd.Timedelta(days=1)).to_numpy()
    out, weight = np.empty(len(frame)), load.to_numpy()
    for rows in frame.groupby("athlete_id").indices.values():
        near = np.abs(days[rows][:, None] - days[rows]) <= 14
        out[rows] = 7 * (near @ weight[rows]) / 28
    return out


WAYS = {"last 7 days": _only_past, "calendar week": _calendar_week, "centred": _centred}
