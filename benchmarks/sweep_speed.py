"""A sweep of short runs with one and with two workers, and plain papermill in a loop.

Two notebooks: one imports nothing and is over at once; one imports what a chapter imports and works
for some seconds. The loop does the second only a few times, each of which imports anew.

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
FEW = 4  # runs of the loop that stand for all
HEAD = """# ---
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
WORK = """
# %%
import time

import lightning
import matplotlib.pyplot as plt
import pandas as pd
import seaborn
import sklearn.ensemble
import torch

begun = time.process_time()
weights = torch.zeros(200, 200)
while time.process_time() - begun < 5:  # s of a core; the shortest lesson takes twice that
    weights = torch.relu(weights @ weights + 1)
"""
NOTEBOOKS = {"03_nothing": HEAD, "04_something": HEAD + WORK}


def quiet(_):
    """Nobody listens."""


def seconds(do) -> tuple[float, float]:
    """On the clock, and of all cores, those of the processes that it started too."""
    begun, spent = time.perf_counter(), sum(os.times()[:4])
    do()
    return time.perf_counter() - begun, sum(os.times()[:4]) - spent


def looped(chapter: chapters.Chapter, home: Path, runs: int) -> None:
    """Papermill, as one would write it."""
    with contextlib.redirect_stderr(None):
        for seed in range(runs):
            papermill.execute_notebook(
                chapter.notebook(), home / f"{seed}.ipynb", {"seed": seed}, progress_bar=False
            )


def swept(chapter: chapters.Chapter, workers: int) -> None:
    """Each number of workers with seeds of its own, none of which is done."""
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
    for name in NOTEBOOKS:
        chapter = chapters.find(name)
        runs = min(RUNS, FEW) if "something" in name else RUNS
        plain, cpu = (each / runs for each in seconds(partial(looped, chapter, home, runs)))
        print(f"\n{name}, {RUNS} runs")
        print(f"papermill in a loop  {plain:6.2f} s a run, {cpu:5.2f} of a core")
        before = None
        for workers in (1, 2):
            taken, cpu = (each / RUNS for each in seconds(partial(swept, chapter, workers)))
            than = "" if before is None else f", {before / taken:5.2f}x of one worker"
            print(f"sweep, {workers} worker{'s' * (workers > 1):<2}    {taken:6.2f} s a run, "
                  f"{cpu:5.2f} of a core   {plain / taken:5.2f}x of the loop{than}")  # fmt: skip
            before = taken
    thousand()


def main():
    if len(sys.argv) > 2:
        return inside(Path.cwd())
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "notebooks").mkdir()
        for name, source in NOTEBOOKS.items():
            (home / "notebooks" / f"{name}.py").write_text(source)
        (home / "_config.yml").touch()
        (home / "sportsml_lite").symlink_to(PACKAGE)  # the book is the one around the package
        command = [sys.executable, __file__, str(RUNS), "inside"]
        subprocess.run(command, cwd=home, env=os.environ | {"PYTHONPATH": folder}, check=True)


if __name__ == "__main__":
    main()
