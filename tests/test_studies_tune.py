"""Chapter 5's study: validation chooses, test never does, a search sees trainings as they ran."""

import numpy as np
import pandas as pd
import pytest

from sportsml_lite import evaluate
from sportsml_lite.findings import tune as findings
from sportsml_lite.plots import tune as figures
from sportsml_lite.prepare.features import Table
from sportsml_lite.studies import effect
from sportsml_lite.studies import tune as study
from sportsml_lite.studies.runner import Options
from sportsml_lite.training import fit_many
from sportsml_lite.tune import Space
from sportsml_lite.tune.space import NAMES

TINY = Space(
    {"rate": (1e-3, 1e-2, 1e-1), "weight_decay": (0.01,), "width": (4, 8), "depth": (1,),
     "batch_size": (16,)},
    {"rate": (0, 2), "weight_decay": (0,), "width": (0, 1), "depth": (0,), "batch_size": (0,)},
)  # fmt: skip
QUICK = Options("simulated", profile="quick")


def table(people=20, each=8, seed=0):
    random = np.random.default_rng(seed)
    athlete = np.repeat([f"a{i:02}" for i in range(people)], each).astype(object)
    X = random.normal(size=(len(athlete), 4))
    y = X[:, 0] ** 2 + 0.3 * random.normal(size=len(athlete))
    session = np.array([f"s{i}" for i in range(len(y))], object)
    return Table(X, y, athlete, session, ("a", "b", "c", "d"), "effect", 0)


@pytest.fixture(scope="module")
def data():
    return study.Data(table())


@pytest.fixture(scope="module")
def split(data):
    return study.splits(data, 0)[0]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(study, "scale", lambda options: (TINY, (60, 120), 2))


