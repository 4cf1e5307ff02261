"""What a worker of a sweep does: tell whether it would give the same numbers, run, send files back.

A worker may be on another computer, with a clone of its own. It lives for hours, and the clone may
be edited meanwhile. Reading all code and data before each run would take seconds; sizes and times
of change of the files tell whether that must be done.
"""

from __future__ import annotations

import os
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
from sportsml_lite.publish import runs
from sportsml_lite.publish.chapters import Chapter, find

_ONE = threading.Lock()  # a running chapter is told its folder by the process's environment


@dataclass(frozen=True)
class Run:
    """One run of a sweep: the name of its folder, and its parameters."""

    key: str
    values: dict[str, object] = field(compare=False)


@dataclass(frozen=True)
class Outcome:
    """What a worker sends back: the files of the run's folder, or why it failed, with its copy."""

    files: dict[str, bytes]
    error: str = ""


def check(name: str, samples: Iterable[tuple[dict, dict[str, str]]], advice: str) -> str:
    """What is different on this worker, or ''.

    Parameters
    ----------
    name : of the chapter
    samples : parameters, and what a run with them depends on where the sweep was started
    advice : what to do where the package differs

    Raises
    ------
    UserError if it lacks the book or the data
    """
    for values, wanted in samples:
        different = cluster.differences(inputs(find(name), values), wanted, advice)
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
    files = [*PACKAGE.rglob("*.py"), *(project_root() / "results").glob("*.parquet")]
    fixed = _of_chapter(chapter.name, state([chapter.source, *files]))
    return fixed | runs.of_settings(runs.defaults(chapter) | values, _hash_of)


@lru_cache(maxsize=8)
def _of_chapter(name: str, known: tuple) -> dict[str, str]:
    fingerprint.forget()
    return runs.of_chapter(find(name))


def _hash_of(path: Path) -> str:
    files = path.rglob("*") if path.is_dir() else [path]
    return _of_data(path, state(file for file in files if file.is_file()))


@lru_cache(maxsize=32)
def _of_data(path: Path, known: tuple) -> str:
    from sportsml_lite.collect import fetch

    return fetch.fingerprint(path)
