"""The figures of chapter 2 show what they were given: marked seconds, intervals, units."""

import numpy as np
import pandas as pd
import pytest

from sportsml_lite.plots import prepare as figures


def test_watch_shades_every_run_of_missing_and_locked_seconds():
    hr = np.full(100, 120.0)
    hr[[10, 11, 12, 50]] = np.nan
    locked = np.zeros(100, bool)
    locked[70:80] = True
    stream = pd.DataFrame(
        {"t_s": np.arange(100.0), "hr_bpm": hr, "true_hr_bpm": 121.0, "locked": locked}
    )
    ax = figures.watch(stream, pd.DataFrame({"what": [], "error_bpm": []})).axes[0]
    spans = sorted((60 * p.get_x(), 60 * (p.get_x() + p.get_width())) for p in ax.patches)
    assert spans == [pytest.approx(s) for s in [(10, 12), (50, 50), (70, 79)]]


def test_leak_draws_both_ways_with_their_intervals_and_the_unit():
    row = {"rows": 1.0, "rows_low": 0.9, "rows_high": 1.2}
    row |= {"athletes": 2.0, "athletes_low": 1.7, "athletes_high": 2.1}
    ax = figures.leak(pd.DataFrame([row], index=["ridge"]), "CR10 points", floor=0.5).axes[0]
    ends = [c.get_segments()[0][:, 0] for c in ax.collections[1:]]
    assert [list(np.round(e, 6)) for e in ends] == [[0.9, 1.2], [1.7, 2.1]]
    assert "CR10 points" in ax.get_xlabel()


def test_a_way_that_reads_the_future_is_dashed_and_says_so():
    errors = pd.DataFrame(
        {
            "imputer": ["hold", "interpolate"],
            "gap_s": [5, 5],
            "causal": [True, False],
            "mae": [2.0, 1.0],
            "low": [1.5, 0.5],
            "high": [2.5, 1.5],
        }
    )
    fig = figures.filled_gaps(errors)
    looks = [c.lines[0].get_linestyle() for c in fig.axes[0].containers]
    assert looks == ["-", "--"]
    assert "reads the future" in fig.legends[0].get_texts()[1].get_text()
