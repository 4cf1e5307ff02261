"""Many configurations at once: networks of one shape side by side, each with a rate of its own.

:mod:`sportsml_lite.training.stacked` trains seeds that share every setting. Here the learning rate
and the weight decay are numbers (S, 1) beside weights (S, P), so that one product applies S of
each. AdamW works element by element, so every network takes the steps that it would take alone.
Width, depth and batch size change shapes: configurations that agree in them are stacked, and the
stacks run one after the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from sportsml_lite.errors import UserError
from sportsml_lite.models import MLP
from sportsml_lite.training.config import TrainConfig, repeatable
from sportsml_lite.training.data import TrainData, TrainResult
from sportsml_lite.training.stacked import Track, forward, gradient

BETAS, EPSILON = (0.9, 0.999), 1e-8  # of AdamW, torch's defaults
LIMITS = {"width": (1, 10_000), "depth": (1, 100)}


@dataclass(frozen=True)
class Configuration:
    """The hyper-parameters of an MLP; the defaults are those of the book's.

    Parameters
    ----------
    rate : learning rate of AdamW; weight_decay : of AdamW
    width : units of each hidden layer; depth : hidden layers
    batch_size : rows a step

    Raises
    ------
    UserError naming the parameter and what it may be
    """

    rate: float = 1e-3
    weight_decay: float = 0.01
    width: int = 100
    depth: int = 2
    batch_size: int = 32

    def __post_init__(self):
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise UserError(f"{name} = {value!r}: give a whole number from {low} to {high}")
        self.training()

    def training(self, max_epochs: int = 60, patience: int = 10) -> TrainConfig:
        """The same for a training alone, e.g. with :func:`sportsml_lite.training.fit`."""
        return TrainConfig(
            rate=self.rate,
            weight_decay=self.weight_decay,
            batch_size=self.batch_size,
            max_epochs=max_epochs,
            patience=patience,
        )

    def build(self, n_features: int) -> MLP:
        """The untrained network."""
        return MLP(n_features, (self.width,) * self.depth)

    @property
    def shape(self) -> tuple[int, int, int]:
        """What must agree in a stack: width, depth, batch size."""
        return self.width, self.depth, self.batch_size


@dataclass
class Stack:
    r"""Networks of one shape under way; :meth:`epoch` takes all of them through their rows once.

    AdamW (Loshchilov and Hutter 2019) with :math:`\eta_s` the rate and :math:`\lambda_s` the decay
    of network s, and :math:`\hat m, \hat v` its running means of gradient and squared gradient:

    .. math:: w_s \leftarrow (1 - \eta_s \lambda_s)\, w_s
       - \eta_s\, \hat m / (\sqrt{\hat v} + \epsilon)

    Parameters
    ----------
    configurations : S of one shape; seeds : of each one's first weights and order of batches
    data : from :func:`~sportsml_lite.training.data.examples`

    Raises
    ------
    UserError if shapes differ, or numbers of configurations and seeds do
    """

    configurations: Sequence[Configuration]
    seeds: Sequence[int]
    data: TrainData
    models: list[MLP] = field(init=False)

    def __post_init__(self):
        shapes = {c.shape for c in self.configurations}
        if len(shapes) != 1 or len(self.seeds) != len(self.configurations):
            raise UserError(f"a stack takes one shape and as many seeds as configurations, not "
                            f"{len(shapes)} shapes and {len(self.seeds)} seeds")  # fmt: skip
        rows = self.data.train
        self.models = [
            _untrained(c, s, rows.X) for c, s in zip(self.configurations, self.seeds, strict=True)
        ]
        self.orders = [torch.Generator().manual_seed(int(seed)) for seed in self.seeds]
        self.size = min(self.configurations[0].batch_size, len(rows))
        self.steps = -(-len(rows) // self.size)
        self.done = 0  # steps so far
        flat = [torch.cat([w.detach().flatten() for w in m.parameters()]) for m in self.models]
        self.weights = torch.stack(flat)
        self.mean, self.square = torch.zeros_like(self.weights), torch.zeros_like(self.weights)
        columns = ([c.rate for c in self.configurations],
                   [1 - c.rate * c.weight_decay for c in self.configurations])  # fmt: skip
        self.rate, self.shrink = (torch.tensor(c, dtype=flat[0].dtype)[:, None] for c in columns)

    def layers(self) -> list[torch.Tensor]:
        """The weights as each layer's W (S, above, below) and b (S, above): views, no copies."""
        shapes = [w.shape for w in self.models[0].parameters()]
        ends = list(itertools.accumulate(s.numel() for s in shapes))
        starts = [0, *ends[:-1]]
        parts = zip(starts, ends, shapes, strict=True)
        return [self.weights[:, a:b].unflatten(1, shape) for a, b, shape in parts]

    @torch.no_grad()
    def epoch(self) -> tuple[torch.Tensor, torch.Tensor]:
        """One pass, each network in its own order; returns training and validation MSE (S,)."""
        rows, layers = self.data.train, self.layers()
        order = torch.stack([torch.randperm(len(rows), generator=own) for own in self.orders])
        total = torch.zeros(len(self.orders), dtype=rows.y.dtype)
        for part in order.split(self.size, 1):
            losses, gradients = gradient(layers, rows.X[part], rows.y[part])
            self._step(torch.cat([g.flatten(1) for g in gradients], 1))
            total += losses * part.shape[1]
        part = self.data.validation
        answers = forward(layers, part.X.expand(len(self.orders), -1, -1))[-1].squeeze(-1)
        return total / len(rows), (answers - part.y).square().mean(1)

    def _step(self, slope: torch.Tensor) -> None:
        self.done += 1
        first, second = (1 - beta**self.done for beta in BETAS)
        self.mean.lerp_(slope, 1 - BETAS[0])
        self.square.mul_(BETAS[1]).addcmul_(slope, slope, value=1 - BETAS[1])
        size = torch.sqrt(self.square, out=slope).div_(second**0.5).add_(EPSILON)
        move = torch.div(self.mean, size, out=size)
        self.weights.mul_(self.shrink).addcmul_(move, self.rate, value=-1 / first)

    def keep(self, rows: list[int]) -> None:
        """Leave only these networks in the stack, with what AdamW remembers of them."""
        self.orders = [self.orders[r] for r in rows]
        for name in ("weights", "mean", "square", "rate", "shrink"):
            setattr(self, name, getattr(self, name)[rows])

    def state(self, row: int) -> dict[str, torch.Tensor]:
        """Weights of one network by name."""
        names = [name for name, _ in self.models[0].named_parameters()]
        return {name: w[row] for name, w in zip(names, self.layers(), strict=True)}


