"""The form that every data set's task takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sportsml_lite.collect.datasets.dataset import in_words, told, whose
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
