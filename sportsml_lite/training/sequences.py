"""Training on windows: a teacher or a student, with Lightning, for a fixed number of steps.

A fixed number of steps, not of epochs: a student with more windows (because a teacher has
labelled some of them) then works no longer than one with fewer.
"""

from __future__ import annotations

import hashlib
import inspect
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import lightning
import numpy as np
import pandas as pd
import torch
from filelock import FileLock
from torch import nn

from sportsml_lite import losses, models, paths
from sportsml_lite.errors import UserError
from sportsml_lite.training.recipe import repeatable
from sportsml_lite.training.saved import _read, _write

CHUNK = 1024  # windows of a forward pass without gradients


@dataclass(frozen=True)
class Sequences:
    """Windows as a network reads them.

    X : (N, C, T) float32, scaled, without gaps; mask : (N, T) bool, or None where nothing is
    padded; y : (N,) int64 class, -1 without a label, or float32, NaN without one
    """

    X: torch.Tensor
    mask: torch.Tensor | None
    y: torch.Tensor

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows) -> Sequences:
        """The windows at ``rows``, an index or a (N,) bool tensor or array."""
        rows = torch.as_tensor(rows)
        mask = None if self.mask is None else self.mask[rows]
        return Sequences(self.X[rows], mask, self.y[rows])


@dataclass(frozen=True)
class WindowData:
    """What a training on windows needs.

    train, validation : :class:`Sequences` of different athletes
    signs : (G, C) symmetries of ±1, each window of a batch gets one by chance
    weight : (K,) of the classes, or None
    n_outputs : K classes, or 1
    """

    train: Sequences
    validation: Sequences
    signs: torch.Tensor
    weight: torch.Tensor | None
    n_outputs: int

    def __post_init__(self):
        for name in ("train", "validation"):
            part = getattr(self, name)
            if not len(part):
                raise UserError(f"{name}: no windows; give at least one athlete with a recording")
            if not bool(torch.isfinite(part.X).all()):
                raise UserError(f"{name}: a window has a missing value; use prepare.fill_windows")
        shapes = {tuple(p.X.shape[1:]) for p in (self.train, self.validation)}
        if len(shapes) > 1 or self.signs.shape[1] != self.train.X.shape[1]:
            raise UserError(f"windows of shapes {sorted(shapes)} and signs "
                            f"{tuple(self.signs.shape)}; give all the same channels")  # fmt: skip
        y = self.validation.y
        known = torch.isfinite(y) if y.is_floating_point() else y >= 0
        if self.weight is not None:
            known &= self.weight[y.clamp(min=0)] > 0
        if not bool(known.any()):
            raise UserError("validation: no window has a label that training has too, so nothing "
                            "says which check is best; give other athletes")  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """How long and how fast a network learns from windows.

    steps : batches in all; batch_size : windows a batch; rate : highest learning rate of AdamW
    (it rises over the first tenth and then falls to zero along a cosine); weight_decay : of AdamW;
    clip : largest norm of the gradient; checks : times that validation athletes are asked;
    patience : checks without a lower validation loss after which training stops
    """

    steps: int = 800
    batch_size: int = 64
    rate: float = 3e-3
    weight_decay: float = 0.01
    clip: float = 1.0
    checks: int = 20
    patience: int = 20

    def __post_init__(self):
        for name in ("steps", "batch_size", "rate", "clip", "checks", "patience"):
            if not getattr(self, name) > 0:
                raise UserError(f"{name} = {getattr(self, name)}: give a number above 0")
        if self.checks > self.steps:
            raise UserError(f"checks = {self.checks} above steps = {self.steps}; take fewer")

    def factor(self, step: int) -> float:
        """Share of the highest rate at a step: up over the first tenth, down along a cosine."""
        rise = max(1, self.steps // 10)
        if step < rise:
            return (step + 1) / rise
        along = (step - rise) / max(1, self.steps - rise)
        return 0.5 * (1 + float(np.cos(np.pi * min(along, 1.0))))


@dataclass(frozen=True)
class Trained:
    """A network in ``eval`` mode with the weights of its best check.

    history : a row a check: step, train_loss, val_loss
    """

    model: nn.Module
    history: pd.DataFrame
    seed: int


Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None, torch.Tensor | None],
                torch.Tensor]  # fmt: skip


