"""The study of Banister's model: what an arm may know, and its rows, findings and figures."""

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from sportsml_lite import evaluate
from sportsml_lite.errors import UserError
from sportsml_lite.findings import banister as findings
from sportsml_lite.plots import banister as figures
from sportsml_lite.recommend import banister
from sportsml_lite.simulate import impulse
from sportsml_lite.simulate.impulse import Body
from sportsml_lite.studies import banister as study
from sportsml_lite.studies.banister import Design
from sportsml_lite.studies.runner import Options

mpl.use("agg")
QUICK = Options(profile="quick", settings={"n_athletes": 10})


@pytest.fixture(scope="module")
def data():
    return study.load(QUICK)


@pytest.fixture(scope="module")
def scores(data):
    rows = [
        study.score(data, split, i, study.ARMS, QUICK).assign(partition=0, fold=i, seed=i)
        for i, split in enumerate(study.splits(data, 0)[:2])
    ]
    return pd.concat(rows, ignore_index=True)


def test_every_design_tests_before_the_later_weeks():
    for design in study.DESIGNS:
        assert len(np.unique(design.days)) == design.tests
        assert design.days.min() > 0 and design.days.max() == study.FIT_D < study.LATER.min()


def test_no_answer_changes_with_the_later_tests(data, monkeypatch):
    design, split = study.QUICK[0], study.splits(data, 0)[0]
    tested = study.tested

    def said(more):
        def changed(*args):
            load, tests = tested(*args)
            return load, tests + more * tests.index.isin(study.LATER)

        monkeypatch.setattr(study, "tested", changed)
        rows = pd.DataFrame(
            row
            for name, arm in study.ARMS.items()
            for row in study._of_arm(data, split, 0, name, arm, design)
        )
        return rows[rows["target"] != study.HELD_OUT]["value"].to_numpy()

    np.testing.assert_array_equal(said(0.0), said(50.0))


def test_pooled_time_constants_are_those_of_other_athletes(data, monkeypatch):
    asked = []
    tested = study.tested
    monkeypatch.setattr(study, "tested", lambda d, a, *rest: asked.append(a) or tested(d, a, *rest))
    split = study.splits(data, 0)[0]
    tau1, tau2 = study.pooled(data, split.train, study.QUICK[-2], 0)
    assert set(asked) == set(split.train)
    assert banister.TAU1_D[0] <= tau1 <= banister.TAU1_D[1]
    assert banister.TAU2_D[0] <= tau2 <= banister.TAU2_D[1]


def test_the_truth_foretells_best_and_errs_by_the_tests_alone(scores):
    for design in study.designs(scores):
        held = study.of(scores, design, study.HELD_OUT)
        true = evaluate.mean(held, "true", "rmse").estimate
        assert true == pytest.approx(design.error_pct, rel=0.5)
        for arm in ("fit", "last", "mean", "textbook") if design.loads == "varied" else ():
            assert true < evaluate.mean(held, arm, "rmse").estimate
    tau = study.of(scores, study.QUICK[0], "tau1_d")
    assert evaluate.athlete_values(tau, "true", "mae").max() == 0


def test_distances_by_hand():
    assert study.distance("tau1_d", 84, 42) == pytest.approx(np.log(2))
    assert study.distance("tau1_d", 21, 42) == pytest.approx(np.log(2))
    assert study.distance("k1", 0.0, 0.5) == 1
    assert study.distance("peak_d", 25, 20) == 5
    body = Body(0, 0.5, 1.0, 42, 7)
    assert study.value_of(body, "k2") == 1.0
    assert study.value_of(body, "peak_d") == banister.peak_d(body)


def test_a_refused_fit_says_so_and_stands_where_a_search_would_have_left_it(data, monkeypatch):
    def refuse(*args):
        raise UserError("nothing")

    monkeypatch.setattr(banister, "fit", refuse)
    split = study.splits(data, 0)[0]
    rows = pd.DataFrame(study._of_arm(data, split, 0, "fit", study.ARMS["fit"], study.QUICK[0]))
    own = rows[rows["target"] == study.FITTED].groupby("metric")["value"].mean()
    assert own.to_dict() == {"refused": 1, "found": 0, "stuck": 1}
    tau = rows[(rows["target"] == "tau1_d") & (rows["metric"] == "estimate")]["value"]
    assert set(tau) == {42.0}


def test_real_people_are_refused():
    with pytest.raises(UserError, match="true parameters are known of simulated athletes only"):
        study.load(Options("intervals"))
    with pytest.raises(UserError, match="simulated_b"):
        study.load(Options("simulated_b"))


