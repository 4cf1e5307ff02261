"""A study in a file of the reader's: it runs as the book's own do, and leaves ``results/`` alone.

The file defines ``STUDY``, a :class:`~sportsml_lite.studies.runner.Study`, whose arms may be the
book's, the reader's, or both. ``book/examples/`` has three.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sportsml_lite.errors import UserError
from sportsml_lite.paths import project_root
from sportsml_lite.studies import accepted, runner
from sportsml_lite.studies.runner import Options, Study

MODULE = "sportsml_file_"  # before the file's name: it hides no module of that name


def load_study(path: Path) -> Study:
    """The ``STUDY`` of a Python file, which is executed as any module is.

    Raises
    ------
    UserError if there is no such file, it breaks (naming its line), or it has no study
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; give one that defines STUDY")
    name = MODULE + path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except UserError:
        raise
    except Exception as error:  # whatever the reader's code may raise
        raise UserError(f"{path}{_line(error, path)}: {type(error).__name__}: {error}") from None
    study = getattr(module, "STUDY", None)
    if not isinstance(study, Study):
        raise UserError(f"{path}: defines no STUDY; make one as in book/examples/own_study.py")
    return study


def _line(error: Exception, path: Path) -> str:
    """The last line of the file that led to the error."""
    if isinstance(error, SyntaxError):
        return f", line {error.lineno}"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return f", line {lines[-1]}" if lines else ""


def redo(
    path: Path, dataset: str | None = None, progress: Callable[[str], None] | None = None
) -> Path:
    """Run the study of a file on a data set: by name, or a folder of the reader's.

    Jobs that are done are kept in ``_build/studies``, until the file or what it reaches changes.

    Parameters
    ----------
    dataset : None is the study's first one
    progress : told a line after each job

    Returns
    -------
    the table of scores, in ``runs/studies``

    Raises
    ------
    UserError as :func:`load_study` and the study do
    """
    study = load_study(path)
    options = Options(dataset or study.datasets[0])
    # One process: another one would not know the file's functions.
    result = runner.run(study, options, workers=1, progress=progress)
    folder = project_root() / "runs" / "studies" / f"{study.name}-{options.name}"
    return accepted.write(replace(result, study=str(path)), folder / accepted.SCORES_FILE)
