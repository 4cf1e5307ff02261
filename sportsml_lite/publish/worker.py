"""What a worker of a sweep does: tell whether it would give the same numbers, run, send files back.

A worker may be on another computer, with a clone of its own. It lives for hours, and the clone may
be edited meanwhile. Reading all code and data before each run would take seconds; sizes and times
of change of the files tell whether that must be done.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import itertools
import os
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from sportsml_lite import cluster, fingerprint
from sportsml_lite.cluster import Refused
from sportsml_lite.errors import Failed, UserError
from sportsml_lite.fingerprint import state
from sportsml_lite.paths import PACKAGE, project_root
from sportsml_lite.publish import kernels, runs
from sportsml_lite.publish.chapters import Chapter, find

_RUNS = itertools.count()  # that this process has begun
_READ: dict[tuple[str, str], dict[str, str]] = {}  # what a chapter depends on, by name and state
_ONE = threading.Lock()  # a running chapter is told its folder by the process's environment


@dataclass(frozen=True)
class Run:
    """One run of a sweep: the name of its folder, and its parameters."""

    key: str
    values: dict[str, object] = field(compare=False)


@dataclass(frozen=True)
class Expected:
    """What runs depend on where a sweep was started.

    chapter : of all runs; samples : parameters, and what they add to it, of a run of each data set
    state : of the files that the chapter depends on; a worker of the same computer need not read
        them again. Empty for others, whose files may be as old and as large, and differ
    """

    chapter: dict[str, str]
    samples: tuple[tuple[dict[str, object], dict[str, str]], ...]
    state: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a worker sends back: the files of the run's folder, or why it failed, with its copy."""

    files: dict[str, bytes]
    error: str = ""


def check(name: str, expected: Expected, advice: str) -> str:
    """What is different on this worker, or ''.

    Parameters
    ----------
    name : of the chapter
    expected : where the sweep was started
    advice : what to do where the package differs

    Raises
    ------
    UserError if it lacks the book or the data
    """
    if expected.state:
        _READ.setdefault((name, expected.state), expected.chapter)
    for values, settings in expected.samples:
        now = inputs(find(name), values)
        different = cluster.differences(now, expected.chapter | settings, advice)
        if different:
            return different
    return ""


def work(name: str, advice: str, run: Run) -> Outcome:
    """Do a run, unless this computer holds it; its files, or why it failed.

    Raises
    ------
    Refused if the disk is the fault, or the code was changed since the check
    """
    chapter = find(name)
    with _ONE:
        now = inputs(chapter, run.values)
        _refuse_other(run, now, advice)
        if next(_RUNS) == kernels.FEW:
            _fork_from_now_on(runs.libraries(now))
        folder = runs.folder_of(chapter, now)
        try:
            runs.keep(chapter, run.values, now, say=lambda _: None, again=False)
        except (UserError, Failed) as error:
            copy = folder / f"{name}.unfinished.ipynb"
            return Outcome(_bytes([copy]), str(error).split("\nexecuted so far")[0])
        except OSError as error:
            raise Refused(f"{error.filename}: {error.strerror or error}") from None
        try:
            _refuse_other(run, inputs(chapter, run.values), advice)
        except Refused:
            (folder / runs.RECORD).unlink(missing_ok=True)  # nobody knows which code it ran
            raise
        return Outcome(
            _bytes(folder / file for file in (f"{name}.ipynb", runs.SCORES, runs.RECORD))
        )


def _fork_from_now_on(libraries: set[str]) -> None:
    """Kernels of this process are forked, unless they are already, until it ends."""
    stack = contextlib.ExitStack()
    stack.enter_context(kernels.warm(kernels.FEW + 1, libraries))
    atexit.register(stack.close)


def _refuse_other(run: Run, now: dict[str, str], advice: str) -> None:
    if runs.key(now) != run.key:
        raise Refused(f"sportsml_lite or the data changed; {advice}")


def _bytes(paths: Iterable[Path]) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in paths if path.is_file()}


def store(folder: Path, outcome: Outcome) -> None:
    """Keep what a worker sent, unless it is here: a worker of this computer wrote it itself."""
    if not outcome.error and runs.is_finished(folder):
        return
    folder.mkdir(parents=True, exist_ok=True)
    if not outcome.error:
        (folder / runs.RECORD).unlink(missing_ok=True)  # it comes last, and vouches for the others
        for copy in folder.glob("*.unfinished.ipynb"):
            copy.unlink()
    for name in sorted(outcome.files, key=lambda name: name == runs.RECORD):
        part = folder / f".{name}.part"
        part.write_bytes(outcome.files[name])
        os.replace(part, folder / name)


# --- what it depends on --------------------------------------------------------------------------


def inputs(chapter: Chapter, values: dict[str, object]) -> dict[str, str]:
    """As :func:`~sportsml_lite.publish.runs.dependencies`, of the files as they are now."""
    _, code = of_chapter(chapter)
    return code | runs.of_settings(runs.defaults(chapter) | values, _hash_of)


def of_chapter(chapter: Chapter) -> tuple[str, dict[str, str]]:
    """The state of all files that a chapter may depend on, and what its runs have in common."""
    package = [path for path in PACKAGE.rglob("*") if path.is_file()]
    tables = (project_root() / "results").glob("*.parquet")
    # An installation changes the folder of the libraries.
    libraries = [Path(path) for path in sys.path if path.endswith("-packages")]
    known = state([chapter.source, *package, *tables, *libraries])
    now = hashlib.sha256(repr(known).encode()).hexdigest()
    if (chapter.name, now) not in _READ:
        fingerprint.forget()
        _READ[chapter.name, now] = runs.of_chapter(chapter)
    return now, _READ[chapter.name, now]


def _hash_of(path: Path) -> str:
    files = path.rglob("*") if path.is_dir() else [path]
    return _of_data(path, state(file for file in files if file.is_file()))


@lru_cache(maxsize=32)
def _of_data(path: Path, known: tuple) -> str:
    from sportsml_lite.collect import fetch

    return fetch.fingerprint(path)
