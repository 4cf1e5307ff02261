"""Accepted results: Scores tables that pages print without computing them, and how to redo them.

A file of ``results/`` is one study on one data set, a Parquet table; what it rests on and the
command that redoes it lie in the file's own metadata.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from sportsml_lite import schema
from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import compare, mean
from sportsml_lite.paths import project_root
from sportsml_lite.studies import runner
from sportsml_lite.studies.runner import Options, Result, Study

VERSION = 2  # of the form of the files in results/
SCORES_FILE = "scores.parquet"  # of a run
META = b"sportsml"


@dataclass(frozen=True)
class Accepted:
    """An accepted result: its scores, the options, what it rests on, the command that redoes it."""

    study: str
    dataset: str
    scores: pd.DataFrame
    options: Options
    inputs: dict[str, dict[str, str]]
    seconds: float
    command: str


def folder() -> Path:
    """Where the accepted results lie: ``results/`` of the book."""
    return project_root() / "results"


def path_of(study: str, dataset: str) -> Path:
    """File of a study on a data set.

    Raises
    ------
    UserError if one of the two is no plain name
    """
    for name in (study, dataset):
        if not str(name).isidentifier():
            raise UserError(f"{name!r} is no name of a study or data set; give one like 'distil'")
    return folder() / f"{study}-{dataset}.parquet"


def load(study: str, dataset: str) -> Accepted:
    """An accepted result.

    Raises
    ------
    UserError if it is absent, spoilt or of another form, with the command that makes it
    """
    path = path_of(study, dataset)
    if not path.is_file():
        raise UserError(f"{path.name}: no such result; make it: sportsml results redo {study} "
                        f"{dataset}")  # fmt: skip
    return read(path)


def read(path: Path) -> Accepted:
    """A result from a file that :func:`write` made.

    Raises
    ------
    UserError naming the file and what is wrong with it
    """
    import pyarrow.parquet as parquet

    try:
        raw = parquet.read_table(path)
        meta = json.loads(raw.schema.metadata[META])
        scores = raw.to_pandas()
        options = Options(**meta["options"])
        found = Accepted(
            str(meta["study"]), str(meta["dataset"]), scores, options, dict(meta["inputs"]),
            float(meta["seconds"]), str(meta["command"]),
        )  # fmt: skip
        version = meta["version"]
    except Exception as error:  # a foreign or cut-off file makes pyarrow and json raise anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"{path}: no table of results ({reason[:120]}); redo it with sportsml results redo"
        ) from None
    if version != VERSION:
        raise UserError(f"{path.name}: of version {version}, not {VERSION}; redo: {found.command}")
    schema.validate(scores, "scores", path.name)
    return found


def write(result: Result, path: Path) -> Path:
    """Write a study's scores with what they rest on, whole or not at all."""
    import pyarrow
    import pyarrow.parquet as parquet

    options = asdict(result.options) | {"settings": dict(result.options.settings)}
    meta = {
        "version": VERSION,
        "study": result.study,
        "dataset": result.options.name,
        "options": options,
        "inputs": result.inputs,
        "seconds": round(result.seconds, 1),
        "command": result.command,
    }
    raw = pyarrow.Table.from_pandas(result.scores, preserve_index=False)
    raw = raw.replace_schema_metadata({**raw.schema.metadata, META: json.dumps(meta).encode()})
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    parquet.write_table(raw, part, compression="zstd")
    os.replace(part, path)
    return path


def accept(run: Path) -> Path:
    """Take a run's table into ``results/``: the deliberate act by which pages may print it.

    Parameters
    ----------
    run : folder that ``sportsml run`` printed

    Returns
    -------
    the file in ``results/``; an older one is replaced

    Raises
    ------
    UserError if the folder holds no table of a known study, the run was a quick one, or it read a
    folder that only this computer has
    """
    from sportsml_lite.studies import find

    path = Path(run) / SCORES_FILE if Path(run).is_dir() else Path(run)
    if not path.is_file():
        raise UserError(f"{run}: no table of scores; give the folder that `sportsml run` printed "
                        "for a lab with profile full")  # fmt: skip
    found = read(path)
    study = find(found.study)
    if found.options.profile != "full":
        raise UserError(f"{run}: a {found.options.profile} run; accept takes profile full")
    if found.options.own:
        raise UserError(f"{run}: it read a folder of this computer; run a data set by its name")
    missing = [arm for arm in study.arms if arm not in set(found.scores["arm"])]
    if found.dataset not in study.datasets:
        known = ", ".join(study.datasets)
        raise UserError(f"{run}: {study.name} is accepted on {known}, not on {found.dataset!r}")
    if study.reference in missing:
        raise UserError(f"{run}: arm {study.reference!r} of study {study.name} is missing")
    result = Result(found.study, found.options, found.scores, found.inputs, found.seconds)
    return write(result, path_of(found.study, found.dataset))


