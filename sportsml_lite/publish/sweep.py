"""A sweep: one chapter with many parameters, on this computer or a cluster; killed, it resumes.

Every run is kept as ``sportsml run`` keeps it, in ``runs/<chapter>/<key>``, so that what is
finished is never done again. The sweep itself, ``runs/<chapter>/sweeps/<name>``, holds
``sweep.json`` (what was asked, and which runs failed), ``numbers.parquet`` (a row for each number
that a run recorded) and, of labs that measured anew, ``scores.parquet``. The tables depend on the
finished runs alone: a sweep that was killed and one that was not end with the same bytes.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from sportsml_lite import cluster
from sportsml_lite.errors import Failed, UserError, listed
from sportsml_lite.paths import project_root
from sportsml_lite.publish import grid as grids
from sportsml_lite.publish import runs, sweep_tables, worker
from sportsml_lite.publish.chapters import Chapter, find
from sportsml_lite.publish.grid import Grid
from sportsml_lite.publish.worker import Expected, Outcome, Run

if TYPE_CHECKING:
    import pandas as pd

PLAN = "sweep.json"
MANY = 200  # runs of a grid, before which the reader is asked
EDITED = "it was edited while the sweep ran; give the same command again"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What is asked for.

    runs : in the order of the grid, each once
    expected : by which a worker tells whether it would give the same numbers
    """

    chapter: Chapter
    grid: Grid
    runs: tuple[Run, ...]
    expected: Expected

    @property
    def name(self) -> str:
        """By which ``sportsml report`` finds it."""
        return self.grid.name(self.chapter.name)

    @property
    def folder(self) -> Path:
        """Where the sweep's tables are kept."""
        return _home(self.chapter) / "sweeps" / self.name

    def folder_of(self, run: Run) -> Path:
        """Where one of its runs is kept."""
        return _home(self.chapter) / run.key

    def split(self) -> tuple[list[Run], list[Run], list[Run]]:
        """Runs that are finished; that are to do; and, of these, whose folders are spoilt."""
        done = [run for run in self.runs if runs.is_finished(self.folder_of(run))]
        finished = set(done)
        todo = [run for run in self.runs if run not in finished]
        spoilt = [run for run in todo if (self.folder_of(run) / runs.RECORD).exists()]
        return done, todo, spoilt

    def named(self, run: Run) -> str:
        """A run by what sets it apart: ``alpha=0.3 seed=2``."""
        return " ".join(f"{n}={grids.as_text(run.values[n])}" for n in self.grid.varied)


def _home(chapter: Chapter) -> Path:
    return project_root() / "runs" / chapter.name


def asked(
    chapter: str,
    varied: Iterable[str],
    fixed: Iterable[tuple[str, str]],
    workers: int | None = None,
    scheduler: str = "",
) -> tuple[Chapter, Grid]:
    """The chapter and the grid that a command line means.

    Raises
    ------
    UserError for a chapter, parameter or value that does not exist, or two kinds of workers
    """
    if workers and scheduler:
        raise UserError("--workers starts processes here, --scheduler asks a cluster: give one")
    found = find(chapter)
    return found, grids.parse(found, varied, fixed)


def confirm(asked_for: tuple[Chapter, Grid], yes: bool, ask: Callable[[str], bool] | None) -> None:
    """Let the reader think again before many runs.

    Parameters
    ----------
    asked_for : from :func:`asked`
    yes : without asking
    ask : puts a question; None where nobody is there to answer

    Raises
    ------
    UserError where the answer is no, or nobody can give one
    """
    chapter, grid = asked_for
    if yes or len(grid) <= MANY:
        return
    if ask is None:
        raise UserError(f"a grid of {len(grid):,} runs of {chapter.name}: add --yes if you mean it")
    if not ask(f"{len(grid):,} runs of {chapter.name}?"):
        raise UserError("nothing was started")


