"""A trained student on the disk: its weights, and a card that says what it reads and answers.

``student.npz`` holds arrays alone, no pickled object, so that a file from somewhere else can run
nothing. ``student.json`` is the card, and holds the weights' checksum: the two belong together.
Beside them may lie what fits the student to somebody, or to smaller numbers (:data:`PARTS`), each
again a file of arrays whose checksum stands in the card.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch

from sportsml_lite.errors import UserError
from sportsml_lite.models import Student
from sportsml_lite.prepare import fill_windows
from sportsml_lite.schema import Windows
from sportsml_lite.training.data import Sequences

WEIGHTS, CARD = "student.npz", "student.json"
LARGEST_BYTES = 10_000_000  # of the weights, and of what they unpack to: a student takes 25,000
FORM = 1  # of the card
# What may lie beside a student, and the shapes of its arrays: K classes, D features of the head, C
# channels, T samples; A athletes and N windows, as many as there are.
PARTS = {
    "prior": {"means": "KD", "precision": "DD", "kappa": ""},
    "calibration": {"X": "NCT"},
    "heads": {"names": "A", "weight": "AKD", "bias": "AK"},
}
NOTE = ("prior, calibration and heads come from people's recordings: keep them in this folder, and "
        "pass on what is exported, not the folder")  # fmt: skip

Parts = Mapping[str, Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Card:
    """What a kept student reads, answers, and comes from.

    channels : C names with their units in them; rate_hz, samples : of a window
    mean, factor : (C,) of the scaling: read = (measured - mean) / factor; a gap holds the last
        value, at the start the mean; None as factor: the channel is not read, and 0
    classes : K names, in the order of the outputs
    width, kernel, stride : of the :class:`~sportsml_lite.models.Student`
    dataset, athletes, labelled : whence it comes: how many athletes trained it, with labels how
        many; seed : of the training
    scores : by name, of athletes whom it has not met
    """

    channels: tuple[str, ...]
    rate_hz: float
    samples: int
    mean: tuple[float, ...]
    factor: tuple[float | None, ...]
    classes: tuple[str, ...]
    width: int
    kernel: int
    stride: int
    dataset: str
    athletes: int
    labelled: int
    seed: int
    scores: Mapping[str, float]


def keep_student(
    student: Student, card: Card, folder: Path | str, parts: Parts | None = None
) -> Path:
    """Write a student and its card into a folder, each whole or not at all; returns the card.

    The card comes last: weights without it, of a write that was cut off, are not read.

    Parameters
    ----------
    parts : of :data:`PARTS`, the arrays by name; those left out do not lie beside the student
    """
    home, parts = Path(folder), parts or {}
    home.mkdir(parents=True, exist_ok=True)
    files = {part: _packed(arrays) for part, arrays in parts.items()}
    content = _packed({name: w.numpy() for name, w in student.state_dict().items()})
    told = {"form": FORM, "sha256": _sha256(content)} | asdict(card)
    if parts:
        told |= {"parts": {part: _sha256(data) for part, data in files.items()}, "note": NOTE}
    text = json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False)
    for stale in (CARD, *map(part_file, PARTS)):  # of an earlier student
        (home / stale).unlink(missing_ok=True)
    named = {part_file(part): data for part, data in files.items()}
    for name, data in {WEIGHTS: content, **named, CARD: text.encode()}.items():
        part = home / f".{name}.{os.getpid()}.part"
        part.write_bytes(data)
        os.replace(part, home / name)
    return home / CARD


def load_student(folder: Path | str) -> tuple[Student, Card]:
    """A student that :func:`keep_student` wrote, and its card.

    Raises
    ------
    UserError naming the file that is missing, spoilt, not of this student, or of another form
    """
    home = Path(folder).expanduser()
    card, told = _read_card(home / CARD)
    path = home / WEIGHTS
    arrays = _read_arrays(path, told["sha256"])
    student = Student(len(card.channels), len(card.classes), card.width, card.kernel, card.stride)
    weights = {n: torch.from_numpy(array) for n, array in arrays.items() if array.dtype.kind == "f"}
    wanted = student.state_dict()
    for name in sorted(set(wanted) ^ set(weights)):
        where = "is missing" if name in wanted else "is no part of a student"
        raise UserError(f"{path}: {name} {where}; keep the student again")
    for name, value in weights.items():
        if value.shape != wanted[name].shape or not bool(torch.isfinite(value).all()):
            raise UserError(f"{path}: {name} has shape {tuple(value.shape)} or missing numbers; a "
                            f"student of its card has {tuple(wanted[name].shape)}")  # fmt: skip
    student.load_state_dict(weights)
    return student.eval(), card


def load_part(folder: Path | str, part: str) -> dict[str, np.ndarray] | None:
    """What lies beside a kept student, of :data:`PARTS`; None where it was not kept.

    Raises
    ------
    UserError naming the file that is missing, spoilt, or does not fit the card
    """
    home = Path(folder).expanduser()
    card, told = _read_card(home / CARD)
    parts = told.get("parts", {})
    if not isinstance(parts, dict):
        raise UserError(f"{home / CARD}: 'parts' names no files; keep the student again")
    if (digest := parts.get(part)) is None:
        return None
    path = home / part_file(part)
    arrays = _read_arrays(path, digest)
    _check_arrays(arrays, PARTS[part], card, path)
    return arrays


def checksum(folder: Path | str) -> str:
    """sha256 of a kept student's weights, by its card."""
    return _read_card(Path(folder).expanduser() / CARD)[1]["sha256"]


