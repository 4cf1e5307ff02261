"""A search keeps to its budget, sees what it is told to see, and a store survives its workers."""

import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import optuna
import pandas as pd
import pytest

from sportsml_lite import tune
from sportsml_lite.errors import UserError
from sportsml_lite.training import examples, fit_many
from sportsml_lite.training.configurations import Configuration
from sportsml_lite.tune import SPACE, Space, best_at, open_study, run, search, trials_of
from sportsml_lite.tune.searching import RUNGS

SMALL = Space(
    {"rate": (1e-3, 1e-2), "weight_decay": (0.01,), "width": (4, 8), "depth": (1,),
     "batch_size": (16,)},
    {"rate": (0, 1), "weight_decay": (0,), "width": (0, 1), "depth": (0,), "batch_size": (0,)},
)  # fmt: skip


def bowl(one):
    """Error of a configuration in a smooth valley, best at a rate of 0.01 and a width of 50."""
    return 1 + (np.log10(one.rate) + 2) ** 2 + 0.01 * abs(one.width - 50) + 0.1 * one.depth


def learn(one):
    """Twenty epochs that come down to the bowl."""
    yield from (bowl(one) + 2.0**-epoch for epoch in range(20))


def test_every_method_keeps_to_the_budget_and_is_repeatable():
    for method in tune.METHODS:
        found = search(method, SPACE, learn, 300, seed=3)
        assert found["epochs"].sum() == found["spent"].iloc[-1] == 300
        assert (found["epochs"] == 20).all()
        pd.testing.assert_frame_equal(found, search(method, SPACE, learn, 300, seed=3))
        other = search(method, SPACE, learn, 300, seed=4)
        assert not found["value"].equals(other["value"])


def test_a_value_is_the_lowest_error_of_its_configuration():
    found = search("random", SPACE, learn, 200)
    for _, row in found.iterrows():
        one = SPACE.at({name: int(row[name]) for name in tune.space.NAMES})
        assert row["value"] == pytest.approx(bowl(one) + 2.0**-19)


def test_a_grid_ends_with_its_points():
    found = search("grid", SMALL, learn, 10_000)
    assert len(found) == 4 and len(found.drop_duplicates(["rate", "width"])) == 4


def test_tpe_finds_the_valley_sooner_than_chance():
    best = {
        method: np.median([search(method, SPACE, learn, 800, seed)["value"].min()
                           for seed in range(5)])
        for method in ("random", "tpe")
    }  # fmt: skip
    assert best["tpe"] <= best["random"]


def test_pruning_buys_more_trials_and_gives_up_the_bad_ones():
    plain, pruned = (search("random", SPACE, learn, 400, prune=p) for p in (False, True))
    assert len(pruned) > 1.5 * len(plain)
    gone = pruned[pruned["state"] == "pruned"]
    assert set(gone["epochs"]) <= set(RUNGS) and gone["value"].isna().all()
    kept = pruned[pruned["state"] == "complete"]
    worst = [bowl(SPACE.at({n: int(r[n]) for n in tune.space.NAMES})) for _, r in gone.iterrows()]
    assert np.mean(worst) > kept["value"].mean()


def test_a_diverged_trial_is_never_the_best():
    def wild(one):
        yield from ([np.nan] * 3 if one.rate > 1e-3 else [1.0])

    found = search("random", SPACE, wild, 60)
    assert np.isinf(found["value"]).any()
    assert found["value"].iloc[best_at(found, [60])[0]] == 1.0
    nothing = search("random", SPACE, lambda one: iter([np.nan]), 5)
    assert best_at(nothing, [5]) == [-1]


def test_best_at_counts_a_trial_once_it_has_ended():
    table = pd.DataFrame({"value": [3.0, np.nan, 1.0, 2.0], "spent": [10, 14, 30, 40]})
    assert best_at(table, [9, 10, 29, 30, 99]) == [-1, 0, 0, 2, 2]


def test_live_gives_the_curve_of_a_training_alone():
    random = np.random.default_rng(0)
    X = random.normal(size=(90, 3))
    y = X[:, 0] ** 2 + 0.1 * random.normal(size=90)
    data = examples(X[:60], y[:60], X[60:], y[60:])
    one = Configuration(1e-2, 0.01, 8, 1, 16)
    curve = list(tune.Live(data, 5, max_epochs=30, patience=3)(one))
    (alone,) = fit_many(one.build, data, [5], one.training(30, 3))
    np.testing.assert_allclose(curve, alone.history["val_loss"], rtol=1e-4)


def test_a_search_of_trainings_finds_what_training_alone_finds():
    random = np.random.default_rng(1)
    X = random.normal(size=(80, 3))
    y = X[:, 0] + 0.1 * random.normal(size=80)
    live = tune.Live(examples(X[:50], y[:50], X[50:], y[50:]), 0, max_epochs=4)
    found = search("grid", SMALL, live, 1000)
    errors = {one: min(live(one)) for one in SMALL.everything()}
    assert found["value"].min() == pytest.approx(min(errors.values()))
    assert sorted(found["value"]) == pytest.approx(sorted(errors.values()))


# --- what a reader may get wrong -----------------------------------------------------------------


