"""The site, built from clean with every warning an error, and every page opened in a browser."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
import yaml

from sportsml_lite.publish import book, chapters, runs
from sportsml_lite.publish.record import printed

WIDTHS = {"desktop": 1280, "phone": 390}


@pytest.fixture(scope="module")
def executed(root):
    """Executed copies of all lessons and labs: those of `make book`, where still valid."""
    book.execute_stale(root, print, workers=2)
    return {c.name: book.executed_path(root, c) for c in chapters.chapters(root)}


@pytest.mark.parametrize("chapter", chapters.chapters(), ids=lambda chapter: chapter.name)
def test_executed_numbers_are_those_of_the_pair(executed, chapter):
    """What nbval compares, for every notebook, from the one execution that the site needs."""
    stored, now = (steady(path) for path in (chapter.pair, executed[chapter.name]))
    changed = {
        name: f"{stored.get(name)} -> {now.get(name)}"
        for name in stored | now
        if stored.get(name) != now.get(name)
    }
    assert not changed, f"run `make pairs`, after reading why: {changed}"


def steady(path):
    """Printed numbers of a notebook, without those that another computer may change."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [
        c for c in notebook.cells if "nbval-ignore-output" not in c.metadata.get("tags", [])
    ]
    return printed(notebook)


@pytest.fixture(scope="module")
def site(root, executed, tmp_path_factory):
    """Folder of the pages: the site is built once for all tests."""
    folder = tmp_path_factory.mktemp("site")
    book.stage(root, folder / "stage", executed)
    return book.build_site(root, folder / "stage", folder, strict=True).parent


OVERFLOW = """() => [...document.querySelectorAll(
    'main pre, main table, main mjx-container[display="true"]')]
    .filter(e => e.checkVisibility() && !e.closest('details:not([open])'))
    .map(e => [e, e.tagName === 'PRE' || e.tagName === 'MJX-CONTAINER' ? e : e.parentElement])
    .filter(([e, box]) => box.scrollWidth > box.clientWidth + 2 && box.clientWidth > 0)
    .map(([e]) => e.tagName + ': ' + e.innerText.slice(0, 60))"""


@pytest.mark.parametrize("page", book.pages(chapters.project_root()))
def test_page_reads_offline_and_fits(site, browser, page):
    """No error, no external request, no unrendered math or role; nothing clipped, on a phone too.

    Each page is loaded once for all of it, its figures in the dark included: loading is what takes
    the time.
    """
    tab = browser.new_page(viewport={"width": WIDTHS["desktop"], "height": 900})
    trouble = []
    tab.on("console", lambda m: m.type == "error" and trouble.append(f"console: {m.text}"))
    tab.on("pageerror", lambda e: trouble.append(f"script: {e}"))
    tab.on("requestfailed", lambda r: trouble.append(f"failed: {r.url}"))
    tab.on(
        "request",
        lambda r: re.match("file:|data:|blob:", r.url) or trouble.append(f"external: {r.url}"),
    )
    tab.goto((site / page).as_uri(), wait_until="load")
    tab.wait_for_function("!document.querySelector('.math') || window.MathJax?.startup?.promise")
    tab.evaluate("window.MathJax?.startup?.promise")
    assert tab.evaluate(OVERFLOW) == [], "wider than its place on a desktop"
    counts = tab.evaluate(
        """() => ({math: document.querySelectorAll('.math').length,
                   drawn: document.querySelectorAll('.math mjx-container').length,
                   wrong: document.querySelectorAll('mjx-merror, [data-mjx-error]').length})"""
    )
    assert counts["drawn"] >= counts["math"]
    assert counts["wrong"] == 0
    tab.set_viewport_size({"width": WIDTHS["phone"], "height": 800})
    wide = tab.evaluate("document.scrollingElement.scrollWidth")
    assert wide <= WIDTHS["phone"] + 1, "the page scrolls sideways on a phone"
    if page.startswith("notebooks/"):
        _turns_dark(tab)
    tab.evaluate("document.querySelectorAll('main code, main pre').forEach(e => e.remove())")
    text = tab.inner_text("main")
    assert not re.search(r"\{(glue|term|cite|ref|doc|numref)[:}]|\$\$|\\\(|\\begin\{", text)
    assert len(text) > 200, "an empty page"
    assert trouble == []
    tab.close()


def _turns_dark(tab):
    """The paper of a figure becomes the page's own background, and its ink is light."""
    tab.emulate_media(color_scheme="dark")
    tab.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    style = "e => [getComputedStyle(e).filter, getComputedStyle(e).mixBlendMode, e.alt]"
    figures = tab.locator(".cell_output img").evaluate_all(f"all => all.map({style})")
    assert len(figures) >= 1
    for look, blend, alt in figures:
        assert "invert(1)" in look
        assert blend == "screen"
        assert len(alt) > 20, "a figure needs a text that says what it shows"


