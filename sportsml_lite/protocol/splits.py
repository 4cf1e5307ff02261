"""Athletes on one side or the other: 70/15/15, grouped folds, leave one out, calibration."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError
from sportsml_lite.protocol.rules import PROTOCOL

PARTS = ("train", "validation", "test", "calibration")


@dataclass(frozen=True)
class Split:
    """Which athletes stand in which part; nobody stands in two.

    Raises
    ------
    UserError if an athlete stands in two parts, or nobody in train or test
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    calibration: tuple[str, ...] = ()

    def __post_init__(self):
        seen: dict[str, str] = {}
        for part in PARTS:
            for athlete in getattr(self, part):
                if athlete in seen:
                    raise UserError(
                        f"split: athlete {athlete!r} stands in {seen[athlete]} and in {part}; "
                        "keep each athlete in one part"
                    )
                seen[athlete] = part
        for part in ("train", "test"):
            if not getattr(self, part):
                raise UserError(f"split: no athlete in {part}; give more athletes")

    def parts(self, athlete) -> np.ndarray:
        """Name of the part of each row, (N,) array of str, from the athlete of each row."""
        codes, names = pd.factorize(as_names(athlete))
        place = {a: part for part in PARTS for a in getattr(self, part)}
        unknown = [name for name in names if name not in place]
        if unknown:
            raise UserError(
                f"split: athlete {unknown[0]!r} was not there when the split was made; split again"
            )
        return np.array([place[name] for name in names])[codes]

    def rows(self, athlete, part: str) -> np.ndarray:
        """Rows of one part, (N,) bool array."""
        if part not in PARTS:
            raise UserError(f"split: no part {part!r}; choose one of {', '.join(PARTS)}")
        return self.parts(athlete) == part


def split_athletes(athlete, seed: int = PROTOCOL.split_seed, strata=None) -> Split:
    """Train 70, validation 15, test 15 per cent of the athletes.

    Parameters
    ----------
    athlete : (N,) athlete of each row; rows may repeat an athlete
    seed : another seed, another split
    strata : (N,) value of each row, the same for all rows of an athlete (sex, say): each part then
        has about the same mix

    Raises
    ------
    UserError below seven athletes (a part would be empty)
    """
    table = _ordered(athlete, f"split:{seed}", strata)
    _need(table, 7, "a 70/15/15 split", "leave_one_out needs three")
    n = len(table)
    held = max(1, round(PROTOCOL.test * n)), max(1, round(PROTOCOL.validation * n))
    test, validation, train = _cut(table, *held)
    return Split(train, validation, test)


def fold_athletes(
    athlete, folds: int = PROTOCOL.folds, seed: int = PROTOCOL.split_seed, strata=None
) -> list[Split]:
    """Grouped folds: every athlete is tested once; 15 of the other 85 per cent validate.

    Parameters as in :func:`split_athletes`.

    Raises
    ------
    UserError with fewer athletes than folds, or with too few folds to leave anyone to train on
    """
    if folds < 3:
        raise UserError(f"folds = {folds}: give at least 3, so that training outweighs testing")
    table = _ordered(athlete, f"fold:{seed}", strata)
    _need(table, folds, f"{folds} folds", "take fewer folds or leave_one_out")
    fold = np.arange(len(table)) % folds
    return [_held_out(table, fold == i, f"fold {i}:{seed}") for i in range(folds)]


def leave_one_out(athlete, seed: int = PROTOCOL.split_seed) -> list[Split]:
    """One split an athlete: that athlete is the test, 15 of the others' 85 per cent validate."""
    table = _ordered(athlete, f"leave:{seed}", None)
    _need(table, 3, "leaving one athlete out", "there must be somebody to learn from")
    return [_held_out(table, table["athlete"] == name, f"{name}:{seed}") for name in table.athlete]


