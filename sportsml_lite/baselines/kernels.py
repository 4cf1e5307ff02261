"""Random convolutions of windows: computed once, because labels have no part in them.

MiniRocket (Dempster et al. 2021) and MultiRocket-Hydra (Dempster et al. 2023) turn a window into
thousands of numbers by convolutions that nobody trains; a ridge on top does all the learning. The
convolutions depend on the training windows, not on their labels nor on the seed of a job. So what
they say of a fold's windows is kept: another label budget, another study or another seed costs a
ridge and no more.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from filelock import FileLock

from sportsml_lite import fingerprint
from sportsml_lite.errors import UserError
from sportsml_lite.paths import project_root
from sportsml_lite.prepare import fill_windows, fit_scaler
from sportsml_lite.schema import Windows

KINDS = ("minirocket", "multirocket_hydra")
MIN_SAMPLES = 9  # length of a kernel
# The published number, and a smaller one where there are many windows to be transformed.
COUNT, FEWER, MANY_WINDOWS = 9996, 2016, 4000
SEED = 0  # of the kernels: one for all jobs, so that they can be shared
CHUNK = 256  # windows that Hydra reads at once: it holds every convolution of each
ROOM_BYTES = 6 * 2**30  # of the folder; three partitions of the swimmers take 2.6 GB a kind


class Kernels:
    r"""Random convolutions, scaled by training windows and averaged over a recording's symmetries.

    The features :math:`\varphi` of a window are averaged over its images,
    :math:`\bar\varphi(x) = \frac{1}{G} \sum_g \varphi(g x)`. A linear score of :math:`\bar\varphi`
    is the mean of the scores of the images, so a ridge on it learns what it will answer.

    Parameters
    ----------
    train : windows that scale the channels and set the convolutions' thresholds; labels are not
        read
    signs : (G, C) of ±1, see :class:`~sportsml_lite.prepare.tasks.Task`; None: no symmetries
    kind : of :data:`KINDS`
    folder : of what was computed before; None is ``_build/kernels`` of the project

    Raises
    ------
    UserError for an unknown kind, or windows shorter than a kernel
    """

    def __init__(
        self,
        train: Windows,
        signs: np.ndarray | None = None,
        kind: str = "minirocket",
        folder: Path | None = None,
    ):
        if kind not in KINDS:
            raise UserError(f"kernels = {kind!r}: choose one of {', '.join(KINDS)}")
        if train.X.shape[2] < MIN_SAMPLES:
            raise UserError(f"kernels: windows of {train.X.shape[2]} samples; give {MIN_SAMPLES} "
                            "or more")  # fmt: skip
        self.train, self.kind = train, kind
        self.count = COUNT if len(train) <= MANY_WINDOWS else FEWER
        self.signs = np.ones((1, len(train.channels)), np.float32) if signs is None else signs
        self.folder = folder or project_root() / "_build" / "kernels"
        scaler = fit_scaler(train.X)
        turned = (self.signs < 0).any(axis=0)
        # 0 is its own mirror image
        self.scaler = replace(scaler, mean=np.where(turned, 0, scaler.mean))

    def features(self, windows: Windows) -> np.ndarray:
        """Features (N, F) float32 of windows, from the folder if they were computed before."""
        path = self.folder / f"{self._name(windows)}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            known = _read(path, len(windows))
            if known is None:
                known = self._computed(windows)
                _write(known, path)
        _make_room(self.folder, keep=path)
        return known

    def _name(self, windows: Windows) -> str:
        code = fingerprint.of(f"{__name__}:Kernels").digest
        digest = hashlib.sha256(repr((code, self.kind, self.count)).encode())
        for array in (self.train.X, self.signs, windows.X):
            digest.update(repr((array.shape, array.dtype)).encode())
            digest.update(np.ascontiguousarray(array).view(np.uint8).data)
        return digest.hexdigest()[:24]

    def _computed(self, windows: Windows) -> np.ndarray:
        images = (windows.X * sign[:, None].astype(np.float32) for sign in self.signs)
        with _undisturbed():
            total = sum(self._transform(self._scaled(image)) for image in images)
        return (total / np.float32(len(self.signs))).astype(np.float32)

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        # A kernel adds channels up: unscaled, the one with the largest numbers would decide.
        return self.scaler.transform(fill_windows(X, self.scaler.mean)).astype(np.float32)

    @cached_property
    def _transform(self) -> Callable[[np.ndarray], np.ndarray]:
        """Function of scaled windows to features; fitted when something is first computed."""
        fit = _minirocket if self.kind == "minirocket" else _both
        return fit(self._scaled(self.train.X), self.count)


def _minirocket(X: np.ndarray, count: int):
    from aeon.transformations.collection.convolution_based import MiniRocket

    kernels = MiniRocket(count, n_jobs=1, random_state=SEED)
    kernels.fit(X)
    return kernels.transform


def _both(X: np.ndarray, count: int):
    """MultiRocket beside Hydra, both of half their usual size: they shall not take minutes."""
    from aeon.transformations.collection.convolution_based import HydraTransformer, MultiRocket

    rocket = MultiRocket(max(84, count // 16), n_jobs=1, random_state=SEED)
    hydra = HydraTransformer(n_groups=32, n_jobs=1, random_state=SEED, output_type="numpy")
    for kernels in (rocket, hydra):
        kernels.fit(X)

    def transform(X: np.ndarray) -> np.ndarray:
        parts = np.split(X, range(CHUNK, len(X), CHUNK))
        counts = np.vstack([hydra.transform(part) for part in parts])
        counts = np.sqrt(np.maximum(counts, 0))  # as its authors do before a ridge
        return np.hstack([rocket.transform(X), counts]).astype(np.float32)

    return transform


@contextmanager
def _undisturbed() -> Iterator[None]:
    """The process keeps its random numbers and threads: aeon seeds the first and sets the others.

    Two processes of two threads each on two cores make trees a hundred times slower.
    """
    import torch

    state, threads = np.random.get_state(), torch.get_num_threads()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
        torch.set_num_threads(threads)


def _write(found: np.ndarray, path: Path) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        np.save(file, found, allow_pickle=False)
    part.replace(path)  # at once: another process sees the whole file or none


def _read(path: Path, rows: int) -> np.ndarray | None:
    """Stored features; None if they are not there, cut off, or of another number of windows."""
    with suppress(OSError, ValueError, EOFError):
        found = np.load(path, allow_pickle=False)
        if found.ndim == 2 and len(found) == rows and np.isfinite(found).all():
            path.touch()  # used last now
            return found
    return None


def _make_room(folder: Path, keep: Path) -> None:
    """Remove what was used longest ago until the folder is no larger than it may be."""
    files = []
    for path in folder.glob("*.npy"):
        with suppress(FileNotFoundError):  # another process made room
            files.append((path.stat().st_mtime, path.stat().st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= ROOM_BYTES:
            return
        if path != keep:
            path.unlink(missing_ok=True)
            total -= size
