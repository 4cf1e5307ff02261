"""The student in use, side by side in one process: PyTorch, NumPy, C in floats and in 8 bits.

Microseconds of processor time a window (what else the computer does does not count): the median and
the fastest of turns in which every case has its go; the ratio to PyTorch; and the physical limit:
multiplications with an addition of a window, over those that this core does in a second, as a small
compiled loop without memory measures it. Random weights and windows: time does not depend on their
values. One thread.

To add a rival, add it to :func:`cases`: a name, and a function that answers and returns how many
windows it answered.

Of generators of C, emlearn (0.23) writes dense networks and, through another tool, convolutions of
images, and can express neither dilated convolutions of one dimension nor a norm at each step.
emx-onnx-cgen (1.4) translates any ONNX graph into plain loops, and can: it is timed where its
command is on the PATH (it may live in an environment of its own) and onnx is installed here. It
reads scaled windows; ours are scaled, and looked through for gaps, as they come.

    python benchmarks/deploy_speed.py [turns]
"""

import ctypes
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from sportsml_lite.deploy.c import FAST, write_c
from sportsml_lite.deploy.compiled import EXACT, compile_c, compiler, footprint, macs_a_second
from sportsml_lite.deploy.int8 import quantise
from sportsml_lite.deploy.network import describe
from sportsml_lite.models import Student
from sportsml_lite.training.keep import Card

# Name: channels, samples, classes, stride.
TASKS = {
    "swimming, all sensors (10 x 180, 30 Hz)": (10, 180, 5, 3),
    "swimming, inertial (6 x 180, 30 Hz)": (6, 180, 5, 3),
    "running (4 x 120, 1 Hz)": (4, 120, 3, 2),
}
WIDTH, KERNEL, MANY = 16, 9, 256
TOGETHER = 16  # windows in one call of C: Python's share is small, and so is a turn
LOOP = """
void many(int n, const float x[]SHAPE, float y[][1][CLASSES])
{
    for (int i = 0; i < n; i++) model(x[i], y[i]);
}
"""


def a_student(channels, samples, classes, stride):
    """A student as it begins, and a card for it."""
    torch.manual_seed(0)
    student = Student(channels, classes, WIDTH, KERNEL, stride).eval().requires_grad_(False)
    names = tuple(f"channel {i}" for i in range(channels))
    known = tuple(f"class {i}" for i in range(classes))
    zeros, ones = (0.0,) * channels, (1.0,) * channels
    card = Card(names, 30.0, samples, zeros, ones, known, WIDTH, KERNEL, stride, "random numbers",
                0, 0, 0, {})  # fmt: skip
    return student, card


def of_torch(student, x):
    """PyTorch as it is."""

    def run():
        with torch.inference_mode():
            student(x)
        return len(x)

    return run


def of_c(name, program, x):
    """A compiled student, window by window and sample by sample."""
    x = np.ascontiguousarray(x.transpose(0, 2, 1)).transpose(0, 2, 1)  # as they lie in a watch
    stream = np.ascontiguousarray(np.concatenate(list(x), 1).T).T

    def windows():
        program.windows(x)
        return len(x)

    def samples():
        program.stream(stream)
        return stream.shape[1]

    return {f"{name}, a window": windows, f"{name}, a sample": samples}


