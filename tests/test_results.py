"""Accepting a result: a deliberate copy that says how to redo it."""

import json

import pandas as pd
import pytest

from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import Interval
from sportsml_lite.studies import accepted


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setattr(accepted, "folder", lambda: tmp_path / "results")
    return tmp_path


def _run(folder, **settings):
    settings = {"dataset": "pmdata", "data_dir": "", "seed": 0, "profile": "full"} | settings
    record = {
        "chapter": "04_effect",
        "parameters": {"dataset": settings["dataset"], "profile": "full"},
        "numbers": {"mae": 1.43},
        "inputs": {"parameters": json.dumps(settings), "data": "abc"},
    }
    folder.mkdir(exist_ok=True)
    (folder / "record.json").write_text(json.dumps(record))
    return folder


def test_accepted_says_how_to_redo_it(here):
    path = accepted.accept(_run(here / "run"))
    assert path.name == "04_effect-pmdata-full.json"
    found = accepted.load("04_effect", "pmdata", "full")
    assert found["numbers"] == {"mae": 1.43}
    assert found["command"] == "sportsml run 04_effect -p dataset pmdata -p profile full"
    assert found["inputs"]["data"] == "abc"


def test_refuses_what_nobody_else_can_redo(here):
    with pytest.raises(UserError, match="by its name"):
        accepted.accept(_run(here / "run", data_dir="mine"))
    with pytest.raises(UserError, match="by its name"):
        accepted.accept(_run(here / "run", dataset="./mine"))
    with pytest.raises(UserError, match="no finished run"):
        accepted.accept(here / "nothing")
    assert not (here / "results").exists()


def test_a_missing_or_older_result_says_what_to_do(here):
    with pytest.raises(UserError, match="sportsml results accept"):
        accepted.load("04_effect", "pmdata", "full")
    path = accepted.accept(_run(here / "run"))
    path.write_text(path.read_text().replace('"version": 1', '"version": 0'))
    with pytest.raises(UserError, match="version 0, not 1"):
        accepted.load("04_effect", "pmdata", "full")


def test_find_gives_none_where_nobody_has_accepted(here):
    assert accepted.find("04_effect", "pmdata") is None
    path = accepted.accept(_run(here / "run"))
    assert accepted.find("04_effect", "pmdata")["numbers"] == {"mae": 1.43}
    path.write_text(path.read_text().replace('"version": 1', '"version": 0'))
    with pytest.raises(UserError, match="version 0, not 1"):  # spoilt is not absent
        accepted.find("04_effect", "pmdata")


def test_recorded_intervals_become_numbers_and_what_is_no_interval_is_left_out():
    gain = f"{Interval(0.0961, -0.0134, 0.1, 0.95, 19, 5):+.3f}"
    run = {"numbers": {"a": "0.838 [0.780, 0.891]", "b": gain, "c": "–", "d": 0.5}}
    names = {"first": "a", "second": "b", "dash": "c", "number": "d", "absent": "e"}
    expected = pd.DataFrame(
        [[0.838, 0.780, 0.891], [0.096, -0.013, 0.1]],
        index=["first", "second"],
        columns=["estimate", "low", "high"],
    )
    pd.testing.assert_frame_equal(accepted.intervals(run, names), expected)
    assert accepted.intervals({"numbers": {}}, names).empty
