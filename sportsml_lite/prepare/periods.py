"""Weeks of training between two tests: what was done in them, and by how much the test changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError
from sportsml_lite.prepare.features import Table
from sportsml_lite.prepare.load import EDWARDS, seconds
from sportsml_lite.prepare.rows import of_athletes

WHO = ("period", "start_level", "is_male", "age_y", "mass_kg")
PAST = ("last_change", "above_own_mean", "tests_before")
SPEED = "speed_145_mps"
AT_BPM, REST_BPM, MONTH_D = 145.0, 60.0, 28  # of the runners' proxy (assumptions)
KINDS = ("who", "past", "load", "done", "laboratory")


@dataclass(frozen=True)
class Periods:
    """Periods between two tests of one outcome, as a model reads them.

    table : features and the change of the outcome, % of the first test's value
    kinds : kind of each feature, by name: ``'who'``, ``'past'``, ``'load'`` (how much, in a number
        or two), ``'done'`` (all else that watch and diary hold) or ``'laboratory'``
    """

    table: Table
    kinds: Mapping[str, str]

    def of(self, *kinds: str) -> Table:
        """The table with the features of some kinds only."""
        names = tuple(n for n in self.table.names if self.kinds[n] in kinds)
        return only(self.table, names)


def only(table: Table, names: tuple[str, ...]) -> Table:
    """A table with some of its features, in the order of ``names``.

    Raises
    ------
    UserError for a feature that it lacks
    """
    missing = [name for name in names if name not in table.names]
    if missing:
        raise UserError(f"no feature {missing[0]!r}: choose of {', '.join(table.names)}")
    at = [table.names.index(name) for name in names]
    return Table(table.X[:, at], table.y, table.athlete, table.session, tuple(names),
                 table.target, table.dropped)  # fmt: skip


def period_table(
    tests: pd.DataFrame,
    periods: pd.DataFrame,
    athletes: pd.DataFrame,
    outcome: str,
    kinds: Mapping[str, str] | None = None,
) -> Periods:
    r"""Every period that has the outcome before and after it.

    The target is :math:`100\,(y_{p+1} / y_p - 1)`. Nothing that the test after the period tells is
    a feature.

    Parameters
    ----------
    tests : table of the contract; periods : a row an athlete and period p, between the tests p and
        p + 1, with numbers or words on what was done
    athletes : table of the contract
    outcome : of ``tests``
    kinds : of columns of ``periods``, where they are not ``'done'``

    Raises
    ------
    UserError if no period has the outcome on both sides
    """
    level = tests[tests["outcome"] == outcome].pivot(
        index="athlete_id", columns="test", values="value"
    )
    level = level.reindex(columns=range(int(level.columns.min()), int(level.columns.max()) + 1))
    change = 100 * (level.shift(-1, axis=1) / level - 1)
    rows = change.stack().dropna().rename("change").reset_index()
    if not len(rows):
        raise UserError(f"tests: nobody has {outcome!r} in two tests in a row; nothing to predict")
    rows = rows.rename(columns={"test": "period"})
    features = _who(rows, level, athletes) | _past(rows, level, change)
    done = _done(rows, periods)
    own = dict.fromkeys(WHO, "who") | dict.fromkeys(PAST, "past")
    own |= {name: (kinds or {}).get(name, "done") for name in done}
    X = pd.DataFrame(features | done)[list(own)].to_numpy(float)
    athlete = rows["athlete_id"].astype(str).to_numpy(object)
    session = (rows["athlete_id"].astype(str) + "/" + rows["period"].astype(str)).to_numpy(object)
    dropped = len(periods) - len(rows)
    return Periods(Table(X, rows["change"].to_numpy(float), athlete, session, tuple(own),
                         outcome, max(0, dropped)), own)  # fmt: skip


def _at(rows: pd.DataFrame, table: pd.DataFrame) -> np.ndarray:
    """The cell of each row's athlete and period."""
    where = table.index.get_indexer(rows["athlete_id"]), table.columns.get_indexer(rows["period"])
    return table.to_numpy()[where]


def _who(rows, level: pd.DataFrame, athletes: pd.DataFrame) -> dict[str, np.ndarray]:
    own = of_athletes(rows["athlete_id"], athletes, ["sex", "age_y", "mass_kg"])
    male = np.where(own["sex"].isna(), np.nan, own["sex"].eq("m").fillna(False).astype(float))
    numbers = {name: own[name].to_numpy(float) for name in ("age_y", "mass_kg")}
    return {
        "period": rows["period"].to_numpy(float),
        "start_level": _at(rows, level),
        "is_male": male,
    } | numbers


def _past(rows, level: pd.DataFrame, change: pd.DataFrame) -> dict[str, np.ndarray]:
    """Of the tests up to the period's first: the last change, and how this one stands to them."""
    known = level.notna()
    mean = level.fillna(0).cumsum(axis=1) / known.cumsum(axis=1).where(known)
    return {
        "last_change": _at(rows, change.shift(1, axis=1)),
        "above_own_mean": _at(rows, 100 * (level / mean - 1)),
        "tests_before": _at(rows, known.cumsum(axis=1) - 1.0),
    }


