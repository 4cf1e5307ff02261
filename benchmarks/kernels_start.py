"""Seconds that a run takes beside its own cells: its kernel started, and its kernel forked.

    python benchmarks/kernels_start.py [RUNS]

Both execute the same small notebook, which imports what a chapter imports, one run after the other.
A started kernel imports the libraries in the first cell, so that cell counts as overhead.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import nbformat

from sportsml_lite.publish import kernels, runs
from sportsml_lite.publish.chapters import Chapter
from sportsml_lite.publish.forkserver import LIBRARIES

NOTEBOOK = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% tags=["parameters"]
seed = 0  # 0 to 10: which

# %%
import lightning
import matplotlib.pyplot as plt
import pandas as pd
import seaborn
import sklearn.ensemble
import torch

# %%
plt.plot([1, 2]);
"""
GOAL_S = 0.7  # at the median, on two idle cores


def overhead_s(chapter: Chapter, output: Path) -> float:
    """Seconds of a run without those of its last cell."""
    begun = time.perf_counter()
    runs.execute(chapter, {}, output, progress=False)
    taken = time.perf_counter() - begun
    last = nbformat.read(output, as_version=4).cells[-1]
    return taken - last.metadata.papermill.duration


def main() -> None:
    """Time both kinds of kernel, and print medians and their ratio."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} when it began, {n} runs each")
    with tempfile.TemporaryDirectory() as name:
        chapter, output = Chapter(Path(name) / "01_start.py"), Path(name) / "out.ipynb"
        chapter.source.write_text(NOTEBOOK, encoding="utf-8")
        overhead_s(chapter, output)  # files are read from the disk once
        cold = [overhead_s(chapter, output) for _ in range(n)]
        with kernels.warm(n, LIBRARIES):
            first = overhead_s(chapter, output)
            warm = [overhead_s(chapter, output) for _ in range(n)]
    middle = statistics.median(cold), statistics.median(warm)
    print(f"started: {middle[0]:6.2f} s a run ({min(cold):.2f} to {max(cold):.2f})")
    print(
        f"forked:  {middle[1]:6.2f} s a run ({min(warm):.2f} to {max(warm):.2f}); at most {GOAL_S}"
    )
    print(f"ratio:   {middle[0] / middle[1]:6.1f}; the first forked run took {first:.2f} s")


if __name__ == "__main__":
    main()
