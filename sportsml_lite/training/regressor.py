"""Training with Lightning: the module holds loss, steps and optimizer; the data lives apart.

The loss is the whole mean squared error (``torch.nn.MSELoss``), not the half of the derivation:
its gradient is twice as long, so plain SGD needs half the learning rate; Adam does not notice.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping
from torch import nn

from sportsml_lite.regression import mse
from sportsml_lite.training.recipe import (
    CHUNK,
    RECIPE,
    Examples,
    Fitted,
    Recipe,
    Track,
    build_model,
    repeatable,
)

# A notebook prints neither device lines nor Lightning's own use of a deprecated name in torch.
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", message=".*LeafSpec", module="lightning")


class Batches:
    """An epoch's batches, cut from one shuffled copy of the rows; a new order every epoch.

    What ``DataLoader(TensorDataset(X, y), batch_size, shuffle=True)`` gives, without its way of
    fetching row by row and stacking the rows again, which takes as long as training on them.

    Parameters
    ----------
    X, y : (N, ...) and (N,) tensors
    size : rows a batch; the last one may be smaller
    seed : of the orders; None leaves the rows as they stand
    """

    def __init__(self, X: torch.Tensor, y: torch.Tensor, size: int, seed: int | None = None):
        self.X, self.y, self.size = X, y, size
        self.orders = None if seed is None else torch.Generator().manual_seed(int(seed))

    def __len__(self) -> int:
        return -(-len(self.y) // self.size)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        # A generator: Lightning calls iter() once more than it reads, and that draws no order.
        X, y = self.X, self.y
        if self.orders is not None:
            order = torch.randperm(len(y), generator=self.orders)
            X, y = X[order], y[order]
        yield from zip(X.split(self.size), y.split(self.size), strict=True)


class TableData(lightning.LightningDataModule):
    """Batches for a Lightning trainer: training rows shuffled, validation rows as they stand."""

    def __init__(self, data: Examples, batch_size: int = RECIPE.batch_size, seed: int = 0):
        super().__init__()
        self.data, self.batch_size, self.seed = data, batch_size, seed

    def train_dataloader(self) -> Batches:
        return Batches(self.data.X, self.data.y, self.batch_size, self.seed)

    def val_dataloader(self) -> Batches:
        return Batches(self.data.X_val, self.data.y_val, CHUNK)


class Regressor(lightning.LightningModule):
    """Trains a network by the whole MSE; notes the learning curve and the best weights.

    The optimizer is stepped by hand (Lightning's manual optimization) and the errors are logged
    once an epoch: with a network this small, Lightning's own closure and a log at every batch
    would take longer than the step itself.

    Parameters
    ----------
    model : a network of (N, ...) features to (N,) predictions
    recipe : optimizer and learning rate
    """

    def __init__(self, model: nn.Module, recipe: Recipe = RECIPE):
        super().__init__()
        self.automatic_optimization = False
        self.model, self.recipe, self.track = model, recipe, Track()
        self.losses = []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self.recipe.make_optimizer(self.model.parameters())

    def training_step(self, batch, batch_idx) -> None:
        X, y = batch
        optimizer = self.optimizers(use_pl_optimizer=False)
        loss = mse(self.model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        self.losses.append((loss.detach(), len(y)))

    def validation_step(self, batch, batch_idx) -> None:
        X, y = batch
        self.log("val_mse", mse(self.model(X), y), batch_size=len(y))

    def on_train_epoch_end(self) -> None:
        losses, rows = zip(*self.losses, strict=True)
        self.losses.clear()
        train_mse = np.average(torch.stack(losses), weights=rows)
        val_mse = float(self.trainer.callback_metrics["val_mse"])
        self.track.add(train_mse, val_mse, self.model.state_dict())


def make_trainer(recipe: Recipe = RECIPE) -> lightning.Trainer:
    """A Lightning trainer that stops early on ``val_mse``, on the CPU, and writes nothing."""
    return lightning.Trainer(
        max_epochs=recipe.max_epochs,
        callbacks=[EarlyStopping("val_mse", patience=recipe.patience)],
        accelerator="cpu",
        devices=1,
        default_root_dir=tempfile.gettempdir(),
        deterministic=True,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        logger=False,
        num_sanity_val_steps=0,
    )


def fit(
    build: Callable[[int], nn.Module], data: Examples, seed: int = 0, recipe: Recipe = RECIPE
) -> Fitted:
    """Train one network with Lightning; stop early, and keep the weights of the best epoch.

    Parameters
    ----------
    build : makes an untrained network from the number of features (or channels), e.g. ``MLP``
    data : from :func:`~sportsml_lite.training.recipe.examples`
    seed : of the first weights and of the order of the batches; same seed, same result
    recipe : optimizer, learning rate, batch size, epochs, patience

    Raises
    ------
    UserError if the network does not give (N,), the seed is no whole number, or training diverges
    """
    with repeatable(seed):
        module = Regressor(build_model(build, data), recipe)
        make_trainer(recipe).fit(module, datamodule=TableData(data, recipe.batch_size, seed))
    return module.track.fitted(module.model, seed)
