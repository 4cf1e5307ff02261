"""What a window costs in every form, measured on this computer, beside what it must cost.

Speed and size do not depend on what was learned: networks of the book's sizes with random weights
are measured, so that no data are needed.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import pandas as pd
import torch

from sportsml_lite.deploy import c, compiled
from sportsml_lite.deploy.int8 import Int8Network, quantise
from sportsml_lite.deploy.network import Network, describe
from sportsml_lite.deploy.personal import Prior
from sportsml_lite.models import LSTMTeacher, Student, count_parameters
from sportsml_lite.training.keep import Card
from sportsml_lite.training.networks import MOTION, SECONDS

NETWORKS, READINGS = 2, 4  # of a swimmers' teacher: two networks read both mirror images
CHANNELS = {30.0: 6, 1.0: 4}  # of windows at these rates, Hz: a swimmer's, a runner's
SAMPLES = {30.0: 180, 1.0: 120}
CLASSES = {30.0: 5, 1.0: 3}


@dataclass(frozen=True)
class Sized:
    """Networks of the book's size for one kind of window, with random weights.

    X : (N, C, T) float32 windows, measured and scaled alike (mean 0, factor 1)
    """

    teacher: LSTMTeacher
    student: Student
    card: Card
    network: Network
    int8: Int8Network
    prior: Prior
    X: np.ndarray


def sized(rate_hz: float = 30.0, seed: int = 0) -> Sized:
    """Networks for the windows of swimmers (30 Hz) or of runners (1 Hz)."""
    torch.manual_seed(seed)
    channels, samples, classes = CHANNELS[rate_hz], SAMPLES[rate_hz], CLASSES[rate_hz]
    config, stride = (MOTION, 3) if rate_hz > 1 else (SECONDS, 2)
    teacher = LSTMTeacher(
        channels, classes, config.teacher_width, config.teacher_hidden, config.teacher_layers
    ).eval()
    student = Student(channels, classes, config.student_width, stride=stride).eval()
    card = Card(
        tuple(f"channel_{i}" for i in range(channels)), rate_hz, samples, (0.0,) * channels,
        (1.0,) * channels, tuple(f"class_{i}" for i in range(classes)), config.student_width,
        student.kernel, stride, "random weights", 0, 0, seed, {},
    )  # fmt: skip
    network = describe(student, card)
    X = torch.randn(256, channels, samples).numpy()
    width = 2 * config.student_width
    prior = Prior(np.zeros((classes, width), np.float32), np.eye(width, dtype=np.float32), 3.0)
    return Sized(teacher, student, card, network, quantise(network, X), prior, X)


def forms(of: Sized, onnx: bool = False) -> pd.DataFrame:
    """Cost of a window in every form that this computer can run, one window at a time.

    Parameters
    ----------
    onnx : also in ONNX Runtime, whose export takes some seconds

    Returns
    -------
    index form; us : median µs a window; weight_bytes, ram_bytes : of tables and of the state, NaN
    where a form says nothing of it; macs : multiplications with an addition
    """
    x = torch.from_numpy(of.X[:1])
    teacher_bytes = 4 * count_parameters(of.teacher)
    float_bytes, macs = 4 * count_parameters(of.student), of.network.macs
    rows = {
        "teacher, PyTorch": (_eager(of.teacher, x, READINGS), NETWORKS * teacher_bytes, np.nan,
                             READINGS * teacher_macs(of.teacher, of.X.shape[2])),
        "student, PyTorch": (_eager(of.student, x), float_bytes, np.nan, macs),
        "NumPy, folded": (_numpy(of), float_bytes, np.nan, macs),
    }  # fmt: skip
    if onnx and find_spec("onnxruntime"):
        rows["ONNX Runtime"] = (_onnx(of), float_bytes, np.nan, macs)
    with tempfile.TemporaryDirectory() as home:
        for name, int8 in (("C", None), ("C, 8 bits", of.int8)) if compiled.compiler() else ():
            c.write_c(of.network, of.prior, of.card, home, int8)
            program = compiled.compile_c(home, of.network)
            size = compiled.footprint(home, of.network)
            rows[name] = (_batch(program, of.X), size.weights, size.state, macs)
    table = {n: (median_us(call), *rest) for n, (call, *rest) in rows.items()}
    columns = ["us", "weight_bytes", "ram_bytes", "macs"]
    return pd.DataFrame.from_dict(table, orient="index", columns=columns)


def limit_us(network: Network) -> float:
    """Time of a window's multiplications alone on this core, µs; NaN without a compiler."""
    return 1e6 * network.macs / compiled.macs_a_second() if compiled.compiler() else np.nan


def median_us(call: Callable[[], int | None], seconds: float = 0.3) -> float:
    """Median processor time of a call, µs; one that returns a number did so many windows.

    The thread's own time: what else the computer does in the meantime does not count.
    """
    for _ in range(3):
        count = call() or 1
    spent, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(spent) < 5:
        begun = time.thread_time()
        call()
        spent.append(time.thread_time() - begun)
    return 1e6 * float(np.median(spent)) / count


def teacher_macs(teacher: LSTMTeacher, samples: int) -> int:
    """Multiplications with an addition of the LSTM teacher, for a window."""
    total, length = 0, samples
    for conv in teacher.front:
        length = -(-length // 2)
        total += length * conv.weight.numel()
    gates = [w.numel() for name, w in teacher.lstm.named_parameters() if name.startswith("weight")]
    return total + length * sum(gates) + teacher.head.weight.numel()


def _eager(model, x: torch.Tensor, readings: int = 1) -> Callable:
    def call():
        with torch.inference_mode():
            for _ in range(readings):
                model(x)

    return call


def _numpy(of: Sized) -> Callable:
    def call():
        of.network.logits(of.X[:1])

    return call


def _batch(program: compiled.Program, X: np.ndarray) -> Callable:
    """All windows one after the other in one call, so that Python's share is not counted."""
    rows = np.ascontiguousarray(X.transpose(0, 2, 1)).transpose(0, 2, 1)  # as C reads them

    def call() -> int:
        program.windows(rows)
        return len(X)

    return call


def _onnx(of: Sized) -> Callable:
    from sportsml_lite.deploy import onnx

    says = onnx.session(onnx.float_model(of.network, {}))

    def call():
        says(of.X[:1])

    return call
