"""What chapter 4 says of measured outcomes is true for whatever the table holds."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from sportsml_lite.findings import outcome as findings
from sportsml_lite.plots import outcome as figures
from sportsml_lite.studies.outcome import ARMS, MEASURED

mpl.use("agg")


def scores(errors, successive=-2.0, groups=False):
    """Twelve athletes, each left out; ``errors`` : arm → RMSE of everybody, and a little more."""
    rows = []
    for i in range(12):
        own = {"partition": 0, "fold": i, "seed": i, "athlete": f"a{i:02}", "n": 3.0}
        bump = 0.02 * (i % 3)
        for arm, error in errors.items():
            rows.append(own | {"arm": arm, "metric": "rmse", "value": error + bump})
            rows.append(own | {"arm": arm, "metric": "mse", "value": (error + bump) ** 2})
        tests = {"change": 2.0, "spread": 9.0, "successive": successive}
        rows += [own | {"arm": MEASURED, "metric": m, "value": v + bump * (m == "change")}
                 for m, v in tests.items()]  # fmt: skip
        if groups:
            rows.append(own | {"arm": MEASURED, "metric": "total", "value": float(i),
                               "group": "DECR" if i < 6 else "INCR"})  # fmt: skip
    return pd.DataFrame(rows).assign(target="vo2max_ml_min")


EVEN = dict.fromkeys(ARMS, 3.0)


def test_the_error_of_a_test_is_the_root_of_what_neighbours_take_back():
    found = findings.ceiling(scores(EVEN))
    assert found.error_pct == pytest.approx(np.sqrt(2))
    assert found.floor_pct == pytest.approx(2.0)
    assert found.spread_pct == pytest.approx(3.0)
    assert findings.noise_share(scores(EVEN)) == pytest.approx(4 / 9)
    assert findings.share_words(scores(EVEN)).startswith("44 % of the changes' variance")


def test_tests_that_do_not_pull_apart_say_nothing_of_their_error():
    odd = scores(EVEN, successive=1.0)
    found = findings.ceiling(odd)
    assert found.error_pct is None and np.isnan(findings.noise_share(odd))
    assert "do not show any" in findings.error_words(found)
    assert findings.share_words(odd).startswith("nobody can say")
    assert findings.ceilings({("intervals", "vo2max_ml_min"): odd})[0]["floor"] == "–"
    noisy = scores(EVEN, successive=-50.0)
    assert findings.noise_share(noisy) == 1.0  # never more than all of it


@pytest.mark.parametrize(
    ("errors", "says"),
    [
        (EVEN, ("is not shown to tell", "nor is how much they did")),
        (EVEN | {"mean": 4.0}, ("Who trains, and when, tells", "adds nothing that a study")),
        (EVEN | {"mean": 4.0, "load": 2.5}, ("Who trains, and when, tells", "tells more")),
    ],
)
def test_the_sentence_follows_the_table(errors, says):
    sentence = findings.takeaway(scores(errors))
    assert all(part in sentence for part in says)


def test_what_an_arm_adds_is_said_with_its_sign():
    table = scores(EVEN | {"load": 2.5, "done": 3.5})
    assert findings.adds(table, "load", "who").startswith("makes the answers better (+0.50")
    assert findings.adds(table, "done", "who").startswith("makes the answers worse (-0.50")
    assert findings.adds(table, "past", "who").startswith("changes nothing worth naming")


def test_riders_needed_grow_as_the_effect_shrinks():
    assert findings.needed(3.0, 3.0) in ("about 10", "about 20")
    assert findings.needed(3.0, 0.1, 100) == "more than 100"


def test_orders_are_compared_by_welch_and_say_how_many_would_be_needed():
    found = findings.orders(scores(EVEN, groups=True)).loc["DECR − INCR"]
    assert found["estimate"] == -6.0 and found["low"] < -6 < found["high"] < 0
    assert found["riders"] == 2  # 2 * 2.8² * 3.5 / 36, rounded up
    assert findings.order_rows(None) == []


def test_an_athlete_counts_once_however_often_folded_and_only_with_all_tests():
    once = scores(EVEN, groups=True)
    thrice = pd.concat([once.assign(partition=p) for p in range(3)])
    pd.testing.assert_frame_equal(findings.orders(once), findings.orders(thrice))
    short = once.assign(n=once["n"].where(once["athlete"] != "a11", 2.0))
    assert "a11" not in set(findings.whole_changes(short)["athlete"])


def test_figures_draw_what_there_is_and_say_what_is_not():
    table = scores(EVEN | {"none": 4.0}, groups=True)
    real = {("intervals", "vo2max_ml_min"): table.drop(index=table[table["arm"] == "floor"].index)}
    title = next(iter(figures.first(real)))
    assert title == "12 riders: VO2max"
    fig = figures.ladder(figures.first(real))
    grey = [p for p in fig.axes[0].patches if p.get_width() > 1]
    assert grey[0].get_width() == pytest.approx(100 * 4 / 9)
    assert figures.ladder({}).axes[0].texts[0].get_text() == "Not part of this run."
    assert len(figures.orders(table).axes[0].get_yticks()) == 2
    assert figures.seen(table).axes[0].get_xlabel() == "riders in the study"
    assert figures.seen(None).axes[0].texts and figures.orders(None).axes[0].texts
