"""What every test may use, and the one rule about data: in CI nothing that needs it skips."""

import os
from functools import cache
from pathlib import Path

import pytest

from sportsml_lite.collect import fetch
from sportsml_lite.errors import UserError

ROOT = Path(__file__).parent
# A file goes to one worker as a whole: one that takes minutes and starts late would leave the other
# worker without work. These take longest, the longest first.
LONGEST = ("test_book", "test_cli", "10_pipeline_lab", "test_notebooks", "test_own", "test_plan")
# Two workers share two cores; a second thread in each only gets in the way.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def data_folder():
    """``data_folder(name)``: the folder of a real data set below ``SPORTSML_DATA``.

    Without the data a test skips and says so; where ``CI`` is set nothing that needs it may skip.
    """

    def locate(name: str) -> Path:
        home = os.environ.get("SPORTSML_DATA", "")
        folder = Path(home) / name
        if home and folder.is_dir():
            return folder
        reason = f"needs the data set {name!r} in a folder named by SPORTSML_DATA"
        if os.environ.get("CI") == "true" and home:
            pytest.fail(f"{reason}; found {home!r} without it")
        pytest.skip(reason)

    return locate


@pytest.fixture(scope="session")
def simulated_task():
    """``simulated_task(n_athletes, sessions_each)``: windows of simulated runners, for all files.

    Simulating takes seconds; several files need the same, and none may change it.
    """
    from sportsml_lite.prepare.tasks import load_task

    return cache(lambda n, each: load_task("simulated", n_athletes=n, sessions_each=each))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window; in CI it may not be missing."""
    from sportsml_lite.publish import doctor

    path = doctor.find_browser()
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("page tests are mandatory in CI: install Chromium")
        pytest.skip("no Chromium on this computer")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def pytest_configure(config):
    """Files are handed out in our order, not by how many tests they hold."""
    config.option.loadscopereorder = False


def pytest_sessionstart(session):
    """The checked numbers of chapter 1 come from the real examples: fetch them once."""
    try:
        here = fetch.locate("device_files")
    except UserError as error:
        raise pytest.UsageError(str(error)) from None
    if not hasattr(session.config, "workerinput") and here is None:
        try:
            fetch.fetch("device_files")
        except UserError as error:
            print(error)


def pytest_collection_modifyitems(items):
    """The longest files first; offline, the numbers of chapter 1 cannot be compared."""
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))
    if fetch.locate("device_files") is None:
        skip = pytest.mark.skip(reason="the device examples could not be fetched")
        for item in items:
            if "executed_numbers" in item.name and "[01_" in item.name:
                item.add_marker(skip)
