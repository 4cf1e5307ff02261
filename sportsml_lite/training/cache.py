"""Training that is done once for the same inputs and the same code."""

from __future__ import annotations

import copy
import hashlib
import os
import sys
import types
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from filelock import FileLock
from torch import nn

from sportsml_lite import fingerprint, losses
from sportsml_lite.paths import PACKAGE, project_root
from sportsml_lite.training.config import TrainConfig, repeatable
from sportsml_lite.training.data import TrainData, TrainResult
from sportsml_lite.training.together import Ask, fit_students

PLAIN = (int, float, str, bool, tuple, type(None))


def fit_cached(
    build: Callable[..., nn.Module],
    data: TrainData,
    seed: int = 0,
    config: TrainConfig | None = None,
    loss=None,
    soft: torch.Tensor | None = None,
    folder: Path | None = None,
) -> TrainResult:
    """:func:`~sportsml_lite.training.trainer.fit`, or what it gave before for the same inputs.

    The file's name is a hash of everything that the result depends on: settings, seed, data, first
    weights, the network's and the loss's classes with all that they call, torch's version. A
    network whose code cannot be read whole (defined in a notebook, say) is trained every time. Two
    processes that want the same network train it once: the second waits for the first.

    Parameters
    ----------
    build, data, seed, config, loss, soft : as for ``fit``
    folder : of the results; None is ``_build/models`` of the project

    Raises
    ------
    UserError as ``fit`` does
    """
    from sportsml_lite.training.trainer import fit

    ask = Ask(build, data, seed, config or TrainConfig(), loss or losses.Hard(), soft)
    parts = ask.build, ask.data, ask.seed, ask.config, ask.loss, ask.soft
    return _cached([ask], "trainer:fit", lambda asks: [fit(*parts)], folder)[0]


def fit_students_cached(asks: Sequence[Ask], folder: Path | None = None) -> list[TrainResult]:
    """:func:`~sportsml_lite.training.together.fit_students`, or what is known of each from before.

    Parameters
    ----------
    asks, folder : as there, and as for :func:`fit_cached`

    Raises
    ------
    UserError as ``fit_students`` does
    """
    return _cached(asks, "together:fit_students", fit_students, folder)


def _cached(asks, way, train, folder) -> list[TrainResult]:
    """Read what is known; train the rest in one go."""
    from sportsml_lite.training.trainer import build_model

    folder = folder or project_root() / "_build" / "models"
    folder.mkdir(parents=True, exist_ok=True)
    models, paths = [], []
    for ask in asks:
        with repeatable(ask.seed):
            models.append(build_model(ask.build, ask.data))
        paths.append(_path(models[-1], ask, way, folder))
    with ExitStack() as stack:
        for lock in sorted({p.with_suffix(".lock") for p in paths if p}):  # all in one order
            stack.enter_context(FileLock(lock))
        known = [p and _read(p, model, ask.seed)
                 for p, model, ask in zip(paths, models, asks, strict=True)]  # fmt: skip
        missing = [i for i, result in enumerate(known) if result is None]
        new = train([asks[i] for i in missing]) if missing else []
        for i, result in zip(missing, new, strict=True):
            known[i] = result
            if paths[i]:
                _write(result, paths[i])
    return known


def _path(model, ask: Ask, way: str, folder: Path) -> Path | None:
    """Where the result is kept; None if the network's code cannot be read whole."""
    code = _code(model, ask.loss, way)
    if code is None:
        return None
    digest = hashlib.sha256()
    inputs = _inputs(model, ask.data, ask.seed, ask.config, ask.loss, ask.soft)
    for item in (*code, *inputs):
        digest.update(hashlib.sha256(item).digest())
    return folder / f"{digest.hexdigest()[:24]}.pt"


def _inputs(model, data: TrainData, seed, config, loss, soft) -> Iterator[bytes]:
    yield repr((seed, config, loss, data.n_outputs, torch.__version__, model)).encode()
    for module in model.modules():
        own = {k: v for k, v in sorted(vars(module).items()) if isinstance(v, PLAIN)}
        yield repr(own).encode()
    tensors = [soft, data.signs, data.weight, *model.state_dict().values()]
    tensors += vars(data.sensors).values() if data.sensors else [None]
    for part in (data.train, data.validation):
        tensors += [part.X, part.mask, part.y]
    for tensor in tensors:
        yield b"none" if tensor is None else repr((tensor.dtype, tensor.shape)).encode()
        if tensor is not None:
            yield np.ascontiguousarray(tensor.numpy()).view(np.uint8).data


def _code(model: nn.Module, loss, way: str) -> list[bytes] | None:
    """Source of the classes with what they call, and their functions as they are now; or None."""
    found = [fingerprint.of(f"sportsml_lite.training.{way}").digest.encode()]
    for kind in sorted({type(m) for m in (*model.modules(), loss)}, key=repr):
        for owner in kind.__mro__:
            top = owner.__module__.partition(".")[0]
            if top in ("torch", "builtins", "typing"):
                continue
            source = _source(owner, top)
            if source is None:
                return None
            found.append(source.encode())
            for name, value in sorted(vars(owner).items(), key=lambda item: item[0]):
                function = getattr(value, "__func__", value)
                if isinstance(function, types.FunctionType):
                    found += [name.encode(), *_bytecode(function.__code__)]
    return found


def _source(kind: type, top: str) -> str | None:
    if top == PACKAGE.name:
        name = kind.__qualname__.partition(".")[0]
        return fingerprint.of(f"{kind.__module__}:{name}").digest
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    if file is None:
        return None
    return fingerprint.of_code(Path(file).read_text(encoding="utf-8"), file).digest


def _bytecode(code: types.CodeType) -> Iterator[bytes]:
    """What a function does, wherever its lines stand."""
    yield code.co_code
    yield repr(code.co_names).encode()
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _bytecode(constant)
        elif not isinstance(constant, str):  # a docstring is one of them
            yield repr(constant).encode()
        elif constant != code.co_consts[0]:
            yield constant.encode()


def _write(result: TrainResult, path: Path) -> None:
    history = result.history.to_dict(orient="list")
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    torch.save({"weights": result.model.state_dict(), "history": history}, part)
    part.replace(path)  # at once: another process sees the whole file or none


def _read(path: Path, model: nn.Module, seed: int) -> TrainResult | None:
    """A stored training; None if it is not there, spoilt, of another network, or holds NaN."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return None
    with suppress(Exception):  # a spoilt file makes torch raise anything, IndexError too
        content = torch.load(path, weights_only=True)
        history = pd.DataFrame(content["history"])
        out = copy.deepcopy(model)
        out.load_state_dict(content["weights"])
        whole = all(bool(torch.isfinite(w).all()) for w in out.state_dict().values())
        if whole and len(history) and history["val_loss"].notna().any():
            return TrainResult(out.eval(), history, seed)
    return None
