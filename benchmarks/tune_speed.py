"""Speed of a search: the configurations of a shape stacked beside one training after the other.

The space is that of chapter 5: shapes of width, depth and batch size, and for each the same rates
and weight decays. Stacked, those of a shape train at once. The other side trains one at a time,
with Lightning (``fit``) and with the hand-written gradient (``fit_many`` with one seed), on one
configuration of each shape, scaled up, since those of a shape cost the same. All take the same
number of epochs, set-up included. Times are processor seconds, medians over the turns.

    python benchmarks/tune_speed.py [turns]
"""

import os
import statistics
import sys
import time

import numpy as np
import torch

from sportsml_lite.training import examples, fit, fit_many
from sportsml_lite.training.configurations import fit_configurations
from sportsml_lite.tune import SPACE

ROWS, VALIDATION, FEATURES, EPOCHS = 540, 120, 28, 6  # the simulated study's rows


def regression(dtype=torch.float32):
    """Rows with a smooth target."""
    random = np.random.default_rng(0)
    X = random.normal(size=(ROWS + VALIDATION, FEATURES))
    y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2] + 0.3 * random.normal(size=len(X))
    return examples(X[:ROWS], y[:ROWS], X[ROWS:], y[ROWS:], dtype)


def seconds_of(run, turns):
    """Median processor seconds."""
    times = []
    for _ in range(turns):
        begin = time.process_time()
        run()
        times.append(time.process_time() - begin)
    return statistics.median(times)


def stacked(data, group):
    """The configurations of one shape at once."""
    fit_configurations(group, data, [0] * len(group), EPOCHS, EPOCHS)


def by_hand(data, group):
    """One configuration of them, with the hand-written gradient."""
    fit_many(group[0].build, data, [0], group[0].training(EPOCHS, EPOCHS))


def lightning(data, group):
    """One configuration of them, with Lightning."""
    fit(group[0].build, data, 0, group[0].training(EPOCHS, EPOCHS))


def largest_difference(groups):
    """Of any weight, in float64, three epochs: stacked against one at a time with Lightning."""
    data = regression(torch.float64)
    some = [group[i % len(group)] for i, group in enumerate(groups)]
    pairs = zip(some, fit_configurations(some, data, [0] * len(some), 3), strict=True)
    return max(
        (a - b).abs().max().item()
        for one, result in pairs
        for a, b in zip(
            result.model.parameters(),
            fit(one.build, data, 0, one.training(3)).model.parameters(),
            strict=True,
        )
    )


def main():
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    torch.set_num_threads(1)
    data, everything = regression(), SPACE.everything()
    each = len(SPACE.levels["rate"]) * len(SPACE.levels["weight_decay"])
    groups = [everything[i : i + each] for i in range(0, len(everything), each)]
    print(
        f"torch {torch.__version__}, one thread, {ROWS} rows, {len(groups)} shapes of {each} "
        f"configurations, {EPOCHS} epochs each; {turns} turns, load {os.getloadavg()[0]:.1f}"
    )
    fit(everything[0].build, data, 0, everything[0].training(1))  # imports
    total = dict.fromkeys(("stacked", "one at a time, by hand", "one at a time, Lightning"), 0.0)
    ways = zip(total, (stacked, by_hand, lightning), (1, each, each), strict=True)
    ways = list(ways)
    print(f"\n{'width, depth, batch':24}{'ms a trial':>12}{'by hand':>10}{'Lightning':>11}")
    for group in groups:
        spent = []
        for name, run, scale in ways:
            seconds = scale * seconds_of(lambda run=run, group=group: run(data, group), turns)
            total[name] += seconds
            spent.append(seconds)
        ratios = [one / spent[0] for one in spent[1:]]
        print(f"{group[0].shape!s:24}{1000 * spent[0] / each:12.0f}"
              f"{ratios[0]:9.1f}×{ratios[1]:10.1f}×")  # fmt: skip
    print(f"\n{'':28}{'trials a minute':>17}{'stacked is':>13}")
    for name, seconds in total.items():
        speed = 60 * len(everything) / seconds
        print(f"{name:28}{speed:17.0f}{seconds / total['stacked']:12.1f}×")
    print("  goal: at least 5 times one at a time with Lightning")
    print(f"\nthree epochs in float64: weights differ by at most {largest_difference(groups[::6])}")


if __name__ == "__main__":
    main()