def blame(plan: Plan, failures: list[Failure]) -> None:
    """Name the runs that failed, each with its notebook.

    Raises
    ------
    Failed if there is one
    """
    if failures:
        told_ = [f"{plan.named(f.run)}: {_first_line(f.error)} ({f.notebook})" for f in failures]
        raise Failed(f"{len(failures)} of {len(plan.runs)} runs failed:\n{listed(told_)}")


def plan(chapter: Chapter, grid: Grid) -> Plan:
    """Every run of a grid with the name of its folder; data and code are read once."""
    from sportsml_lite.collect import fetch

    (state, code), defaults = worker.of_chapter(chapter), runs.defaults(chapter)
    hash_of = cache(fetch.fingerprint)
    found, samples = {}, {}
    for values in grid.points():
        settings = runs.of_settings(defaults | values, hash_of)
        key = runs.key(code | settings)
        found.setdefault(key, Run(key, values))
        samples.setdefault((settings["data"], settings.get("test")), (values, settings))
    expected = Expected(code, tuple(samples.values()), state)
    return Plan(chapter, grid, tuple(found.values()), expected)


def seconds_a_run(plan: Plan) -> float | None:
    """Median time of a run: of this sweep's that are finished, or else of the chapter's, or None.

    A run in another profile tells nothing.
    """
    mine = [plan.folder_of(run) for run in plan.runs]
    profile = plan.runs[0].values.get("profile")
    for folders in (mine, sorted(_home(plan.chapter).glob("*/"))):
        records = [record for record in map(_record, folders) if "seconds" in record]
        alike = [r for r in records if r["parameters"].get("profile") == profile]
        if alike:
            return statistics.median(record["seconds"] for record in alike)
    return None


def _record(folder: Path) -> dict:
    try:
        return runs.read_record(folder)
    except (OSError, ValueError):
        return {}


# --- here ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Failure:
    """A run that failed: which, why, and the notebook as far as it came."""

    run: Run
    error: str
    notebook: Path


def carry_out(
    plan: Plan, scheduler: str = "", workers: int | None = None, say: Say = print
) -> list[Failure]:
    """Do the runs that are not finished, and write the sweep's tables.

    Parameters
    ----------
    plan : from :func:`plan`
    scheduler, workers : as for :func:`~sportsml_lite.cluster.connect`; None is one a core
    say : told a line after each run

    Returns
    -------
    the runs that failed; they did not stop the others

    Raises
    ------
    UserError if no worker can do the work; OSError naming the folder of a disk that is full
    """
    with runs.naming(plan.folder), runs.alone(plan.folder, say, "the same sweep is under way"):
        _write_plan(plan, [])
        _, todo, spoilt = plan.split()
        for run in spoilt:
            say(f"  {plan.folder_of(run)} is spoilt; doing it again")
        failures = []
        try:
            if todo:
                failures = _do(plan, todo, scheduler, workers, say)
        except KeyboardInterrupt:
            done = len(plan.split()[0])
            say(f"  stopped: {done} of {len(plan.runs)} runs are finished and kept; the same "
                "command goes on")  # fmt: skip
            raise
        for path in sweep_tables.write(plan):
            say(f"table: {path}")
        _write_plan(plan, failures)
    return failures


def _do(plan: Plan, todo: list[Run], scheduler: str, workers: int | None, say: Say) -> list:
    from sportsml_lite.publish import kernels

    name = plan.chapter.name
    advice = cluster.SAME if scheduler else EDITED
    count = min(workers or os.cpu_count() or 1, len(todo))
    failures, begun = [], time.monotonic()
    # Workers that start here share one server of kernels; one of a cluster has its own.
    ours = kernels.warm(0 if scheduler else len(todo), runs.libraries(plan.expected.chapter))
    expected = replace(plan.expected, state="") if scheduler else plan.expected
    with ours, cluster.connect(scheduler, count) as client:
        asked = partial(worker.check, name, expected, advice)
        given = partial(worker.work, name, advice)
        for n, (run, outcome) in enumerate(cluster.spread(client, todo, given, asked, say), 1):
            if isinstance(outcome, Exception):
                outcome = Outcome({}, f"{type(outcome).__name__}: {outcome}")
            folder = plan.folder_of(run)
            worker.store(folder, outcome)
            if outcome.error:
                failures.append(Failure(run, outcome.error, folder / f"{name}.unfinished.ipynb"))
                say(f"  failed: {plan.named(run)}: {_first_line(outcome.error)}")
            say(_progress(n, len(todo), len(failures), time.monotonic() - begun))
    order = {run: place for place, run in enumerate(plan.runs)}
    return sorted(failures, key=lambda failure: order[failure.run])


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else "no reason given"


