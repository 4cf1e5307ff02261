"""A kept student with all that lies beside it: made when trained, read when deployed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from sportsml_lite.deploy.network import Network, describe
from sportsml_lite.deploy.personal import Prior, personal_head, prior_of
from sportsml_lite.errors import UserError
from sportsml_lite.models import Student
from sportsml_lite.training.folds import Fold
from sportsml_lite.training.keep import Card, Parts, checksum, load_part, load_student
from sportsml_lite.transfer import Shots, fit_population

CALIBRATED_BY = 256  # windows; with 64 the rarest states are cut off

Head = tuple[np.ndarray, np.ndarray]  # weights (K, D), biases (K,)


@dataclass(frozen=True)
class Kept:
    """A kept student, ready for every target.

    network : the student, folded; student : as it was trained; card : of both
    sha256 : of the student's weights
    prior : what the training athletes say, or None where an older folder has none
    calibration : (N, C, T) float32 windows of training athletes, scaled and filled, or None
    heads : name of a test athlete → own head (K, D), (K,)
    """

    network: Network
    student: Student
    card: Card
    sha256: str
    prior: Prior | None
    calibration: np.ndarray | None
    heads: Mapping[str, Head]


def load_kept(folder: Path | str) -> Kept:
    """A student from the folder of a run that kept it, and all that lies beside it.

    Raises
    ------
    UserError naming the file that is missing, spoilt, or does not fit
    """
    student, card = load_student(folder)
    prior, windows, heads = (load_part(folder, p) for p in ("prior", "calibration", "heads"))
    return Kept(
        describe(student, card),
        student,
        card,
        checksum(folder),
        prior and Prior(prior["means"], prior["precision"], float(prior["kappa"])),
        windows and windows["X"],
        heads_by_name(heads) if heads else {},
    )


def heads_by_name(heads: Mapping[str, np.ndarray]) -> dict[str, Head]:
    """The arrays ``names``, ``weight``, ``bias`` of A athletes as name → (weight, bias)."""
    pairs = zip(heads["weight"], heads["bias"], strict=True)
    return dict(zip(heads["names"].tolist(), pairs, strict=True))


def personal(kept: Kept, athlete: str) -> Kept:
    """The same student with the head of one of its test athletes.

    Raises
    ------
    UserError for an athlete whose head was not kept, naming those whose was
    """
    if athlete not in kept.heads:
        names = ", ".join(sorted(kept.heads)) or "nobody's was kept"
        raise UserError(f"athlete {athlete!r}: no head of this athlete lies beside the student "
                        f"(there are: {names})")  # fmt: skip
    weight, bias = kept.heads[athlete]
    width = kept.network.head_mean.shape[1]
    parts = {"head_mean": weight[:, :width], "head_last": weight[:, width:], "head_bias": bias}
    return replace(kept, network=replace(kept.network, **parts))


def card_of(student: Student, fold: Fold, **origin) -> Card:
    """The card of a student of a fold.

    Parameters
    ----------
    origin : dataset, athletes, labelled, seed and scores of the card
    """
    windows, sensors = fold.windows, fold.sensors
    read = (fold.train.X != 0).any(2).any(0).tolist()
    factor = zip(sensors.factor.tolist(), read, strict=True)
    return Card(
        channels=windows.channels,
        rate_hz=windows.rate_hz,
        samples=windows.X.shape[2],
        mean=tuple(sensors.mean.tolist()),
        factor=tuple(f if known else None for f, known in factor),
        classes=windows.classes,
        width=student.stem.out_channels,
        kernel=student.kernel,
        stride=student.stride,
        **origin,
    )


def parts_of(
    student: Student,
    fold: Fold,
    labelled: Sequence[str],
    shots: Shots | None,
    k: int,
    kappa: float,
) -> Parts:
    """What lies beside a student of a fold, for :func:`~sportsml_lite.training.keep.keep_student`.

    Parameters
    ----------
    labelled : training athletes whose labels are known: theirs are the class means
    shots : the test athletes' windows; None where they give none, and so get no head
    k : windows a class that they give; kappa : windows that the population's means count as
    """
    known = np.isin(fold.train_athlete.astype(str), list(labelled))
    rows = np.flatnonzero(known)
    population = fit_population(student, fold.train.take(rows), fold.train_athlete[rows])
    prior = prior_of(population, kappa)
    parts = {"prior": vars(prior) | {"kappa": np.float64(kappa)}}
    windows = calibration_rows(fold)
    if len(windows):
        parts["calibration"] = {"X": fold.train.X[windows].numpy()}
    if shots is not None and shots.feasible_ks((k,)):
        parts["heads"] = _heads(student, shots, k, prior)
    return parts


def _heads(student: Student, shots: Shots, k: int, prior: Prior) -> dict[str, np.ndarray]:
    features = shots.features(student).numpy()
    each = [personal_head(prior, features[r], shots.y[r]) for r in shots.support_rows(k)]
    weight, bias = (np.stack(arrays) for arrays in zip(*each, strict=True))
    return {"names": shots.shot.athletes(k).astype(str), "weight": weight, "bias": bias}


def calibration_rows(fold: Fold, count: int = CALIBRATED_BY) -> np.ndarray:
    """Rows of whole training windows, classes and athletes as evenly as they come, sorted."""
    whole = np.arange(len(fold.train))
    if fold.train.mask is not None:
        whole = np.flatnonzero(fold.train.mask.all(1).numpy())
    whole = np.random.default_rng(0).permutation(whole)
    frame = pd.DataFrame({
        "row": whole, "y": fold.train.y.numpy()[whole],
        "athlete": fold.train_athlete.astype(str)[whole],
    })  # fmt: skip
    frame["turn"] = frame.groupby(["athlete", "y"]).cumcount()
    frame = frame.sort_values(["turn", "athlete"], kind="stable")
    frame["place"] = frame.groupby(["turn", "y"]).cumcount()
    chosen = frame.sort_values(["turn", "place", "y"], kind="stable")["row"].head(count)
    return np.sort(chosen.to_numpy())
