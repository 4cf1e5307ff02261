"""What a reader may set of a live training: where Lightning computes, and who keeps its curve.

Only lessons use it. Studies train by :mod:`sportsml_lite.training.trainer`, the same everywhere.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import lightning
import pandas as pd
from lightning.pytorch.accelerators import AcceleratorRegistry
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger
from lightning.pytorch.strategies import StrategyRegistry

from sportsml_lite.errors import UserError
from sportsml_lite.paths import project_root

PROJECT = "sportsml_lite"
INSTALL = {
    "tensorboard": "pip install -c constraints.txt -e '.[tracking]'",
    "wandb": "pip install wandb",
}


def loggers(tracking: str = "") -> list[Logger]:
    """Lightning's loggers: one that :func:`curve` reads, and the reader's own.

    They write into the folder ``tracking`` of the run (``SPORTSML_RUN_DIR``), outside of one into
    that of ``_build``. Weights & Biases writes offline: nothing leaves the computer.

    Parameters
    ----------
    tracking : ``'tensorboard'``, ``'wandb'``, or empty for none

    Raises
    ------
    UserError for another one, or one that is not installed
    """
    folder = Path(os.environ.get("SPORTSML_RUN_DIR") or project_root() / "_build") / "tracking"
    made: dict[str, Callable[[], Logger]] = {
        "tensorboard": lambda: TensorBoardLogger(folder, name="tensorboard"),
        "wandb": lambda: WandbLogger(save_dir=folder, project=PROJECT, offline=True),
    }
    if tracking and tracking not in made:
        raise UserError(f"tracking = {tracking!r}: choose one of {', '.join(made)}, or nothing")
    if not tracking:
        return [_table()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return [_table(), made[tracking]()]
    except ImportError:
        raise UserError(f"tracking = {tracking!r} is not installed: {INSTALL[tracking]}") from None


def _table() -> CSVLogger:
    """A logger whose file lives as long as it does; it is there when other processes train, too."""
    folder = tempfile.TemporaryDirectory(prefix="sportsml-", ignore_cleanup_errors=True)
    made = CSVLogger(folder.name, name="", version="")
    made.folder = folder
    return made


def curve(trainer: lightning.Trainer) -> pd.DataFrame:
    """What a trainer with :func:`loggers` has logged: a row an epoch, a column a name."""
    rows = pd.read_csv(Path(trainer.loggers[0].log_dir) / "metrics.csv")
    return rows.drop(columns="step").groupby("epoch").first()


def machine(
    accelerator: str = "cpu", devices: int = 1, strategy: str = "auto", num_nodes: int = 1
) -> dict[str, object]:
    """Where :class:`lightning.Trainer` computes: four of its arguments, by name.

    Several processes share a batch (data parallel): give each its part of the batch's rows, and
    the gradient is that of one process with all of them.

    Parameters
    ----------
    accelerator : ``'cpu'``, ``'gpu'``, ``'auto'`` or another name that Lightning knows
    devices : processes on a CPU, or GPUs, on each of ``num_nodes`` computers
    strategy : ``'auto'``, ``'ddp'``, in a notebook ``'ddp_fork'``, or another that Lightning knows

    Raises
    ------
    UserError naming what Lightning does not know, or this computer does not have
    """
    names = {name: AcceleratorRegistry[name]["accelerator"] for name in AcceleratorRegistry}
    here = {name for name, device in names.items() if device.is_available()} | {"auto"}
    here |= {"gpu"} if here & {"cuda", "mps"} else set()
    if accelerator not in here:
        wrong = "is not here" if accelerator in {"gpu", *names} else "is no name of Lightning's"
        raise UserError(
            f"accelerator = {accelerator!r} {wrong}: choose {' or '.join(sorted(here))}"
        )
    if strategy not in ("auto", *StrategyRegistry.available_strategies()):
        known = ", ".join(["auto", *StrategyRegistry.available_strategies()])
        raise UserError(f"strategy = {strategy!r}: choose one of {known}")
    for name, number in (("devices", devices), ("num_nodes", num_nodes)):
        if number < 1:
            raise UserError(f"{name} = {number}: give 1 or more")
    return {"accelerator": accelerator, "devices": devices, "strategy": strategy,
            "num_nodes": num_nodes}  # fmt: skip
