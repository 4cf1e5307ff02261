"""What chapter 5 says and draws of ensembles follows its table, whatever it holds."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from sportsml_lite.findings import ensemble as findings
from sportsml_lite.plots import ensemble as figures
from sportsml_lite.studies.ensemble import ARMS, TITLES

mpl.use("agg")

EVEN = dict.fromkeys(ARMS, 0.5)
SECONDS = {"network": 2.0, "seeds": 4.0, "bag": 10.0, "stack": 31.0}


def scores(errors, people=12, weights=(0.2, 0.5, 0.3), target="effect"):
    """A row an athlete, arm and metric; two folds, ``errors``: arm → RMSE of everybody."""
    rng, rows = np.random.default_rng(0), []
    for i in range(people):
        own = {"athlete": f"a{i:02}", "partition": 0, "fold": i % 2, "seed": i % 2, "n": 9.0}
        bump = 0.01 * rng.normal()
        for arm, error in errors.items():
            rmse = error + bump
            values = {"rmse": rmse, "mse": rmse**2}
            if arm in ("seeds", "bag", "average"):
                values |= {"member_mse": rmse**2 + 0.02, "disagreement": 0.02}
            if arm != "floor":
                values["seconds"] = SECONDS.get(arm, 1.0) * (1 + i % 2)
            if arm in ("stack", "chosen"):
                given = weights if arm == "stack" else (0, (i + 1) % 2, i % 2)
                values |= dict(zip(("weight_seeds", "weight_ridge", "weight_boosting"), given,
                                   strict=True))  # fmt: skip
            rows += [own | {"arm": arm, "metric": m, "value": v} for m, v in values.items()]
    return pd.DataFrame(rows).assign(target=target)


def test_seconds_count_a_fold_once():
    table = scores(EVEN)
    assert findings.seconds(table, "network") == 3.0  # folds of 2 and of 4 seconds
    few = table[(table["fold"] == 0) | (table["athlete"] == "a01")]
    assert findings.seconds(few, "network") == 3.0  # however many athletes a fold has
    assert findings.times(table, "bag") == 5.0
    assert np.isnan(findings.seconds(table, "floor"))
    assert findings.cost(table).startswith("one network takes 3 s of one core")
    assert (
        "five seeds, trained side by side, 2.0 times that, five bags 5.0 times, a stack 15.5"
        in (findings.cost(table))
    )


def test_the_parts_of_a_mean_add_up():
    found = findings.parts(scores(EVEN))
    gone = found["members"].estimate - found["disagreement"].estimate
    assert gone == pytest.approx(found["together"].estimate)
    text = findings.why(scores(EVEN))
    assert "disagree by 0.020, which is the 7 % that their mean saves" in text
    assert text.startswith("networks of five seeds err by 0.27")


@pytest.mark.parametrize(
    ("seeds", "says"),
    [
        (0.4, "does better than one network (+0.10 [+0.10, +0.10] points)"),
        (0.6, "loses to one network (-0.10 [-0.10, -0.10] points)"),
        (0.5, "does no better than one network (+0.00 [+0.00, +0.00] points)"),
    ],
)
def test_sentences_follow_the_table(seeds, says):
    said = findings.said({"pmdata": scores(EVEN | {"seeds": seeds})})
    assert said["seeds_pmdata"] == says
    verb = says.split(" one network")[0]
    assert said["takeaway"].startswith(
        f"on real people the mean of five seeds {verb} one network, and"
    )
    assert set(said) == {"takeaway"} | {
        f"{name}_pmdata" for name in (*findings.ASKED, "why", "cost", "weights", "chosen")
    }


def test_ratings_are_judged_by_their_own_margin():
    errors = EVEN | {"seeds": 0.45}
    assert "better" in findings.against(scores(errors), "seeds", "network")
    rated = findings.against(scores(errors, target="rpe"), "seeds", "network")
    assert rated.startswith("does no better") and rated.endswith("CR10 points)")


def test_weights_and_choices_are_means_over_folds():
    table = scores(EVEN)
    assert findings.weights(table) == pytest.approx({"seeds": 0.2, "ridge": 0.5, "boosting": 0.3})
    assert findings.weights_words(table).endswith("boosted trees 0.30")
    short = scores(EVEN, weights=(0.1, 0.3, 0.2))
    assert findings.weights_words(short).endswith("the missing 0.40 pulls towards the mean")
    assert findings.chosen_words(table) == (
        "of the folds, training athletes choose ridge in 50 %, boosted trees in 50 %"
    )


def test_rows_hold_every_arm_once_and_nothing_of_a_floor_that_is_none():
    table = scores(EVEN | {"bag": 0.4})
    found = {row["who is asked"]: row for row in findings.rows(table)}
    assert list(found) == list(TITLES.values())
    assert found[TITLES["bag"]]["verdict"] == "better" and found[TITLES["bag"]]["seconds"] == "15.0"
    assert found[TITLES["network"]]["gain"] == "–" and found["noise floor"]["seconds"] == "–"
    real = table[table["arm"] != "floor"]
    assert "noise floor" not in {row["who is asked"] for row in findings.rows(real)}
    assert len(findings.rows(table, ("network", "seeds"))) == 2


def test_the_ladder_shows_gains_and_what_they_cost():
    tables = {"pmdata": scores(EVEN | {"bag": 0.3}, target="rpe"), "simulated": scores(EVEN)}
    fig = figures.ladder(tables, "Title")
    people, runners = fig.axes
    assert "perceived exertion" in people.get_title() and "training effect" in runners.get_title()
    texts = [text.get_text() for text in people.texts]
    assert "+0.20, 15 s" in texts and len(texts) == len(figures.RUNGS)
    names = [label.get_text().replace("\n", " ") for label in people.get_yticklabels()]
    assert names == [TITLES[arm] for arm in figures.RUNGS]
    bands = [ax.patches[0].get_width() for ax in fig.axes]
    assert bands == pytest.approx([0.2, 0.06])  # each by its own margin
    assert "CR10" in people.get_xlabel() and "points" in runners.get_xlabel()


def test_a_rung_that_did_not_run_is_left_out():
    table = scores(dict.fromkeys(("network", "seeds"), 0.5))
    assert list(figures.added(table).index) == [TITLES["seeds"]]
    assert "Not part" in figures.ladder({}).axes[0].texts[0].get_text()
