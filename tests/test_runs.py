"""What a run depends on: the definitions it reaches, libraries, parameters, data, results."""

import importlib.metadata
import os

import pytest

from sportsml_lite import fingerprint
from sportsml_lite.publish import runs
from sportsml_lite.publish.chapters import Chapter, find

LAB = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% tags=["parameters"]
seed = 0  # 0 to 10: which

# %% tags=["check"]
import os
from sportsml_lite.publish.record import record
record("where", os.environ["SPORTSML_RUN_DIR"])
record("seed", seed)
"""


def test_key_changes_with_parameters_and_data(tmp_path):
    chapter = find("01")
    (tmp_path / "ride.csv").write_text("t_s,hr_bpm\n0,100\n")
    keys = {
        runs.key(runs.dependencies(chapter, values))
        for values in ({}, {"seed": 1}, {"data_dir": str(tmp_path)})
    }
    (tmp_path / "ride.csv").write_text("t_s,hr_bpm\n0,101\n")
    keys.add(runs.key(runs.dependencies(chapter, {"data_dir": str(tmp_path)})))
    assert len(keys) == 4
    again = runs.key(runs.dependencies(chapter, {"data_dir": str(tmp_path)}))
    assert again in keys


def test_chapters_depend_on_what_they_reach_only():
    collect, mse = (set(runs.dependencies(find(name), {})) for name in ("01", "03"))
    assert "sportsml_lite.regression:half_mse" in mse - collect
    assert any(name.startswith("sportsml_lite.collect.quality:") for name in collect - mse)
    assert not any(name.startswith("sportsml_lite.cli") for name in collect | mse)


def test_a_new_version_of_any_library_it_imports_makes_a_run_stale(monkeypatch):
    """Chapter 7's rivals come from aeon; chapter 3 has never heard of it."""
    teacher, mse = find("07_lab"), find("03")
    before = [runs.dependencies(chapter, {}) for chapter in (teacher, mse)]
    real = importlib.metadata.version
    newer = {"aeon": "99.0"}
    monkeypatch.setattr(importlib.metadata, "version", lambda n: newer.get(n) or real(n))
    after = [runs.dependencies(chapter, {}) for chapter in (teacher, mse)]
    changed = [
        {name for name in then if then[name] != now[name]}
        for then, now in zip(before, after, strict=True)
    ]
    assert changed == [{"library aeon"}, set()]


@pytest.mark.parametrize(
    ("code", "used"),
    [
        ("from sportsml_lite.studies import distil\ndistil.STUDY", ["distil"]),
        ("from sportsml_lite.studies.effect import STUDY\nSTUDY", ["effect"]),
        ("from sportsml_lite.studies import accepted\naccepted.load('transfer', x)", ["transfer"]),
        ("from sportsml_lite.studies import accepted\naccepted.folder()", []),
        ("import numpy as np\nnp.load('effects.npy')", []),
    ],
)
def test_a_run_depends_on_the_results_of_the_studies_it_names(code, used):
    assert runs.studies_named(code, fingerprint.of_code(code).code) == used


def test_a_running_lab_is_told_its_folder(tmp_path, monkeypatch):
    """A study's runner leaves its scores there; other runs are not told."""
    monkeypatch.setattr(runs, "project_root", lambda: tmp_path)
    monkeypatch.setattr(runs, "dependencies", lambda chapter, values: {})
    monkeypatch.delenv(runs.RUN_DIR, raising=False)
    source = tmp_path / "08_try_lab.py"
    source.write_text(LAB)
    folder = runs.run(Chapter(source), {"seed": "7"})
    assert runs.read_record(folder)["numbers"] == {"where": str(folder), "seed": 7}
    assert runs.RUN_DIR not in os.environ
