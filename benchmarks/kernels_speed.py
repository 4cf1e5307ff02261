"""Random convolutions of one fold: computed anew for every ridge, and kept between them.

Synthetic windows of the swimmers' size. *Anew* is what a study without the folder of features
would do for each job: convolve training, validation and test windows, then fit the ridge. *Kept*
reads the features and fits the ridge, with the labels of all training athletes or of eight.

    python benchmarks/kernels_speed.py
"""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from sportsml_lite.baselines import kernels
from sportsml_lite.baselines.windows import fit_symmetric_scores
from sportsml_lite.prepare.tasks import MIRRORED
from sportsml_lite.schema import Windows

SIGNS = np.array([np.ones(6), MIRRORED], np.float32)


def windows(names, each=220, seed=0):
    """Five classes of six channels, 180 samples at 30 Hz, as the swimmers' windows."""
    random = np.random.default_rng(seed)
    n = each * len(names)
    y = np.arange(n) % 5
    speed = (1 + y)[:, None, None] / 20 + random.normal(0, 0.01, (n, 1, 1))
    X = np.sin(np.arange(180) * speed + random.uniform(0, 6, (n, 6, 1)))
    X += random.normal(0, 0.5, X.shape)
    athlete = np.repeat(np.array(names, dtype=object), each)
    return Windows(
        X.astype(np.float32), np.ones((n, 180), bool), y, athlete, athlete, np.arange(n) * 2.0,
        tuple("abcdef"), tuple("vwxyz"), 30.0,
    )  # fmt: skip


def seconds(train, validation, test, known=None):
    """Time of a ridge and its scores of the test windows."""
    begun = time.perf_counter()
    fit_symmetric_scores(train, validation, SIGNS, known=known)(test)
    return time.perf_counter() - begun


def main():
    train, validation, test = (
        windows([f"{part}{i}" for i in range(count)], seed=turn)
        for turn, (part, count) in enumerate((("t", 13), ("v", 3), ("w", 4)))
    )
    eight = np.isin(train.athlete, [f"t{i}" for i in range(8)])
    with tempfile.TemporaryDirectory() as folder:
        kernels.project_root = lambda: Path(folder)
        few = [part.take(slice(0, 40)) for part in (train, validation, test)]
        seconds(few[0], replace(few[1], y=few[0].y), few[2])  # compiles
        anew, kept = seconds(train, validation, test), seconds(train, validation, test)
        other = seconds(train, validation, test, eight)
        size = sum(p.stat().st_size for p in Path(folder).rglob("*.npy")) / 2**20
    print(f"{len(train)}, {len(validation)} and {len(test)} windows, {kernels.COUNT} kernels, two "
          f"images each; kept: {size:.0f} MiB")  # fmt: skip
    print(f"anew                 {anew:6.2f} s")
    print(f"kept, all labels     {kept:6.2f} s   {anew / kept:5.1f}x")
    print(f"kept, eight labelled {other:6.2f} s   {anew / other:5.1f}x")


if __name__ == "__main__":
    main()
