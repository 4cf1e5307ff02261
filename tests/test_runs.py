"""What a run depends on: the definitions it reaches, libraries, parameters, data, results."""

import errno
import importlib.metadata
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sportsml_lite import fingerprint
from sportsml_lite.errors import UserError
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


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A chapter that records a number, run below ``tmp_path``."""
    monkeypatch.setattr(runs, "project_root", lambda: tmp_path)
    monkeypatch.setattr(runs, "dependencies", lambda chapter, values: {})
    source = tmp_path / "08_try_lab.py"
    source.write_text(LAB)
    return Chapter(source)


def test_the_second_of_two_equal_runs_waits(lab, tmp_path):
    """Both end well, and the second says why it waits."""
    said = []
    folder = tmp_path / "runs" / lab.name / runs.key({})
    with ThreadPoolExecutor(1) as pool:
        with runs.alone(folder, said.append, "it"):
            job = pool.submit(runs.run, lab, {}, say=said.append)
            while not said and not job.done():
                time.sleep(0.01)
            assert not job.done()
        assert job.result(timeout=60) == folder
    assert said == ["  the same run is under way; waiting for it ..."]
    assert runs.read_record(folder)["numbers"]["seed"] == 0


def test_a_run_that_breaks_leaves_the_last_whole_one(lab, monkeypatch):
    folder = runs.run(lab, {})
    whole = {p.name: p.read_bytes() for p in folder.iterdir()}
    lab.source.write_text(LAB + "raise ValueError('no')\n")
    with pytest.raises(runs.Failed, match="unfinished"):
        runs.run(lab, {})
    for name in ("record.json", "08_try_lab.ipynb"):
        assert (folder / name).read_bytes() == whole[name]
    lab.source.write_text(LAB)

    def killed(path, text):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "write_atomically", killed)
    with pytest.raises(KeyboardInterrupt):
        runs.run(lab, {})
    assert not (folder / "record.json").exists(), "a record of another execution"


def test_a_full_disk_is_named_by_the_runs_folder(lab, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(runs, "execute", full)
    with pytest.raises(OSError) as error:
        runs.run(lab, {})
    assert str(error.value.filename) == str(tmp_path / "runs" / lab.name / runs.key({}))
    assert error.value.strerror == "No space left on device"


def test_a_source_that_is_no_python_is_named_by_its_line(lab):
    """The line of the file, below a command of Jupyter and blank lines."""
    lab.source.write_text(LAB + "\n\n%matplotlib inline\nx = (1,\n")
    line = LAB.count("\n") + 4
    for read in (lab.notebook, lab.parameters, lab.code):
        with pytest.raises(UserError, match=rf"08_try_lab\.py, line {line}: '\(' was never closed"):
            read()


def test_a_module_that_is_no_python_is_named_by_its_line(tmp_path, monkeypatch):
    path = tmp_path / "broken.py"
    path.write_text("x = 1\ndef f(:\n")
    monkeypatch.setattr(fingerprint, "_file", lambda module: path)
    fingerprint._scope.cache_clear()
    with pytest.raises(SyntaxError) as error:
        fingerprint.of_code("from sportsml_lite.broken import f\nf()")
    fingerprint._scope.cache_clear()
    assert (error.value.filename, error.value.lineno) == (str(path), 2)


def test_a_chapter_depends_on_the_scripts_and_templates_of_the_wings_it_reaches():
    names = {
        n: {k for k in runs.of_chapter(find(n)) if k.startswith("file ")} for n in ("03", "11")
    }
    assert not names["03"]
    assert {"file deploy/page/wrist.js", "file deploy/templates/student.c.jinja"} <= names["11"]
