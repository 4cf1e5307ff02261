"""The field of teachers: whatever reads a window best may teach (chapters 7 to 10).

Every candidate answers with logits at a temperature that validation athletes chose, so that a
ridge's scores, the votes of trees and a network's outputs can be compared, averaged and distilled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from sportsml_lite.baselines.kernels import MIN_SAMPLES
from sportsml_lite.baselines.windows import fit_symmetric_scores, fit_tree_scores
from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import by_athlete, fit_temperature
from sportsml_lite.prepare.tasks import Task
from sportsml_lite.protocol import PARTS, Split
from sportsml_lite.schema import Windows
from sportsml_lite.training.folds import make_fold
from sportsml_lite.training.networks import ModelConfig, predict, train_teacher

KINDS = ("lstm", "lite", "minirocket", "multirocket_hydra", "boosting", "blend", "chosen")
# Fixed beforehand: the network of this book and the rival that is most unlike it.
MEMBERS = ("lstm", "minirocket")
CANDIDATES = ("lstm", "minirocket", "boosting", "blend")
SHARES = np.linspace(0, 1, 11)  # of the first member of a blend
LACKING = -1e4  # logit of a class that training lacks: never an answer, and no infinity to trip on


@dataclass(frozen=True)
class Teacher:
    """One candidate, fitted.

    kind : of :data:`KINDS`; of the one that was chosen, what it is
    logits : function of windows to (N, K) float64, at the temperature that validation athletes
        chose; a class that training lacks lies far below all others
    validation_f1 : mean over validation athletes of macro-F1
    """

    kind: str
    logits: Callable[[Windows], torch.Tensor]
    validation_f1: float

    def answers(self, windows: Windows) -> np.ndarray:
        """Class positions, (N,) int."""
        return self.logits(windows).argmax(1).numpy()


class Teachers:
    """The candidates of one fold, each fitted when it is first asked for.

    Parameters
    ----------
    task, split : windows with classes, and who trains, validates and tests
    seed : of networks and trees; random convolutions draw nothing
    config : sizes and steps of the networks
    labelled : training athletes whose labels are known; None is all of them

    Raises
    ------
    UserError as :func:`~sportsml_lite.training.folds.make_fold` does, or where the target is a
    number
    """

    def __init__(
        self,
        task: Task,
        split: Split,
        seed: int,
        config: ModelConfig,
        labelled: Sequence[str] | None = None,
    ):
        if not task.windows.classes:
            raise UserError(f"{task.name}: a teacher tells classes apart, and the target is a "
                            "number; take target = 'class'")  # fmt: skip
        self.task, self.split, self.seed, self.config = task, split, seed, config
        self.labelled = None if labelled is None else tuple(labelled)
        self.fold = make_fold(task, split)
        windows = task.windows
        self.train, self.validation = (
            windows.take(split.rows(windows.athlete, part)) for part in PARTS[:2]
        )
        owner = self.train.athlete.astype(str)
        everyone = self.labelled is None
        self.known = np.ones(len(owner), bool) if everyone else np.isin(owner, self.labelled)
        self.lacking = ~np.isin(np.arange(len(windows.classes)), self.train.y[self.known])
        self.fitted: dict[str, Teacher] = {}

    def fit(self, kind: str) -> Teacher:
        """A candidate by its kind.

        Raises
        ------
        UserError for an unknown kind, or windows too short for a kernel
        """
        if kind not in KINDS:
            raise UserError(f"teacher = {kind!r}: choose one of {', '.join(KINDS)}")
        if kind not in self.fitted:
            self.fitted[kind] = self._chosen() if kind == "chosen" else self._one(kind)
        return self.fitted[kind]

    def without(self, labelled: Sequence[str]) -> Teachers:
        """The candidates of the same fold when these labels alone are known."""
        return Teachers(self.task, self.split, self.seed, self.config, labelled)

    def _one(self, kind: str) -> Teacher:
        raw = self._blend() if kind == "blend" else self._raw(kind)
        told = self._told(raw(self.validation))
        tau = fit_temperature(*self._judged(told))

        def logits(windows: Windows) -> torch.Tensor:
            return self._told(raw(windows)) / tau

        answer = told.argmax(1).numpy()
        scores = by_athlete(self.validation.y, answer, self.validation.athlete, ["macro_f1"])
        return Teacher(kind, logits, float(scores["macro_f1"].mean()))

    def _told(self, scores) -> torch.Tensor:
        lacking = torch.as_tensor(self.lacking)
        return torch.as_tensor(scores).double().masked_fill(lacking, LACKING)

    def _judged(self, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits and labels of the validation windows whose class training has."""
        y = torch.as_tensor(self.validation.y)
        seen = ~torch.as_tensor(self.lacking)[y]
        return logits[seen], y[seen]

    def _raw(self, kind: str) -> Callable:
        """Function of windows to scores (N, K), as they come."""
        if kind in ("lstm", "lite"):
            lite = kind == "lite"  # one network: a step costs as much as seven of the LSTM's
            config = replace(self.config, networks=1) if lite else self.config
            networks = train_teacher(self.fold, self.seed, config, self.labelled, lite=lite)
            return lambda windows: predict(networks, self.fold.sequences(windows), self.fold.signs)
        if kind == "boosting":
            return fit_tree_scores(self.train.take(self.known), self.validation, self.seed)
        return fit_symmetric_scores(
            self.train, self.validation, self.task.signs, known=self.known, kind=kind
        )

    @cached_property
    def share(self) -> float:
        """Of the first member in the blend: what makes validation labels most likely."""
        one, two = (self.fit(kind).logits(self.validation) for kind in MEMBERS)

        def loss(share: float) -> float:
            logits, y = self._judged(share * one + (1 - share) * two)
            return float(torch.nn.functional.cross_entropy(logits, y))

        return min(SHARES, key=loss)

    def _blend(self) -> Callable:
        """The members' logits, in their shares."""
        share, (first, second) = self.share, (self.fit(kind).logits for kind in MEMBERS)
        return lambda windows: share * first(windows) + (1 - share) * second(windows)

    def _chosen(self) -> Teacher:
        short = self.train.X.shape[2] < MIN_SAMPLES
        kinds = [k for k in CANDIDATES if not (short and k in ("minirocket", "blend"))]
        return max((self.fit(kind) for kind in kinds), key=lambda t: t.validation_f1)


def fit_teacher(
    task: Task,
    split: Split,
    seed: int,
    kind: str,
    config: ModelConfig,
    labelled: Sequence[str] | None = None,
) -> Teacher:
    """One candidate of a fold; several of the same fold are cheaper from :class:`Teachers`.

    Parameters
    ----------
    kind : of :data:`KINDS`; the others are those of :class:`Teachers`
    """
    return Teachers(task, split, seed, config, labelled).fit(kind)
