"""One runner for every experiment: folds, seeds, processes, progress, and a cache a job.

A study names its arms and how one job (a fold of a partition, with a seed of its own) gives rows
of the Scores table. Each finished job is kept under a hash of everything it depends on, so that a
killed run resumes and equal jobs are never done twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import pandas as pd

from sportsml_lite import fingerprint, schema
from sportsml_lite.collect import fetch
from sportsml_lite.collect.datasets import public
from sportsml_lite.collect.datasets.dataset import folder_name
from sportsml_lite.errors import UserError
from sportsml_lite.fingerprint import Reached
from sportsml_lite.paths import PACKAGE, project_root
from sportsml_lite.protocol import PROTOCOL, Split
from sportsml_lite.simulate import GENERATORS

PROFILES = ("accepted", "quick", "full")


@dataclass(frozen=True)
class Options:
    """What a study is run on.

    dataset, data_dir : as everywhere; seed : added to every job's own and to the simulation's
    profile : ``'full'`` or ``'quick'`` (one fold, few arms, short trainings)
    settings : further settings of the study's own, by name
    """

    dataset: str = "simulated"
    data_dir: str = ""
    seed: int = 0
    profile: str = "full"
    settings: Mapping[str, object] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        """Whether everything is recomputed at its full size."""
        return self.profile == "full"

    @property
    def simulated(self) -> bool:
        """Whether athletes are simulated for it."""
        return self.dataset in GENERATORS and not self.data_dir

    @property
    def own(self) -> bool:
        """Whether data come from a folder that the reader names."""
        return bool(self.test_dir) or self._named

    @property
    def _named(self) -> bool:
        """Whether the data set itself does."""
        return bool(self.data_dir) or self.dataset not in (*fetch.ORIGINS, *fetch.SIMULATED)

    @property
    def name(self) -> str:
        """The data set as a Scores table and a page name it: the reader's by its folder."""
        return folder_name(self.data_dir or self.dataset) if self._named else self.dataset

    @property
    def test_dir(self) -> str:
        """Folder of the athletes who test, where they are not folds of the others; or empty."""
        return str(self.settings.get("test_dir", ""))

    @property
    def window(self) -> dict[str, float]:
        """Length and stride of a window, s, where the settings name them."""
        return {n: v for n, v in self.settings.items() if n in ("length_s", "stride_s")}


@dataclass(frozen=True)
class Study:
    """An experiment of the book.

    name : of the chapter, e.g. ``'distil'``; question : what it asks, a sentence
    load : options → the study's data
    splits : the data, a partition → the splits of its folds
    score : data, split, seed, arms, options → rows: arm, athlete, metric, value, n, settings
    arms : frozen settings by name, in the order of the pages; titles : short names for pages
    reference : the arm that others are held against; metric : the one that judges
    datasets : those with accepted results; quick : arms of a quick run
    cheap : arms that ``sportsml results verify`` redoes; tolerance : of their mean, in the
        metric's unit, between computers
    partitions, simulated_partitions : divisions into folds of a full run; simulated athletes are
        so many that one may do
    tested : the data, a split, options → how many athletes are tested; a quick run takes the fold
        with the most of them, or, without it, the first
    """

    name: str
    question: str
    load: Callable[[Options], object]
    splits: Callable[[object, int], list[Split]]
    score: Callable[..., pd.DataFrame]
    arms: Mapping[str, object]
    titles: Mapping[str, str]
    reference: str
    metric: str
    datasets: tuple[str, ...]
    quick: tuple[str, ...]
    cheap: tuple[str, ...]
    tolerance: float = 0.02
    partitions: int = PROTOCOL.partitions
    simulated_partitions: int = 1
    tested: Callable[..., int] | None = None

    def __post_init__(self):
        named = {self.reference, *self.quick, *self.cheap, *self.titles}
        for name in named - set(self.arms):
            raise UserError(f"study {self.name}: no arm {name!r}; arms: {', '.join(self.arms)}")


@dataclass(frozen=True)
class Job:
    """A fold of a partition, with the seed of everything that is drawn in it."""

    partition: int
    fold: int
    seed: int


