"""Windows of equal length from streams: within one recording of one athlete, always."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError
from sportsml_lite.prepare.rows import of_sessions, recordings
from sportsml_lite.schema import Windows

SHORT = ("error", "skip", "pad")
RULES = ("majority", "last")


def cut_windows(
    streams: pd.DataFrame,
    sessions: pd.DataFrame,
    channels: Sequence[str],
    length_s: float,
    stride_s: float,
    target: str = "label",
    classes: Sequence[str] = (),
    rule: str = "majority",
    short: str = "error",
    rate_hz: float = 1.0,
) -> Windows:
    """Cut every recording into windows; what is left over at its end is not used.

    A window whose target is missing (no label, or a label outside ``classes``) is left out.

    Parameters
    ----------
    streams : on a regular clock of ``rate_hz`` (see ``prepare.regular``)
    sessions : says whose recording it is
    channels : columns that become X
    length_s, stride_s : length of a window and distance of two beginnings, s
    target : column of the streams that becomes y
    classes : names of the classes in order; empty for a number
    rule : y is the ``'majority'`` of the window's labels, or its ``'last'`` label or number; the
        majority is taken among the labels that are known, of two equal ones the first in classes
    short : a recording shorter than a window is an ``'error'``, is left out (``'skip'``), or is
        padded in front with NaN and mask False (``'pad'``), so that its last second stays last

    Raises
    ------
    UserError naming the parameter or the recording
    """
    size, stride = _samples("length_s", length_s, rate_hz), _samples("stride_s", stride_s, rate_hz)
    _check(streams, channels, target, classes, rule, short)
    first, last = recordings(streams)
    _check_clock(streams, first, rate_hz)
    names = streams["session_id"].to_numpy()[first]
    owner = of_sessions(names, sessions)["athlete_id"].astype(str).to_numpy(dtype=object)
    if short == "error" and (last - first < size).any():
        at = int(np.argmax(last - first < size))
        raise UserError(
            f"windows: recording {names[at]!r} lasts {(last - first)[at] / rate_hz:g} s, a window "
            f"{length_s:g} s; choose short='skip' or 'pad', or a shorter window"
        )
    rows, recording = _rows(first, last, size, stride, pad=short == "pad")
    mask = rows >= 0
    y = _target(streams[target], classes, rule, rows)
    keep = ~np.isnan(y)
    rows, mask, recording, y = rows[keep], mask[keep], recording[keep], y[keep]
    if not len(rows):
        raise UserError(f"windows: none with a known {target!r}; check target, classes and length")
    start = streams["t_s"].to_numpy(float)[rows[:, -1]] - (size - 1) / rate_hz
    return Windows(
        X=_gather(streams, channels, rows, mask),
        mask=mask,
        y=y.astype(np.int64) if classes else y,
        athlete=owner[recording],
        recording=names.astype(str).astype(object)[recording],
        t0_s=start,
        channels=tuple(channels),
        classes=tuple(classes),
        rate_hz=float(rate_hz),
    )


def fill_windows(X: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Windows without gaps, by a rule that may run on a watch: nothing later is read.

    A missing value takes over the last one of its channel in this window; where there was none yet,
    it becomes the channel's mean.

    Parameters
    ----------
    X : (N, C, T) float, NaN where nothing was measured
    means : (C,) float, of the training windows

    Raises
    ------
    UserError if the numbers of channels differ
    """
    if len(means) != X.shape[1]:
        raise UserError(f"windows: {X.shape[1]} channels and {len(means)} means; give one for each")
    known = ~np.isnan(X)
    if known.all():
        return X
    source = np.maximum.accumulate(np.where(known, np.arange(X.shape[2]), -1), axis=2)
    held = np.take_along_axis(X, np.maximum(source, 0), axis=2)
    return np.where(source < 0, np.asarray(means, dtype=X.dtype)[:, None], held)


def _rows(first, last, size: int, stride: int, pad: bool) -> tuple[np.ndarray, np.ndarray]:
    """Stream row of each sample, (N, T), -1 in padding, and each window's recording, (N,)."""
    length = last - first
    count = np.maximum((length - size) // stride + 1, 0)
    if pad:
        count = np.maximum(count, 1)
    recording = np.repeat(np.arange(len(first)), count)
    turn = np.arange(len(recording)) - np.repeat(np.cumsum(count) - count, count)
    # Of a padded recording the window begins before its first row.
    begin = first[recording] + turn * stride + np.minimum(length - size, 0)[recording]
    rows = begin[:, None] + np.arange(size)
    return np.where(rows >= first[recording, None], rows, -1), recording


def _gather(streams, channels: Sequence[str], rows: np.ndarray, mask: np.ndarray) -> np.ndarray:
    X = np.empty((len(rows), len(channels), rows.shape[1]), dtype=np.float32)
    for c, channel in enumerate(channels):
        X[:, c] = streams[channel].to_numpy(dtype=np.float32)[rows]
        X[:, c][~mask] = np.nan
    return X


def _target(values: pd.Series, classes: Sequence[str], rule: str, rows: np.ndarray) -> np.ndarray:
    """Target of each window, (N,) float, NaN where there is none."""
    if classes:
        code = pd.Index(list(classes)).get_indexer(values)
        each = np.where(code < 0, np.nan, code).astype(float)
    else:
        each = values.to_numpy(dtype=float)
    if rule == "last":
        return each[rows[:, -1]]
    inside = np.where(rows >= 0, each[rows], np.nan)
    known = ~np.isnan(inside)
    votes = np.stack([(inside == c).sum(axis=1) for c in range(len(classes))], axis=1)
    return np.where(known.any(axis=1), votes.argmax(axis=1), np.nan)


def _samples(name: str, span_s: float, rate_hz: float) -> int:
    samples = round(span_s * rate_hz)
    if samples < 1 or abs(samples - span_s * rate_hz) > 1e-6:
        raise UserError(f"{name} = {span_s:g}: give a whole number of samples of {1 / rate_hz:g} s")
    return samples


def _check(streams, channels, target: str, classes, rule: str, short: str) -> None:
    if rule not in RULES:
        raise UserError(f"rule = {rule!r}: choose one of {', '.join(RULES)}")
    if short not in SHORT:
        raise UserError(f"short = {short!r}: choose one of {', '.join(SHORT)}")
    if rule == "majority" and not classes:
        raise UserError(f"rule = {rule!r}: a majority is for classes; a number is read 'last'")
    for column in (*channels, target):
        if column not in streams:
            raise UserError(f"windows: the streams have no {column!r}; compute it first")
    if target in channels:
        raise UserError(f"windows: target {target!r} is a channel too; a model would read it off")


def _check_clock(streams: pd.DataFrame, first: np.ndarray, rate_hz: float) -> None:
    step = np.diff(streams["t_s"].to_numpy(float))
    step[first[1:] - 1] = 1 / rate_hz
    odd = np.abs(step * rate_hz - 1) > 0.01
    if odd.any():
        row = int(odd.argmax()) + 1
        raise UserError(
            f"streams, row {row}: {step[row - 1]:g} s after the row before, expected "
            f"{1 / rate_hz:g} s; use prepare.regular first"
        )
