"""The C of a student, compiled by the system's compiler and called from here.

For tests, timings, and the reader who wants to see that a watch would say the same. A student is
compiled for the processor at hand; what a watch's compiler makes of it, that compiler says.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sportsml_lite.deploy.c import FAST, SOURCE, TEMPLATES
from sportsml_lite.deploy.network import Network
from sportsml_lite.errors import UserError

COMPILERS = ("cc", "gcc", "clang")
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror")
EXACT = ("-O3", "-ffp-contract=off")  # to the bits of deploy.int8
SMALL = ("-Os", "-ffp-contract=off", "-fno-asynchronous-unwind-tables")
MANY = TEMPLATES / "many.c"
PEAK = TEMPLATES / "peak.c"


@dataclass(frozen=True)
class Footprint:
    """Bytes of a student: its code, its tables of weights, and what it remembers of a stream."""

    code: int
    weights: int
    state: int


class Program:
    """A compiled student; it reads measured samples, NaN in gaps, float32.

    library : as :func:`compile_c` loads it; network : from which its C was made
    """

    def __init__(self, library: ctypes.CDLL, network: Network):
        self._library, self._network = library, network
        library.many_state_bytes.restype = ctypes.c_size_t
        self.state_bytes = library.many_state_bytes()
        self._state = ctypes.create_string_buffer(self.state_bytes)
        self._head = np.empty(0, np.float32)
        library.student_init(self._state)

    def reset(self) -> None:
        """Forget all samples; the head stays."""
        self._library.student_reset(self._state)

    def windows(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits (N, K) and features (N, 2 W) of windows (N, C, T).

        Raises
        ------
        UserError if windows have other channels or another length
        """
        network = self._network
        shape = network.stem.shape[1], network.samples
        if x.ndim != 3 or x.shape[1:] != shape:
            raise UserError(f"windows {x.shape}: give (N, {shape[0]}, {shape[1]})")
        logits = np.empty((len(x), len(network.head_bias)), np.float32)
        features = np.empty((len(x), 2 * len(network.stem)), np.float32)
        seen = _floats(x.transpose(0, 2, 1))
        self._library.many_windows(self._state, len(x), *map(_at, (seen, logits, features)))
        return logits, features

    def stream(self, x: np.ndarray) -> np.ndarray:
        """Logits (steps, K) of the steps that samples (C, T) complete, after those read before.

        Raises
        ------
        UserError if there are other channels
        """
        if x.ndim != 2 or len(x) != self._network.stem.shape[1]:
            raise UserError(f"samples {x.shape}: give ({self._network.stem.shape[1]}, T)")
        rows = x.shape[1] // self._network.stride + 2  # one row more, which an answer may begin
        logits = np.empty((rows, len(self._network.head_bias)), np.float32)
        seen = _floats(x.T)
        steps = self._library.many_samples(self._state, len(seen), _at(seen), _at(logits))
        return logits[:steps]

    def learn(
        self, features: np.ndarray, y: np.ndarray, masked: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """An athlete's own weights (K, 2 W) and biases (K,), of windows' features and classes.

        Raises
        ------
        UserError if the student was made without a prior, shapes do not fit, or a class is unknown
        """
        if not hasattr(self._library, "student_learn"):
            raise UserError("this student cannot learn; make its C with a prior")
        n_classes, width = len(self._network.head_bias), 2 * len(self._network.stem)
        if features.shape != (len(y), width):
            raise UserError(f"features {features.shape}: give ({len(y)}, {width}), a row a window")
        head = np.empty(n_classes * (width + 1), np.float32)
        classes, seen = np.ascontiguousarray(y, np.int32), _floats(features)
        inputs = len(y), _at(seen), _at(classes), int(masked)
        if self._library.student_learn(_at(head), *inputs):
            raise UserError(f"classes {sorted(set(y.tolist()))}: give 0 to {n_classes - 1}")
        return head[:-n_classes].reshape(n_classes, width), head[-n_classes:]

    def wear(self, weight: np.ndarray, bias: np.ndarray) -> None:
        """Answer with a head (K, 2 W), (K,) from now on."""
        self._head = np.concatenate([_floats(weight).ravel(), _floats(bias)])
        self._library.student_wear(self._state, _at(self._head))


def compiler() -> str | None:
    """Path of the system's C compiler, or None."""
    return next(filter(None, map(shutil.which, COMPILERS)), None)


def compile_c(folder: Path | str, network: Network, flags: Sequence[str] = FAST) -> Program:
    """Compile what :func:`~sportsml_lite.deploy.c.write_c` wrote, and load it.

    Raises
    ------
    UserError if there is no compiler, or it refuses the source
    """
    with tempfile.TemporaryDirectory() as name:
        library = Path(name) / "student.so"
        run_compiler(folder, [*flags, "-shared", "-fPIC", "-o", str(library), str(MANY)])
        return Program(ctypes.CDLL(str(library)), network)


def footprint(folder: Path | str, network: Network, flags: Sequence[str] = SMALL) -> Footprint:
    """Bytes of code and weights in the object file, and of the state.

    Raises
    ------
    UserError if there is no compiler or no ``size`` beside it, or the source is refused
    """
    state = compile_c(folder, network, flags).state_bytes
    if shutil.which("size") is None:
        raise UserError("size: not found; install binutils to count the bytes of a student")
    with tempfile.TemporaryDirectory() as name:
        made = str(Path(name) / "student.o")
        run_compiler(folder, [*flags, "-c", "-o", made])
        told = subprocess.run(["size", "-A", made], capture_output=True, text=True, check=True)
    sections = re.findall(r"^\.(text|rodata)\S*\s+(\d+)", told.stdout, re.M)
    count = {kind: sum(int(n) for k, n in sections if k == kind) for kind in ("text", "rodata")}
    return Footprint(count["text"], count["rodata"], state)


def macs_a_second(turns: int = 100) -> float:
    """Multiplications with an addition that this core does in a second, the best of many turns.

    Raises
    ------
    UserError if there is no compiler
    """
    v, repeat = np.ones(96, np.float32), 10
    arguments = repeat, _at(v), ctypes.c_float(0.999), ctypes.c_float(1e-3)
    with tempfile.TemporaryDirectory() as name:
        library = Path(name) / "peak.so"
        _compile([*FAST, "-shared", "-fPIC", "-o", str(library), str(PEAK)], PEAK)
        peak = ctypes.CDLL(str(library)).peak
    best = np.inf
    for _ in range(turns):
        begun = time.thread_time()
        peak(*arguments)
        best = min(best, time.thread_time() - begun)
    return 96_000 * repeat / best


def run_compiler(folder: Path | str, arguments: Sequence[str]) -> None:
    """Compile a folder's student, C99, with every warning an error.

    Raises
    ------
    UserError if there is no compiler, or it refuses the source
    """
    source = Path(folder) / SOURCE
    _compile([*arguments, f"-I{folder}", str(source), "-lm"], source)


def _compile(arguments: Sequence[str], source: Path) -> None:
    program = compiler()
    if program is None:
        raise UserError(f"no C compiler: install one of {', '.join(COMPILERS)}")
    done = subprocess.run([program, *STRICT, *arguments], capture_output=True, text=True)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "error" in line] or [done.stderr]
        raise UserError(f"{source}: {Path(program).name} refuses it: {said[0].strip()}")


def _floats(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.float32)


def _at(values: np.ndarray) -> ctypes.c_void_p:
    return values.ctypes.data_as(ctypes.c_void_p)
