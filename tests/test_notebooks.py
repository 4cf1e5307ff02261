"""The pairs agree, nbval proves something, and plain papermill runs a chapter."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from sportsml_lite.publish import chapters, kernels
from sportsml_lite.publish.forkserver import LIBRARIES
from sportsml_lite.publish.record import recorded

EVERY = chapters.chapters()
NAMES = [chapter.name for chapter in EVERY]
LESSONS = [chapter for chapter in EVERY if not chapter.is_lab]


@pytest.mark.parametrize("chapter", EVERY, ids=NAMES)
def test_pair_is_in_step(chapter):
    same = chapters.pair_text(chapter) == chapter.pair.read_text(encoding="utf-8")
    assert same, f"{chapter.name}: the .py and the .ipynb differ; run `make pairs`"


@pytest.mark.parametrize("chapter", EVERY, ids=NAMES)
def test_every_check_cell_has_its_numbers(chapter):
    pair = nbformat.read(chapter.pair, as_version=4)
    checks = [c for c in pair.cells if chapters.RECORDING & set(c.metadata.get("tags", []))]
    assert checks or chapter.is_lab
    for cell in checks:  # a cell may record only what other data sets have
        assert cell.outputs or re.match(r"(if|for) ", cell.source), "run `make pairs`"


@pytest.mark.parametrize("chapter", EVERY, ids=NAMES)
def test_numbers_in_prose_are_recorded(chapter):
    notebook = chapter.notebook()
    prose = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    prose += "".join(str(c.metadata.get("mystnb", "")) for c in notebook.cells)
    pair = nbformat.read(chapter.pair, as_version=4)
    names = [o.metadata.scrapbook.name for c in pair.cells for o in c.get("outputs", [])]
    assert len(names) == len(set(names))
    printed = set(re.findall(r"\{glue:text\}`(\w+)`", prose))
    assert printed <= set(names), "prose prints what no cell records"


@pytest.mark.parametrize("chapter", LESSONS, ids=lambda chapter: chapter.name)
def test_opening_and_closing_of_a_lesson(chapter):
    """Every lesson opens and closes the same way: a reader knows where to look."""
    cells = chapter.notebook().cells
    text = "\n".join(c.source for c in cells if c.cell_type == "markdown")
    for words in ("**The question.**", "**In one sentence.**", "You will be able to"):
        assert words in cells[0].source, words
    assert re.search(r"minutes? to read", cells[0].source)
    for heading in ("## Summary", "### Exercise 1", "## What comes next", "## References"):
        assert heading in text, heading
    solutions = [c for c in cells if "solution" in c.metadata.get("tags", [])]
    assert len(solutions) == len(re.findall(r"^### Exercise", text, re.M)) >= 3


@pytest.mark.parametrize("chapter", EVERY, ids=NAMES)
def test_title_and_pictures(chapter):
    """A lab says in its title that it is one; every figure has a text for the blind."""
    cells = chapter.notebook().cells
    title = re.search(r"^# .*", cells[0].source, re.M)[0]
    assert re.match(rf"# {int(chapter.name[:2])} · ", title)
    assert title.endswith(": the lab") == chapter.is_lab
    for cell in cells:
        if "mystnb" in cell.metadata:
            assert cell.metadata["mystnb"]["image"]["alt"]


def test_nbval_sees_a_changed_number(tmp_path):
    """A recorded number of a notebook is changed by hand, and nbval must fail on it alone."""
    pair = nbformat.read(chapters.find("03").pair, as_version=4)
    check = next(c for c in pair.cells if "check" in c.metadata.get("tags", []))
    check.source = 'from sportsml_lite.publish.record import record\n\nrecord("share", "a quarter")'
    check.outputs = check.outputs[:1]
    output = check.outputs[0]
    output.metadata.scrapbook.name = "share"
    (kind,) = output.data
    for name, stored in (("same", "a quarter"), ("changed", "-12345.6")):
        output.data[kind] = f"'{stored}'"
        nbformat.write(nbformat.v4.new_notebook(cells=[check]), tmp_path / f"{name}.ipynb")
    done = _nbval(tmp_path)
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout
    assert "-12345.6" in done.stdout


def _nbval(folder):
    command = [sys.executable, "-m", "pytest", "--nbval", "-n0", "-p", "no:cacheprovider", folder]
    return subprocess.run(
        [*command, "-c", os.devnull, "--rootdir", folder], capture_output=True, text=True
    )


def test_plain_papermill(tmp_path):
    """The way a researcher runs it, from another folder, without the package's command."""
    out = tmp_path / "out.ipynb"
    papermill = [sys.executable, "-m", "papermill", chapters.find("01").pair, out]
    done = subprocess.run(
        [*papermill, "-p", "dataset", "simulated", "--log-level", "ERROR", "--no-progress-bar"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert recorded(nbformat.read(out, as_version=4))["n_sessions"] >= 1
    assert [p.name for p in tmp_path.iterdir()] == ["out.ipynb"], "a chapter leaves nothing behind"


@pytest.fixture(scope="session")
def warm():
    """Kernels of all labs are forked from one process that has imported the libraries."""
    with kernels.warm(len(EVERY), LIBRARIES):
        yield


@pytest.mark.labs
@pytest.mark.parametrize("lab", [c.name for c in EVERY if c.is_lab])
def test_every_lab_measures_anew(warm, lab):
    """Small runs on simulated athletes, minutes in all: `pytest -m labs`, as CI does."""
    words = ["run", lab, "-p", "profile", "quick", "--no-page"]
    command = [sys.executable, "-c", "from sportsml_lite.cli import main; main()", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    folder = Path(re.search(r"^notebook: (.*)$", done.stdout, re.M)[1]).parent
    if "studies" in chapters.find(lab).code():
        assert (folder / "scores.parquet").is_file(), "the study left no table of scores"
