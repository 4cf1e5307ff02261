"""The runner and the accepted tables: resumed, never done twice, never believed when spoilt."""

import json
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pyarrow.parquet as parquet
import pytest

from sportsml_lite import cluster, studies
from sportsml_lite.errors import UserError
from sportsml_lite.protocol import fold_athletes
from sportsml_lite.studies import accepted, remote, runner
from sportsml_lite.studies.runner import Options, Study

PEOPLE = [f"a{i:02}" for i in range(10)]
ARMS = {"plain": 0.0, "better": 0.1, "plain_again": 0.0}
CALLS = []


def load(options):
    return PEOPLE


def splits(data, partition):
    return fold_athletes(data, seed=partition)


def score(data, split, seed, arms, options):
    CALLS.append(seed)
    rng = np.random.default_rng(seed)
    level = rng.random(len(split.test))
    rows = [
        {"arm": arm, "athlete": name, "metric": "macro_f1", "value": v + more, "n": 3, "k": 1}
        for arm, more in arms.items()
        for name, v in zip(split.test, level, strict=True)
    ]
    return pd.DataFrame(rows)


STUDY = Study(
    "distil", "Does it pay?", load, splits, score, ARMS, {"plain": "plain"}, "plain", "macro_f1",
    ("simulated",), ("plain",), ("plain",), partitions=2, simulated_partitions=2,
)  # fmt: skip


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """Own folders, an invented study under a name that exists, and nothing that it rests on."""
    CALLS.clear()
    inputs = {"code": {"m:f": "1"}, "libraries": {"numpy": "1"}, "data": {"data": "none"}}
    monkeypatch.setattr(runner, "project_root", lambda: tmp_path)
    monkeypatch.setattr(accepted, "folder", lambda: tmp_path / "results")
    monkeypatch.setattr(runner, "depends_on", lambda study, options: inputs)
    monkeypatch.setattr(studies, "find", lambda name: STUDY)
    return inputs


def test_every_athlete_is_tested_once_in_each_partition():
    scores = runner.run(STUDY, Options()).scores
    tested = scores[scores["arm"] == "plain"].groupby(["partition", "athlete"]).size()
    assert (tested == 1).all() and len(tested) == len(PEOPLE) * STUDY.partitions
    assert len(set(CALLS)) == 5 * STUDY.partitions  # no two jobs share a seed
    assert list(scores)[:10] == [
        "study", "dataset", "arm", "partition", "fold", "seed", "athlete", "metric", "value", "n",
    ]  # fmt: skip
    quick = runner.run(STUDY, Options(profile="quick")).scores
    assert set(quick["arm"]) == {"plain"} and set(quick["fold"]) == {0}


def test_a_killed_run_resumes_and_repeats_nothing(tmp_path):
    class Killed(Exception):
        pass

    def say(line):
        if len(CALLS) == 4:
            raise Killed

    with pytest.raises(Killed):
        runner.run(STUDY, Options(), progress=say)
    said = []
    whole = runner.run(STUDY, Options(), progress=said.append).scores
    assert len(CALLS) == 10 and said[0].startswith("distil simulated: 5 of 10 jobs")
    again = runner.run(STUDY, Options()).scores
    assert len(CALLS) == 10
    pd.testing.assert_frame_equal(whole, again)
    assert not list(tmp_path.rglob("*.part"))


@pytest.fixture
def elsewhere(monkeypatch):
    """A cluster of one worker, which is this process; ``said`` is what it says."""
    said = []

    def spread(client, tasks, work, check, say):
        for task in tasks:
            answer = cluster._do(work, check, task)
            if answer.refusal:
                raise UserError(f"worker here: {answer.refusal}")
            yield task, answer.error or answer.value

    monkeypatch.setattr(cluster, "connect", lambda *_: nullcontext())
    monkeypatch.setattr(cluster, "spread", spread)
    return partial(remote.spread, "tcp://there:1", said.append)


def test_jobs_of_a_cluster_give_the_same_table_and_are_kept_here(elsewhere):
    whole = runner.run(STUDY, Options(), spread=elsewhere).scores
    assert len(CALLS) == 10
    pd.testing.assert_frame_equal(runner.run(STUDY, Options()).scores, whole)
    assert len(CALLS) == 10, "rows that travelled back are rows of a finished job"


def test_a_worker_with_other_code_does_no_job(elsewhere, alone, monkeypatch):
    other = alone | {"code": {"m:f": "2"}, "libraries": {"numpy": "2"}}
    answers = iter([alone, other])
    monkeypatch.setattr(runner, "depends_on", lambda study, options: next(answers))
    with pytest.raises(UserError, match="sportsml_lite differs: m:f; install the same version; "
                       "library numpy differs: 2 instead of 1"):  # fmt: skip
        runner.run(STUDY, Options(), spread=elsewhere)
    assert not CALLS


def test_a_worker_whose_package_was_edited_must_be_started_again(elsewhere, monkeypatch):
    monkeypatch.setattr(remote, "_package", lambda: ("edited",))
    with pytest.raises(UserError, match="edited since it started; start the worker again"):
        runner.run(STUDY, Options(), spread=elsewhere)


def test_what_a_job_raises_on_a_worker_is_raised_here(elsewhere, monkeypatch):
    def broken(data, split, seed, arms, options):
        raise UserError("fold 0: nobody is left")

    monkeypatch.setattr(studies, "find", lambda name: replace(STUDY, score=broken))
    with pytest.raises(UserError, match="nobody is left"):
        runner.run(STUDY, Options(), spread=elsewhere)


