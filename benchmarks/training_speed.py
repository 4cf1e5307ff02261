"""Speed of training the book's MLP: ours beside the plain recipe, in one process, in turns.

The plain recipe is what a textbook writes: ``TensorDataset`` and a shuffling ``DataLoader``, a
loop of ``zero_grad``, ``backward``, ``step`` with AdamW at 1e-3, batches of 32 and targets of shape
(N,). Its validation error is computed in one piece, which favours it. Every side starts from the
same weights and sees the batches in the same order. Times are medians over the turns: wall time,
and the processor's own time, which a busy machine disturbs less; ratios are of the medians.

    python benchmarks/training_speed.py [turns]
"""

import os
import statistics
import sys
import tempfile
import time
from functools import partial
from unittest.mock import patch

import lightning
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from sportsml_lite.models import MLP
from sportsml_lite.training import TrainConfig, examples, fit_many, stacked
from sportsml_lite.training.trainer import fit, make_trainer

ROWS, VALIDATION, FEATURES = 7000, 1500, 12
SEEDS = range(10)
EPOCHS = 3  # of the comparisons with a fixed amount of work


def regression(dtype=torch.float32):
    """Synthetic examples of the size of chapter 4's: 12 features, a bent surface, noise."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS + VALIDATION, FEATURES))
    y = np.tanh(X[:, 0] * X[:, 1]) + np.sin(X[:, 2]) + X[:, 3:] @ rng.normal(0, 0.3, FEATURES - 3)
    y += rng.normal(0, 0.5, len(y))
    return examples(X[:ROWS], y[:ROWS], X[ROWS:], y[ROWS:], dtype)


# --- the other side ------------------------------------------------------------------------------


class SameOrder:
    """Sampler: the orders that ours takes from the same seed."""

    def __init__(self, rows, seed):
        self.rows, self.generator = rows, torch.Generator().manual_seed(seed)

    def __len__(self):
        return self.rows

    def __iter__(self):
        return iter(torch.randperm(self.rows, generator=self.generator).tolist())


def plain(data, seed, epochs):
    """The plain recipe; returns the network and its validation MSE after each epoch."""
    torch.manual_seed(seed)
    model = MLP(FEATURES).to(data.train.X.dtype)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    rows = TensorDataset(data.train.X, data.train.y)
    loader = DataLoader(rows, batch_size=32, sampler=SameOrder(len(rows), seed))
    curve = []
    for _ in range(epochs):
        for X, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(X), y)
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            curve.append(nn.functional.mse_loss(model(data.validation.X), data.validation.y).item())
    return model, curve


class Usual(lightning.LightningModule):
    """Lightning as its first tutorial has it: automatic optimization, a log at every batch."""

    def __init__(self):
        super().__init__()
        self.model = MLP(FEATURES)

    def training_step(self, batch, batch_idx):
        loss = nn.functional.mse_loss(self.model(batch[0]), batch[1])
        self.log("train_mse", loss, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", nn.functional.mse_loss(self.model(batch[0]), batch[1]))

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


def usual_lightning(data, seed, epochs):
    """Lightning with a ``DataLoader``."""
    torch.manual_seed(seed)
    train, val = (
        TensorDataset(data.train.X, data.train.y),
        TensorDataset(data.validation.X, data.validation.y),
    )
    loaders = DataLoader(train, batch_size=32, shuffle=True), DataLoader(val, batch_size=VALIDATION)
    with tempfile.TemporaryDirectory() as folder:
        make_trainer(TrainConfig(max_epochs=epochs), folder).fit(Usual(), *loaders)


def gradient_by_vmap(weights, X, y):
    """In place of the gradient by hand: ``torch.func`` maps autograd over the stack."""
    base = MLP(FEATURES).to("meta")
    names = [name for name, _ in base.named_parameters()]

    def loss(own, X, y):
        return nn.functional.mse_loss(torch.func.functional_call(base, own, (X,)), y)

    stack = dict(zip(names, weights, strict=True))
    gradients, losses = torch.vmap(torch.func.grad_and_value(loss))(stack, X, y)
    return losses, [gradients[name] for name in names]


def gradient_by_autograd(weights, X, y):
    """In place of the gradient by hand: autograd through the batched matrix products."""
    leaves = [w.detach().requires_grad_() for w in weights]
    with torch.enable_grad():
        error = stacked.forward(leaves, X)[-1].squeeze(-1) - y
        losses = error.square().mean(1)
        gradients = torch.autograd.grad(losses.sum(), leaves)
    return losses.detach(), gradients


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


def report(title, times, ours, goals=()):
    """Print a line a case, with how many times slower than ``ours`` it is, and the goals."""
    print(f"\n{title}\n{'':42}{'wall (s)':>9}{'cpu (s)':>9}{'wall/ours':>11}{'cpu/ours':>10}")
    for name, (wall, cpu) in times.items():
        ratios = wall / times[ours][0], cpu / times[ours][1]
        print(f"{name:42}{wall:9.3f}{cpu:9.3f}{ratios[0]:11.2f}{ratios[1]:10.2f}")
    for text in goals:
        print(f"  goal: {text}")


def time_to_target(data, turns):
    """Seconds until validation MSE first comes within 1 % of the plain recipe's best."""
    seeds = SEEDS[:3]
    needed = {}
    for seed in seeds:
        (ours,) = fit_many(MLP, data, [seed])  # stops early: as many epochs for the plain loop
        curve = plain(data, seed, len(ours.history))[1]
        target = 1.01 * min(curve)
        errors = {"plain": curve, "ours": ours.history["val_loss"]}
        needed[seed] = {who: _first(each, target) for who, each in errors.items()}
        print(f"seed {seed}: target {target:.4f}; epochs to it {needed[seed]}")
    times = in_turns(
        {
            "plain loop": lambda: [plain(data, s, needed[s]["plain"]) for s in seeds],
            "ours, fit_many with one seed": lambda: [
                fit_many(MLP, data, [s], TrainConfig(max_epochs=needed[s]["ours"])) for s in seeds
            ],
            "ours, fit (Lightning)": lambda: [
                fit(MLP, data, s, TrainConfig(max_epochs=needed[s]["ours"])) for s in seeds
            ],
        },
        turns,
    )
    report(
        f"(a) until validation MSE is within 1 % of plain's best, {len(seeds)} seeds together",
        times,
        "ours, fit_many with one seed",
        ["plain / ours at least 2"],
    )


