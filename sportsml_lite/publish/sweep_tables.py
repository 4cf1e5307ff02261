"""The tables of a sweep: the recorded numbers, and the scores of labs, with their parameters."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sportsml_lite.publish import grid as grids
from sportsml_lite.publish import runs

if TYPE_CHECKING:
    import pandas as pd

    from sportsml_lite.publish.sweep import Plan
    from sportsml_lite.publish.worker import Run

NUMBERS, SCORES = "numbers.parquet", "scores.parquet"


def write(plan: Plan) -> list[Path]:
    """Write the tables of what is finished, whole or not at all; equal runs give equal bytes."""
    done, *_ = plan.split()
    made = [_write(numbers(plan, done), plan.folder / NUMBERS)]
    found = scores(plan, done)
    if len(found):
        return [*made, _write(found, plan.folder / SCORES)]
    (plan.folder / SCORES).unlink(missing_ok=True)  # of an older state of the code
    return made


def _write(frame: pd.DataFrame, path: Path) -> Path:
    part = path.with_name(f".{path.name}.part")
    frame.to_parquet(part, index=False, compression="zstd")
    os.replace(part, path)
    return path


def numbers(plan: Plan, done: Iterable[Run]) -> pd.DataFrame:
    """Every number that the runs recorded: chapter, key, each parameter, name, value."""
    import pandas as pd

    defaults, rows = runs.defaults(plan.chapter), []
    for run in done:
        first = {"chapter": plan.chapter.name, "key": run.key, **_columns(defaults | run.values)}
        for name, value in runs.read_record(plan.folder_of(run))["numbers"].items():
            if not isinstance(value, str):  # texts stand in the record
                rows.append(first | {"name": name, "value": value})
    columns = ["chapter", "key", *defaults, "name", "value"]
    return pd.DataFrame(rows, columns=columns).astype({"value": float})


def scores(plan: Plan, done: Iterable[Run]) -> pd.DataFrame:
    """All rows of the Scores tables that the runs left: chapter, key, ``run_<parameter>``, scores.

    Scores have a seed and a data set of their own, so that a run's parameters bear a prefix.
    """
    import pandas as pd

    defaults, parts = runs.defaults(plan.chapter), []
    for run in done:
        path = plan.folder_of(run) / runs.SCORES
        if path.is_file():
            settings = _columns(defaults | run.values)
            first = {"chapter": plan.chapter.name, "key": run.key}
            first |= {f"run_{name}": value for name, value in settings.items()}
            rows = pd.read_parquet(path)
            parts.append(pd.concat([pd.DataFrame(first, index=rows.index), rows], axis=1))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _columns(values: Mapping[str, object]) -> dict[str, object]:
    """Parameters as cells of a table; a list becomes its text."""
    return {n: grids.as_text(v) if isinstance(v, list) else v for n, v in values.items()}