# --- findings and figures ------------------------------------------------------------------------


def invented(found, fit, last, distance=0.5):
    """Twelve athletes in two designs; ``found`` : how many of them in each."""
    rows = []
    for design, count in zip((study.DESIGNS[0], study.DESIGNS[-1]), found, strict=True):
        for i in range(12):
            own = {
                "partition": 0,
                "fold": i // 6,
                "seed": 0,
                "athlete": f"b{i:02}",
                "n": 8.0,
                "tests": design.tests,
                "error_pct": design.error_pct,
                "loads": design.loads,
            }
            bump = 0.01 * (i % 3)
            values = {("fit", "held_out", "rmse"): fit, ("last", "held_out", "rmse"): last}
            for arm in ("mean", "textbook", "pooled", "true"):
                values[arm, "held_out", "rmse"] = 2.0
            for tau in ("tau1_d", "tau2_d"):
                values |= {
                    ("fit", tau, "mae"): distance,
                    ("textbook", tau, "mae"): 0.3,
                    ("pooled", tau, "mae"): 0.2,
                    ("fit", tau, "estimate"): 30.0 + i,
                    ("true", tau, "estimate"): 42.0 + i,
                }
            values["fit", "tau1_d", "covered"] = float(i > 0)
            for metric in ("refused", "stuck", "on_bound", "missed"):
                values["fit", "fit", metric] = float(i < 3)
            values["fit", "fit", "found"] = float(i < count)
            rows += [
                own
                | {"arm": a, "target": t, "metric": m, "value": v + bump * (m in ("rmse", "mae"))}
                for (a, t, m), v in values.items()
            ]
    return pd.DataFrame(rows)  # fmt: skip


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (invented((0, 0), 2.0, 4.0), ("In all 2 designs", "in 0 % of the athletes")),
        (invented((0, 6), 4.0, 2.0), ("In none of 2 designs", "in 0 to 50 % of the athletes")),
    ],
)
def test_the_sentence_follows_the_table(table, says):
    sentence = findings.takeaway(table)
    assert all(part in sentence for part in says)


def test_what_is_said_is_what_the_table_holds():
    said = findings.said(invented((3, 6), 2.0, 4.0))
    assert (said["found_best"], said["found_worst"]) == ("50", "25")
    assert said["best_design"] == "60 tests of 2.5 %, training varied by lot"
    assert said["stuck_most"] == said["bound_most"] == "25" and said["covered"] == "92"
    assert said["textbook_closer"] == said["pooled_closer"] == "all 4"
    assert said["tau1_off_pooled"] == f"{np.exp(0.21):.2f}"
    assert said["tau1_off"] == f"{np.exp(0.51):.2f}"
    near = findings.said(invented((3, 6), 2.0, 4.0, distance=0.1))
    assert near["textbook_closer"] == near["pooled_closer"] == "none of 4"
    rows = findings.recovery(invented((3, 6), 2.0, 4.0))
    assert [row["found"] for row in rows] == ["25 %", "50 %"]


def test_figures_draw_every_design(scores):
    table = invented((3, 6), 2.0, 4.0)
    design = study.DESIGNS[0]
    assert len(figures.foretold(table, design).axes[0].get_yticks()) == 6
    assert figures.found(table).axes[0].get_ylabel() == "both found (% of athletes)"
    both = {"few": design, "many": study.DESIGNS[-1], "absent": Design(9, 1.0, "habit")}
    fig = figures.recovered(table, both, "tau1_d")
    assert [ax.get_title(loc="left") or ax.get_title() for ax in fig.axes[:2]] == ["few", "many"]
    assert figures.recovered(scores, {"one": study.QUICK[0]}, "tau2_d").axes


def test_the_valley_shows_the_fit_the_textbook_and_the_truth():
    load = impulse.loads(1, 126, "varied")[0]
    body = impulse.bodies(1)[0]
    days = np.arange(5, 127, 5)
    tests = impulse.tests(impulse.performance(load, body), days, 1.0, 0, 0)
    fig = figures.valley(load, days, tests, body, "An athlete")
    assert {t.get_text() for t in fig.axes[0].texts} == {"fitted", "textbook", "true"}
    unknown = figures.valley(load, days, tests)
    assert {t.get_text() for t in unknown.axes[0].texts} == {"fitted", "textbook"}
    found = banister.fit(load, days, tests)
    fig = figures.profiles({"one": found, "another": replace(found, tests=9)})
    assert len(fig.axes) == 2 and len(fig.axes[0].lines) == 3
    assert figures.profiles({}).axes[0].texts[0].get_text() == "Not part of this run."
