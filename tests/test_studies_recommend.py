"""The study of advice: by athlete, with the same luck, nothing learned from the tested."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sportsml_lite import evaluate
from sportsml_lite.errors import UserError
from sportsml_lite.findings import recommend as findings
from sportsml_lite.plots import recommend as plots
from sportsml_lite.recommend import effect, months
from sportsml_lite.studies import recommend as study
from sportsml_lite.studies.runner import Options

SOME = ("as_usual", "as_usual_again", "random_safe", "coach", "greedy", "feedback", "half_sure",
        "lower_bound", "thompson", "oracle", "greedy_other")  # fmt: skip


@pytest.fixture(scope="module")
def data():
    return study.load(Options(settings={"n_athletes": 55}))


@pytest.fixture(scope="module")
def scores(data):
    """A fold of eleven athletes who are advised for two blocks; the model learns from the rest."""
    patch = pytest.MonkeyPatch()
    patch.setattr(study, "live", lambda *a, **k: months.live(*a, blocks=2, **k))
    patch.setattr(study.effect, "by_lot", lambda world: effect_by_lot(world, blocks=3))
    arms = {name: study.ARMS[name] for name in SOME}
    found = study.score(data, study.splits(data, 0)[0], 0, arms, Options())
    patch.undo()
    keys = {"study": "recommend", "dataset": "simulated", "partition": 0, "fold": 0, "seed": 0}
    return found.assign(**keys)


effect_by_lot = effect.by_lot


def test_athletes_are_tested_once_and_nobody_learns_from_them(data):
    splits = study.splits(data, 0)
    tested = [name for split in splits for name in split.test]
    assert sorted(tested) == sorted(data.names) and len(splits) == 5
    assert not set(splits[0].test) & {*splits[0].train, *splits[0].validation}


def test_the_model_comes_from_the_others(data, monkeypatch):
    asked = []

    def spy(world, **_):
        asked.append((world.generator, set(world.athletes()["athlete_id"])))
        raise RuntimeError

    monkeypatch.setattr(study.effect, "by_lot", spy)
    split = study.splits(data, 0)[1]
    for name, generator in (("greedy", "simulated"), ("greedy_other", "simulated_b")):
        with pytest.raises(RuntimeError):
            study.score(data, split, 0, {name: study.ARMS[name]}, Options())
        assert asked[-1] == (generator, {*split.train, *split.validation})


def test_every_athlete_has_every_metric_once(scores):
    assert (scores.groupby(["arm", "athlete", "metric", "block"], dropna=False).size() == 1).all()
    whole = scores[scores["block"].isna()]
    assert set(whole["metric"]) == {
        "gain_pct", "level_pct", "regret_pct", "disappointment_pct", "covered", "usual",
        "planned_over", "done_over",
    }  # fmt: skip
    assert scores["athlete"].nunique() == 11 and not scores["value"].isna().any()
    coach = set(scores.loc[scores["arm"] == "coach", "metric"])
    assert not coach & {"regret_pct", "disappointment_pct", "usual"}


def test_no_plan_goes_beyond_the_cap_and_the_oracle_regrets_nothing(scores):
    value = scores.set_index(["arm", "metric"])["value"].sort_index()
    assert (scores.loc[scores["metric"] == "planned_over", "value"] == 0).all()
    assert value["oracle", "regret_pct"].abs().max() < 1e-9
    assert value["as_usual", "regret_pct"].min() >= 0 < value["as_usual", "regret_pct"].max()
    assert (value["as_usual", "usual"] == 1).all() and (
        value["as_usual", "disappointment_pct"] == 0
    ).all()


def test_the_oracle_brings_most_on_average(scores):
    gain = {arm: evaluate.mean(scores, arm, "gain_pct").estimate for arm in SOME}
    assert max(gain, key=gain.get) == "oracle"


def test_other_luck_is_the_same_people_on_other_days(scores):
    a, b = (evaluate.athlete_values(scores, n, "gain_pct") for n in ("as_usual", "as_usual_again"))
    assert not np.allclose(a, b) and abs(a.mean() - b.mean()) < 3


def test_promises_by_hand():
    """Two blocks of one athlete: promised 1 and brought 3, then gone on as usual."""
    names = np.array([[["as usual", "more", ""], ["as usual", "more", ""]]], object)
    log = months.Log(
        "feedback", names, X=np.zeros((1, 2, 3, 5)), propensity=np.zeros((1, 2, 3)),
        chosen=np.array([[1, 0]]), predicted=np.array([[[0, 1.0, np.nan], [0, 2.0, np.nan]]]),
        sd=np.array([[[0, 1.0, np.nan], [0, 1.0, np.nan]]]), reward=np.zeros((1, 2)),
        truth=np.array([[[0.5, 3.5, np.nan], [0.0, 2.5, np.nan]]]), taken=np.array([[3.5, 0.0]]),
        level=np.array([[50.0, 51, 52]]), tested=np.array([[50.0, 51, 55]]),
        planned_over=np.zeros((1, 2)), done_over=np.array([[1.0, 2]]),
    )  # fmt: skip
    found = study.promised(log)
    assert found["disappointment_pct"] == pytest.approx([-1.0])
    assert found["covered"] == pytest.approx([0.5])  # 2 off by 1 is outside, 0.5 is inside
    assert found["usual"] == pytest.approx([0.5])
    rows = study.told(log, np.array(["a"])).set_index(["metric", "block"])["value"]
    assert rows["gain_pct", np.nan] == pytest.approx(10)
    assert rows["block_gain_pct", 1.0] == pytest.approx(2)
    assert rows["block_regret_pct", 2.0] == pytest.approx(2.5)
    assert rows["done_over", np.nan] == 3


def test_only_simulated_athletes_can_be_advised_here():
    with pytest.raises(UserError, match="intervals: what another plan would have brought"):
        study.load(Options("intervals"))


def test_what_is_said_follows_the_numbers(scores):
    found = findings.said({"simulated": scores, "simulated_b": scores})
    assert found["n_athletes"] == "11"
    assert found["cap_simulated"].startswith("0 planned sessions went beyond the cap, and ")
    mean = evaluate.mean(scores, "as_usual", "gain_pct")
    assert found["usual_simulated_b"].startswith(f"{mean.estimate:+.1f} % [")
    assert "population of another world" not in found["borrowed_simulated"]
    assert "best for the population: " in found["borrowed_simulated"]


@pytest.mark.parametrize(
    ("shift", "says"), [(5.0, "more than"), (-5.0, "less than"), (0.0, "as much as")]
)
def test_the_words_are_those_of_the_verdict(scores, shift, says):
    mine = scores[scores["arm"].isin(["as_usual"])]
    other = mine.assign(arm="greedy", value=mine["value"] + shift)
    both = pd.concat([mine, other])
    assert findings.against(both, "greedy", "as_usual", "that").startswith(f"{says} that (")


def test_the_table_has_dashes_where_a_coach_promises_nothing(scores):
    table = {row["policy"]: row for row in findings.rows(scores)}
    coach = table[study.TITLES["coach"]]
    assert coach["regret a block (%)"] == coach["as usual (% of blocks)"] == "–"
    assert table[study.TITLES["as_usual"]]["as usual (% of blocks)"] == "100"
    assert list(table) == [study.TITLES[arm] for arm in findings.RANKED]


def test_figures_draw_every_policy_with_its_numbers(scores):
    fig = plots.over_months(scores, "Gain")
    ax = fig.axes[0]
    assert {t.get_text() for t in ax.texts} >= {"coach", "feedback", "oracle"}
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "2"]
    assert len(plots.over_months(scores, metric="block_regret_pct").axes[0].lines) >= 5
    rows = plots.gains(scores)
    assert len(rows.axes[0].get_yticklabels()) == len(SOME)
    curse = plots.disappointment().axes[0]
    assert {t.get_text() for t in curse.texts} == {"by prediction", "by lower bound", "shrunk"}
    for nothing in (plots.over_months(None), plots.gains(None)):
        assert "Not part of this run" in nothing.axes[0].texts[0].get_text()


def test_all_arms_can_be_run():
    assert {arm.policy for arm in study.ARMS.values()} <= {*months.POLICIES, months.COACH}
    assert study.STUDY.reference in study.ARMS
    assert replace(study.ARMS["as_usual"], luck=1000) == study.ARMS["as_usual_again"]