@pytest.mark.parametrize("content", [b"", b"PAR1 no table", None])
def test_a_spoilt_job_is_done_again(tmp_path, content):
    whole = runner.run(STUDY, Options()).scores
    path = sorted((tmp_path / "_build/studies/distil").iterdir())[3]
    path.write_bytes(path.read_bytes()[:-50] if content is None else content)
    pd.testing.assert_frame_equal(runner.run(STUDY, Options()).scores, whole)
    assert len(CALLS) == 11


def test_other_code_arms_or_seeds_are_other_jobs(alone):
    runner.run(STUDY, Options(), jobs=1)
    runner.run(STUDY, Options(seed=7), jobs=1)
    runner.run(STUDY, Options(), jobs=1, arms=("plain",))
    runner.run(STUDY, Options(settings={"alpha": 0.3}), jobs=1)
    alone["code"]["m:f"] = "2"
    runner.run(STUDY, Options(), jobs=1)
    assert len(CALLS) == 5


def test_rows_that_do_not_fit_are_refused_by_name(monkeypatch):
    def odd(data, split, seed, arms, options):
        return score(data, split, seed, arms, options).assign(n=-1)

    with pytest.raises(UserError, match="study distil, partition 0, fold 0.*n = -1"):
        runner.run(replace(STUDY, score=odd), Options())
    with pytest.raises(UserError, match="no arm 'x'"):
        replace(STUDY, reference="x")
    with pytest.raises(UserError, match="profile = 'Full'"):
        runner.table(STUDY, Options(profile="Full"))


# --- accepted ------------------------------------------------------------------------------------


def test_a_run_is_accepted_and_says_how_to_redo_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SPORTSML_RUN_DIR", str(tmp_path / "runs" / "x"))
    scores = runner.table(STUDY, Options())
    path = accepted.accept(tmp_path / "runs" / "x")
    assert path == tmp_path / "results" / "distil-simulated.parquet"
    found = accepted.load("distil", "simulated")
    pd.testing.assert_frame_equal(found.scores, scores)
    pd.testing.assert_frame_equal(runner.table(STUDY, Options(profile="accepted")), scores)
    assert found.command == "sportsml results redo distil simulated"
    assert found.inputs["code"] == {"m:f": "1"} and found.options == Options()
    summary = accepted.summary(found, STUDY)
    assert summary["gain over plain"].tolist()[1].startswith("+0.100 [+0.100, +0.100] better")


def test_what_changed_since_is_named(alone):
    accepted.redo(STUDY, "simulated", workers=1)
    assert accepted.listing()["stale"].tolist() == [""]
    alone["code"] = {"m:f": "2", "m:g": "1"}
    alone["libraries"] = {"numpy": "2"}
    assert accepted.listing()["stale"].tolist() == ["m:f, m:g, numpy"]


def test_only_whole_runs_on_named_data_of_a_known_study_are_accepted(tmp_path, monkeypatch):
    run = tmp_path / "run"
    for options, said in (
        (Options(profile="quick"), "a quick run; accept takes profile full"),
        (Options("./my_tables"), "it read a folder of this computer"),
        (Options("swimming"), "accepted on simulated, not on 'swimming'"),
    ):
        result = runner.run(STUDY, options)
        accepted.write(result, run / accepted.SCORES_FILE)
        with pytest.raises(UserError, match=said):
            accepted.accept(run)
    with pytest.raises(UserError, match="no table of scores"):
        accepted.accept(tmp_path)
    assert not list((tmp_path / "results").glob("*")) if (tmp_path / "results").exists() else True


@pytest.mark.parametrize("name", ["../../../x", "a/b", "", "x.y"])
def test_names_that_lead_elsewhere_are_refused(name):
    with pytest.raises(UserError, match="no name of a study or data set"):
        accepted.load(name, "simulated")


@pytest.mark.parametrize(
    "content", [b"", b"[1, 2]", b"PAR1" + bytes(40) + b"PAR1", None, "no metadata", "odd metadata"]
)
def test_a_spoilt_result_is_one_clear_line(tmp_path, content):
    path = accepted.redo(STUDY, "simulated", workers=1)
    if content is None:
        path.write_bytes(path.read_bytes()[:-9])
    elif isinstance(content, str):
        raw = parquet.read_table(path)
        meta = {} if content == "no metadata" else {accepted.META: json.dumps([1, 2]).encode()}
        parquet.write_table(raw.replace_schema_metadata(meta), path)
    else:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"distil-simulated\.parquet: no table of results") as error:
        accepted.load("distil", "simulated")
    assert "\n" not in str(error.value)
    (row,) = accepted.listing().to_dict("records")
    assert "no table of results" in row["problem"]


def test_an_absent_result_says_how_to_make_it():
    with pytest.raises(UserError, match="sportsml results redo distil simulated"):
        accepted.load("distil", "simulated")


def test_a_sample_is_redone_and_compared(monkeypatch):
    accepted.redo(STUDY, "simulated", workers=1)
    assert accepted.verify(STUDY, "simulated") == (0.0, "plain")

    def other(*arguments):
        return score(*arguments).assign(value=lambda rows: rows["value"] + 0.05)

    changed = replace(STUDY, score=other)
    monkeypatch.setattr(runner, "_key", lambda *a: "another")
    with pytest.raises(UserError, match=r"arm 'plain' was accepted with .*tolerance 0.02"):
        accepted.verify(changed, "simulated")
