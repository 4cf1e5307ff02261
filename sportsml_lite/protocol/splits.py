"""Athletes on one side or the other: 70/15/15, grouped folds, leave one out."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError
from sportsml_lite.protocol.rules import PROTOCOL

PARTS = ("train", "validation", "test")


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
        """Name of the part of each row, (N,) array of str, from the athlete of each row.

        Raises
        ------
        UserError naming an athlete who was not there when the split was made
        """
        codes, names = pd.factorize(as_names(athlete))
        place = {a: part for part in PARTS for a in getattr(self, part)}
        unknown = [name for name in names if name not in place]
        if unknown:
            raise UserError(
                f"split: athlete {unknown[0]!r} was not there when the split was made; split again"
            )
        return np.array([place[name] for name in names])[codes]

    def rows(self, athlete, part: str) -> np.ndarray:
        """Rows of one part, (N,) bool array.

        Raises
        ------
        UserError for another part, or an athlete who was not there when the split was made
        """
        if part not in PARTS:
            raise UserError(f"split: no part {part!r}; choose one of {', '.join(PARTS)}")
        return self.parts(athlete) == part


def split_athletes(athlete, seed: int = PROTOCOL.split_seed) -> Split:
    """Train 70, validation 15, test 15 per cent of the athletes.

    Parameters
    ----------
    athlete : (N,) athlete of each row; rows may repeat an athlete
    seed : another seed, another split

    Raises
    ------
    UserError below seven athletes (a part would be empty)
    """
    names = _ordered(athlete, f"split:{seed}")
    _need(names, 7, "a 70/15/15 split", "leave_one_out needs three")
    n = len(names)
    held = max(1, round(PROTOCOL.test * n)), max(1, round(PROTOCOL.validation * n))
    test, validation, train = _cut(names, *held)
    return Split(train, validation, test)


def fold_athletes(
    athlete, folds: int = PROTOCOL.folds, seed: int = PROTOCOL.split_seed
) -> list[Split]:
    """Grouped folds: every athlete is tested once; 15 of the other 85 per cent validate.

    Parameters as in :func:`split_athletes`.

    Raises
    ------
    UserError with fewer athletes than folds, or with too few folds to leave anyone to train on
    """
    if folds < 3:
        raise UserError(f"folds = {folds}: give at least 3, so that training outweighs testing")
    names = _ordered(athlete, f"fold:{seed}")
    _need(names, folds, f"{folds} folds", "give more athletes (leave_one_out needs three)")
    return [_held_out(names, names[i::folds], f"fold {i}:{seed}") for i in range(folds)]


def hold_out(athlete, test: Collection[str], seed: int = PROTOCOL.split_seed) -> Split:
    """The athletes named in ``test`` are the test; 15 of the others' 85 per cent validate.

    Parameters
    ----------
    athlete : (N,) athlete of each row, those of the test among them
    seed : another seed, others validate

    Raises
    ------
    UserError with fewer than two others
    """
    names = _ordered(athlete, f"hold:{seed}")
    others = [name for name in names if name not in set(test)]
    _need(others, 2, "training and validating", "give more athletes to learn from")
    return _held_out(names, sorted(test), f"held:{seed}")


def leave_one_out(athlete, seed: int = PROTOCOL.split_seed) -> list[Split]:
    """One split an athlete: that athlete is the test, 15 of the others' 85 per cent validate.

    Raises
    ------
    UserError below three athletes
    """
    names = _ordered(athlete, f"leave:{seed}")
    _need(names, 3, "leaving one athlete out", "there must be somebody to learn from")
    return [_held_out(names, [name], f"{name}:{seed}") for name in names]


def as_names(athlete) -> np.ndarray:
    """Athletes as str: one may come as a number from one table and as text from another.

    Raises
    ------
    UserError naming a row without an athlete
    """
    values = pd.Series(np.asarray(athlete).reshape(-1))
    if values.isna().any():
        raise UserError(f"row {int(values.isna().argmax())} has no athlete; every row needs one")
    return values.astype(str).to_numpy(dtype=object)


def _ordered(athlete, salt: str) -> list[str]:
    """Each athlete once, in an order that only names and the salt decide."""
    names = dict.fromkeys(as_names(athlete))
    return sorted(names, key=lambda name: hashlib.sha256(f"{salt}:{name}".encode()).hexdigest())


def _cut(names: list[str], *counts: int) -> list[tuple[str, ...]]:
    """Cut into parts of the given sizes and a rest."""
    edges = np.cumsum((0, *counts))
    stops = [*edges[1:], len(names)]
    return [tuple(names[a:b]) for a, b in zip(edges, stops, strict=True)]


def _held_out(names: list[str], test: Collection[str], salt: str) -> Split:
    """A split with the given test athletes; of the others 15 in 85 validate."""
    others = _ordered([name for name in names if name not in test], salt)
    share = PROTOCOL.validation / (PROTOCOL.train + PROTOCOL.validation)
    validation, train = _cut(others, max(1, round(share * len(others))))
    return Split(train, validation, tuple(test))


def _need(names: list[str], least: int, what: str, otherwise: str) -> None:
    if len(names) < least:
        raise UserError(f"{what} needs {least} athletes, found {len(names)}; {otherwise}")