def _done(rows: pd.DataFrame, periods: pd.DataFrame) -> dict[str, np.ndarray]:
    """Numbers of each row's period; a word becomes a column for each of its values."""
    keys = ["athlete_id", "period"]
    if periods.duplicated(keys).any():
        twice = periods[periods.duplicated(keys)].iloc[0]
        raise UserError(
            f"periods: athlete {twice['athlete_id']!r} has period {twice['period']} twice; keep one"
        )
    own = rows[keys].merge(periods, on=keys, how="left")
    words = [c for c in own if c not in keys and not pd.api.types.is_numeric_dtype(own[c])]
    own = pd.get_dummies(own, columns=words, dtype=float)
    return {name: own[name].to_numpy(float) for name in own if name not in keys}


def bouts(
    streams: pd.DataFrame, sessions: pd.DataFrame, tests: pd.DataFrame, athletes: pd.DataFrame
) -> pd.DataFrame:
    """What straps and a laboratory saw of the interval sessions, a row an athlete and period.

    ``edwards`` is the load by heart rate (Edwards' zones), ``hr_90_min`` and ``vo2max_90_min`` are
    minutes above 90 % of maximal heart rate, and of the maximal oxygen uptake of the test before.

    Parameters
    ----------
    streams, sessions : of the interval sessions; these name their ``period``
    tests, athletes : tables of the contract
    """
    own = sessions.set_index("session_id")
    streams = streams.assign(
        athlete_id=streams["session_id"].map(own["athlete_id"]),
        period=streams["session_id"].map(own["period"]).astype(int),
    )
    top = athletes.set_index("athlete_id")["hr_max_bpm"]
    share = streams["hr_bpm"] / streams["athlete_id"].map(top)
    level = tests[tests["outcome"] == "vo2max_ml_kg_min"]
    level = level.set_index(["athlete_id", "test"])["value"].rename("level")
    streams = streams.join(level, on=["athlete_id", "period"])
    minutes = pd.Series(seconds(streams) / 60, streams.index)
    weight = (share.to_numpy()[:, None] >= np.array(EDWARDS)).sum(axis=1)
    known = share.notna()
    streams["edwards"] = (minutes * weight).where(known)
    streams["hr_90_min"] = (minutes * (share >= 0.9)).where(known)
    above = streams["vo2_ml_kg_min"] >= 0.9 * streams["level"]
    streams["vo2max_90_min"] = (minutes * above).where(streams["level"].notna())
    columns = ["edwards", "hr_90_min", "vo2max_90_min"]
    return streams.groupby(["athlete_id", "period"])[columns].sum(min_count=1).reset_index()


def months(sessions: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A proxy of fitness where nothing was tested, and the running, of each 28 days.

    The proxy is the median of the runs' speed at :data:`AT_BPM`, if a heartbeat above an assumed
    :data:`REST_BPM` were worth the same at every speed. Runs of 20 minutes or more with a mean
    heart rate from 120 to 175 count, and a month needs three of them.

    Returns
    -------
    tests and periods: the proxy of the month before stands before the month's running
    """
    first = sessions.groupby("athlete_id")["start"].transform("min")
    own = sessions.assign(month=(sessions["start"] - first).dt.days // MONTH_D + 1)
    fit = own[(own["duration_s"] >= 1200) & own["hr_mean_bpm"].between(120, 175)]
    speed = fit["speed_mean_mps"] * (AT_BPM - REST_BPM) / (fit["hr_mean_bpm"] - REST_BPM)
    grouped = speed.groupby([fit["athlete_id"], fit["month"]])
    value = grouped.median().where(grouped.count() >= 3).dropna().rename("value").reset_index()
    tests = value.rename(columns={"month": "test"}).assign(outcome=SPEED)
    share = ((own["hr_mean_bpm"] - REST_BPM) / (AT_BPM - REST_BPM)).clip(0)
    hours = own["duration_s"] / 3600
    own = own.assign(hours=hours, runs=1.0, climb_m=own["elevation_gain_m"], longest_h=hours,
                     beats=60 * hours * share)  # fmt: skip
    # No distance: beside the hours it would tell the speed, and so the proxy itself.
    sums = dict.fromkeys(("hours", "runs", "climb_m", "beats"), "sum")
    done = own.groupby(["athlete_id", "month"]).agg(sums | {"longest_h": "max"}).reset_index()
    done["period"] = done["month"] - 1
    before = done[["athlete_id", "month", *sums]].rename(columns={"month": "period"})
    done = done.merge(before, on=["athlete_id", "period"], how="left", suffixes=("", "_before"))
    return tests, done.drop(columns="month")
