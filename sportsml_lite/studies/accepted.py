"""Accepted results: numbers that a page prints without computing them, and how to redo them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from sportsml_lite.errors import UserError
from sportsml_lite.paths import project_root

if TYPE_CHECKING:
    import pandas as pd

VERSION = 1  # of the form of the files in results/


def folder() -> Path:
    """Where the accepted results lie: ``results/`` of the book."""
    return project_root() / "results"


def _file(chapter: str, dataset: str, profile: str) -> Path:
    return folder() / f"{chapter}-{dataset}-{profile}.json"


def accept(run: Path) -> Path:
    """Copy a run's record into ``results/``: the deliberate act by which a page may print it.

    Parameters
    ----------
    run : folder that ``sportsml run`` printed, with its ``record.json``

    Returns
    -------
    the file in ``results/``, named after chapter, data set and profile; an older one is replaced

    Raises
    ------
    UserError if the folder holds no record, or the run read a folder that only this computer has
    """
    from sportsml_lite.publish.runs import write_atomically

    path = Path(run) / "record.json" if Path(run).is_dir() else Path(run)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        settings = json.loads(record["inputs"]["parameters"])
        given, chapter = record["parameters"], record["chapter"]
    except (OSError, ValueError, KeyError):
        advice = "give the folder that `sportsml run` printed"
        raise UserError(f"{run}: no finished run; {advice}") from None
    dataset = settings["dataset"]
    if settings["data_dir"] or not dataset.isidentifier():
        raise UserError(f"{run}: it read a folder of this computer; run a data set by its name")
    words = [f"-p {name} {value}" for name, value in given.items()]
    accepted = {
        "version": VERSION,
        "chapter": chapter,
        "dataset": dataset,
        "profile": settings["profile"],
        "command": " ".join(["sportsml run", chapter, *words]),
        "parameters": settings,
        "numbers": record["numbers"],
        "inputs": record["inputs"],
    }
    target = _file(chapter, dataset, settings["profile"])
    write_atomically(target, json.dumps(accepted, indent=1, ensure_ascii=False) + "\n")
    return target


def load(chapter: str, dataset: str, profile: str) -> dict:
    """An accepted result: ``numbers`` by name, ``command`` that redoes it, and what it rests on.

    Raises
    ------
    UserError if it is absent or of another form, with the command that makes it
    """
    path = _file(chapter, dataset, profile)
    redo = f"sportsml run {chapter} -p dataset {dataset} -p profile {profile}"
    if not path.is_file():
        raise UserError(
            f"{path.name}: no such result; `{redo}`, then `sportsml results accept RUN`"
        )
    found = json.loads(path.read_text(encoding="utf-8"))
    if found.get("version") != VERSION:
        raise UserError(f"{path.name}: version {found.get('version')}, not {VERSION}; redo: {redo}")
    return found


def find(chapter: str, dataset: str, profile: str = "full") -> dict | None:
    """An accepted result as :func:`load` gives it; None if nobody has accepted one."""
    there = _file(chapter, dataset, profile).is_file()
    return load(chapter, dataset, profile) if there else None


def intervals(run: dict, names: dict[str, str]) -> pd.DataFrame:
    """Recorded intervals such as ``0.096 [0.048, 0.153]`` as numbers again, to draw them.

    Parameters
    ----------
    run : an accepted result
    names : the title of a row -> the name of its number

    Returns
    -------
    columns estimate, low, high; only rows whose number the run has
    """
    import pandas as pd

    rows = {}
    for title, name in names.items():
        parts = re.fullmatch(r"(\S+) \[(\S+), (\S+)\]", str(run["numbers"].get(name)))
        if parts:
            rows[title] = [float(part) for part in parts.groups()]
    return pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "low", "high"])
