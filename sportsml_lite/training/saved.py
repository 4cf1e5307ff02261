"""Weights on disk: save, load, and training that is done once for the same inputs and code."""

from __future__ import annotations

import copy
import hashlib
import inspect
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from sportsml_lite import models, paths, regression
from sportsml_lite.errors import UserError
from sportsml_lite.training.recipe import (
    RECIPE,
    Examples,
    Fitted,
    Recipe,
    build_model,
    repeatable,
)
from sportsml_lite.training.regressor import fit


def save_weights(model: nn.Module, path: str | Path) -> Path:
    """Write the weights of ``model``, and nothing else: no code, no optimizer. Returns the path."""
    return _write({"weights": model.state_dict()}, Path(path))


def load_weights(model: nn.Module, path: str | Path) -> nn.Module:
    """A copy of ``model``, in ``eval`` mode, with the weights of a file.

    The file is read as data only, so that one from elsewhere can run nothing.

    Parameters
    ----------
    model : an (untrained) network of the same shape
    path : written by :func:`save_weights`

    Raises
    ------
    UserError naming the file: not there, not such a file, or weights of another shape
    """
    path = Path(path)
    out = copy.deepcopy(model)
    try:
        out.load_state_dict(_read(path)["weights"])
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise UserError(f"{path}: weights of another network ({reason}); build that one") from None
    return out.eval()


def _write(content: dict, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    torch.save(content, part)
    return part.replace(path)  # at once: another process sees the whole file or none


def _read(path: Path) -> dict:
    if not path.is_file():
        raise UserError(f"{path}: no such file; train the model and save its weights")
    try:
        if not zipfile.is_zipfile(path):  # what torch writes; anything else is not even opened
            raise ValueError("cut off, or of another kind")
        content = torch.load(path, weights_only=True)
    except Exception as error:  # a spoilt file makes torch raise anything, IndexError too
        reason = str(error).splitlines()[0].split(". ")[0]
        raise UserError(f"{path}: cannot be read as weights ({reason}); save them anew") from None
    if not isinstance(content, dict) or not isinstance(content.get("weights"), dict):
        raise UserError(f"{path}: holds no weights of this book; use save_weights")
    return content


# --- trained once --------------------------------------------------------------------------------


def fit_cached(
    build: Callable[[int], nn.Module],
    data: Examples,
    seed: int = 0,
    recipe: Recipe = RECIPE,
    folder: Path | None = None,
) -> Fitted:
    """:func:`~sportsml_lite.training.regressor.fit`, or what it gave before for the same inputs.

    The file's name is a hash of everything the result depends on: recipe, seed, data, first
    weights, the network's and this package's code, torch's version. Whatever changes trains anew.

    Parameters
    ----------
    build, data, seed, recipe : as for ``fit``
    folder : of the results; None is ``_build/models`` of the project

    Returns
    -------
    equal weights and history either way; ``seconds`` are those of the training that was done
    """
    with repeatable(seed):
        model = build_model(build, data)
    digest = hashlib.sha256()
    for part in _inputs(model, data, seed, recipe):
        digest.update(hashlib.sha256(part).digest())
    folder = folder or paths.project_root() / "_build" / "models"
    path = folder / f"{digest.hexdigest()[:20]}.pt"
    if path.is_file():
        with suppress(UserError):  # a spoilt file: train anew
            known = load_weights(model, path)
            return Fitted(known, pd.DataFrame(_read(path)["history"]), seed)
    fitted = fit(build, data, seed, recipe)
    history = fitted.history.to_dict(orient="list")
    _write({"weights": fitted.model.state_dict(), "history": history}, path)
    return fitted


def _inputs(model: nn.Module, data: Examples, seed: int, recipe: Recipe) -> Iterator[bytes]:
    yield repr((recipe, seed, torch.__version__, model)).encode()
    for tensor in (*vars(data).values(), *model.state_dict().values()):
        yield repr((tensor.dtype, tensor.shape)).encode() + tensor.numpy().tobytes()
    for kind in sorted({type(m) for m in model.modules()}, key=lambda kind: kind.__qualname__):
        if not kind.__module__.startswith("torch."):
            yield inspect.getsource(kind.forward).encode()
    for path in (*Path(__file__).parent.glob("*.py"), models.__file__, regression.__file__):
        yield Path(path).read_bytes()
