"""What chapter 8 says of a number in place of a class is true for whatever the table holds."""

import numpy as np
import pandas as pd
import pytest

from sportsml_lite.findings import privileged as findings
from sportsml_lite.studies.privileged import ARMS

LEVELS = {"mean": 7.0, "teacher": 2.5}


def scores(errors=(), spread=0.02):
    """Twenty riders in five folds; ``errors``: RMSE of some arms, 4 of the others."""
    random, rows = np.random.default_rng(0), []
    for a in range(20):
        own = {"partition": 0, "fold": a % 5, "seed": a % 5, "athlete": f"r{a:02}", "n": 9.0}
        for arm in ARMS:
            value = (LEVELS | dict(errors)).get(arm, 4.0) + spread * random.normal()
            rows.append(own | {"arm": arm, "metric": "rmse", "value": value})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("errors", "says"),
    [
        ({}, "No taught student is shown to be better"),
        ({"taught_90": 3.0}, "Better taught are “network: nine tenths teacher” +"),
        ({"taught_90": 3.8}, "No taught student"),  # shown, and too small to name
        ({"taught_90": 5.0}, "No taught student"),
    ],
)
def test_the_sentence_follows_the_table(errors, says):
    said = findings.sentence(scores(errors))
    assert says in said
    assert said.startswith("The riders' mean errs by 6.99, a ridge with a watch by 4.0")
    assert "a mask by 2.5" in said


def test_a_run_without_the_study_says_so():
    assert findings.sentence(None) == findings.ABSENT
    assert findings.rows(None) == []


def test_rows_hold_every_arm_and_what_it_is_held_against():
    rows = {row["arm"]: row for row in findings.rows(scores({"bounded": 5.5}))}
    assert len(rows) == len(ARMS)
    bound = rows["network: bounded by the teacher"]
    assert bound["over"] == "network"
    assert bound["verdict"] == "worse *"
    assert bound["harmed"] == "20 of 20"
    assert rows["the riders' mean"]["gain"] == "–"
    assert rows["ridge: truth alone"]["over"] == "the riders' mean"


def test_the_identity_holds_for_every_weight():
    curves = findings.identity(3)
    np.testing.assert_allclose(curves["two targets"], curves["one target"] + curves["constant"])
    assert curves["constant"].iloc[[0, -1]].tolist() == pytest.approx([0, 0])


def test_the_bound_pulls_where_the_student_is_worse():
    curves = findings.bounded()
    inside = np.abs(curves.index) < 0.999
    np.testing.assert_allclose(curves["bounded"][inside], curves["plain"][inside])
    outside = np.abs(curves.index) > 1.001
    np.testing.assert_allclose(curves["bounded"][outside], 1.5 * curves["plain"][outside])
