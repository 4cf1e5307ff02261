"""The form that every data set's task takes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sportsml_lite.collect.datasets.dataset import in_words, told, whose
from sportsml_lite.errors import UserError
from sportsml_lite.schema import Windows


@dataclass(frozen=True)
class Task:
    """Windows and what is known about them.

    name : of the data set, or of the reader's folder
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
    def whose(self) -> str:
        """How many athletes, and whose data: ``'31 athletes in my_swimmers'``."""
        return whose(self.name, len(set(self.windows.athlete)))

    @property
    def told(self) -> str:
        """What a page says of them: whose they are, and what was left out."""
        return told(self.name, len(set(self.windows.athlete)), self.dropped)

    @property
    def left_out(self) -> str:
        """``dropped`` in words."""
        return in_words(self.dropped)


def joined(train: Task, test: Task) -> Task:
    """Two data sets as one task, when their athletes, channels and classes fit.

    Raises
    ------
    UserError naming an athlete who is in both, a channel that one lacks, a class that ``train``
        lacks, or a length or rate that differs
    """
    own, other = train.windows, test.windows
    both = sorted(set(map(str, own.athlete)) & set(map(str, other.athlete)))
    if both:
        raise UserError(
            f"{test.name}: athlete {both[0]!r} is in {train.name}, too; who is trained on "
            "cannot be tested: leave them out of one folder, or rename whoever is somebody else"
        )
    for what in ("channels", "rate_hz"):
        if getattr(own, what) != getattr(other, what):
            raise UserError(f"{test.name}: {what} {getattr(other, what)}, and {train.name} has "
                            f"{getattr(own, what)}; give the same in both")  # fmt: skip
    if own.X.shape[2] != other.X.shape[2]:
        raise UserError(f"{test.name}: windows of {other.X.shape[2]} samples, and {train.name} has "
                        f"{own.X.shape[2]}; set length_s")  # fmt: skip
    new = [name for name in other.classes if name not in own.classes]
    if new:
        raise UserError(f"{test.name}: class {new[0]!r}, which {train.name} does not have (it has "
                        f"{', '.join(own.classes)}); label both alike")  # fmt: skip
    places = np.array([own.classes.index(name) for name in other.classes])
    parts = {
        name: np.concatenate([getattr(own, name), getattr(other, name)])
        for name in ("X", "mask", "athlete", "recording", "t0_s")
    }
    # A recording's name is its own in its data set only.
    parts["recording"][len(own) :] = [f"{test.name}/{name}" for name in other.recording]
    windows = replace(own, **parts, y=np.concatenate([own.y, places[other.y]]))
    athletes = pd.concat([train.athletes, test.athletes], ignore_index=True)
    dropped = pd.concat([train.dropped, test.dropped], ignore_index=True)
    return replace(train, windows=windows, laboratory=None, athletes=athletes, dropped=dropped)


def finished(
    name: str,
    windows: Windows,
    laboratory: np.ndarray | None,
    signs: np.ndarray,
    athletes: pd.DataFrame,
    dropped: pd.DataFrame,
) -> Task:
    """The task, with whoever gave it no window among what was left out."""
    there = set(windows.athlete)
    absent = [str(a) for a in athletes["athlete_id"] if a not in there]
    some = ", ".join(absent[:3]) + ", …" * (len(absent) > 3)
    reason = f"athletes without a window that has a label ({some})"
    dropped = with_reasons(dropped, (reason, len(absent)))
    return Task(name, windows, laboratory, signs, athletes, dropped)


def with_reasons(dropped: pd.DataFrame, *counts: tuple[str, int]) -> pd.DataFrame:
    """A table ``reason``, ``rows`` with further reasons."""
    found = pd.DataFrame(counts, columns=["reason", "rows"])
    return pd.concat([dropped, found], ignore_index=True).astype({"rows": "int64"})
