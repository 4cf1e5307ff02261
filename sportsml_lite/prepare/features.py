"""The model table: what the watch saw of a session, who the athlete is, and what went before.

Nothing here is hidden truth, nothing comes from later, and nothing is the target's own past.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError
from sportsml_lite.intensity import ACCUSTOMED_D, FATIGUE_D, FITNESS_D
from sportsml_lite.prepare.history import TrainingHistory
from sportsml_lite.prepare.load import srpe_load, trimp
from sportsml_lite.prepare.rows import of_athletes
from sportsml_lite.prepare.scale import heart_rate_reserve, with_hr_max
from sportsml_lite.schema import Column

TARGETS = ("effect", "rpe", "srpe")


def _feature(name: str, unit: str, meaning: str) -> Column:
    return Column(name, "float64", unit, meaning)


FEATURES = (
    _feature("is_male", "", "man (1) or woman (0)"),
    _feature("age_y", "years", "age"),
    _feature("mass_kg", "kg", "body mass"),
    _feature("height_cm", "cm", "height"),
    _feature("hr_rest_bpm", "bpm", "resting heart rate"),
    _feature("hr_max_bpm", "bpm", "maximal heart rate, by age where unknown"),
    _feature("duration_min", "min", "duration"),
    _feature("distance_km", "km", "distance"),
    _feature("speed_mean_mps", "m/s", "mean speed"),
    _feature("power_mean_w", "W", "mean mechanical power"),
    _feature("elevation_gain_m", "m", "metres climbed"),
    _feature("steps_per_min", "per min", "steps a minute"),
    _feature("reserve_mean", "", "mean heart rate as a share of the reserve"),
    _feature("reserve_peak", "", "highest heart rate as a share of the reserve"),
    _feature("trimp", "", "training impulse (Banister)"),
    _feature("is_run", "", "a run"),
    _feature("is_walk", "", "a walk or hike"),
    _feature("is_ride", "", "a ride"),
    _feature("is_swim", "", "a swim"),
    _feature("trimp_7d", "", "training impulse of the last 7 days"),
    _feature("trimp_28d", "", "training impulse of the last 28 days"),
    _feature("sessions_7d", "", "sessions in the last 7 days"),
    _feature("longest_30d_min", "min", "longest session of the last 30 days"),
    _feature("accustomed_trimp", "", "training impulse of an accustomed session (28 days)"),
    _feature("trimp_ratio", "", "training impulse against the accustomed one"),
    _feature("fitness_42d", "", "training impulses fading with 42 days (Banister's fitness)"),
    _feature("fatigue_7d", "", "training impulses fading with 7 days (Banister's fatigue)"),
    _feature("days_since_last", "days", "days since the last session"),
    _feature("sessions_before", "", "earlier sessions on record"),
)
FEATURE_NAMES = tuple(feature.name for feature in FEATURES)
_TRIMP = "hr_mean_bpm and duration_s of the session, hr_rest_bpm and sex of the athlete"
NEEDS = {
    "trimp": _TRIMP,
    "trimp_ratio": f"{_TRIMP}, and an earlier session of the same athlete: a start before this one",
}

_SPORTS = {
    "is_run": r"\brun|treadmill|jog",
    "is_walk": "walk|hik",
    "is_ride": r"\brid|cycl|bik|spin",
    "is_swim": "swim",
}


@dataclass(frozen=True)
class Table:
    """Features and target of N sessions.

    X : (N, D) float64, NaN where unknown; y : (N,) float64; athlete, session : (N,) str;
    names : D features; target : what y is; dropped : sessions left out since they lack the target
    """

    X: np.ndarray
    y: np.ndarray
    athlete: np.ndarray
    session: np.ndarray
    names: tuple[str, ...]
    target: str
    dropped: int

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: np.ndarray) -> Table:
        """The sessions at ``rows``, an index or a (N,) bool array."""
        each = {name: getattr(self, name)[rows] for name in ("X", "y", "athlete", "session")}
        return replace(self, **each)

    def known(self, train: np.ndarray) -> Table:
        """Without the features that no *training* row has; ``train`` is a (N,) bool array.

        A model can learn nothing from them, and some refuse them.
        """
        some = ~np.isnan(self.X[train]).all(axis=0)
        names = tuple(name for name, keep in zip(self.names, some, strict=True) if keep)
        return replace(self, X=self.X[:, some], names=names)

    def varied(self) -> Table:
        """Itself, if its target is not the same number in every session.

        Raises
        ------
        UserError naming the number: there would be nothing to predict
        """
        if len(self) > 1 and (self.y == self.y[0]).all():
            raise UserError(
                f"sessions: {self.target!r} is {self.y[0]:g} in all {len(self)} that have it, so "
                "there is nothing to predict; give a target that varies"
            )
        return self

    def column(self, name: str) -> np.ndarray:
        """One feature, (N,).

        Raises
        ------
        UserError naming the features that there are, or what this one is made of
        """
        if name in NEEDS and name not in self.names:
            raise UserError(f"no training session has {name!r}: it needs {NEEDS[name]}")
        if name not in self.names:
            raise UserError(f"no feature {name!r}: choose one of {', '.join(self.names)}")
        return self.X[:, self.names.index(name)]


def session_table(
    sessions: pd.DataFrame,
    athletes: pd.DataFrame,
    target: str = "effect",
) -> Table:
    """Features (:data:`FEATURES`) and target of every session that has the target.

    Sessions without the target still count for the past of later ones. Loads come from the mean
    heart rate.

    Parameters
    ----------
    sessions, athletes : tables of the contract
    target : ``'effect'``, ``'rpe'`` (CR10) or ``'srpe'`` (CR10 × minutes)

    Raises
    ------
    UserError for an unknown target, one that no session has, effects of two kinds in one table, an
        athlete without a row, or a session_id that comes twice
    """
    y = _target(sessions, target)
    if sessions["session_id"].duplicated().any():
        name = sessions["session_id"][sessions["session_id"].duplicated()].iloc[0]
        raise UserError(f"sessions: {name!r} has two rows; give each session its own session_id")
    own = ["sex", "age_y", "mass_kg", "height_cm", "hr_rest_bpm", "hr_max_bpm"]
    athlete = of_athletes(sessions["athlete_id"], with_hr_max(athletes), own)
    features = _athlete(athlete) | _session(sessions, athlete)
    features |= _sport(sessions["sport"]) | _history(sessions, features["trimp"])
    keep = ~np.isnan(y)
    X = np.stack([np.asarray(features[n], dtype=float)[keep] for n in FEATURE_NAMES], axis=1)
    ids = (
        sessions[n].astype(str).to_numpy(dtype=object)[keep] for n in ("athlete_id", "session_id")
    )
    return Table(X, y[keep], *ids, FEATURE_NAMES, target, int((~keep).sum()))


def _target(sessions: pd.DataFrame, target: str) -> np.ndarray:
    if target not in TARGETS:
        raise UserError(f"target {target!r}: choose one of {', '.join(TARGETS)}")
    srpe = srpe_load(sessions["rpe"], sessions["duration_s"])
    y = srpe if target == "srpe" else sessions[target]
    if not y.notna().any():
        there = [name for name in ("effect", "rpe") if sessions[name].notna().any()]
        raise UserError(
            f"sessions: none has {target!r}; there is {', '.join(there) or 'no target'}"
        )
    kinds = sessions.loc[y.notna(), "effect_name"].dropna().unique()
    if target == "effect" and len(kinds) > 1:
        raise UserError(
            f"sessions: effects of two kinds, {kinds[0]!r} and {kinds[1]!r}; keep one kind"
        )
    return y.to_numpy(dtype=float)


def _athlete(athlete: pd.DataFrame) -> dict[str, np.ndarray]:
    sex = athlete["sex"]
    is_male = np.where(sex.isna(), np.nan, sex.eq("m").fillna(False).astype(float))
    numbers = ("age_y", "mass_kg", "height_cm", "hr_rest_bpm", "hr_max_bpm")
    return {"is_male": is_male} | {name: athlete[name].to_numpy(float) for name in numbers}


def _session(sessions: pd.DataFrame, athlete: pd.DataFrame) -> dict[str, np.ndarray]:
    minutes = sessions["duration_s"].to_numpy(float) / 60
    rest, top = athlete["hr_rest_bpm"].to_numpy(), athlete["hr_max_bpm"].to_numpy()
    reserve = heart_rate_reserve(sessions["hr_mean_bpm"].to_numpy(), rest, top)
    measured = ("speed_mean_mps", "power_mean_w", "elevation_gain_m")
    return {name: sessions[name].to_numpy(float) for name in measured} | {
        "duration_min": minutes,
        "distance_km": sessions["distance_m"].to_numpy(float) / 1000,
        "steps_per_min": sessions["steps"].to_numpy(float) / np.where(minutes > 0, minutes, np.nan),
        "reserve_mean": reserve,
        "reserve_peak": heart_rate_reserve(sessions["hr_max_bpm"].to_numpy(), rest, top),
        "trimp": trimp(minutes, reserve, athlete["sex"].to_numpy(dtype=object)),
    }


def _sport(sport: pd.Series) -> dict[str, np.ndarray]:
    code, names = pd.factorize(sport)
    words = pd.Series([*names, ""], dtype=str).str.lower()
    flags = {name: words.str.contains(pattern).to_numpy(float) for name, pattern in _SPORTS.items()}
    return {name: np.where(code < 0, np.nan, flag[code]) for name, flag in flags.items()}


def _history(sessions: pd.DataFrame, load: np.ndarray) -> dict[str, np.ndarray]:
    past = TrainingHistory.of(sessions)
    accustomed = past.accustomed(load, ACCUSTOMED_D)
    return {
        "trimp_7d": past.total(load, 7),
        "trimp_28d": past.total(load, 28),
        "sessions_7d": past.total(np.ones(len(load)), 7),
        "longest_30d_min": past.longest(sessions["duration_s"].to_numpy(float) / 60, 30),
        "accustomed_trimp": accustomed,
        "trimp_ratio": load / np.where(accustomed > 0, accustomed, np.nan),
        "fitness_42d": past.decayed(load, FITNESS_D),
        "fatigue_7d": past.decayed(load, FATIGUE_D),
        "days_since_last": past.days_since(),
        "sessions_before": past.count(),
    }
