"""What ``sportsml results`` says and does: the accepted tables, their state, redoing them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from sportsml_lite.errors import Failed, UserError

Say = Callable[[str], None]
NAMED = 3  # changes that a line names; the rest is counted


def lines() -> Iterator[str]:
    """A line an accepted table: its size, how long it took, and what changed since."""
    from sportsml_lite.studies import accepted

    rows = accepted.listing().to_dict("records")
    if not rows:
        yield "no accepted results here; make them: sportsml results redo"
    width = max((len(row["file"]) for row in rows), default=0)
    for row in rows:
        if row["problem"]:
            yield f"{row['file']:<{width}}  unusable: {row['problem']}"
            continue
        size = f"{row['athletes']:>4} athletes  {row['models']:>3} folds  {row['arms']:>3} arms"
        yield f"{row['file']:<{width}}  {size}  {row['minutes']:>6.1f} min  {_state(row['stale'])}"


def _state(stale: str) -> str:
    changed = stale.split(", ") if stale else []
    more = f" and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
    return f"stale: {', '.join(changed[:NAMED])}{more}" if changed else "up to date"


def shown(study: str, dataset: str) -> Iterator[str]:
    """An accepted table in lines: what was asked, every arm's mean and gain, what it rests on.

    Raises
    ------
    UserError if there is no such study or table
    """
    from sportsml_lite import studies
    from sportsml_lite.studies import accepted

    asked = studies.find(study)
    found = accepted.load(study, dataset)
    folds = found.scores[["partition", "fold"]].drop_duplicates()
    yield asked.question
    yield f"{dataset}: {found.scores['athlete'].nunique()} athletes, {len(folds)} folds"
    yield ""
    yield accepted.summary(found, asked).to_string(index=False)
    yield ""
    libraries = found.inputs.get("libraries", {})
    yield f"rests on {', '.join(f'{name} {version}' for name, version in libraries.items())}"
    yield f"{_state(', '.join(accepted.stale(found, asked)))}"
    yield f"redo it: {found.command} ({found.seconds / 60:.1f} min of one core)"


def chosen(study: str | None, dataset: str | None) -> list[tuple[object, str]]:
    """Studies with their data sets: one, all of one study, or all.

    Raises
    ------
    UserError for a study or a data set that does not exist
    """
    from sportsml_lite import studies

    found = [studies.find(study)] if study else [studies.find(name) for name in studies.NAMES]
    if dataset and dataset not in found[0].datasets:
        known = ", ".join(found[0].datasets)
        raise UserError(f"{study} has no data set {dataset!r}: choose one of {known}")
    return [(each, name) for each in found for name in each.datasets if dataset in (None, name)]


def _is_here(dataset: str) -> bool:
    from sportsml_lite.collect import fetch
    from sportsml_lite.studies.runner import Options

    return Options(dataset).simulated or fetch.locate(dataset) is not None


def redo(
    study: str | None, dataset: str | None, workers: int | None, say: Say, scheduler: str = ""
) -> None:
    """Compute accepted tables anew from raw data; say beforehand how long that will take.

    A finished job is kept: a run that was killed goes on where it stopped.

    Parameters
    ----------
    study, dataset : one, all of one study, or all; a study whose name ends with ``.py`` is a file
        of the reader's, and its table goes to ``runs/``
    workers : processes here; None is one a core
    say : told what is done
    scheduler : address of a Dask cluster that does the jobs instead

    Raises
    ------
    UserError for an unknown study or data set, one that this computer lacks, or a scheduler that
    does not answer
    """
    from sportsml_lite.studies import accepted

    if workers and scheduler:
        raise UserError("--workers starts processes here, --scheduler asks a cluster: give one")
    if study and study.endswith(".py"):
        if workers or scheduler:
            raise UserError(f"{study}: runs in one process; leave out --workers and --scheduler")
        _redo_file(Path(study), dataset, say)
        return
    workers = 1 if scheduler else workers or os.cpu_count() or 1
    spread = _spread(scheduler, say) if scheduler else None
    todo = chosen(study, dataset)
    absent = [name for name in dict.fromkeys(name for _, name in todo) if not _is_here(name)]
    if absent:
        say(f"not on this computer, left out: {', '.join(absent)} (sportsml fetch NAME)")
    todo = [(each, name) for each, name in todo if name not in absent]
    if not todo:
        raise UserError(f"nothing to redo: the data set {absent[0]!r} is not on this computer")
    for line in _plan(todo, workers, "of one worker" if scheduler else f"with {workers} processes"):
        say(line)
    for each, name in todo:
        path = accepted.redo(
            each, name, workers=workers, progress=lambda text: say(f"  {text}"), spread=spread
        )
        say(f"accepted: {path.name}")


def _redo_file(path: Path, dataset: str | None, say: Say) -> None:
    """Run a reader's study, show its table, and say where it is kept."""
    from sportsml_lite.studies import accepted, plugged

    written = plugged.redo(path, dataset, lambda text: say(f"  {text}"))
    study = plugged.load_study(path)
    say(study.question)
    say(accepted.summary(accepted.read(written), study).to_string(index=False))
    say(f"scores: {written}")


def _spread(scheduler: str, say: Say) -> Callable:
    from functools import partial

    from sportsml_lite.studies import remote

    return partial(remote.spread, scheduler, say)


def _plan(todo: list[tuple[object, str]], workers: int, who: str) -> Iterator[str]:
    """How long each took when it was accepted; jobs already finished here cost nothing."""
    from sportsml_lite.studies import accepted

    total, unknown = 0.0, 0
    for study, dataset in todo:
        try:
            minutes = accepted.load(study.name, dataset).seconds / 60 / workers
        except UserError:
            unknown += 1
            yield f"{study.name} {dataset}: no time known yet"
            continue
        total += minutes
        yield f"{study.name} {dataset}: about {minutes:.0f} min"
    more = f", and {unknown} that were never timed" if unknown else ""
    yield (
        f"in all about {total:.0f} min {who}{more}; what is finished is kept, "
        "so that the same command goes on after a stop"
    )


def verify(study: str | None, dataset: str | None, say: Say) -> None:
    """Redo a sample (one fold, the cheap arms) of each accepted table whose data are here.

    Raises
    ------
    UserError for an unknown study or data set
    Failed naming every table that does not come out again
    """
    from sportsml_lite.studies import accepted

    wrong = []
    for each, name in chosen(study, dataset):
        if not _is_here(name):
            say(f"{each.name} {name}: the data are not on this computer, not looked at")
            continue
        try:
            gap, arm = accepted.verify(each, name)
        except UserError as error:
            wrong.append(str(error))
            say(f"{each.name} {name}: WRONG")
            continue
        where = f" ({arm})" if arm else ""
        say(f"{each.name} {name}: holds; largest difference {gap:.4f}{where}")
    if wrong:
        raise Failed("\n".join(wrong))


def accept(run: str) -> Path:
    """Take the table of a run into ``results/``.

    Raises
    ------
    UserError if the folder holds none that may be accepted
    """
    from sportsml_lite.studies import accepted

    return accepted.accept(Path(run).expanduser())