def test_a_page_that_is_opened_in_the_dark_is_dark(site, browser):
    tab = browser.new_page(color_scheme="dark")
    tab.goto((site / "book" / "intro.html").as_uri(), wait_until="load")
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    tab.close()


def test_exercises_hide_their_solutions(site):
    for chapter in chapters.chapters():
        if chapter.is_lab:
            continue
        path = site.parent.parent / "stage/notebooks/exercises" / f"{chapter.name}_exercises.ipynb"
        student = nbformat.read(path, as_version=4)
        tasks = [c for c in student.cells if "exercise" in c.metadata.get("tags", [])]
        assert len(tasks) >= 3
        assert all(re.search(r"expected: \S", c.source) for c in tasks)
        assert not any("record(" in c.source for c in tasks)
        prose = "\n".join(c.source for c in student.cells if c.cell_type == "markdown")
        assert not re.search(r"\{(glue|term|footcite|download|doc|numref)", prose)
        html = (site / "notebooks" / f"{chapter.name}.html").read_text(encoding="utf-8")
        assert f"{chapter.name}_exercises.ipynb" in html, "the page offers the student's version"


def test_a_build_without_pages_fails(root, tmp_path):
    """Jupyter Book ends with success although a page of the contents has no source."""
    source = tmp_path / "stage"
    (source / "book").mkdir(parents=True)
    (source / "_config.yml").write_text("title: x\nexecute:\n  execute_notebooks: 'off'\n")
    (source / "book" / "_toc.yml").write_text("format: jb-book\nroot: book/intro\n")
    with pytest.raises(runs.Failed, match=r"no page was written for book/intro\.html"):
        book.build_site(root, source, tmp_path, strict=False)


def test_the_contents_list_every_lesson_with_its_lab_beneath(root):
    """A lab is folded under its lesson; no page is left out, none is promised in vain."""
    listed = [page for page in book.pages(root) if page.startswith("notebooks/")]
    assert listed == [f"notebooks/{c.name}.html" for c in chapters.chapters(root)]
    parts = yaml.safe_load((root / "book/_toc.yml").read_text(encoding="utf-8"))["parts"]
    for entry in (entry for part in parts for entry in part["chapters"]):
        for lab in entry.get("sections", []):
            assert lab["file"] == f"{entry['file']}_lab"


@pytest.mark.parametrize("width", WIDTHS.values())
def test_figures_keep_their_proportions(site, browser, width):
    tab = browser.new_page(viewport={"width": width, "height": 900})
    tab.goto((site / "notebooks" / "03_mse.html").as_uri(), wait_until="networkidle")
    shape = "e => [e.naturalWidth / e.naturalHeight, e.clientWidth / e.clientHeight]"
    for figure in tab.locator(".cell_output img").all():
        drawn, shown = figure.evaluate(shape)
        assert shown == pytest.approx(drawn, rel=0.02)
    tab.close()


def test_a_name_in_a_table_is_text():
    import pandas as pd

    from sportsml_lite.plots import style

    evil = pd.DataFrame({"file": ["<img src=x onerror=alert(1)>.gpx"]})
    for table in (style.table(evil), style.text_table(evil)):
        assert "<img" not in table.to_html()


def test_nothing_changed_is_seen_without_understanding_code(root):
    """The state of the book is a quick hash; it loads neither pandas nor torch."""
    code = (
        "import sys; from pathlib import Path; from sportsml_lite.publish import book;"
        "print(book._state(Path(sys.argv[1])), *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=True
    )
    state, *modules = done.stdout.split()
    assert state == book._state(root)
    assert not {"numpy", "pandas", "torch", "matplotlib"} & set(modules)


BUILDER = """
import signal, subprocess, sys
from pathlib import Path
from sportsml_lite.publish import book
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
log = Path(sys.argv[1])
child = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', sys.argv[1]]).wait()"
grandchild = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
with log.open("w") as stream:
    book._run_to_its_end([sys.executable, "-c", child, grandchild], stream, log.parent)
"""


@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGINT])
def test_a_build_that_is_stopped_leaves_nothing_running(tmp_path, signal_):
    log = tmp_path / "log"
    building = subprocess.Popen([sys.executable, "-c", BUILDER, str(log)], stderr=subprocess.PIPE)
    while not (log.is_file() and log.read_text().endswith("\n")):
        assert building.poll() is None
        time.sleep(0.05)
    building.send_signal(signal_)
    building.communicate(timeout=20)
    status = Path(f"/proc/{log.read_text().strip()}/stat")
    for _ in range(100):  # a killed process is gone, or a zombie until somebody looks
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    pytest.fail("a process of the build is still running")