def of_generator(student, x, folder):
    """The student as emx-onnx-cgen writes it; no case where the tool is missing."""
    tool = shutil.which("emx-onnx-cgen")
    if tool is None:
        return {}
    graph, source, library = (str(folder / f"generated.{end}") for end in ("onnx", "c", "so"))
    torch.onnx.export(student, (x[:1],), graph, dynamo=True, external_data=False, verbose=False)
    small = "--large-temp-threshold", "0", "--large-weight-threshold", "0"
    subprocess.run([tool, "compile", "--model-name", "model", *small, graph, source],
                   check=True, capture_output=True)  # fmt: skip
    shape, classes = f"[1][{x.shape[1]}][{x.shape[2]}]", student.head.out_features
    loop = LOOP.replace("SHAPE", shape).replace("CLASSES", str(classes))
    Path(source).write_text(Path(source).read_text() + loop)
    made = [compiler(), *FAST, "-w", "-shared", "-fPIC", "-o", library, source, "-lm"]
    subprocess.run(made, check=True)
    many, read, said = ctypes.CDLL(library).many, x.numpy(), np.empty((len(x), classes), np.float32)
    arguments = len(x), *(a.ctypes.data_as(ctypes.c_void_p) for a in (read, said))

    def run():
        many(*arguments)
        return len(x)

    run()
    assert np.allclose(said, student(x).numpy(), atol=1e-4)
    return {"C of emx-onnx-cgen, a window": run}


def cases(student, card, folder):
    """Name: a function that answers, and returns how many windows (or samples) it answered."""
    network = describe(student, card)
    x = torch.randn(MANY, len(card.channels), card.samples)
    measured, few = x.numpy(), x[:TOGETHER]
    found = {
        "PyTorch, one window": of_torch(student, x[:1]),
        f"PyTorch, {MANY} windows": of_torch(student, x),
        f"NumPy, {MANY} windows": lambda: len(network.logits(network.scale(measured))),
    }
    int8 = quantise(network, network.scale(measured))
    kinds = {"C": (None, FAST), "C, 8 bits": (int8, FAST), "C, 8 bits, exact": (int8, EXACT)}
    for name, (whole, flags) in kinds.items():
        home = folder / name
        write_c(network, None, card, home, whole)
        found |= of_c(name, compile_c(home, network, flags), few.numpy())
        if flags is FAST:
            print(f"  {name}: {footprint(home, network)}")
    return found | of_generator(student, few, folder), network


def in_turns(found, turns):
    """Microseconds of processor time that a window takes each case, (turns,)."""
    times = {name: [] for name in found}
    for _ in range(turns):
        for name, run in found.items():
            begun = time.thread_time()
            count = run()
            times[name].append(1e6 * (time.thread_time() - begun) / count)
    return times


def show(times, network, rate):
    """Print a row a case."""
    limit = 1e6 * network.macs / rate
    base = statistics.median(times["PyTorch, one window"])
    print(f"{'':30}{'median (µs)':>12}{'fastest':>10}{'PyTorch/it':>12}{'it/limit':>10}")
    for case, spent in times.items():
        median, fastest = statistics.median(spent), min(spent)
        row = f"{case:30}{median:12.2f}{fastest:10.2f}"
        if not case.endswith("a sample"):
            row += f"{base / median:12.1f}{median / limit:10.1f}"
        print(row)
    print(f"{'the limit':30}{limit:12.2f}{'':10}{base / limit:12.1f}{1:10.1f}   "
          f"{network.macs:,} multiplications, {rate / 1e9:.1f} G a second", flush=True)  # fmt: skip


def main():
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    torch.set_num_threads(1)
    if compiler() is None:
        sys.exit("no C compiler: nothing to compare")
    print(f"torch {torch.__version__}, one thread, {turns} turns, load {os.getloadavg()[0]:.1f} on "
          f"{os.cpu_count()} processors\nC: {' '.join(FAST)}\nexact: {' '.join(EXACT)}\n"
          "bytes: with -Os, of this processor's code")  # fmt: skip
    for name, sizes in TASKS.items():
        with tempfile.TemporaryDirectory() as folder:
            student, card = a_student(*sizes)
            print(f"\n{name}")
            found, network = cases(student, card, Path(folder))
            in_turns(found, 3)  # warm
            show(in_turns(found, turns), network, macs_a_second())
    print("\n  goals, swimming with all sensors: C at most 15 µs a window and 2 µs a sample,\n"
          "  12,000 bytes of weights, 8,000 of state")  # fmt: skip


if __name__ == "__main__":
    main()