def _first(errors, target):
    """The epoch, from 1, whose error first reaches the target."""
    for epoch, error in enumerate(errors, 1):
        if error <= target:
            return epoch
    raise SystemExit(f"validation MSE never came down to {target:.4f}")


def one_epoch(data, turns):
    """An epoch with its validation: the difference of a long and a short run, without set-up."""

    def of(run):
        return {epochs: partial(run, epochs) for epochs in (1, 1 + EPOCHS)}

    cases = {
        "plain loop": of(lambda n: plain(data, 0, n)),
        "ours, fit (Lightning)": of(lambda n: fit(MLP, data, 0, TrainConfig(max_epochs=n))),
        "Lightning as usual, DataLoader": of(lambda n: usual_lightning(data, 0, n)),
        "ours, fit_many with one seed": of(
            lambda n: fit_many(MLP, data, [0], TrainConfig(max_epochs=n))
        ),
    }
    flat = {(name, n): run for name, runs in cases.items() for n, run in runs.items()}
    times = in_turns(flat, turns)
    epoch = {
        name: [
            (long - short) / EPOCHS
            for long, short in zip(times[name, 1 + EPOCHS], times[name, 1], strict=True)
        ]
        for name in cases
    }
    report(
        "(b) an epoch at batch 32, with its validation", epoch, "plain loop", ["Lightning <= 1.2"]
    )


def ten_seeds(data, turns):
    """Ten seeds at once against one after the other, for a fixed number of epochs."""
    config = TrainConfig(max_epochs=EPOCHS)

    def many():
        return fit_many(MLP, data, SEEDS, config)

    def with_gradient(replacement):
        with patch.object(stacked, "gradient", replacement):
            many()

    cases = {
        "ours, fit_many": many,
        "ten fits in turn (Lightning, ours)": lambda: [fit(MLP, data, s, config) for s in SEEDS],
        "ten plain loops": lambda: [plain(data, s, EPOCHS) for s in SEEDS],
        "fit_many, autograd for the gradient": lambda: with_gradient(gradient_by_autograd),
        "fit_many, torch.vmap for the gradient": lambda: with_gradient(gradient_by_vmap),
    }
    report(
        f"(c) ten seeds, {EPOCHS} epochs each, set-up included",
        in_turns(cases, turns),
        "ours, fit_many",
        ["ten fits at least 5", "ten plain loops at least 2"],
    )


def largest_difference():
    """Largest difference of any weight: ten seeds stacked against ten plain loops, in float64."""
    data = regression(torch.float64)
    many = fit_many(MLP, data, SEEDS, TrainConfig(max_epochs=3))
    pairs = [(one, plain(data, one.seed, one.best_epoch)[0]) for one in many]
    return max(
        (a - b).abs().max().item()
        for one, alone in pairs
        for a, b in zip(one.model.parameters(), alone.parameters(), strict=True)
    )


def main():
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    torch.set_num_threads(1)
    data = regression()
    print(
        f"torch {torch.__version__}, one thread, {ROWS} + {VALIDATION} rows, {FEATURES} features; "
        f"{turns} turns, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    )
    time_to_target(data, turns)
    one_epoch(data, turns)
    ten_seeds(data, turns)
    print(
        f"\nten seeds, three epochs, float64: weights differ by at most {largest_difference():.1e}"
    )


if __name__ == "__main__":
    main()