class Batches:
    """Batches without end in a new random order each pass, a check's worth at a time."""

    def __init__(self, data: WindowData, soft: torch.Tensor | None, plan: Plan, seed: int):
        self.data, self.soft, self.size = data, soft, plan.batch_size
        self.count = -(-plan.steps // plan.checks)
        self.random = torch.Generator().manual_seed(int(seed))
        self.left = torch.zeros(0, dtype=torch.long)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[tuple]:
        part, signs = self.data.train, self.data.signs
        for _ in range(self.count):
            rows = self._rows()
            turn = torch.randint(len(signs), (len(rows),), generator=self.random)
            X = part.X[rows] * signs[turn][:, :, None]
            mask = torch.empty(0) if part.mask is None else part.mask[rows]
            soft = torch.empty(0) if self.soft is None else self.soft[rows]
            yield X, mask, part.y[rows], soft

    def _rows(self) -> torch.Tensor:
        size = min(self.size, len(self.data.train))
        while len(self.left) < size:
            order = torch.randperm(len(self.data.train), generator=self.random)
            self.left = torch.cat([self.left, order])
        rows, self.left = self.left[:size], self.left[size:]
        return rows


class WindowModule(lightning.LightningModule):
    """Holds the loss, the steps and the optimizer; keeps the weights of the best check.

    loss : function of outputs, labels, the teacher's outputs (or None) and class weights
    """

    def __init__(self, model: nn.Module, loss: Loss, weight: torch.Tensor | None, plan: Plan):
        super().__init__()
        self.automatic_optimization = False
        self.model, self.loss, self.weight, self.plan = model, loss, weight, plan
        self.losses, self.rows, self.best, self.kept = [], [], np.inf, None
        self.waited = self.taken = 0

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            self.model.parameters(), lr=self.plan.rate, weight_decay=self.plan.weight_decay,
            fused=True,
        )  # fmt: skip

    def training_step(self, batch, batch_idx) -> None:
        X, mask, y, soft = (part if part.numel() else None for part in batch)
        optimizer = self.optimizers(use_pl_optimizer=False)
        for group in optimizer.param_groups:
            group["lr"] = self.plan.rate * self.plan.factor(self.taken)
        loss = self.loss(self.model(X, mask), y, soft, self.weight)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.plan.clip)
        optimizer.step()
        self.losses.append(loss.detach())
        self.taken += 1

    def on_train_epoch_end(self) -> None:
        part = self.trainer.datamodule.data.validation
        self.model.eval()
        with torch.no_grad():
            outputs = outputs_of(self.model, part)
            val_loss = float(losses.hard_loss(outputs, part.y, self.weight))
        self.model.train()
        self.rows.append((self.taken, float(torch.stack(self.losses).mean()), val_loss))
        self.losses.clear()
        self.waited += 1
        if val_loss < self.best:
            self.best, self.waited = val_loss, 0
            self.kept = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        if self.waited >= self.plan.patience or not np.isfinite(val_loss):
            self.trainer.should_stop = True


class WindowBatches(lightning.LightningDataModule):
    """Training batches for a Lightning trainer; the module asks the validation windows itself."""

    def __init__(self, data: WindowData, soft: torch.Tensor | None, plan: Plan, seed: int):
        super().__init__()
        self.data, self.batches = data, Batches(data, soft, plan, seed)

    def train_dataloader(self) -> Batches:
        return self.batches


