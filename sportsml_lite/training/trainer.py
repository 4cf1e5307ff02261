"""Training with Lightning: the module holds loss, steps and optimizer; the data lives apart.

The schedule, the clipping, the early stopping and the checkpoint of the best epoch are Lightning's
own. The loss of a number is the whole mean squared error, not the half of chapter 3's derivation:
its gradient is twice as long, so plain SGD needs half the learning rate; Adam does not notice.
"""

from __future__ import annotations

import logging
import math
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator

import lightning
import pandas as pd
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch import nn

from sportsml_lite import losses
from sportsml_lite.errors import UserError
from sportsml_lite.training.config import TrainConfig, repeatable
from sportsml_lite.training.data import TrainData, TrainResult, outputs_of

# A notebook prints neither device lines nor Lightning's own use of a deprecated name in torch.
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", message=".*LeafSpec", module="lightning")
warnings.filterwarnings("ignore", message=".*does not have many workers", module="lightning")

Loss = Callable[
    [torch.Tensor, torch.Tensor, torch.Tensor | None, torch.Tensor | None], torch.Tensor
]


class Batches:
    """An epoch's batches, cut from the shuffled rows; a new order every pass.

    What a shuffling ``DataLoader`` gives, without its way of fetching row by row and stacking the
    rows again, which takes as long as training on them. Each window gets one of the symmetries,
    and is then changed as ``config.augment`` says.

    Parameters
    ----------
    data, config : what and how; soft : (N, K) the teacher's outputs, or None
    seed : of the orders and the symmetries
    """

    def __init__(self, data: TrainData, soft: torch.Tensor | None, config: TrainConfig, seed: int):
        self.data, self.soft, self.config = data, soft, config
        self.size = min(config.batch_size, len(data.train))
        self.random = torch.Generator().manual_seed(int(seed))
        # Numbers of its own, so that orders and symmetries are those of a training without it.
        # Torch keeps the lower 32 bits of a seed.
        self.chance = torch.Generator().manual_seed(int(seed) + 2**31)
        self.left = torch.zeros(0, dtype=torch.long)

    def __len__(self) -> int:
        return self.config.steps_per_epoch or -(-len(self.data.train) // self.size)

    def __iter__(self) -> Iterator[tuple]:
        # A generator: Lightning calls iter() once more than it reads, and that draws no order.
        for _ in range(len(self)):
            rows = self._rows()
            part = self.data.train.take(rows)
            X = part.X
            if self.data.signs is not None:
                turn = torch.randint(len(self.data.signs), (len(rows),), generator=self.random)
                X = X * self.data.signs[turn][:, :, None]
            if self.config.augment is not None:
                X = self.config.augment(X, self.data.sensors, self.chance)
                X = X if part.mask is None else X * part.mask[:, None]
            none = torch.empty(0)  # Lightning moves a batch's tensors, and knows no None
            soft = none if self.soft is None else self.soft[rows]
            yield X, none if part.mask is None else part.mask, part.y, soft

    def _rows(self) -> torch.Tensor:
        whole = self.config.steps_per_epoch is None  # a pass ends with a smaller batch
        while not len(self.left) or (not whole and len(self.left) < self.size):
            order = torch.randperm(len(self.data.train), generator=self.random)
            self.left = torch.cat([self.left, order])
        rows, self.left = self.left[: self.size], self.left[self.size :]
        return rows


class Module(lightning.LightningModule):
    """A network with its loss, its optimizer and its schedule; notes the learning curve.

    Parameters
    ----------
    model : (N, D) features to (N,), or windows (N, C, T) and mask to (N, K)
    loss : function of outputs, labels, the teacher's outputs (or None) and class weights
    """

    def __init__(self, model: nn.Module, loss: Loss, data: TrainData, config: TrainConfig):
        super().__init__()
        self.model, self.loss, self.data, self.config = model, loss, data, config
        self.losses, self.rows, self.begun = [], [], time.perf_counter()

    def configure_optimizers(self):
        optimizer = self.config.make_optimizer(self.model.parameters())
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self.config.factor)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    def training_step(self, batch, batch_idx) -> torch.Tensor:
        X, mask, y, soft = (part if part.numel() else None for part in batch)
        outputs = self.model(X) if X.ndim == 2 else self.model(X, mask)
        loss = self.loss(outputs, y, soft, self.data.weight)
        self.losses.append((loss.detach(), len(y)))
        return loss

    def validation_step(self, batch, batch_idx) -> None:
        part = self.data.validation
        outputs = outputs_of(self.model, part)
        self.log("val_loss", losses.hard_loss(outputs, part.y, self.data.weight), batch_size=1)

    def on_train_epoch_end(self) -> None:
        each, rows = zip(*self.losses, strict=True)
        self.losses.clear()
        weight = torch.tensor(rows, dtype=each[0].dtype)
        train = float((torch.stack(each) * weight).sum() / weight.sum())
        val = float(self.trainer.callback_metrics["val_loss"])
        spent = time.perf_counter() - self.begun
        self.rows.append((len(self.rows) + 1, self.trainer.global_step, train, val, spent))


