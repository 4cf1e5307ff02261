"""Commands as a reader types them: what works, and every typical mistake in one line."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

SPORTSML = Path(sys.executable).with_name("sportsml")


def sportsml(*words, cwd=None):
    command = [str(SPORTSML), *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


@pytest.mark.parametrize(
    "command", [[], ["run"], ["params"], ["book"], ["fetch"], ["doctor"], ["results"]]
)
def test_help(command):
    done = sportsml(*command, "--help")
    assert done.returncode == 0
    assert "Usage: sportsml" in done.stdout


def test_params_lists_units_and_ranges():
    done = sportsml("params", "01")
    assert done.returncode == 0
    assert re.search(r"^data_dir +'' +\S", done.stdout, re.M)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["rum"], "Did you mean 'run'"),
        (["run", "99"], "no chapter '99'"),
        (["run", "01_colect"], "did you mean '01_collect'"),
        (["run", "01", "-p", "data_dri", "x"], "did you mean 'data_dir'"),
        (["run", "01", "-p", "data_dir", "nowhere"], "nowhere does not exist"),
        (["run", "01", "-p", "seed", "one"], "'one' is no whole number"),
        (["run", "01", "-p", "seed"], "requires 2 arguments"),
        (["params", "collct"], "did you mean 'collect'"),
        (["fetch", "pmdat"], "pmdata"),
        (["params", "08_lap"], "did you mean '08_lab'"),
        (["run", "08_lab", "-p", "profile", "fast"], "'accepted', 'quick' or 'full'"),
        (["results", "shwo"], "Did you mean 'show'"),
        (["results", "show", "distill", "swimming"], "no study 'distill': choose one of"),
        (["results", "show", "distil", "../x"], "no name of a study or data set"),
        (["results", "show", "distil", "moon"], "no such result"),
        (["results", "show", "distil"], "Missing argument 'DATASET'"),
        (["results", "redo", "distil", "moon"], "no data set 'moon': choose one of"),
        (["results", "redo", "--workers", "0"], "not in the range"),
        (["results", "verify", "nothing"], "no study 'nothing'"),
        (["results", "accept", "nowhere"], "no table of scores"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(words, what, tmp_path):
    done = sportsml(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert what in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_run_with_own_files_from_any_folder(data_folder, tmp_path):
    """Real files next to a broken one: a right record, a page, and the bad file named."""
    rides = tmp_path / "my rides"
    rides.mkdir()
    for name in ("activity_5039744860.tcx", "activity_5039744860.gpx", "2020-06-01-16-52-40.fit"):
        (rides / name).write_bytes((data_folder("device_files") / name).read_bytes())
    (rides / "photo.fit").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    done = sportsml("run", "01", "-p", "data_dir", "my rides", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    notebook = Path(re.search(r"^notebook: (.*)$", done.stdout, re.M)[1])
    page = Path(re.search(r"^page: +(.*)$", done.stdout, re.M)[1])
    numbers = json.loads((notebook.parent / "record.json").read_text())["numbers"]
    assert numbers["n_sessions"] == 3
    assert numbers["n_unreadable"] == 1
    assert "\n    photo.fit: it holds a PNG picture" in done.stdout, "the terminal names it too"
    text = page.read_text(encoding="utf-8")
    assert "photo.fit" in text
    assert str(tmp_path) not in text, "a page names files, not the reader's folders"
    assert [p.name for p in tmp_path.iterdir()] == ["my rides"]


def test_a_chapter_that_refuses_keeps_its_copy(tmp_path):
    (tmp_path / "empty").mkdir()
    done = sportsml("run", "01", "-p", "data_dir", "empty", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "empty" in done.stderr
    copy = Path(re.search(r"executed so far: (.*)$", done.stderr, re.M)[1])
    assert copy.is_file()


def test_doctor_finds_this_environment_usable():
    done = sportsml("doctor")
    assert done.returncode == 0, done.stdout
    assert "Python 3" in done.stdout


def test_an_accepted_table_is_shown_and_comes_out_again():
    """CI redoes one fold of one simulated table with its cheap arms."""
    done = sportsml("results", "show", "effect", "simulated")
    assert done.returncode == 0, done.stderr
    assert "redo it: sportsml results redo effect simulated" in done.stdout
    done = sportsml("results", "verify", "effect", "simulated")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "effect simulated: holds" in done.stdout