def fit_windows(
    build: Callable[[], nn.Module],
    data: WindowData,
    seed: int = 0,
    plan: Plan | None = None,
    loss: Loss | None = None,
    soft: torch.Tensor | None = None,
) -> Trained:
    """Train a network on windows; keep the weights of the check with the lowest validation loss.

    Parameters
    ----------
    build : makes an untrained network
    seed : of the first weights, the batches and the symmetries; same seed, same result
    loss : :class:`~sportsml_lite.losses.Hard` (the default), ``Soft``, ``Bounded``
    soft : (N, K) the teacher's outputs for the training windows

    Raises
    ------
    UserError if ``soft`` does not fit, or training diverges
    """
    plan, loss = plan or Plan(), loss or losses.Hard()
    if soft is not None and soft.shape != (len(data.train), data.n_outputs):
        raise UserError(f"soft labels {tuple(soft.shape)} for {len(data.train)} windows and "
                        f"{data.n_outputs} outputs; give one row a window")  # fmt: skip
    if soft is None and not isinstance(loss, losses.Hard):
        raise UserError(f"{type(loss).__name__} needs the teacher's outputs: give soft")
    with repeatable(seed):
        module = WindowModule(build(), loss, data.weight, plan)
        lightning.Trainer(
            max_epochs=plan.checks,
            accelerator="cpu",
            devices=1,
            default_root_dir=tempfile.gettempdir(),
            deterministic=True,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            logger=False,
        ).fit(module, datamodule=WindowBatches(data, soft, plan, seed))
    if module.kept is None:
        raise UserError("training diverged: no finite validation loss; lower the learning rate")
    module.model.load_state_dict(module.kept)
    history = pd.DataFrame(module.rows, columns=["step", "train_loss", "val_loss"])
    return Trained(module.model.eval(), history, seed)


def outputs_of(
    model: nn.Module, part: Sequences, signs: torch.Tensor | None = None
) -> torch.Tensor:
    """Outputs (N, K) of a trained network, averaged over the symmetries ``signs`` (G, C)."""
    total = 0
    with torch.inference_mode():
        for sign in [None] if signs is None else signs:
            each = []
            for begin in range(0, len(part), CHUNK):
                rows = slice(begin, begin + CHUNK)
                X = part.X[rows] if sign is None else part.X[rows] * sign[:, None]
                mask = None if part.mask is None else part.mask[rows]
                each.append(model(X, mask))
            total = total + torch.cat(each)
    return total.clone() if signs is None else total / len(signs)


def fit_windows_cached(
    build: Callable[[], nn.Module],
    data: WindowData,
    seed: int = 0,
    plan: Plan | None = None,
    loss: Loss | None = None,
    soft: torch.Tensor | None = None,
    folder: Path | None = None,
) -> Trained:
    """:func:`fit_windows`, or what it gave before for equal inputs and code.

    Two processes that want the same network train it once: the second waits for the first.
    """
    plan, loss = plan or Plan(), loss or losses.Hard()
    with repeatable(seed):
        model = build()
    digest = hashlib.sha256()
    for item in _inputs(model, data, seed, plan, loss, soft):
        digest.update(item)
    folder = folder or paths.project_root() / "_build" / "models"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{digest.hexdigest()[:24]}.pt"
    with FileLock(path.with_suffix(".lock")):
        if path.is_file():
            with suppress(UserError, RuntimeError, KeyError):  # a spoilt file: train anew
                content = _read(path)
                history = pd.DataFrame(content["history"])
                model.load_state_dict(content["weights"])
                return Trained(model.eval(), history, seed)
        trained = fit_windows(build, data, seed, plan, loss, soft)
        history = trained.history.to_dict(orient="list")
        _write({"weights": trained.model.state_dict(), "history": history}, path)
    return trained


def _inputs(model, data: WindowData, seed, plan, loss, soft) -> Iterator[bytes]:
    yield repr((seed, plan, loss, data.n_outputs, torch.__version__, model)).encode()
    tensors = [soft, data.signs, data.weight, *model.state_dict().values()]
    for part in (data.train, data.validation):
        tensors += [part.X, part.mask, part.y]
    for tensor in tensors:
        yield b"none" if tensor is None else repr((tensor.dtype, tensor.shape)).encode()
        if tensor is not None:
            yield np.ascontiguousarray(tensor.numpy()).view(np.uint8).data
    for kind in sorted({type(m) for m in model.modules()}, key=lambda kind: kind.__qualname__):
        if not kind.__module__.startswith(("torch.", models.__name__)):
            yield inspect.getsource(kind.forward).encode()
    for part in (models, losses):
        yield inspect.getsource(part).encode()
    yield Path(__file__).read_bytes()


def without_labels(part: Sequences, rows: torch.Tensor) -> Sequences:
    """A copy in which the windows ``rows`` ((N,) bool) have no label."""
    y = part.y.clone()
    y[rows] = float("nan") if y.is_floating_point() else -1
    return replace(part, y=y)