def make_trainer(config: TrainConfig, folder: str) -> lightning.Trainer:
    """A quiet Lightning trainer that stops early and keeps the best epoch in ``folder``."""
    best = ModelCheckpoint(folder, monitor="val_loss", save_weights_only=True)
    return lightning.Trainer(
        max_epochs=config.max_epochs,
        callbacks=[EarlyStopping("val_loss", patience=config.patience), best],
        gradient_clip_val=config.clip,
        accelerator="cpu",
        devices=1,
        default_root_dir=folder,
        deterministic=True,
        enable_model_summary=False,
        enable_progress_bar=False,
        logger=False,
        num_sanity_val_steps=0,
    )


def fit(
    build: Callable[..., nn.Module],
    data: TrainData,
    seed: int = 0,
    config: TrainConfig | None = None,
    loss: Loss | None = None,
    soft: torch.Tensor | None = None,
) -> TrainResult:
    """Train one network with Lightning; stop early, and keep the weights of the best epoch.

    Parameters
    ----------
    build : makes an untrained network from the number of features (columns, or channels)
    data : from :func:`~sportsml_lite.training.data.examples` or
        :meth:`~sportsml_lite.training.folds.Fold.data`
    seed : of the first weights, the batches and the symmetries; same seed, same result
    loss : :class:`~sportsml_lite.losses.Hard` (the default), ``Soft``
    soft : (N, K) the teacher's outputs for the training rows

    Raises
    ------
    UserError if ``soft`` or the network's output does not fit, or training diverges
    """
    config, loss = config or TrainConfig(), loss or losses.Hard()
    check_soft(data, loss, soft)
    with repeatable(seed), tempfile.TemporaryDirectory() as folder:
        module = Module(build_model(build, data), loss, data, config)
        trainer = make_trainer(config, folder)
        loader = torch.utils.data.DataLoader([0], batch_size=None, generator=torch.Generator())
        trainer.fit(module, Batches(data, soft, config, seed), loader)
        history = pd.DataFrame(
            module.rows, columns=["epoch", "step", "train_loss", "val_loss", "seconds"]
        )
        best = trainer.checkpoint_callback
        if not history["val_loss"].map(math.isfinite).any():
            raise UserError("training diverged: no finite validation loss; lower the rate")
        weights = torch.load(best.best_model_path, weights_only=True)["state_dict"]
    model = module.model
    model.load_state_dict({name.removeprefix("model."): value for name, value in weights.items()})
    return TrainResult(model.eval(), history, seed)


def build_model(build: Callable[..., nn.Module], data: TrainData) -> nn.Module:
    """``build(number of features)`` in the data's dtype; seed it with :func:`repeatable`."""
    return build(data.train.X.shape[1]).to(data.train.X.dtype)


def check_soft(data: TrainData, loss: Loss, soft: torch.Tensor | None) -> None:
    """Refuse soft labels that do not fit, or a loss that needs them without any.

    Raises
    ------
    UserError saying which
    """
    if soft is not None and soft.shape != (len(data.train), data.n_outputs):
        raise UserError(f"soft labels {tuple(soft.shape)} for {len(data.train)} windows and "
                        f"{data.n_outputs} outputs; give one row a window")  # fmt: skip
    if soft is None and not isinstance(loss, losses.Hard):
        raise UserError(f"{type(loss).__name__} needs the teacher's outputs: give soft")