def part_file(part: str) -> str:
    """Name of the file of a part."""
    return f"{part}.npz"


def read_windows(card: Card, windows: Windows) -> Sequences:
    """Windows as the kept student reads them: filled and scaled, with their classes.

    Raises
    ------
    UserError where channels, classes, rate or length are not those of the card
    """
    found = {
        "channels": (windows.channels, card.channels),
        "classes": (windows.classes, card.classes),
        "rate_hz": (windows.rate_hz, card.rate_hz),
        "samples": (windows.X.shape[2], card.samples),
    }
    for name, (own, wanted) in found.items():
        if own != wanted:
            raise UserError(f"windows: {name} {own}; the kept student was trained on {wanted}")
    mean = np.array(card.mean)
    factor = np.array([np.inf if f is None else f for f in card.factor])
    X = (fill_windows(windows.X, mean) - mean[:, None]) / factor[:, None]
    mask = None if windows.mask.all() else torch.from_numpy(windows.mask)
    X = torch.from_numpy((X * windows.mask[:, None]).astype(np.float32))
    return Sequences(X, mask, torch.from_numpy(windows.y.copy()))


def _check_arrays(arrays, shapes: Mapping[str, str], card: Card, path: Path) -> None:
    if set(arrays) != set(shapes):
        raise UserError(f"{path}: holds {sorted(arrays)}, not {sorted(shapes)}; keep again")
    size = {"K": len(card.classes), "D": 2 * card.width, "C": len(card.channels), "T": card.samples}
    for name, letters in shapes.items():
        array, where = arrays[name], f"{path}: {name}"
        if len(array.shape) != len(letters) or any(
            size.setdefault(letter, n) != n for letter, n in zip(letters, array.shape, strict=True)
        ):
            raise UserError(f"{where} has shape {array.shape}, which does not fit the card's sizes "
                            "or its other arrays; keep the student again")  # fmt: skip
        if array.dtype.kind != ("U" if name == "names" else "f"):
            raise UserError(f"{where} holds {array.dtype}; keep the student again")
        if name not in ("names", "means") and not np.isfinite(array).all():
            raise UserError(f"{where} has missing numbers; keep the student again")


def _packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    return packed.getvalue()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read_card(path: Path) -> tuple[Card, dict]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give a folder with a kept student") from None
    except ValueError:
        raise UserError(f"{path}: no JSON; keep the student again") from None
    if not isinstance(told, dict) or told.get("form") != FORM:
        raise UserError(f"{path}: no card of a student in form {FORM}; keep the student again")
    lacking = [f.name for f in fields(Card) if f.name not in told] + ["sha256"] * (
        "sha256" not in told
    )
    if lacking:
        raise UserError(f"{path}: {lacking[0]!r} is missing; keep the student again")
    values = {f.name: told[f.name] for f in fields(Card)}
    values |= {n: tuple(v) for n, v in values.items() if isinstance(v, list)}
    card = Card(**values)
    _check_card(card, path)
    return card, told


def _check_card(card: Card, path: Path) -> None:
    for name in ("channels", "mean", "factor", "classes"):
        if not isinstance(getattr(card, name), tuple):
            raise UserError(f"{path}: {name!r} is no list; keep the student again")
    sizes = {len(card.channels), len(card.mean), len(card.factor)}
    whole = all(isinstance(getattr(card, n), int) for n in ("samples", "width", "kernel", "stride"))
    if len(sizes) > 1 or not whole or not 1 <= card.width <= 1024 or len(card.classes) < 2:
        raise UserError(f"{path}: channels, mean, factor, classes and sizes do not fit together")


def _read_arrays(path: Path, digest: str) -> dict[str, np.ndarray]:
    """Arrays of a file that has to be the one the card was written with."""
    try:
        content = path.read_bytes() if path.stat().st_size <= LARGEST_BYTES else b""
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; keep the student again") from None
    if _sha256(content) != digest:
        what = "weights" if path.name == WEIGHTS else path.stem
        raise UserError(f"{path}: not the {what} of {CARD} beside it; copy both, or keep again")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            size = sum(item.file_size for item in packed.infolist())
        if size > LARGEST_BYTES:  # before anything is unpacked
            raise OSError("too large")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, TypeError, OSError, KeyError, zipfile.BadZipFile):
        raise UserError(
            f"{path}: holds no arrays of numbers, or more than {LARGEST_BYTES:,} bytes of them; "
            "keep the student again"
        ) from None
