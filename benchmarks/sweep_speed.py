"""A sweep of short runs with one and with two workers, and plain papermill in a loop.

Then a thousand tasks of a function that does nothing: what the scheduling of a run costs, and how
much memory the process that asks holds on the way.

    python benchmarks/sweep_speed.py [RUNS]
"""

import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import papermill

from sportsml_lite import cluster
from sportsml_lite.paths import PACKAGE
from sportsml_lite.publish import chapters, grid, sweep

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 20
SOURCE = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% tags=["parameters"]
dataset = "simulated"  # name: which
data_dir = ""  # path: folder
seed = 0  # 0 to 1000: which

# %% tags=["check"]
from sportsml_lite.publish.record import record
record("seed", seed)
"""


def quiet(_):
    """Nobody listens."""


def seconds(do) -> tuple[float, float]:
    """On the clock, and of all cores, those of the processes that it started too."""
    begun, spent = time.perf_counter(), sum(os.times()[:4])
    do()
    return time.perf_counter() - begun, sum(os.times()[:4]) - spent


def looped(home: Path) -> None:
    chapter = chapters.find("03")
    with contextlib.redirect_stderr(None):
        for seed in range(RUNS):
            papermill.execute_notebook(
                chapter.notebook(), home / f"{seed}.ipynb", {"seed": seed}, progress_bar=False
            )


def swept(workers: int) -> None:
    chapter = chapters.find("03")
    asked = grid.of(chapter, {"seed": range(100 * workers, 100 * workers + RUNS)}, {})
    assert not sweep.carry_out(sweep.plan(chapter, asked), workers=workers, say=quiet)


def nothing(task: int) -> bytes:
    """In place of a run: a small notebook."""
    return bytes(100_000)


def nowhere() -> str:
    return ""


def memory_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def thousand() -> None:
    with cluster.connect(workers=2) as client:
        begun, spent = time.perf_counter(), time.process_time()
        found = cluster.spread(client, range(1000), nothing, nowhere, quiet)
        for count, _ in enumerate(found, 1):
            if count in (100, 500, 1000):
                each = 1000 * (time.perf_counter() - begun) / count
                here = 1000 * (time.process_time() - spent) / count
                told = f"{each:5.1f} ms each, {here:.1f} ms of it here, {memory_mb():.0f} MiB"
                print(f"{count:>5} tasks of nothing: {told}")


def inside(home: Path) -> None:
    """In a process whose book is the one in ``home``."""
    plain, cpu = seconds(lambda: looped(home))
    print(f"papermill in a loop  {plain / RUNS:6.2f} s a run, {cpu / RUNS:5.2f} of a core")
    for workers in (1, 2):
        taken, cpu = seconds(partial(swept, workers))
        print(f"sweep, {workers} worker{'s' * (workers > 1):<2}    {taken / RUNS:6.2f} s a run, "
              f"{cpu / RUNS:5.2f} of a core   {plain / taken:5.2f}x")  # fmt: skip
    thousand()


def main():
    if len(sys.argv) > 2:
        return inside(Path.cwd())
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "notebooks").mkdir()
        (home / "notebooks" / "03_try.py").write_text(SOURCE)
        (home / "_config.yml").touch()
        (home / "sportsml_lite").symlink_to(PACKAGE)  # the book is the one around the package
        command = [sys.executable, __file__, str(RUNS), "inside"]
        subprocess.run(command, cwd=home, env=os.environ | {"PYTHONPATH": folder}, check=True)


if __name__ == "__main__":
    main()
