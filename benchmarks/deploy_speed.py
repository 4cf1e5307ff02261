"""The student in use, side by side in one process: PyTorch, NumPy, C in floats and in 8 bits.

Microseconds a window, median and fastest of turns in which every case has its go, so that a busy
moment meets all of them; the ratio to PyTorch; and the physical limit: multiplications with an
addition of a window, over those that this core does in a second, as a small compiled loop without
memory measures it. Random weights and windows: time does not depend on their values. Single thread.

To add a rival, add it to :func:`cases`: a name, a function without arguments, and how many windows
it answers.

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
from sportsml_lite.deploy.compiled import EXACT, compile_c, compiler, footprint
from sportsml_lite.deploy.int8 import quantise
from sportsml_lite.deploy.network import describe
from sportsml_lite.models import Student
from sportsml_lite.training.keep import Card

# Name: channels, samples, classes, stride.
TASKS = {
    "swimming (10 x 180, 30 Hz)": (10, 180, 5, 3),
    "running (2 x 60, 1 Hz)": (2, 60, 3, 2),
}
WIDTH, KERNEL, MANY = 16, 9, 256
PEAK = """
/* A turn is 12 sums of 8 numbers times 1000: enough of them that none waits for the other. */
void peak(int turns, float *v, float a, float b)
{
    float s[96];
    for (int i = 0; i < 96; i++) s[i] = v[i];
    for (int t = 0; t < turns * 1000; t++)
        for (int i = 0; i < 96; i++) s[i] = s[i] * a + b;
    for (int i = 0; i < 96; i++) v[i] = s[i];
}
"""
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


def macs_a_second(folder):
    """Multiplications with an addition that this core does in a second, the best of many turns."""
    (folder / "peak.c").write_text(PEAK)
    made = [compiler(), *FAST, "-shared", "-fPIC", "-o", str(folder / "peak.so")]
    subprocess.run([*made, str(folder / "peak.c")], check=True)
    peak = ctypes.CDLL(str(folder / "peak.so")).peak
    v = np.ones(96, np.float32)
    arguments = 10, v.ctypes.data_as(ctypes.c_void_p), ctypes.c_float(0.999), ctypes.c_float(1e-3)
    best = min(_seconds(lambda: peak(*arguments)) for _ in range(300))
    return 96 * 10_000 / best


def _seconds(run):
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def of_generator(student, x, folder):
    """The student as emx-onnx-cgen writes it; no case where the tool is missing."""
    tool = shutil.which("emx-onnx-cgen")
    if tool is None:
        return {}
    graph, source, library = (str(folder / f"generated.{end}") for end in ("onnx", "c", "so"))
    torch.onnx.export(student, (x[:1],), graph, dynamo=True, external_data=False, verbose=False)
    small = "--large-temp-threshold", "0", "--large-weight-threshold", "0"
    subprocess.run([tool, "compile", *small, graph, source], check=True, capture_output=True)
    shape, classes = f"[1][{x.shape[1]}][{x.shape[2]}]", student.head.out_features
    loop = LOOP.replace("SHAPE", shape).replace("CLASSES", str(classes))
    Path(source).write_text(Path(source).read_text() + loop)
    made = [compiler(), *FAST, "-w", "-shared", "-fPIC", "-o", library, source, "-lm"]
    subprocess.run(made, check=True)
    many, read, said = ctypes.CDLL(library).many, x.numpy(), np.empty((len(x), classes), np.float32)
    arguments = len(x), *(a.ctypes.data_as(ctypes.c_void_p) for a in (read, said))
    many(*arguments)
    assert np.allclose(said, student(x).numpy(), atol=1e-4)
    return {"C, emx-onnx-cgen, a window": (lambda: many(*arguments), len(x))}


def cases(student, card, folder):
    """Name: a function, and how many windows it answers; all answer the same windows."""
    network = describe(student, card)
    x = torch.randn(MANY, *(len(card.channels), card.samples))
    measured, one = x.numpy(), x[:1]
    found = {
        "PyTorch, one window": (lambda: student(one), 1),
        f"PyTorch, {MANY} windows": (lambda: student(x), MANY),
        f"NumPy, {MANY} windows": (lambda: network.logits(network.scale(measured)), MANY),
    }
    int8 = quantise(network, network.scale(measured))
    kinds = {"C": (None, FAST), "C, 8 bits": (int8, FAST), "C, 8 bits, exact": (int8, EXACT)}
    for name, (whole, flags) in kinds.items():
        home = folder / name.replace(", ", "_").replace(" ", "_")
        write_c(network, None, card, home, whole)
        found |= _of_c(name, compile_c(home, network, flags), measured)
        if flags is FAST:
            print(f"{name:>12}: {footprint(home, network)}")
    return found | of_generator(student, x, folder), network


def _of_c(name, program, measured):
    stream = np.concatenate(list(measured), 1)
    return {
        f"{name}, a window": (lambda: program.windows(measured), len(measured)),
        f"{name}, a sample": (lambda: program.stream(stream), stream.shape[1]),
    }


def in_turns(found, turns):
    """Microseconds of each case, (turns,), each long enough for the clock."""
    times = {name: [] for name in found}
    with torch.inference_mode():
        for _ in range(turns):
            for name, (run, count) in found.items():
                repeat = max(1, 32 // count)
                begun = time.perf_counter()
                for _ in range(repeat):
                    run()
                times[name].append(1e6 * (time.perf_counter() - begun) / repeat / count)
    return times


def main():
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    torch.set_num_threads(1)
    if compiler() is None:
        sys.exit("no C compiler: nothing to compare")
    print(f"torch {torch.__version__}, one thread, {turns} turns, load {os.getloadavg()[0]:.1f} on "
          f"{os.cpu_count()} processors\nC: {' '.join(FAST)}\nexact: {' '.join(EXACT)}\n"
          "bytes: -Os, of this processor's code")  # fmt: skip
    for name, sizes in TASKS.items():
        with tempfile.TemporaryDirectory() as folder:
            student, card = a_student(*sizes)
            print(f"\n{name}")
            found, network = cases(student, card, Path(folder))
            rate = macs_a_second(Path(folder))
            in_turns(found, 1)  # warm
            times = in_turns(found, turns)
        limit = 1e6 * network.macs / rate
        base = statistics.median(times["PyTorch, one window"])
        print(f"{'':28}{'median (µs)':>13}{'fastest':>10}{'PyTorch/it':>12}{'it/limit':>10}")
        for case, spent in times.items():
            median, fastest = statistics.median(spent), min(spent)
            row = f"{case:28}{median:13.2f}{fastest:10.2f}"
            if not case.endswith("a sample"):
                row += f"{base / median:12.1f}{fastest / limit:10.1f}"
            print(row)
        print(f"{'the limit':28}{'':13}{limit:10.2f}{'':12}{1:10.1f}   {network.macs:,} "
              f"multiplications, {rate / 1e9:.1f} G a second")  # fmt: skip
    print("\n  goals, swimming, an idle core: C at most 15 µs a window and 2 µs a sample, 12,000\n"
          "  bytes of weights, 8,000 of state")  # fmt: skip


if __name__ == "__main__":
    main()
