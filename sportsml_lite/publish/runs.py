"""Run a chapter with papermill, and know everything that its numbers depend on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from sportsml_lite.errors import Failed, UserError
from sportsml_lite.paths import project_root
from sportsml_lite.publish import load_nbformat
from sportsml_lite.publish.chapters import Chapter, check
from sportsml_lite.publish.record import record, recorded

__all__ = ["Failed", "dependencies", "execute", "key", "record", "recorded", "run"]

RUN_DIR = "SPORTSML_RUN_DIR"  # where a running lab leaves its table of scores
RECORD, SCORES = "record.json", "scores.parquet"  # files of a run, beside its notebook
START_S = 300  # s that a kernel may take to start, on a computer that is busy with other runs

# --- what a run depends on -----------------------------------------------------------------------


def dependencies(chapter: Chapter, values: dict[str, object]) -> dict[str, str]:
    """Everything a run's numbers depend on, as text by name: equal dicts, equal numbers.

    The definitions of the package that its code reaches, versions of the libraries that these
    import, its text, parameters and data, and the accepted results of the studies that it names.
    """
    return of_chapter(chapter) | of_settings(defaults(chapter) | values)


def defaults(chapter: Chapter) -> dict[str, object]:
    """The value of each parameter that nobody gives."""
    return {name: parameter.default for name, parameter in chapter.parameters().items()}


def of_chapter(chapter: Chapter) -> dict[str, str]:
    """The part of :func:`dependencies` that is the same for all runs of a chapter."""
    from sportsml_lite import fingerprint

    code = chapter.code()
    reached = fingerprint.of_code(code)
    inputs = {f"notebook {chapter.name}": _sha256(chapter.source.read_bytes())}
    for name in studies_named(code, reached.code):
        for path in sorted((project_root() / "results").glob(f"{name}-*.parquet")):
            inputs[f"result {path.stem}"] = _sha256(path.read_bytes())
    inputs["python"] = platform.python_version()
    inputs |= {f"library {name}": version for name, version in reached.libraries.items()}
    code = {name: hash_ for name, hash_ in reached.code.items() if ":" in name}
    return inputs | code | _files_beside(code)


def libraries(*inputs: dict[str, str]) -> set[str]:
    """Names of the libraries among what some runs depend on."""
    kind, every = "library ", (name for each in inputs for name in each)
    return {name.removeprefix(kind) for name in every if name.startswith(kind)}


def _files_beside(code: Iterable[str]) -> dict[str, str]:
    """Templates, scripts and styles that lie in a wing whose code is reached: path → hash."""
    wings = {name.partition(":")[0].split(".")[1] for name in code if name.count(".") > 1}
    package = Path(__file__).parents[1]
    return {
        f"file {path.relative_to(package).as_posix()}": _sha256(path.read_bytes())
        for wing in sorted(wings)
        for path in sorted((package / wing).glob("*/*"))
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }


def of_settings(
    settings: dict[str, object], hash_of: Callable[[Path], str] | None = None
) -> dict[str, str]:
    """The part of :func:`dependencies` that is a run's own: its parameters and its data.

    Parameters
    ----------
    settings : every parameter's value
    hash_of : gives the fingerprint of a folder of data; None reads all of it
    """
    from sportsml_lite.collect import fetch

    hash_of = hash_of or fetch.fingerprint
    inputs = {"parameters": json.dumps(settings, sort_keys=True)}
    own = str(settings["data_dir"])
    folder = Path(own).expanduser() if own else fetch.locate(str(settings["dataset"]))
    inputs["data"] = hash_of(folder) if folder else "none"
    if settings.get("test_dir"):
        inputs["test"] = hash_of(Path(str(settings["test_dir"])).expanduser())
    return inputs


def studies_named(code: str, reached: Iterable[str]) -> list[str]:
    """Studies whose accepted results some code may print: it imports them or loads them by name."""
    from sportsml_lite.studies import NAMES

    loaded = re.findall(r"load\(\s*[\"'](\w+)", code)
    modules = {name.partition(":")[0].rpartition(".")[2] for name in reached if "studies." in name}
    return [name for name in NAMES if name in modules or name in loaded]


def key(inputs: dict[str, str]) -> str:
    """Name of a run: a hash of :func:`dependencies`."""
    return _sha256(json.dumps(inputs, sort_keys=True).encode())[:12]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# --- running -------------------------------------------------------------------------------------


def execute(chapter: Chapter, values: dict[str, object], output: Path, progress: bool) -> None:
    """Execute a chapter with papermill into ``output``, which is kept also on failure.

    Within :func:`sportsml_lite.publish.kernels.warm` the kernel has its libraries already.

    Raises
    ------
    UserError if the chapter refused what the reader gave; Failed if it broke
    """
    load_nbformat()
    import papermill
    from papermill.exceptions import PapermillExecutionError

    from sportsml_lite.publish import kernels

    def once() -> None:
        papermill.execute_notebook(
            chapter.notebook(),
            output,
            parameters=values,
            progress_bar=progress,
            start_timeout=START_S,
            cwd=str(Path.cwd()),
            kernel_manager_class=kernels.Manager,
            extra_arguments=["--log-level=CRITICAL"],  # the kernel's own notices help no reader
        )

    output.parent.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # small models: two threads only get in the way
    try:
        try:
            once()
        except RuntimeError:
            if not kernels.lost():
                raise
            once()  # the kernel is no longer forked, and the run was not to blame
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


def run(
    chapter: Chapter,
    given: dict[str, str],
    progress: bool = False,
    say: Callable[[str], None] = print,
) -> Path:
    """Run a chapter with other parameters; return the folder of the run.

    The folder ``runs/<chapter>/<key>`` holds ``<chapter>.ipynb`` (executed) and ``record.json``:
    parameters, recorded numbers, and everything they depend on. A lab that recomputes its study
    leaves ``scores.parquet`` there, too. A run that stops midway leaves the last whole one as it
    was, and ``<chapter>.unfinished.ipynb`` beside it.
    """
    values = check(chapter, given)
    return keep(chapter, values, dependencies(chapter, values), progress, say)


def keep(
    chapter: Chapter,
    values: dict[str, object],
    inputs: dict[str, str],
    progress: bool = False,
    say: Callable[[str], None] = print,
    again: bool = True,
) -> Path:
    """As :func:`run`, of values that are checked and whose dependencies are known.

    Parameters
    ----------
    chapter, values, inputs : what to run, and the :func:`dependencies` that name its folder
    progress, say : as for :func:`run`
    again : execute a run anew that is finished
    """
    nbformat = load_nbformat()

    folder = folder_of(chapter, inputs)
    output = folder / f"{chapter.name}.ipynb"
    part = folder / f"{chapter.name}.unfinished.ipynb"
    with naming(folder), alone(folder, say, "the same run is under way"):
        if not again and is_finished(folder):
            return folder
        begun = time.perf_counter()
        with _run_dir(folder):
            execute(chapter, values, part, progress)
        notebook = nbformat.read(part, as_version=4)
        numbers = {name: None if n != n else n for name, n in recorded(notebook).items()}  # no NaN
        summary = {"chapter": chapter.name, "parameters": values, "numbers": numbers}
        summary |= {"seconds": round(time.perf_counter() - begun, 2)}
        record_file = folder / RECORD
        record_file.unlink(missing_ok=True)  # a record always belongs to the notebook beside it
        os.replace(part, output)
        summary |= {"files": _sums(folder, (output.name, SCORES)), "inputs": inputs}
        write_atomically(record_file, json.dumps(summary, indent=1))
    return folder


def folder_of(chapter: Chapter, inputs: dict[str, str]) -> Path:
    """Where a run with these :func:`dependencies` is kept."""
    return project_root() / "runs" / chapter.name / key(inputs)


def is_finished(folder: Path) -> bool:
    """Whether a run's folder is whole: its record is its own, and the files beside it are its."""
    try:
        record_ = read_record(folder)
        files = record_["files"]
        return key(record_["inputs"]) == folder.name and _sums(folder, files) == files
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _sums(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """sha256 of the files of a run that are there."""
    paths = [folder / name for name in names]
    return {path.name: _sha256(path.read_bytes()) for path in paths if path.is_file()}


@contextlib.contextmanager
def alone(folder: Path, say: Callable[[str], None], busy: str) -> Iterator[None]:
    """Two processes in one folder would write the same files: the second says so and waits.

    Parameters
    ----------
    folder : is made where it is not there
    busy : what to say is under way in it
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"  {busy}; waiting for it ...")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name ``path`` in an error of the disk that names no file, as a full one's does not.

    Raises
    ------
    OSError, the same with a file name
    """
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise


@contextlib.contextmanager
def _run_dir(folder: Path) -> Iterator[None]:
    """Tell the kernel where the run's folder is."""
    before = os.environ.get(RUN_DIR)
    os.environ[RUN_DIR] = str(folder)
    try:
        yield
    finally:
        os.environ.pop(RUN_DIR)
        if before is not None:
            os.environ[RUN_DIR] = before


def read_record(folder: Path) -> dict:
    """The ``record.json`` that :func:`run` left in the folder of a run."""
    return json.loads((folder / RECORD).read_text(encoding="utf-8"))


def write_atomically(path: Path, text: str) -> None:
    """Write ``text`` so that ``path`` is either the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8", newline="\n")
    os.replace(part, path)