def fit_configurations(
    configurations: Sequence[Configuration],
    data: TrainData,
    seeds: Sequence[int],
    max_epochs: int = 60,
    patience: int = 10,
) -> list[TrainResult | None]:
    """Train an MLP of each configuration, those of one shape at once.

    Each gets what :func:`~sportsml_lite.training.trainer.fit` gives it alone with the same seed,
    but for rounding: equal within 1e-8 over some epochs in float64.

    Parameters
    ----------
    configurations : of any shapes; data : as for ``fit``
    seeds : of each configuration's first weights and order of batches, in their order
    max_epochs, patience : as in :class:`~sportsml_lite.training.config.TrainConfig`

    Returns
    -------
    one result a configuration, in their order; None where training diverged

    Raises
    ------
    UserError if there is no configuration, or their number is not that of the seeds
    """
    if not configurations or len(configurations) != len(seeds):
        raise UserError(f"{len(configurations)} configurations and {len(seeds)} seeds: give at "
                        "least one configuration, and a seed for each")  # fmt: skip
    groups: dict[tuple, list[int]] = {}
    for i, configuration in enumerate(configurations):
        groups.setdefault(configuration.shape, []).append(i)
    found: list[TrainResult | None] = [None] * len(configurations)
    for own in groups.values():
        stack = Stack([configurations[i] for i in own], [seeds[i] for i in own], data)
        for i, result in zip(own, _train(stack, max_epochs, patience), strict=True):
            found[i] = result
    return found


def _train(stack: Stack, max_epochs: int, patience: int) -> list[TrainResult | None]:
    tracks = [Track() for _ in stack.seeds]
    active = list(range(len(tracks)))
    with repeatable(0):
        for _ in range(max_epochs):
            train, val = (each.tolist() for each in stack.epoch())
            for row, i in enumerate(active):
                tracks[i].add(stack.steps, train[row], val[row], stack.state(row))
            rows = [r for r, i in enumerate(active) if not tracks[i].finished(patience)]
            if not rows:
                break
            if len(rows) < len(active):
                active = [active[r] for r in rows]
                stack.keep(rows)
    each = zip(tracks, stack.models, stack.seeds, strict=True)
    return [None if t.weights is None else t.result(m, s) for t, m, s in each]


def _untrained(configuration: Configuration, seed: int, X: torch.Tensor) -> MLP:
    with repeatable(seed):
        return configuration.build(X.shape[1]).to(X.dtype)
