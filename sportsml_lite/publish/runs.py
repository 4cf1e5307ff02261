"""Run a chapter with papermill, and know everything that its numbers depend on."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
import os
import platform
import re
from pathlib import Path

from sportsml_lite.errors import UserError
from sportsml_lite.paths import PACKAGE, project_root
from sportsml_lite.publish.chapters import Chapter, check
from sportsml_lite.publish.record import record, recorded

__all__ = ["Failed", "dependencies", "execute", "key", "record", "recorded", "run"]

# A changed version of one of these can change a number; others cannot.
NUMERIC = ("numpy", "pandas", "scipy", "scikit-learn", "torch", "lightning", "sympy", "seaborn")


# --- what a run depends on -----------------------------------------------------------------------


def package_files(code: str, package: Path = PACKAGE) -> set[Path]:
    """Files of the package that ``code`` imports, directly or through other modules."""
    found: set[Path] = set()
    todo = [code]
    while todo:
        for path in _imported_files(todo.pop(), package) - found:
            found.add(path)
            todo.append(path.read_text(encoding="utf-8"))
    return found


def _imported_files(code: str, package: Path) -> set[Path]:
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    files = set()
    for name in names:
        top, *parts = name.split(".")
        if top == package.name:
            for depth in range(len(parts) + 1):
                stem = package.joinpath(*parts[:depth])
                files |= {stem.with_suffix(".py"), stem / "__init__.py"}
    return {path for path in files if path.is_file()}


def dependencies(chapter: Chapter, values: dict[str, object]) -> dict[str, str]:
    """Everything a run's numbers depend on, as text by name: equal dicts, equal numbers."""
    from sportsml_lite.collect import fetch

    notebook = chapter.notebook()
    code = "\n\n".join(
        re.sub(r"^\s*[%!].*$", "", cell.source, flags=re.M)
        for cell in notebook.cells
        if cell.cell_type == "code"
    )
    inputs = {f"notebook {chapter.name}": _sha256(chapter.source.read_bytes())}
    for path in package_files(code):
        inputs[f"module {path.relative_to(PACKAGE).as_posix()}"] = _sha256(path.read_bytes())
    settings = {name: p.default for name, p in chapter.parameters().items()} | values
    inputs["parameters"] = json.dumps(settings, sort_keys=True)
    own = str(settings["data_dir"])
    folder = Path(own).expanduser() if own else fetch.locate(str(settings["dataset"]))
    inputs["data"] = fetch.fingerprint(folder) if folder else "none"
    for path in sorted((project_root() / "results").glob("*.json")):
        if path.name.partition("-")[0] in code:  # a chapter names whose results it prints
            inputs[f"result {path.name}"] = _sha256(path.read_bytes())
    inputs["python"] = platform.python_version()
    for name in NUMERIC:
        inputs[f"library {name}"] = importlib.metadata.version(name)
    return inputs


def key(inputs: dict[str, str]) -> str:
    """Name of a run: a hash of :func:`dependencies`."""
    return _sha256(json.dumps(inputs, sort_keys=True).encode())[:12]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# --- running -------------------------------------------------------------------------------------


class Failed(Exception):
    """A chapter or the book broke; the message says where, why, and where the copy lies."""


def execute(chapter: Chapter, values: dict[str, object], output: Path, progress: bool) -> None:
    """Execute a chapter with papermill into ``output``, which is kept also on failure.

    Raises
    ------
    UserError if the chapter refused what the reader gave; Failed if it broke
    """
    import papermill
    from papermill.exceptions import PapermillExecutionError

    output.parent.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # small models: two threads only get in the way
    try:
        papermill.execute_notebook(
            chapter.notebook(),
            output,
            parameters=values,
            progress_bar=progress,
            cwd=str(Path.cwd()),
            extra_arguments=["--log-level=CRITICAL"],  # the kernel's own notices help no reader
        )
    except PapermillExecutionError as error:
        if error.ename.endswith(("UserError", "DeviceFileError")):
            raise UserError(f"{error.evalue}\nexecuted so far: {output}") from None
        reason = f"{error.ename}: {error.evalue}"
        raise Failed(
            f"{chapter.name} stopped in cell {error.exec_count}: {reason}\n"
            f"executed so far: {output}"
        ) from None
    except RuntimeError as error:  # nbclient's DeadKernelError and its kin
        raise Failed(f"{chapter.name} stopped: {error}\nexecuted so far: {output}") from None


def run(chapter: Chapter, given: dict[str, str], progress: bool = False) -> Path:
    """Run a chapter with other parameters; return the folder of the run.

    The folder ``runs/<chapter>/<key>`` holds ``<chapter>.ipynb`` (executed) and ``record.json``:
    parameters, recorded numbers, and everything they depend on.
    """
    import nbformat

    values = check(chapter, given)
    inputs = dependencies(chapter, values)
    folder = project_root() / "runs" / chapter.name / key(inputs)
    output = folder / f"{chapter.name}.ipynb"
    execute(chapter, values, output, progress)
    notebook = nbformat.read(output, as_version=4)
    numbers = {name: None if n != n else n for name, n in recorded(notebook).items()}  # no NaN
    summary = {"chapter": chapter.name, "parameters": values, "numbers": numbers}
    write_atomically(folder / "record.json", json.dumps(summary | {"inputs": inputs}, indent=1))
    return folder


def read_record(folder: Path) -> dict:
    """The ``record.json`` that :func:`run` left in the folder of a run."""
    return json.loads((folder / "record.json").read_text(encoding="utf-8"))


def write_atomically(path: Path, text: str) -> None:
    """Write ``text`` so that ``path`` is either the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8", newline="\n")
    os.replace(part, path)