def stale(found: Accepted, study: Study) -> list[str]:
    """What an accepted result rests on that is different today, by name; empty if nothing is."""
    today = runner.depends_on(study, found.options)
    changed = []
    for kind in ("code", "libraries", "data"):
        then, now = found.inputs.get(kind, {}), today[kind]
        if kind == "data" and now["data"] == "none":
            continue  # the data are not here to be looked at
        # What it rested on once and is not reached today can change nothing.
        changed += [name for name in now if then.get(name) != now[name]]
    return changed


def listing() -> pd.DataFrame:
    """Every accepted result: study, dataset, athletes, models, arms, minutes, stale, problem."""
    from sportsml_lite.studies import find

    rows = []
    for path in sorted(folder().glob("*.parquet")):
        row = {"file": path.name, "problem": ""}
        try:
            found = read(path)
            changed = stale(found, find(found.study))
        except UserError as error:
            rows.append(row | {"problem": str(error)})
            continue
        scores = found.scores
        rows.append(row | {
            "study": found.study,
            "dataset": found.dataset,
            "athletes": scores["athlete"].nunique(),
            "models": len(scores[["partition", "fold"]].drop_duplicates()),
            "arms": scores["arm"].nunique(),
            "minutes": found.seconds / 60,
            "stale": ", ".join(changed),
        })  # fmt: skip
    return pd.DataFrame(rows)


def summary(found: Accepted, study: Study) -> pd.DataFrame:
    """Each arm's mean with its interval, and its gain over the reference, index arm."""
    scores = found.scores
    settings = [c for c in scores if c not in schema.columns("scores")]
    rows = []
    part = scores[scores["metric"] == study.metric]
    for keys, some in part.groupby([*settings, "arm"], dropna=False, sort=False):
        arm = keys[-1]
        named = {s: v for s, v in zip(settings, keys, strict=False) if v == v and v is not None}
        rows.append({"arm": arm, **named, study.metric: f"{mean(some, arm, study.metric):.3f}"})
    out = pd.DataFrame(rows)
    for i, arm in enumerate(out["arm"]):
        with_both = part[part["arm"].isin([arm, study.reference])]
        try:
            gain = compare(with_both, arm, study.reference, study.metric)
        except UserError:
            continue
        out.loc[i, f"gain over {study.reference}"] = f"{gain.gain:+.3f} {gain.verdict}"
    return out.fillna("")


def redo(
    study: Study, dataset: str, workers: int = 2, progress=None, seed: int = 0, spread=None
) -> Path:
    """Run a study on a data set from raw data, whatever is not done yet, and accept it.

    The parameters are those of :func:`~sportsml_lite.studies.runner.run`.

    Raises
    ------
    UserError if the study has no such data set, or this machine lacks it
    """
    if dataset not in study.datasets:
        raise UserError(f"{study.name} has no data set {dataset!r}: choose one of "
                        f"{', '.join(study.datasets)}")  # fmt: skip
    result = runner.run(study, Options(dataset, seed=seed), workers=workers, progress=progress,
                        spread=spread)  # fmt: skip
    return write(result, path_of(study.name, dataset))


def verify(study: Study, dataset: str) -> tuple[float, str]:
    """Redo a sample of an accepted result: its first job, with the cheap arms.

    Returns
    -------
    the largest difference between the accepted and the redone mean of an arm, and its name

    Raises
    ------
    UserError if a difference is above the study's tolerance, naming arm and numbers
    """
    found = load(study.name, dataset)
    again = runner.run(study, found.options, arms=study.cheap, jobs=1).scores
    first = again.iloc[0]
    here = found.scores[
        (found.scores["partition"] == first["partition"]) & (found.scores["fold"] == first["fold"])
    ]
    worst = (0.0, "")
    for arm in study.cheap:
        values = [
            part.loc[(part["arm"] == arm) & (part["metric"] == study.metric), "value"].mean()
            for part in (here, again)
        ]
        if all(map(math.isnan, values)):
            continue  # an arm that this data set does not have
        gap = abs(values[0] - values[1])
        if math.isnan(gap) or gap > study.tolerance:
            raise UserError(
                f"{study.name} {dataset}: arm {arm!r} was accepted with {values[0]:.4f} and gives "
                f"{values[1]:.4f} now (tolerance {study.tolerance:g}); redo: {found.command}"
            )
        worst = max(worst, (gap, arm))
    return worst
