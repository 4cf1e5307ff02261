"""A book of one trivial chapter in a folder of its own, with the package; commands run in it.

The package is this one, link by link, but its chapter runs without a kernel, which would take
seconds to start: ``real=True`` leaves it the kernel.
"""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import sportsml_lite

PACKAGE = Path(sportsml_lite.__file__).parent
# A shell's background job ignores Ctrl-C, and so would what it starts.
MAIN = """import signal; signal.signal(signal.SIGINT, signal.default_int_handler)
from sportsml_lite.cli import main; main(prog_name='sportsml')"""
HEADER = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

"""
CHAPTER = (
    HEADER
    + """# %% tags=["parameters"]
dataset = "simulated"  # name: which
data_dir = ""  # path: folder
seed = 0  # 0 to 1000: which
rate = 0.5  # 0 to 10: how fast
pause_s = 0.0  # s, 0 to 60: wait
depths = [1, 2]  # layers: each
kind = "plain"  # 'plain' or 'odd': which

# %% tags=["check"]
import os
import time
from sportsml_lite.losses import LIMIT
from sportsml_lite.publish.record import record
time.sleep(pause_s)
with open(os.environ["TRY_LOG"], "a") as log:
    log.write(f"{seed} {rate}\\n")
if seed == 13:
    raise ValueError("thirteen")
record("sum", seed + rate, digits=2)
record("limit", LIMIT)
record("word", kind)
"""
)
NO_PARAMETERS = HEADER + "# %%\nprint(1)\n"
LOSSES = "LIMIT = {limit}\n"
STUB = '''

def execute(chapter, values, output, progress):
    """The code of all cells, in this process; what it records, as a kernel would leave it."""
    import IPython.display
    import nbformat

    output.parent.mkdir(parents=True, exist_ok=True)
    notebook, found = nbformat.v4.new_notebook(), []

    def display(data, raw, metadata):
        found.append(nbformat.v4.new_output("display_data", data=data, metadata=metadata))

    IPython.display.display = display
    try:
        cells = chapter.code().split("import os", 1)
        names = {}
        exec(cells[0], names)
        exec("import os" + cells[1], names | values)
    except ValueError as error:
        nbformat.write(notebook, output)
        raise Failed(f"{chapter.name} stopped: {error}\\nexecuted so far: {output}") from None
    notebook.cells = [nbformat.v4.new_code_cell("", outputs=found)]
    nbformat.write(notebook, output)
'''


def make(home: Path, limit: int | None = 7, real: bool = False) -> Path:
    """A project in ``home``; ``limit`` is a constant of the package that the chapter reaches.

    Without a limit the package is whole, and the chapter cannot run.
    """
    book, package = home / "notebooks", home / "sportsml_lite"
    (package / "publish").mkdir(parents=True)
    book.mkdir()
    (home / "_config.yml").touch()
    (book / "03_try.py").write_text(CHAPTER)
    (book / "04_bare.py").write_text(NO_PARAMETERS)
    for path in PACKAGE.iterdir():
        if path.name not in ("publish", "losses.py" if limit else "", "__pycache__"):
            (package / path.name).symlink_to(path)
    for path in (PACKAGE / "publish").glob("*.py"):
        (package / "publish" / path.name).symlink_to(path)
    if limit:
        (package / "losses.py").write_text(LOSSES.format(limit=limit))
    if not real:
        runs = package / "publish" / "runs.py"
        text = runs.read_text()
        runs.unlink()
        runs.write_text(text + STUB)
    # jsonschema compiles a grammar from this library for two seconds, and does without it as well.
    (home / "rfc3987_syntax.py").touch()
    return home


def environment(home: Path) -> dict[str, str]:
    """Variables of a process that works in a project."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    more = {"PYTHONPATH": str(home), "TRY_LOG": str(home / "ran.txt"), "OMP_NUM_THREADS": "1"}
    return keep | more


def start(home: Path, *words: str, **options) -> subprocess.Popen:
    """``sportsml`` with some words, in a project and a process group of its own."""
    command = [sys.executable, "-c", MAIN, *map(str, words)]
    return subprocess.Popen(
        command, cwd=home, env=environment(home), text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **options,
    )  # fmt: skip


def sportsml(home: Path, *words: str) -> subprocess.CompletedProcess:
    """The same, finished."""
    process = start(home, *words)
    out, err = process.communicate(timeout=1200)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def wait_for(process: subprocess.Popen, text: str) -> str:
    """What a process prints until a line holds ``text``."""
    said = ""
    for line in process.stdout:
        said += line
        if text in line:
            return said
    raise AssertionError(f"{text!r} was never said: {said}{process.stderr.read()}")


def ran(home: Path) -> list[str]:
    """``seed rate`` of each execution that reached its end, in order."""
    path = home / "ran.txt"
    return path.read_text().splitlines() if path.is_file() else []


@contextlib.contextmanager
def scheduler(home: Path):
    """Address of a scheduler of its own in a project's environment, ended afterwards."""
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1",
               "--port", "0", "--no-dashboard", "--scheduler-file", "scheduler.json"]  # fmt: skip
    process = _quiet(home, command)
    try:
        note = home / "scheduler.json"
        until(note.is_file, "the scheduler's address")
        time.sleep(0.2)
        import json

        yield json.loads(note.read_text())["address"]
    finally:
        process.kill()
        process.wait()


def worker(home: Path, address: str, log: Path | None = None) -> subprocess.Popen:
    """A worker of one thread in a project of its own; end it with ``kill``."""
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-nanny",
               "--nthreads", "1", "--no-dashboard", "--death-timeout", "60",
               "--local-directory", str(home / "scratch")]  # fmt: skip
    return _quiet(home, command, {"TRY_LOG": str(log)} if log else {})


def _quiet(home: Path, command: list[str], more: dict[str, str] | None = None):
    log = (home / "dask.log").open("a")
    env = environment(home) | (more or {})
    return subprocess.Popen(command, cwd=home, env=env, stdout=log, stderr=log)


def until(ready, what: str, seconds: float = 120) -> None:
    """Wait for something that takes long on a busy computer."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.05)
