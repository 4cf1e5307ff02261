"""Weeks of training between two tests: what was done in them, and by how much the test changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError
from sportsml_lite.prepare.features import Table
from sportsml_lite.prepare.rows import of_athletes

WHO = ("period", "start_level", "is_male", "age_y", "mass_kg")
PAST = ("last_change", "above_own_mean", "tests_before")
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
