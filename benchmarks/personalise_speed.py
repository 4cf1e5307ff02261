"""Speed of personalising: a thousand athletes in one call beside a loop over them, in turns.

The loop is what a textbook writes: copy the student, freeze what stays, and take steps of AdamW
with autograd, an athlete at a time (``personalise_one``, which the tests show to give the same
weights). It is measured on a sub-sample of the athletes and scaled up, since athletes cost the
same. A second loop is kinder to itself: it computes the features before the head once. Times are
medians over the turns; ratios are of the medians. Memory is the largest resident size of a fresh
process, less what the same process held before the call.

    python benchmarks/personalise_speed.py [turns]
"""

import copy
import multiprocessing
import os
import resource
import statistics
import sys
import time

import torch
from torch.nn import functional as F

from sportsml_lite.models import Student
from sportsml_lite.transfer import Adaptation, Support, personalise_many, personalise_one

CHANNELS, LENGTH, CLASSES = 6, 180, 5  # swimming: 6 s at 30 Hz
WIDTH, STRIDE, WINDOWS = 16, 3, 5  # a student of 2.4 thousand parameters, one window a class
ATHLETES, LOOP_HEAD, LOOP_ALL, FEW_ALL = 1000, 10, 4, 200
STEPS = 60
SIZES = (1000, 3000, 10_000)
HEAD, ALL = Adaptation("head", steps=STEPS), Adaptation("all", steps=STEPS, rate=1e-3)


def study(athletes):
    """A student and synthetic windows: a class is a frequency, an athlete shifts it."""
    torch.manual_seed(0)
    student = Student(CHANNELS, CLASSES, WIDTH, stride=STRIDE).eval()
    y = torch.arange(WINDOWS).repeat(athletes, 1) % CLASSES
    X = torch.randn(athletes, WINDOWS, CHANNELS, LENGTH).mul_(0.5)
    time_axis = torch.linspace(0, 6.3, LENGTH)
    for own, part in zip(y.split(100), X.split(100), strict=True):  # in pieces: no peak of its own
        pitch = 1 + own + 0.3 * torch.randn(len(own), 1)
        part += (pitch[..., None, None] * time_axis).sin()
    return student, Support(X, None, y)


def loop(student, support, adaptation):
    """The plain loop."""
    return [
        personalise_one(student, support.take(slice(i, i + 1)), adaptation)
        for i in range(len(support))
    ]


def loop_on_features(student, support):
    """The plain loop over the head, with the features computed once an athlete."""
    for i in range(len(support)):
        head = copy.deepcopy(student.head)
        with torch.no_grad():
            features = student.features(support.X[i])
        optimizer = torch.optim.AdamW(head.parameters(), lr=HEAD.rate, weight_decay=0)
        for _ in range(STEPS):
            optimizer.zero_grad()
            F.cross_entropy(head(features), support.y[i]).backward()
            optimizer.step()


def in_turns(cases, turns):
    """Median seconds of each case times its scale; a busy moment meets all of them."""
    times = {name: [] for name in cases}
    for _ in range(turns):
        for name, (run, scale) in cases.items():
            begin = time.perf_counter()
            run()
            times[name].append(scale * (time.perf_counter() - begin))
    return {name: statistics.median(each) for name, each in times.items()}


def report(title, times, goal):
    """A line a case, with how many times slower than the first it is."""
    print(f"\n{title}\n{'':52}{'seconds':>10}{'times':>8}")
    ours = next(iter(times.values()))
    for name, seconds in times.items():
        print(f"{name:52}{seconds:10.2f}{seconds / ours:8.1f}")
    print(f"  goal: {goal}")


def peak_mb(queue, athletes, adaptation):
    """In a process of its own: seconds and the memory that the call adds to its windows."""
    torch.set_num_threads(1)
    student, support = study(athletes)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    personalise_many(student, support, adaptation)
    seconds = time.perf_counter() - begin
    queue.put((seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024))


def growth(adaptation, sizes):
    """Seconds and added memory against the number of athletes."""
    print(f"\n{adaptation.method}, {adaptation.steps} steps: cost against athletes")
    print(f"{'athletes':>10}{'seconds':>10}{'ms each':>10}{'added MB':>10}{'result MB':>11}")
    context = multiprocessing.get_context("spawn")
    for size in sizes:
        queue = context.Queue()
        process = context.Process(target=peak_mb, args=(queue, size, adaptation))
        process.start()
        seconds, added = queue.get()
        process.join()
        student = study(1)[0]
        moved = student.head if adaptation.method == "head" else student
        result = size * sum(p.numel() for p in moved.parameters()) * 4 / 2**20
        each = 1000 * seconds / size
        print(f"{size:10,}{seconds:10.2f}{each:10.2f}{added:10.0f}{result:11.0f}")


def main():
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    torch.set_num_threads(1)
    student, support = study(ATHLETES)
    print(
        f"torch {torch.__version__}, one thread, {ATHLETES:,} athletes, {WINDOWS} windows of "
        f"{CHANNELS} x {LENGTH} each, {STEPS} steps; {turns} turns, load "
        f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    )
    few, fewer = support.take(slice(LOOP_HEAD)), support.take(slice(LOOP_ALL))
    some = support.take(slice(FEW_ALL))
    head = in_turns(
        {
            "personalise_many": (lambda: personalise_many(student, support, HEAD), 1),
            f"loop, {LOOP_HEAD} athletes scaled up": (
                lambda: loop(student, few, HEAD),
                ATHLETES / LOOP_HEAD,
            ),
            f"loop on ready features, {LOOP_HEAD} scaled up": (
                lambda: loop_on_features(student, few),
                ATHLETES / LOOP_HEAD,
            ),
        },
        turns,
    )
    report("head only", head, "loop at least 50 times")
    layers = in_turns(
        {
            f"personalise_many, {FEW_ALL} athletes scaled up": (
                lambda: personalise_many(student, some, ALL),
                ATHLETES / FEW_ALL,
            ),
            f"loop, {LOOP_ALL} athletes scaled up": (
                lambda: loop(student, fewer, ALL),
                ATHLETES / LOOP_ALL,
            ),
        },
        turns,
    )
    report("all layers", layers, "loop at least 8 times")
    growth(HEAD, SIZES)
    growth(Adaptation("all", steps=2, rate=1e-3), SIZES)


if __name__ == "__main__":
    main()
