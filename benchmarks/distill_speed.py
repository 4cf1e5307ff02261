"""Speed of distillation and of the student, side by side in one process, in turns.

(a) What a teacher costs while a student trains: an epoch of the plain student, of the distilled one
whose teacher has answered all windows once, and of one whose teacher answers each augmented batch
anew. Same windows, same order, same steps; set-up is taken out as the difference of a long and a
short run. (b) What a window costs in use: student and teacher, one window and 256, one thread, as
PyTorch runs them, as a traced, frozen module, and the student *folded* for one window: the same
numbers from fewer operations (:class:`Folded`). Random weights and windows: time does not depend on
their values. (c) Many students: seeds, half of them distilled, trained side by side, and one after
the other with Lightning (two of them, scaled up), 60 steps with 3 checks each.

    python benchmarks/distill_speed.py [turns]
"""

import os
import statistics
import sys
import time
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from sportsml_lite.losses import Hard, Soft
from sportsml_lite.models import LSTMTeacher, Student, count_parameters
from sportsml_lite.prepare.tasks import MIRRORED
from sportsml_lite.training import Sequences, TrainConfig, TrainData, outputs_of
from sportsml_lite.training.augment import sensors_of
from sportsml_lite.training.networks import MOTION, SECONDS, latency_us
from sportsml_lite.training.together import Ask, fit_students
from sportsml_lite.training.trainer import fit

AXES = [f"{sensor}_{axis}_{unit}" for sensor, unit in (("acc", "mps2"), ("gyro", "radps"))
        for axis in "xyz"]  # fmt: skip
# Name: channels, samples, classes, stride of the student, sizes, further symmetries of the window.
TASKS = {
    "swimming (6 x 180, 30 Hz)": (6, 180, 5, 3, MOTION, (MIRRORED,)),
    "simulated (4 x 120, 1 Hz)": (4, 120, 3, 2, SECONDS, ()),
    "actes (1 x 60, 1 Hz)": (1, 60, 3, 2, SECONDS, ()),
}
WINDOWS = 2048
EPOCH = WINDOWS // 64  # steps
WIDTHS = (8, 16, 24, 32)
STUDENTS = 8


def windows_of(channels, samples, classes, symmetries):
    """Random windows in the form of a task."""
    torch.manual_seed(0)
    part = Sequences(
        torch.randn(WINDOWS, channels, samples), None, torch.randint(classes, (WINDOWS,))
    )
    few = part.take(torch.arange(64))
    signs = torch.tensor([(1,) * channels, *symmetries], dtype=torch.float32)
    sensors = sensors_of(AXES[:channels], np.zeros(channels), np.ones(channels))
    return TrainData(part, few, signs, None, classes, sensors)


def teacher_of(channels, classes, sizes):
    """The pipeline's teacher, with weights as they come."""
    shape = sizes.teacher_width, sizes.teacher_hidden, sizes.teacher_layers
    return LSTMTeacher(channels, classes, *shape).eval()


class AskEachStep:
    """Soft loss whose teacher answers the batch that the student sees, over all symmetries."""

    def __init__(self, teacher, signs, soft):
        self.teacher, self.signs, self.soft, self.batch = teacher, signs, soft, None

    def __call__(self, outputs, y, soft, weight):
        part = Sequences(self.batch, None, y)
        told = outputs_of(self.teacher, part, self.signs).clone()
        return self.soft(outputs, y, told, weight)


class Seen(Student):
    """A student that shows its batch to a teacher."""

    asker = None

    def forward(self, x, mask=None):
        if self.training:
            self.asker.batch = x
        return super().forward(x, mask)