@pytest.mark.parametrize("budget", [0, -5, 1.5, True, "many"])
def test_a_budget_of_nothing_is_refused(budget):
    with pytest.raises(UserError, match="budget = .*epochs of all trials together, 1 or more"):
        search("random", SPACE, learn, budget)


def test_an_unknown_method_is_refused():
    with pytest.raises(UserError, match="method 'best' is unknown: choose one of grid"):
        search("best", SPACE, learn, 10)


@pytest.mark.parametrize(
    ("levels", "grid", "says"),
    [
        ({}, {"rate": ()}, "the grid has no rate"),
        ({}, {"rate": (7,)}, r"grid of rate names \(7,\), and it has 7 levels"),
        ({"width": ()}, {}, "width has levels"),
        ({"width": (5, 5)}, {}, "width has levels"),
        ({"rates": (1,)}, {}, "'rates' is no hyper-parameter"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused(levels, grid, says):
    with pytest.raises(UserError, match=says):
        Space({**SPACE.levels, **levels}, {**SPACE.grid, **grid})


def test_the_space_holds_the_grid_and_the_book_s_network():
    everything = SPACE.everything()
    assert len(set(everything)) == len(everything) == 756
    assert Configuration() in everything
    shapes = [one.shape for one in everything]
    assert len({s for s, t in itertools.pairwise(shapes) if s != t}) == 35


# --- the store -----------------------------------------------------------------------------------


def test_a_store_goes_on_where_it_was(tmp_path):
    path = tmp_path / "search.db"
    for budget, wanted in ((60, 3), (60, 3), (100, 5)):
        study = open_study(path, "bowl", SPACE, about={"data": "none"})
        run(study, SPACE, learn, budget)
        assert len(trials_of(study)) == wanted


@pytest.mark.parametrize(
    ("name", "space", "about", "says"),
    [
        ("other", SPACE, {"data": "a"}, "holds the search 'bowl', not 'other'"),
        ("bowl", SMALL, {"data": "a"}, f"made for space {SPACE.fingerprint}, not"),
        ("bowl", SPACE, {"data": "b"}, "made for data a, not b"),
        ("bowl", SPACE, {}, "made for data a, not None"),
    ],
)
def test_a_store_of_another_search_is_refused_and_kept(tmp_path, name, space, about, says):
    path = tmp_path / "search.db"
    run(open_study(path, "bowl", SPACE, about={"data": "a"}), SPACE, learn, 40)
    before = path.read_bytes()
    with pytest.raises(UserError, match=says):
        open_study(path, name, space, about=about)
    assert path.read_bytes() == before


def test_a_foreign_file_is_refused_and_kept(tmp_path):
    text, other = tmp_path / "text.db", tmp_path / "other.db"
    text.write_text("no database at all, but a long text about one\n" * 50)
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE birds (name TEXT)")
    for path, says in ((text, "no SQLite file"), (other, "something else"), (tmp_path, "no file"),
                       (tmp_path / "absent" / "a.db", "no file")):  # fmt: skip
        before = path.read_bytes() if path.is_file() else None
        with pytest.raises(UserError, match=says):
            open_study(path, "bowl", SPACE)
        assert (path.read_bytes() if path.is_file() else None) == before


WORKER = """
import sys, time
sys.path.insert(0, {tests!r})
from test_tune import learn, SPACE
from sportsml_lite.tune import open_study, run
seed, pause = int(sys.argv[1]), float(sys.argv[2])

def slow(one):
    for error in learn(one):
        print(flush=True)
        time.sleep(pause)
        yield error

study = open_study({path!r}, "bowl", SPACE, "random", seed=seed, beat_s=1, silence_s=2)
run(study, SPACE, slow, {budget})
"""


def test_a_killed_worker_spoils_nothing(tmp_path):
    """Two workers share a store; one dies in the middle of a trial, the other ends the search."""
    path, budget = tmp_path / "search.db", 240
    open_study(path, "bowl", SPACE, "random")  # both shall find it
    code = WORKER.format(tests=os.path.dirname(__file__), path=str(path), budget=budget)

    def start(seed, pause):
        command = [sys.executable, "-c", code, str(seed), str(pause)]
        return subprocess.Popen(command, stdout=subprocess.PIPE)

    doomed, other = start(1, 0.4), start(2, 0.02)
    try:
        assert doomed.stdout.readline()  # it is within its first trial
        time.sleep(0.5)
        doomed.send_signal(signal.SIGKILL)
        assert doomed.wait() == -signal.SIGKILL
        # Nobody reads the other's lines to the end unless asked: a full pipe would stop it.
        other.communicate(timeout=120)
    finally:
        for worker in (doomed, other):
            worker.kill()
    assert other.returncode == 0
    study = optuna.load_study(study_name="bowl", storage=f"sqlite:///{path}")
    states = [t.state.name for t in study.trials]
    assert states.count("FAIL") == 1 and "RUNNING" not in states
    (dead,) = [t for t in study.trials if t.state.name == "FAIL"]
    again = [t for t in study.trials if t.params == dead.params and t.state.name == "COMPLETE"]
    assert again  # its configuration was tried once more
    table = trials_of(study)
    assert table["epochs"].sum() >= budget
    best = min(bowl(SPACE.at(t.params)) for t in study.trials if t.state.name == "COMPLETE")
    assert study.best_value == pytest.approx(best + 2.0**-19)