def table(
    study: Study,
    options: Options,
    workers: int = 1,
    progress: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Scores of a study: the accepted ones, or computed now.

    Under ``profile = 'accepted'`` the table of ``results/`` is read. Otherwise jobs are run, and
    the table is also left in the folder that the environment variable SPORTSML_RUN_DIR names, from
    where ``sportsml results accept`` takes it.

    Raises
    ------
    UserError for an unknown profile, a data set without an accepted result, or data that do not fit
    """
    from sportsml_lite.studies import accepted

    if options.profile not in PROFILES:
        raise UserError(f"profile = {options.profile!r}: choose one of {', '.join(PROFILES)}")
    if options.profile == "accepted" and options.own:
        raise UserError(
            f"{options.name}: profile = 'accepted' reads the book's own results, which know no "
            "folder of yours; choose 'quick' or 'full'"
        )
    if options.profile == "accepted":
        return accepted.load(study.name, options.name).scores
    found = run(study, options, workers=workers, progress=progress)
    if os.environ.get("SPORTSML_RUN_DIR"):
        accepted.write(found, Path(os.environ["SPORTSML_RUN_DIR"]) / accepted.SCORES_FILE)
    return found.scores


@dataclass(frozen=True)
class Result:
    """Scores and what they rest on.

    inputs : code, libraries and data by name; seconds : of all jobs, one core
    """

    study: str
    options: Options
    scores: pd.DataFrame
    inputs: dict[str, dict[str, str]]
    seconds: float

    @property
    def command(self) -> str:
        """What redoes it."""
        return f"sportsml results redo {self.study} {self.options.name}"


def run(
    study: Study,
    options: Options,
    arms: tuple[str, ...] | None = None,
    jobs: int | None = None,
    workers: int = 1,
    progress: Callable[[str], None] | None = None,
    folder: Path | None = None,
    spread: Callable[..., Iterator[None]] | None = None,
) -> Result:
    """Run a study's jobs, those that are not done yet, and join their rows.

    Parameters
    ----------
    study, options : what, and on what
    arms : names of some arms; None is all, or the quick ones
    jobs : only so many of the first jobs; None is all
    workers : processes, each of one thread
    progress : told a line after each job
    folder : of the finished jobs; None is ``_build/studies``
    spread : does jobs elsewhere: study, options, arms, jobs, inputs → an iterator that yields after
        each (``studies.remote``); None is in processes here

    Raises
    ------
    UserError naming what the data lack, or a row that does not fit the table
    """
    names = arms or (tuple(study.arms) if options.full else study.quick)
    chosen = {name: study.arms[name] for name in names}
    inputs = depends_on(study, options)
    home = (folder or project_root() / "_build" / "studies") / study.name
    plan = list(_jobs(study, options))[: jobs or None]
    stored = {job: home / f"{_key(study, options, inputs, names, job)}.parquet" for job in plan}
    todo = [job for job, path in stored.items() if _read(path) is None]
    done = len(plan) - len(todo)
    begun = time.perf_counter()
    jobs_ = [(job, stored[job]) for job in todo]
    doing = (
        spread(study, options, chosen, jobs_, inputs)
        if spread
        else _each(study, options, chosen, jobs_, workers)
    )
    for _ in doing:
        done += 1
        if progress:
            spent = time.perf_counter() - begun
            left = spent / max(1, done - (len(plan) - len(todo))) * (len(plan) - done)
            progress(f"{study.name} {options.name}: {done} of {len(plan)} jobs, {left:.0f} s left")
    parts = [_read(path) for path in stored.values()]
    found = [rows for rows, _ in parts if len(rows)]
    if not found:
        raise UserError(
            f"{options.name}: no athlete could be tested: each must have enough windows of every "
            "class, the first ones to calibrate and later ones to test; give longer recordings or "
            "more athletes, or a smaller k where the page has one"
        )
    scores = pd.concat(found, ignore_index=True)
    return Result(study.name, options, scores, inputs, sum(seconds for _, seconds in parts))


def depends_on(study: Study, options: Options) -> dict[str, dict[str, str]]:
    """Code, libraries and data that the numbers rest on: equal dicts, equal numbers."""
    parts = (study.load, study.splits, study.score)
    files = {p.__module__ for p in parts if p.__module__.partition(".")[0] != PACKAGE.name}
    names = [f"{p.__module__}:{p.__name__}" for p in parts if p.__module__ not in files]
    names += [f"{__name__}:run_job", f"{__name__}:_jobs"]
    names += [] if files else [f"sportsml_lite.studies.{study.name}:ARMS"]
    # What only tells one state of the code from another changes no number.
    without = {fingerprint.__name__, *_other_loaders(options)}
    reached = fingerprint.of(*names, without=without)
    for name in sorted(files):  # a reader's file: all of it
        found = fingerprint.of_code(Path(sys.modules[name].__file__).read_text("utf-8"), name)
        reached = Reached(reached.code | found.code, reached.libraries | found.libraries)
    folder = None
    if options.data_dir or not options.simulated:
        folder = fetch.locate(options.dataset, options.data_dir)
    data = {"data": fetch.fingerprint(folder) if folder else "none"}
    if options.test_dir:
        data["test"] = fetch.fingerprint(Path(options.test_dir).expanduser())
    return {"code": reached.code, "libraries": reached.libraries, "data": data}


def _other_loaders(options: Options) -> set[str]:
    """Modules that read other data sets: they are named in what a study reaches, and never run."""
    loaders = {**public.LOADERS, "": public.load_tables}
    mine = options.dataset if options.dataset in public.LOADERS else ""
    read = set() if options.simulated and not options.test_dir else {mine}
    return {loader.__module__ for name, loader in loaders.items() if name not in read}


def run_job(
    study: Study, options: Options, arms: Mapping[str, object], job: Job
) -> tuple[pd.DataFrame, float]:
    """Rows of one job, checked, and the seconds that it took."""
    import torch

    torch.set_num_threads(1)
    begun = time.perf_counter()
    data = _load(study, options)
    split = study.splits(data, job.partition)[job.fold]
    rows = study.score(data, split, job.seed, dict(arms), options)
    taken = time.perf_counter() - begun
    if not len(rows):  # nobody could be tested
        return rows, taken
    keys = {"study": study.name, "dataset": options.name}
    rows = rows.assign(**keys, **asdict(job), athlete=rows["athlete"].astype(str))
    rows["n"] = rows["n"].astype(float)
    rows["value"] = rows["value"].astype(float)
    first = list(schema.columns("scores"))
    rows = rows[[*first, *(c for c in rows if c not in first)]].reset_index(drop=True)
    where = f"study {study.name}, partition {job.partition}, fold {job.fold}"
    return schema.validate(rows, "scores", where), taken


def first_job(study: Study, options: Options) -> tuple[object, Split, Job]:
    """The study's data, and the split and numbers of its first job."""
    job = next(_jobs(study, options))
    data = _load(study, options)
    return data, study.splits(data, job.partition)[job.fold], job


# --- jobs ----------------------------------------------------------------------------------------


def _jobs(study: Study, options: Options) -> Iterator[Job]:
    """Every job; the first partition comes first."""
    data = _load(study, options)
    count = study.simulated_partitions if options.simulated else study.partitions
    for partition in range(count if options.full else 1):
        splits = study.splits(data, partition)
        for fold in (
            range(len(splits)) if options.full else [_fullest(study, data, splits, options)]
        ):
            # A seed of its own, so that no luck is shared between two jobs.
            yield Job(partition, fold, options.seed + 100 * partition + fold)


def _fullest(study: Study, data, splits: list[Split], options: Options) -> int:
    """The fold of a quick run: the first of those that test most athletes."""
    if study.tested is None:
        return 0
    return max(range(len(splits)), key=lambda fold: study.tested(data, splits[fold], options))


_LOADED: dict[str, object] = {}  # data of the last study and options, read once a process


def _load(study: Study, options: Options):
    key = f"{study.name} {options!r}"
    if key not in _LOADED:
        _LOADED.clear()
        _LOADED[key] = study.load(options)
    return _LOADED[key]


def _each(study, options, arms, jobs, workers) -> Iterator[None]:
    if workers == 1 or len(jobs) < 2:
        for job, path in jobs:
            yield _do(study.name, options, tuple(arms), job, path, study)
        return
    from joblib import Parallel, delayed, parallel_config

    with parallel_config("loky", inner_max_num_threads=1):
        yield from Parallel(n_jobs=workers, return_as="generator_unordered")(
            delayed(_do)(study.name, options, tuple(arms), job, path) for job, path in jobs
        )


def _do(name: str, options: Options, arms: tuple[str, ...], job: Job, path: Path, study=None):
    """One job, in whatever process: its rows go to a file, whole or not at all."""
    from sportsml_lite.studies import find

    study = study or find(name)
    rows, seconds = run_job(study, options, {arm: study.arms[arm] for arm in arms}, job)
    keep_rows(rows, seconds, path)


def _key(study: Study, options: Options, inputs: dict, names, job: Job) -> str:
    settings = {
        "options": asdict(replace(options, settings=dict(options.settings))),
        "arms": list(names),
        "job": asdict(job),
        "inputs": inputs,
    }
    text = json.dumps(settings, sort_keys=True, default=str)
    label = f"{options.name}-{job.partition}-{job.fold}"
    return f"{label}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def keep_rows(rows: pd.DataFrame, seconds: float, path: Path) -> None:
    """Write the rows of a finished job, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    rows.assign(_seconds=seconds).to_parquet(part, index=False)
    os.replace(part, path)


def _read(path: Path) -> tuple[pd.DataFrame, float] | None:
    """Rows and seconds of a finished job; None if it is not there, or spoilt."""
    if not path.is_file():
        return None
    try:
        rows = pd.read_parquet(path)
        seconds = float(rows["_seconds"].iloc[0]) if len(rows) else 0.0
        return rows.drop(columns="_seconds"), seconds
    except Exception:  # a cut-off or foreign file makes pyarrow raise anything: do the job again
        return None
