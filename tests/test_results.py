"""What `sportsml results` says: what is stale, how long a redo takes, what no longer comes out."""

from types import SimpleNamespace

import pandas as pd
import pytest

from sportsml_lite.errors import UserError
from sportsml_lite.publish import results
from sportsml_lite.publish.runs import Failed
from sportsml_lite.studies import accepted

SIZE = {"athletes": 20, "models": 10, "arms": 3, "minutes": 61.25, "problem": ""}


def test_a_list_marks_what_changed_and_what_cannot_be_read(monkeypatch):
    rows = [
        SIZE | {"file": "a-b.parquet", "stale": ""},
        SIZE | {"file": "c-d.parquet", "stale": "m:f, m:g, m:h, numpy, torch"},
        {"file": "e-f.parquet", "problem": "e-f.parquet: no table of results"},
    ]
    monkeypatch.setattr(accepted, "listing", lambda: pd.DataFrame(rows).fillna({"problem": ""}))
    fresh, stale, spoilt = results.lines()
    assert fresh.endswith("61.2 min  up to date")
    assert stale.endswith("stale: m:f, m:g, m:h and 2 more")
    assert "unusable: e-f.parquet: no table" in spoilt
    monkeypatch.setattr(accepted, "listing", lambda: pd.DataFrame())
    assert list(results.lines()) == ["no accepted results here; make them: sportsml results redo"]


def test_a_redo_says_beforehand_how_long_it_takes(monkeypatch, tmp_path):
    said = []

    def load(study, dataset):
        if dataset == "swimming":
            raise UserError("no such result")
        return SimpleNamespace(seconds=7200.0)

    def redo(study, dataset, workers, progress, spread):
        assert any(line.startswith("in all about") for line in said)
        return tmp_path / f"{study.name}-{dataset}.parquet"

    monkeypatch.setattr(accepted, "load", load)
    monkeypatch.setattr(accepted, "redo", redo)
    monkeypatch.setattr(results, "_is_here", lambda name: name != "actes")
    results.redo("distil", None, 2, said.append)
    assert said[0].startswith("not on this computer, left out: actes")
    assert "distil swimming: no time known yet" in said
    assert "distil simulated: about 60 min" in said
    assert any("in all about 60 min with 2 processes, and 1 that were" in line for line in said)
    assert said[-1] == "accepted: distil-simulated.parquet"
    with pytest.raises(UserError, match="'actes' is not on this computer"):
        results.redo("distil", "actes", 2, said.append)


def test_every_table_is_verified_before_one_is_blamed(monkeypatch):
    def verify(study, dataset):
        if dataset == "swimming":
            raise UserError("distil swimming: arm 'plain' was accepted with 0.9000 and gives 0.1")
        return 0.001, "plain"

    said = []
    monkeypatch.setattr(accepted, "verify", verify)
    monkeypatch.setattr(results, "_is_here", lambda name: True)
    with pytest.raises(Failed, match="arm 'plain' was accepted with 0.9000"):
        results.verify("distil", None, said.append)
    assert "distil swimming: WRONG" in said
    assert "distil simulated: holds; largest difference 0.0010 (plain)" in said
