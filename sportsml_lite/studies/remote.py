"""A study's jobs on the workers of a cluster: their rows travel back and are kept here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pandas as pd

from sportsml_lite import cluster, fingerprint
from sportsml_lite.paths import PACKAGE
from sportsml_lite.studies import runner
from sportsml_lite.studies.runner import Job, Options, Study

Inputs = dict[str, dict[str, str]]


def _package() -> tuple:
    return fingerprint.state(PACKAGE.rglob("*.py"))


_BORN = _package()  # what this process may have imported


def spread(
    scheduler: str,
    say: Callable[[str], None],
    study: Study,
    options: Options,
    arms: Mapping[str, object],
    jobs: list[tuple[Job, Path]],
    inputs: Inputs,
) -> Iterator[None]:
    """Do jobs on a cluster; yields after each, when its rows are kept.

    Parameters
    ----------
    scheduler, say : as for :func:`~sportsml_lite.cluster.connect` and its ``spread``
    study, options, arms, jobs, inputs : as :func:`~sportsml_lite.studies.runner.run` gives them

    Raises
    ------
    UserError if no scheduler answers, or no worker would give the same numbers
    Exception, what a job raised, on whatever worker
    """
    paths = dict(jobs)
    if not paths:
        return
    ask = partial(check, study.name, options, inputs)
    do = partial(work, study.name, options, tuple(arms))
    with cluster.connect(scheduler) as client:
        for job, answer in cluster.spread(client, list(paths), do, ask, say):
            if isinstance(answer, Exception):
                raise answer
            runner.keep_rows(*answer, paths[job])
            yield


def check(name: str, options: Options, wanted: Inputs) -> str:
    """What is different on this worker, or ''.

    A job runs in the worker's own process, so that an edit of the package asks for a new one.
    """
    from sportsml_lite.studies import find

    if _package() != _BORN:
        return "its sportsml_lite was edited since it started; start the worker again"
    own = runner.depends_on(find(name), options)
    flat = [_flat(inputs) for inputs in (own, wanted)]
    return cluster.differences(*flat, cluster.SAME)


def _flat(inputs: Inputs) -> dict[str, str]:
    libraries = {f"library {n}": version for n, version in inputs["libraries"].items()}
    return inputs["code"] | libraries | inputs["data"]


def work(
    name: str, options: Options, arms: tuple[str, ...], job: Job
) -> tuple[pd.DataFrame, float]:
    """Rows of a job, and the seconds that it took."""
    from sportsml_lite.studies import find

    study = find(name)
    return runner.run_job(study, options, {arm: study.arms[arm] for arm in arms}, job)