@pytest.fixture(scope="module")
def scored(data):
    """Two folds under every arm."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "scale", lambda options: (TINY, (60, 120), 2))
        patch.setattr(study, "SEEDS", 3)
        parts = [
            study.score(data, one, fold, study.ARMS, QUICK).assign(
                partition=0, fold=fold, seed=fold
            )
            for fold, one in enumerate(study.splits(data, 0)[:2])
        ]
    return pd.concat(parts, ignore_index=True)


def test_every_arm_is_judged_on_the_test_athletes_and_chosen_by_the_others(scored, data):
    for fold, one in enumerate(study.splits(data, 0)[:2]):
        part = scored[scored["fold"] == fold]
        for metric, people in (("rmse", one.test), ("val_rmse", one.validation)):
            for _, arm in part[part["metric"] == metric].groupby("arm"):
                assert sorted(arm["athlete"]) == sorted(people)
                assert (arm["n"] == 8).all()
    assert set(scored.loc[scored["metric"] == "rmse", "arm"]) == set(study.ARMS)


def test_another_truth_of_the_test_athletes_changes_no_choice(data, split):
    moved = data.table.y + 3.0 * np.isin(data.table.athlete, split.test)
    other = study.Data(Table(data.table.X, moved, *[getattr(data.table, n) for n in (
        "athlete", "session", "names", "target", "dropped")]))  # fmt: skip
    arms = {name: study.ARMS[name] for name in ("random", "tpe", "everything")}
    here, there = (
        study.score(d, split, 0, arms, QUICK).query("metric in ('chosen', 'val_rmse', 'val_mse')")
        for d in (data, other)
    )
    pd.testing.assert_frame_equal(here, there)


def test_a_search_reads_the_curve_that_a_training_gives(data, split):
    trained = study.Trained(effect.cut(data.table, split))
    keys = [(one, 3) for one in TINY.everything()]
    trained.fit(keys)
    assert set(trained.curve) == set(keys)
    one, seed = keys[1]
    pieces = effect.examples(trained.X[0], trained.tables[0].y, trained.X[1], trained.tables[1].y)
    (alone,) = fit_many(one.build, pieces, [seed], one.training())
    np.testing.assert_allclose(trained.curve[keys[1]], alone.history["val_loss"], rtol=1e-2)
    errors = trained.errors(keys[1], 0)
    truth, said = trained.tables[1].y, trained.answer[keys[1]][0]
    assert np.mean((truth - said) ** 2) == pytest.approx(trained.value(keys[1]), rel=1e-4)
    assert (errors["n"] * errors["mse"]).sum() / errors["n"].sum() == pytest.approx(
        trained.value(keys[1]), rel=1e-4
    )


def test_what_diverged_answers_with_the_mean_and_is_never_chosen(data, split, monkeypatch):
    def broken(configurations, data, seeds):
        results = study_fit(configurations, data, seeds)
        return [None, *results[1:]]

    study_fit = study.fit_configurations
    monkeypatch.setattr(study, "fit_configurations", broken)
    trained = study.Trained(effect.cut(data.table, split))
    keys = [(one, 0) for one in TINY.everything()]
    trained.fit(keys)
    assert np.isinf(trained.value(keys[0]))
    assert np.ptp(trained.answer[keys[0]][1]) == 0
    found = study.by_count(keys, trained, 0, 4)
    assert keys[0] not in found[study.END]
    rows = study.landscape(trained, keys)
    assert (rows["metric"] == "val_mse").sum() == len(keys) - 1


def test_the_best_of_more_is_never_worse_on_validation(scored):
    for arm in ("everything", "seeds"):
        part = scored[(scored["arm"] == arm) & (scored["metric"] == "val_rmse_at")]
        # The objective is the MSE over rows; all athletes have as many, so MSE is their mean.
        level = part.groupby(["fold", "trials"])["value"].apply(lambda v: np.mean(v**2))
        for _, fold in level.groupby("fold"):
            assert (fold.diff().dropna() <= 0.02 * fold.iloc[0]).all()


def test_simulated_athletes_keep_their_last_sessions():
    options = Options("simulated", profile="quick", settings={"n_athletes": 20})
    data, whole = study.load(options), effect.load(options)
    counts = pd.Series(data.table.athlete).value_counts()
    assert (counts == study.SESSIONS).all() and len(counts) == 20
    start = whole.sessions.set_index("session_id")["start"]
    kept = start.loc[data.table.session].groupby(data.table.athlete).min()
    left = start.drop(data.table.session)
    owner = whole.sessions.set_index("session_id")["athlete_id"].loc[left.index]
    known = set(whole.tables["effect"].session)
    left = left[left.index.isin(known)]
    assert (left.groupby(owner).max() <= kept).all()


# --- what the pages say of it --------------------------------------------------------------------


def test_the_landscape_is_the_whole_space_and_importance_adds_up(scored):
    table = findings.average(scored)
    assert len(table) == len(TINY.everything())
    assert table["level"].is_monotonic_increasing
    share = findings.importance(scored)["estimate"]
    assert share.sum() == pytest.approx(1, abs=0.2)
    assert share[["weight decay", "depth", "batch size"]].abs().max() < 1e-12


def test_importance_of_an_additive_table_is_its_variances():
    rows = [
        {"partition": 0, "fold": 0, "metric": "val_mse", "value": 10 ** (0.3 * i + 0.1 * j),
         "rate": i, "weight_decay": 0, "width": j, "depth": 1, "batch_size": 1}
        for i in (-1, 1) for j in (-1, 1)
    ]  # fmt: skip
    share = findings.importance(pd.DataFrame(rows))["estimate"]
    assert share["learning rate"] == pytest.approx(0.9)
    assert share["width"] == pytest.approx(0.1)
    assert share["together only"] == pytest.approx(0, abs=1e-12)


def test_a_promise_is_a_gain_on_validation_and_what_is_kept_a_gain_on_test(scored):
    found = findings.promise(scored, "everything")
    wanted = evaluate.compare(scored, "everything", "default", "rmse", "effect").gain
    assert found["kept"] == wanted
    cells = scored[scored["metric"] == "val_rmse"].pivot_table(
        index=["athlete", "fold"], columns="arm", values="value"
    )
    gain = (cells["default"] - cells["everything"]).groupby("athlete").mean().mean()
    assert found["promised"].estimate == pytest.approx(gain)
    table = findings.promises(scored)
    assert set(table["line"]) == {"promised", "kept"}
    assert sorted(table["trials"].unique()) == [1, 2, 4, 6]


def test_sentences_and_rows_follow_the_table(scored):
    told = findings.said({"simulated": scored})
    assert "simulated runners" in told["takeaway"]
    c = evaluate.compare(scored, "tpe", "random", "rmse", "effect")
    assert told["methods_simulated"].startswith(findings.SAYS[c.verdict])
    assert f"{c.gain:+.3f}" in told["methods_simulated"]
    rows = findings.results(scored)
    assert [row[""] for row in rows] == [study.TITLES[arm] for arm in findings.ROWS]
    assert rows[-1]["trials"] == "6"


def test_judge_asks_what_the_arms_allow(scored):
    panels = {("simulated", "effect"): scored}
    assert len(study.judge(panels)) == len(study.QUESTIONS)
    some = scored[scored["arm"].isin(["default", "mean"])]
    assert list(study.judge({("simulated", "effect"): some})) == [
        ("simulated", "effect", "default", "mean")
    ]


def test_figures_draw_what_the_table_says(scored):
    tables = {"simulated": scored}
    ax = figures.budget(tables).axes[0]
    level = evaluate.mean(scored, "default", "rmse").estimate
    assert any(np.allclose(line.get_ydata(), level) for line in ax.lines)
    texts = [text.get_text() for text in ax.texts]
    assert {"default", "grid", "random", "TPE"} <= set(texts)
    assert {"kept", "promised"} <= {t.get_text() for t in figures.promises(tables).axes[0].texts}
    assert len(figures.importance(tables).axes[0].get_yticks()) == 6
    lines = figures.parallel(scored, best=2).axes[0].lines
    assert len(lines) >= len(TINY.everything())
    assert figures.parallel(scored[scored["metric"] == "rmse"]).axes  # says that it is no part
    assert len(figures.results(tables)) == 5
    grid = np.logspace(-4, -1, 20)
    trials = pd.DataFrame({"rate": [1e-3, 1e-2], "error": [1.0, 2.0], "good": [True, False]})
    fig = figures.densities(grid, np.ones(20), np.linspace(1, 2, 20), trials)
    dotted = [line for line in fig.axes[1].lines if line.get_linestyle() == ":"]
    assert dotted[0].get_xdata()[0] == grid[0]


def test_names_of_the_settings_are_the_space_s(scored):
    assert set(NAMES) <= set(scored.columns)