def _progress(done: int, count: int, failed: int, spent: float) -> str:
    left = spent / done * (count - done)
    end = time.strftime("%H:%M", time.localtime(time.time() + left))
    wrong = f", {failed} failed" if failed else ""
    return f"  {done} of {count} runs{wrong}, {told(left)} left, ends about {end}"


def told(seconds: float) -> str:
    """A length of time in words: 40 s, 12 min, 3.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _write_plan(plan: Plan, failures: list[Failure]) -> None:
    asked = {
        "chapter": plan.chapter.name,
        "varied": plan.grid.varied,
        "fixed": plan.grid.fixed,
        "command": plan.grid.command(plan.chapter.name),
        "runs": {run.key: run.values for run in plan.runs},
        "failed": {f.run.key: {"error": f.error, "notebook": str(f.notebook)} for f in failures},
    }
    runs.write_atomically(plan.folder / PLAN, json.dumps(asked, indent=1))


def lines(plan: Plan, workers: int, every: bool) -> Iterator[str]:
    """What a terminal shows of a plan: how many runs, how many are done, how long the rest takes.

    Parameters
    ----------
    plan : from :func:`plan`
    workers : among how many processes the time is divided
    every : a line for each run, too
    """
    done, todo, _ = plan.split()
    finished = set(done)
    for run in plan.runs if every else ():
        state = "done " if run in finished else "to do"
        yield f"  {state}  {run.key}  {plan.named(run)}"
    a_run, time_ = seconds_a_run(plan), "no run was timed yet"
    if a_run is not None:
        time_ = f"about {told(a_run * len(todo) / workers)}"
    asked = f" with {workers} workers" if a_run and workers > 1 else ""
    rest = f", {len(todo)} to do: {time_}{asked}" if todo else ", nothing to do"
    yield f"{plan.chapter.name}: {len(plan.runs)} runs, {len(done)} done{rest}"
    both = plan.grid.fixed | plan.grid.varied
    if plan.chapter.is_lab and "profile" not in both:
        yield "  note: profile 'accepted' reads the book's tables; -p profile quick measures anew"


def sweep(
    chapter: str,
    grid: Mapping[str, Iterable],
    fixed: Mapping[str, object] | None = None,
    *,
    workers: int | None = None,
    scheduler: str = "",
    say: Say = print,
) -> pd.DataFrame:
    """Run a chapter with every combination of some parameters' values; the numbers it recorded.

    In a script, call it below ``if __name__ == "__main__":``, as all that starts processes.

    Parameters
    ----------
    chapter : as ``sportsml run`` takes it, such as ``"03"`` or ``"08_lab"``
    grid : values by the name of a parameter, such as ``{"alpha": [0, 0.5], "seed": range(5)}``
    fixed : a value by name, the same in every run
    workers : processes; None is one a core
    scheduler : address of a Dask scheduler, instead of processes here
    say : told the progress and which runs failed

    Returns
    -------
    a row for each number of each finished run: chapter, key, each parameter, name, value

    Raises
    ------
    UserError for a chapter, parameter or value that does not exist, or where no worker can work
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        # A worker that starts reads the script again, and would wait for the sweep that started it.
        raise UserError('put the call of sweep() below if __name__ == "__main__":')
    found = find(chapter)
    plan_ = plan(found, grids.of(found, grid, fixed or {}))
    carry_out(plan_, scheduler, workers, say)
    return sweep_tables.numbers(plan_, plan_.split()[0])
