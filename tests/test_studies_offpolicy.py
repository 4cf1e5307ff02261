"""The study of logs: what an arm may know, sums by hand, findings true for whatever is there."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from sportsml_lite.errors import UserError
from sportsml_lite.findings import offpolicy as findings
from sportsml_lite.plots import offpolicy as figures
from sportsml_lite.simulate import assignment
from sportsml_lite.studies import offpolicy as study
from sportsml_lite.studies.runner import Options

mpl.use("agg")


@pytest.fixture(autouse=True, scope="module")
def smaller():
    """The truth of fewer athletes: no test rests on its last digit."""
    before, study.POPULATION = study.POPULATION, 1000
    study.truth.cache_clear()
    yield
    study.POPULATION = before
    study.truth.cache_clear()


@pytest.fixture(scope="module")
def scores():
    options = Options(profile="quick", settings={"n_clubs": 15})
    data = study.load(options)
    rows = [
        study.score(data, split, i, study.ARMS, options).assign(partition=0, fold=i, seed=i)
        for i, split in enumerate(study.splits(data, 0)[:2])
    ]
    return pd.concat(rows, ignore_index=True)


def logged(how="seen", seed=0, athletes=100):
    return assignment.log(assignment.effects(athletes, 1), how, seed)


def test_the_truth_is_the_mean_over_many_athletes_of_what_each_would_gain():
    true = assignment.effects(study.POPULATION, 0, "simulated", first=study._FIRST)
    found = study.truth("simulated", 0)
    for plan in study.PLANS:
        for how in assignment.ASSIGNMENTS:
            assert found[how][plan] == pytest.approx(true[plan].mean())
    high = assignment.proxy(true, "seen") > 0
    expected = np.where(high, true["much more"], true["more"]).mean()
    assert found["seen"][study.MATCHED] == pytest.approx(expected)
    assert found["seen"][study.MATCHED] > found["unseen"][study.MATCHED]


def test_no_estimate_reads_what_is_hidden():
    """Only the propensity of the arms that say so depends on the trait."""
    log = logged("sensed")
    expected, found = study.propensities(log), study.propensities(log.assign(propensity=0.5))
    for kind in ("share", "estimated", "unbounded"):
        np.testing.assert_array_equal(found[kind], expected[kind])
    np.testing.assert_array_equal(expected["logged"], log["propensity"])
    assert expected["share"][0] == (log["plan"] == log["plan"][0]).mean()


def test_estimated_propensities_come_near_the_coachs_own_where_the_log_holds_his_reason():
    log = logged("seen", athletes=500)
    found = study.propensities(log)
    assert np.corrcoef(found["estimated"], log["propensity"])[0, 1] > 0.95
    assert found["estimated"].min() == study.LEAST > found["unbounded"].min()
    blind = logged("unseen", athletes=500)
    other = study.propensities(blind)["estimated"]
    assert np.corrcoef(other, blind["propensity"])[0, 1] < 0.7


def test_the_regression_never_meets_the_athlete_whom_it_answers():
    log = logged()
    first = study.predicted(log)
    mine = log["athlete"] == log["athlete"][0]
    other = log.assign(change_pct=log["change_pct"].where(~mine, 999.0))
    np.testing.assert_allclose(study.predicted(other)[mine], first[mine])
    assert np.abs(study.predicted(other)[~mine] - first[~mine]).max() > 1


def test_policies_are_one_plan_or_two_by_the_proxy():
    p = study.policy(np.array([-1.0, 2.0]), "as usual")
    np.testing.assert_array_equal(p, [[0, 1, 0, 0]] * 2)
    p = study.policy(np.array([-1.0, 2.0]), study.MATCHED)
    np.testing.assert_array_equal(p, [[0, 0, 1, 0], [0, 0, 0, 1]])


def test_regret_is_what_the_best_looking_plan_leaves_out():
    known = {"less": -3.0, "as usual": 0.0, "more": 1.0, "much more": -2.0, "by proxy": 9.0}
    said = {**known, "much more": 2.0}
    assert study.ranked(said, known) == {"wrong": True, "regret": 3.0, "chosen": 3}
    assert study.ranked(known, known) == {"wrong": False, "regret": 0.0, "chosen": 2}


def test_the_naive_estimate_is_the_mean_of_those_who_did_it():
    log = logged()
    prepared = study.Prepared(log)
    known = dict.fromkeys(study.TARGETS, 0.0)
    rows = pd.DataFrame(study.rows_of(prepared, study.ARMS["naive"], known))
    rows = rows[rows["metric"] == "estimate"].set_index("target")["value"]
    for number, plan in enumerate(study.PLANS):
        assert rows[plan] == pytest.approx(log.loc[log["plan"] == number, "change_pct"].mean())


def test_confounding_misleads_and_what_the_log_holds_mends_it(scores):
    """Of the heaviest plan, given to those who absorb most."""
    off = {(how, arm): findings.bias(scores, how, arm, "much more").estimate
           for how in findings.HOW for arm in ("naive", "dr", "dr_logged")}  # fmt: skip
    assert abs(off["lottery", "naive"]) < 1
    assert off["seen", "naive"] > 1.5 and abs(off["seen", "dr"]) < 1.2
    assert off["sensed", "naive"] > off["sensed", "dr"] > 1
    assert off["unseen", "dr"] == pytest.approx(off["unseen", "naive"], abs=0.4)
    assert off["unseen", "dr"] > 2 > abs(off["unseen", "dr_logged"])


def test_real_people_are_refused():
    with pytest.raises(UserError, match="simulated athletes only; take one of simulated"):
        study.load(Options("intervals"))


# --- findings and figures ------------------------------------------------------------------------


def invented(off):
    """Ten clubs; ``off`` : arm → bias of every plan; the best plan is "more"."""
    true = {"less": -3.0, "as usual": 0.0, "more": 1.0, "much more": -2.0, "by proxy": 1.5}
    rows = []
    for i in range(10):
        own = {"partition": 0, "fold": i // 5, "seed": 0, "athlete": f"club{i}", "n": 200.0}
        for how in findings.HOW:
            for arm, bias in off.items():
                key = own | {"arm": arm, "assignment": how}
                for target, value in true.items():
                    judged = {"estimate": value + bias, "truth": value, "bias": bias,
                              "mae": abs(bias) + 0.01 * (i % 2), "covered": float(i < 8),
                              "covered_rows": float(i < 6)}  # fmt: skip
                    rows += [key | {"target": target, "metric": m, "value": v}
                             for m, v in judged.items()]  # fmt: skip
                ranking = {"wrong": float(bias > 1), "regret": 3.0 * (bias > 1), "chosen": 2.0}
                rows += [key | {"target": "ranking", "metric": m, "value": v}
                         for m, v in ranking.items()]  # fmt: skip
    return pd.DataFrame(rows)


ARMS = dict.fromkeys(study.ARMS, 0.0)


def test_what_is_said_is_what_the_table_holds():
    table = invented(ARMS | {"naive": 2.0, "dr": 0.5})
    said = findings.said({"simulated": table})
    assert (said["truth_best"], said["clubs"]) == ("more", "10")
    assert said["mended_seen"] == "75 % of the bias"
    assert said["closer_seen"].startswith("simulated: closer to the truth (+1.5")
    assert (said["wrong_naive_seen"], said["wrong_dr_seen"]) == ("100", "0")
    assert said["covered_dr"] == "80" and said["covered_rows"] == "60"
    assert (
        "not in 100 % of the clubs, and after adjusting and weighting in 0 %"
        in said["one_sentence"]
    )


def test_an_estimate_that_is_worse_mends_nothing():
    worse = {"simulated": invented(ARMS | {"naive": 0.5, "dr": 2.0})}
    said = findings.said(worse)
    assert said["mended_seen"] == "nothing of the bias"
    assert "farther from the truth" in said["closer_seen"]
    unbiased = findings.said({"simulated": invented(ARMS)})
    assert unbiased["mended_seen"] == "nothing of the bias"


def test_tables_have_a_row_an_arm_and_a_column_an_assignment():
    table = invented(ARMS | {"naive": 2.0})
    for metric, cell in (("covered", "80 %"), ("wrong", "100 %")):
        row = findings.table(table, metric)[0]
        assert row["estimate"] == study.TITLES["naive"] and row[findings.HOW["seen"]] == cell
    assert len(findings.table(table)) == len(study.ARMS) - 1


def test_every_question_is_answered_for_every_assignment():
    found = study.judge({"simulated": invented(ARMS | {"naive": 2.0})})
    assert len(found) == len(study.QUESTIONS) * len(assignment.ASSIGNMENTS)
    assert {c.verdict for c in found.values()} == {"better"}


def test_figures_draw_a_panel_an_assignment(scores):
    fig = figures.ranking(scores, "What plans seem to bring")
    assert len(fig.axes) == 4
    assert {t.get_text() for t in fig.axes[0].texts} == {"naive", "mended", "truth"}
    fig = figures.estimates(scores, "much more", arms=("naive", "dr"))
    assert len(fig.axes[0].get_yticks()) == 2
    assert len(figures.coverage(scores).axes[0].get_yticks()) == len(study.ARMS) - 1