def take_calibration(split: Split, seed: int = PROTOCOL.split_seed) -> Split:
    """Set a fifth of the training athletes apart, for conformal intervals.

    Raises
    ------
    UserError when fewer than ``1/alpha - 1`` athletes (nine) would calibrate: no finite interval
        could promise its coverage, and CV+ by athlete is the way
    """
    count = round(PROTOCOL.calibration * len(split.train))
    needed = math.ceil(1 / PROTOCOL.alpha - 1 - 1e-9)
    if count < needed:
        raise UserError(
            f"split: {len(split.train)} training athletes leave {count} to calibrate with, "
            f"{needed} are needed; use evaluate.cv_plus over folds"
        )
    table = _ordered(split.train, f"calibration:{seed}", None)
    calibration, train = _cut(table, count)
    return Split(train, split.validation, split.test, calibration)


def leaky_rows(n: int, seed: int = PROTOCOL.split_seed) -> np.ndarray:
    """A random split of *rows*, (N,) part names: the mistake, for the page that shows it.

    The same athlete's rows land on both sides, so a model is praised for knowing the athlete
    (Saeb et al. 2017). No claim may rest on it.
    """
    held = round(PROTOCOL.test * n), round(PROTOCOL.validation * n)
    counts = [n - sum(held), held[1], held[0]]
    return np.random.default_rng(seed).permutation(np.repeat(PARTS[:3], counts))


def check_classes(split: Split, athlete, y) -> pd.DataFrame:
    """Rows of each class in each part, with an error where training lacks a class.

    A class that only the test lacks is no error: the table shows it.
    """
    table = pd.crosstab(pd.Series(np.asarray(y), name="class"), split.parts(athlete))
    table = table.reindex(columns=[part for part in PARTS if getattr(split, part)], fill_value=0)
    absent = table.index[table["train"] == 0]
    if len(absent):
        raise UserError(
            f"split: class {absent[0]!r} has no training row; split with strata, take another "
            "seed, or leave the class out"
        )
    return table


def as_names(athlete) -> np.ndarray:
    """Athletes as str: one may come as a number from one table and as text from another."""
    values = pd.Series(np.asarray(athlete).reshape(-1))
    if values.isna().any():
        raise UserError(f"row {int(values.isna().argmax())} has no athlete; every row needs one")
    return values.astype(str).to_numpy(dtype=object)


def _ordered(athlete, salt: str, strata) -> pd.DataFrame:
    """Each athlete once, by stratum and then in an order that only names and the salt decide."""
    table = pd.DataFrame({"athlete": as_names(athlete)})
    table["stratum"] = "" if strata is None else np.asarray(strata).astype(str)
    table = table.drop_duplicates()
    twice = table["athlete"].duplicated()
    if twice.any():
        name = table["athlete"][twice].iloc[0]
        raise UserError(f"strata: athlete {name!r} has two values; give each athlete one")
    table["key"] = [_hash(salt, name) for name in table["athlete"]]
    return table.sort_values(["stratum", "key"], ignore_index=True)


def _hash(salt: str, name: str) -> str:
    return hashlib.sha256(f"{salt}:{name}".encode()).hexdigest()


def _cut(table: pd.DataFrame, *counts: int) -> list[tuple[str, ...]]:
    """Cut into parts of the given sizes and a rest, each with about the mix of the strata."""
    groups = table.groupby("stratum")
    place = (groups.cumcount() + 0.5) / groups["key"].transform("size")
    names = table.assign(place=place).sort_values(["place", "key"])["athlete"]
    edges = np.cumsum((0, *counts))
    stops = [*edges[1:], len(names)]
    return [tuple(names.iloc[a:b]) for a, b in zip(edges, stops, strict=True)]


def _held_out(table: pd.DataFrame, test: np.ndarray, salt: str) -> Split:
    """A split with the given test athletes; validation is drawn from the others."""
    others = table[~np.asarray(test)]
    others = _ordered(others["athlete"], salt, others["stratum"])
    share = PROTOCOL.validation / (PROTOCOL.train + PROTOCOL.validation)
    validation, train = _cut(others, max(1, round(share * len(others))))
    return Split(train, validation, tuple(table["athlete"][np.asarray(test)]))


def _need(table: pd.DataFrame, least: int, what: str, otherwise: str) -> None:
    if len(table) < least:
        raise UserError(f"{what} needs {least} athletes, found {len(table)}; {otherwise}")
