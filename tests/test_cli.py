"""Commands as a reader types them: what works, and every typical mistake in one line."""

import errno
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sportsml_lite.cli import main
from sportsml_lite.publish import book, chapters

SPORTSML = Path(sys.executable).with_name("sportsml")


def sportsml(*words, cwd=None):
    command = [str(SPORTSML), *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def here(*words):
    """The command within this process, which spares the imports; what is no plain error breaks."""
    done = CliRunner().invoke(main, [str(word) for word in words], prog_name="sportsml")
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.mark.parametrize(
    "command", [[], ["run"], ["params"], ["book"], ["fetch"], ["doctor"], ["results"]]
)
def test_help(command):
    done = here(*command, "--help")
    assert done.exit_code == 0
    assert "Usage: sportsml" in done.stdout


def test_params_lists_units_and_ranges():
    done = here("params", "01")
    assert done.exit_code == 0
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
def test_a_mistake_is_one_line_and_exit_code_2(words, what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = here(*words)
    assert done.exit_code == 2
    assert what in done.stderr


@pytest.fixture
def small_site(monkeypatch):
    """A run's page in a book of two pages: the whole one is built in tests/test_book.py."""
    stage = book.stage

    def staged(root, folder, executed):
        stage(root, folder, executed)
        toc = "format: jb-book\nroot: book/intro\nchapters:\n- file: notebooks/01_collect\n"
        (folder / "book" / "_toc.yml").write_text(toc)

    monkeypatch.setattr(book, "stage", staged)


def test_run_with_own_files_from_any_folder(data_folder, tmp_path, monkeypatch, small_site):
    """Real files next to a broken one: a right record, a page, and the bad file named."""
    monkeypatch.chdir(tmp_path)
    rides = tmp_path / "my rides"
    rides.mkdir()
    for name in ("activity_5039744860.tcx", "activity_5039744860.gpx", "2020-06-01-16-52-40.fit"):
        (rides / name).write_bytes((data_folder("device_files") / name).read_bytes())
    (rides / "photo.fit").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    done = here("run", "01", "-p", "data_dir", "my rides")
    assert done.exit_code == 0, done.stderr
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
    # A kernel may complain of its own end (a race in ipykernel); a frame of ours would be a bug.
    assert not re.search(r'File "[^"]*/sportsml_lite/\w', done.stderr)
    assert "empty" in done.stderr
    copy = Path(re.search(r"executed so far: (.*)$", done.stderr, re.M)[1])
    assert copy.is_file()


def test_doctor_finds_this_environment_usable():
    done = sportsml("doctor")
    assert done.returncode == 0, done.stdout
    assert "Python 3" in done.stdout


def test_an_accepted_table_is_shown_and_comes_out_again():
    """One fold of one simulated table, the quickest to redo, with its cheap arms."""
    done = here("results", "show", "effect", "simulated")
    assert done.exit_code == 0, done.stderr
    assert "redo it: sportsml results redo effect simulated" in done.stdout
    done = here("results", "verify", "recommend", "simulated")
    assert done.exit_code == 0, done.output
    assert "recommend simulated: holds" in done.stdout


@pytest.mark.parametrize(
    "words",
    [["run", "01"], ["run", "02", "-p", "dataset", "pmdata"], ["fetch"], ["fetch", "actes"]],
)
def test_a_data_home_that_is_not_there_is_named(words, tmp_path, monkeypatch):
    monkeypatch.setenv("SPORTSML_DATA", str(tmp_path / "nowhere"))
    done = here(*words)
    assert (done.exit_code, done.stdout.count("not here")) == (2, 0)
    assert f"SPORTSML_DATA = '{tmp_path / 'nowhere'}' names no folder" in done.stderr
    assert not (tmp_path / "nowhere").exists()


def test_doctor_names_a_data_home_that_is_not_there(monkeypatch):
    monkeypatch.setenv("SPORTSML_DATA", "/nowhere")
    done = here("doctor")
    assert done.exit_code == 1
    assert "needed: SPORTSML_DATA = '/nowhere' names no folder" in done.stdout


@pytest.mark.parametrize("words", [["params", "01"], ["run", "03"], ["fetch"], ["results", "list"]])
def test_a_working_directory_that_was_deleted_is_named(words, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    script = 'cd "$1" && rmdir "$1" && shift && exec "$@"'
    command = ["sh", "-c", script, "sh", str(gone), str(SPORTSML), *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert f"{gone}: this folder was deleted" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def _refused(monkeypatch, error):
    """What the command says when chapters cannot be listed because of ``error``."""

    def broken(*_):
        raise error

    monkeypatch.setattr(chapters, "chapters", broken)
    done = CliRunner().invoke(main, ["params", "01"])
    assert done.exit_code == 2
    return done.output


def test_errors_of_the_disk_are_one_short_line(monkeypatch):
    full = OSError(errno.ENOSPC, "No space left on device", "runs/x")
    assert _refused(monkeypatch, full) == "Error: runs/x: No space left on device\n"
    copies = [("a", f"stage/{i}", "[Errno 28] No space left on device") for i in range(99)]
    line = "Error: stage/0: [Errno 28] No space left on device\n"
    assert _refused(monkeypatch, shutil.Error(copies)) == line


def test_a_module_that_is_no_python_is_named_by_file_and_line(monkeypatch):
    broken = SyntaxError("'(' was never closed", ("losses.py", 7, 3, "f("))
    assert _refused(monkeypatch, broken) == (
        "Error: losses.py, line 7: '(' was never closed; correct it\n"
    )