class Folded(nn.Module):
    r"""A trained student for one window of T samples, with few and fused operations.

    Nothing stands between a depthwise and a pointwise convolution, so that they are one product,
    :math:`W_{oik} = P_{oi} D_{ik}`; a convolution is a matrix product of the windows it sees, which
    are a view of the padded steps; with steps as rows, the norm over channels is PyTorch's own.
    """

    def __init__(self, student: Student, samples: int):
        super().__init__()
        stem, self.kernel, self.stride = student.stem, student.kernel, student.stride
        self.channels, self.width = stem.in_channels, stem.out_channels
        self.steps = samples // self.stride
        self.stem = stem.weight.permute(2, 1, 0).reshape(-1, self.width), stem.bias
        self.blocks = [
            (*self._product(depth, point), norm.scale, norm.shift, depth.dilation[0])
            for depth, point, norm in zip(student.depth, student.point, student.norms, strict=True)
        ]
        self.head = student.head

    @staticmethod
    def _product(depth, point):
        mix = point.weight[:, :, 0]
        weight = torch.einsum("oi,ik->kio", mix, depth.weight[:, 0])
        return weight.reshape(-1, len(mix)), mix @ depth.bias + point.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(1, C, T) to (1, outputs)."""
        kernel, width, channels = self.kernel, self.width, self.channels
        x = F.pad(x[0].T, (0, 0, kernel - self.stride, 0))
        seen = x.as_strided((self.steps, kernel * channels), (self.stride * channels, 1))
        x = torch.addmm(self.stem[1], seen, self.stem[0]).relu()
        for weight, bias, scale, shift, dilation in self.blocks:
            padded = F.pad(x, (0, 0, (kernel - 1) * dilation, 0))
            seen = padded.as_strided((self.steps, kernel, width), (width, dilation * width, 1))
            y = torch.addmm(bias, seen.reshape(self.steps, -1), weight)
            x = x + F.layer_norm(y, (width,), scale, shift, 1e-5).relu()
        return self.head(torch.cat([x.mean(0), x[-1]])[None])


# --- timing --------------------------------------------------------------------------------------


def in_turns(cases, turns):
    """Median wall and processor seconds of each case; a busy moment meets all of them."""
    times = {name: [] for name in cases}
    for _ in range(turns):
        for name, run in cases.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {
        name: [statistics.median(each) for each in zip(*pairs, strict=True)]
        for name, pairs in times.items()
    }


def one_epoch(name, turns):
    """Print the price of an epoch of the three students."""
    channels, samples, classes, stride, sizes, symmetries = TASKS[name]
    data = windows_of(channels, samples, classes, symmetries)
    teacher = teacher_of(channels, classes, sizes)
    width, loss = sizes.student_width, Soft(0.5, 2.0)
    soft = outputs_of(teacher, data.train, data.signs)
    asker = AskEachStep(teacher, data.signs, loss)

    def seen(channels):
        student = Seen(channels, classes, width, stride=stride)
        student.asker = asker
        return student

    def usual(channels):
        return Student(channels, classes, width, stride=stride)

    def run(build, loss, soft, epochs):
        config = TrainConfig(max_epochs=epochs, steps_per_epoch=EPOCH, batch_size=64)
        fit(build, data, 0, config, loss, soft)

    students = {
        "plain": partial(run, usual, Hard(), None),
        "distilled, logits once": partial(run, usual, loss, soft),
        "distilled, asked each step": partial(run, seen, asker, soft),
    }
    cases = {(n, epochs): partial(f, epochs) for n, f in students.items() for epochs in (1, 4)}
    cases["once", 0] = lambda: outputs_of(teacher, data.train, data.signs)
    in_turns(cases, 1)  # warm
    times = in_turns(cases, turns)
    epoch = {n: [(a - b) / 3 for a, b in zip(times[n, 4], times[n, 1], strict=True)]
             for n in students}  # fmt: skip
    print(f"\n(a) {name}: an epoch of {EPOCH} batches of 64, with a check\n"
          f"{'':30}{'wall (s)':>9}{'cpu (s)':>9}{'wall/plain':>12}{'cpu/plain':>11}")  # fmt: skip
    for n, (wall, cpu) in epoch.items():
        ratios = wall / epoch["plain"][0], cpu / epoch["plain"][1]
        print(f"{n:30}{wall:9.3f}{cpu:9.3f}{ratios[0]:12.2f}{ratios[1]:11.2f}")
    print(f"{'the logits, once':30}{times['once', 0][0]:9.3f}{times['once', 0][1]:9.3f}")
    print("  goal: logits once at most 1.3")


def frozen(model, X):
    """Traced, its weights made constants, its operations fused where PyTorch can."""
    return torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(model, X)))


def in_use(name, turns):
    """Print parameters, kB and microseconds of the teacher and of students of four widths."""
    channels, samples, classes, stride, sizes, symmetries = TASKS[name]
    models = {"teacher": teacher_of(channels, classes, sizes)}
    models |= {f"student {w}": Student(channels, classes, w, stride=stride) for w in WIDTHS}
    print(f"\n(b) {name}: µs a window, median (fastest); the teacher in one of its "
          f"{1 + len(symmetries)} passes\n"
          f"{'':12}{'parameters':>11}{'kB':>7}{'kB int8':>9}{'one':>14}"
          f"{'one, frozen':>14}{'one, folded':>14}{'256':>14}{'256, frozen':>14}")  # fmt: skip
    largest = 0.0
    for n, model in models.items():
        size = count_parameters(model.eval())
        with torch.inference_mode():
            X, many = torch.randn(1, channels, samples), torch.randn(256, channels, samples)
            forms = [(model, X), (frozen(model, X), X), None, (model, many),
                     (frozen(model, many), many)]  # fmt: skip
            if isinstance(model, Student):
                folded = Folded(model.requires_grad_(False), samples)
                largest = max(largest, (folded(X) - model(X)).abs().max().item())
                forms[2] = frozen(folded.eval(), X), X
            spent = [latency_us(*form, 20 * turns) if form else None for form in forms]
            times = ["–" if t is None else f"{np.median(t):.0f} ({t.min():.0f})" for t in spent]
        print(f"{n:12}{size:11,}{4 * size / 1000:7.1f}{size / 1000:9.1f}"
              + "".join(f"{time_:>14}" for time_ in times))  # fmt: skip
    print(
        f"  folded and usual outputs differ by at most {largest:.0e}\n"
        "  goal: a student of at most 10,000 parameters and 100 µs, one window at a time"
    )


def side_by_side(name, turns):
    """Print seconds of a student among many, and of one after the other."""
    channels, samples, classes, stride, sizes, symmetries = TASKS[name]
    data = windows_of(channels, samples, classes, symmetries)
    data = replace(data, validation=data.train.take(slice(WINDOWS // 2)))
    config = replace(sizes.student, max_epochs=3, steps_per_epoch=20)
    soft = torch.randn(WINDOWS, classes)

    def build(channels):
        return Student(channels, classes, sizes.student_width, stride=stride)

    asks = [Ask(build, data, seed, config, *((Soft(), soft) if seed % 2 else (Hard(),)))
            for seed in range(STUDENTS)]  # fmt: skip

    def one_by_one():
        for a in asks[:2]:
            fit(a.build, a.data, a.seed, a.config, a.loss, a.soft)

    cases = {"ours": lambda: fit_students(asks), "ours, one at a time": lambda: [
        fit_students([ask]) for ask in asks], "in turn": one_by_one}  # fmt: skip
    in_turns(cases, 1)  # warm
    times = in_turns(cases, turns)
    print(f"\n(c) {name}: a student of {STUDENTS}\n{'':30}{'wall (s)':>9}{'cpu (s)':>9}"
          f"{'wall/ours':>11}{'cpu/ours':>10}")  # fmt: skip
    each = {n: [t / (2 if n == "in turn" else STUDENTS) for t in pair] for n, pair in times.items()}
    for n, (wall, cpu) in each.items():
        ratios = wall / each["ours"][0], cpu / each["ours"][1]
        print(f"{n:30}{wall:9.3f}{cpu:9.3f}{ratios[0]:11.2f}{ratios[1]:10.2f}")
    print("  goal: in turn at least 3 times ours")


def main():
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread, {turns} turns, load {os.getloadavg()[0]:.1f} on "
          f"{os.cpu_count()} processors")  # fmt: skip
    for name in TASKS:
        one_epoch(name, turns)
    for name in TASKS:
        in_use(name, turns)
    for name in TASKS:
        side_by_side(name, turns)


if __name__ == "__main__":
    main()
