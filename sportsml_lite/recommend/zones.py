"""Minutes in five zones of heart rate, from the seconds of a session or from what there is of it.

Minutes come from the heart rate of every second. Where there is none they are dealt out as in the
same person's other sessions, and without any heart rate as easy ones.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sportsml_lite.recommend.week import ZONES

# Lower ends of zones 1 to 5 and the end of the last, as shares of the maximal heart rate.
ZONE_EDGES = (0.60, 0.72, 0.82, 0.87, 0.92, 0.97)
HEARD = 0.5  # share of a session's minutes in which a heart rate must stand


def zone_of(share) -> np.ndarray:
    """Zone 1 to 5 of shares of the maximal heart rate; below zone 1 counts as zone 1, NaN as 0."""
    share = np.asarray(share, float)
    return np.where(np.isnan(share), 0, 1 + np.searchsorted(ZONE_EDGES[1:5], share, "right"))


def zone_minutes(
    sessions: pd.DataFrame, streams: pd.DataFrame, hr_max_bpm: float
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Minutes of each session in zones 1 to 5; a row sums to the session's duration.

    A session's minutes are dealt out as the seconds whose heart rate is known. Where heart rate
    stands in less than half of its minutes the mean heart rate decides; without that, the shares
    of the other sessions; without any, half in zone 1 and half in zone 2.

    Parameters
    ----------
    sessions, streams : of one person, tables of the contract
    hr_max_bpm : NaN where unknown

    Returns
    -------
    (N, 5) float; notes : how many sessions were not dealt out by their seconds
    """
    seconds = _heard(sessions, streams, hr_max_bpm)
    by_stream = seconds.sum(axis=1) > 0
    zone = zone_of(sessions["hr_mean_bpm"].to_numpy(float) / hr_max_bpm)
    by_mean = ~by_stream & (zone > 0)
    seconds[by_mean, zone[by_mean] - 1] = 1
    duration = sessions["duration_s"].to_numpy(float) / 60
    has = by_stream | by_mean
    shares = seconds / np.maximum(seconds.sum(axis=1, keepdims=True), 1)
    usual = duration[has] @ shares[has]
    usual = usual / usual.sum() if usual.sum() > 0 else np.array([0.5, 0.5, 0, 0, 0])
    shares[~has] = usual
    return duration[:, None] * shares, _dealt(by_mean.sum(), (~has).sum(), len(has))


def _heard(sessions, streams, hr_max_bpm) -> np.ndarray:
    """Seconds of known heart rate by zone, (N, 5); 0 where too little of a session has any."""
    out = np.zeros((len(sessions), ZONES))
    row = pd.Index(sessions["session_id"]).get_indexer(streams["session_id"])
    zone = zone_of(streams["hr_bpm"].to_numpy(float) / hr_max_bpm)
    good = (row >= 0) & (zone > 0)
    np.add.at(out, (row[good], zone[good] - 1), 1)
    # Smart recording writes every few seconds: minutes with a heart rate are counted.
    minute = streams["t_s"].to_numpy()[good] // 60
    seen = pd.DataFrame({"row": row[good], "minute": minute}).drop_duplicates()
    minutes = np.bincount(seen["row"], minlength=len(sessions))
    out[minutes < HEARD * sessions["duration_s"].to_numpy() / 60] = 0
    return out


def _dealt(by_mean: int, without: int, count: int) -> tuple[str, ...]:
    notes = []
    if by_mean:
        notes.append(f"{by_mean} of {count} sessions have only a mean heart rate: all their "
                     "minutes stand in its zone.")  # fmt: skip
    if without == count:
        notes.append("No heart rate is in these files: all minutes count as easy, and steps are "
                     "given in per cent of the maximum.")  # fmt: skip
    elif without:
        notes.append(f"{without} of {count} sessions have no heart rate: their minutes are dealt "
                     "out to the zones as in the others.")  # fmt: skip
    return tuple(notes)
