"""What an athlete gives, how a model may move, and what comes out."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.func import functional_call

from sportsml_lite.errors import UserError
from sportsml_lite.models import Student
from sportsml_lite.training.data import CHUNK, Sequences

METHODS = {
    "population": "nothing moves",
    "shrink": "class means, in closed form",
    "head": "the head only",
    "all": "everything, from the population's weights",
    "l2_sp": "everything, held back by the distance to the population's weights",
    "lp_ft": "the head, then everything",
    "gradual": "the head, then one layer more at a time, from last to first",
    "scratch": "everything, from random weights",
}


@dataclass(frozen=True)
class Adaptation:
    r"""How a student becomes one athlete's. The loss of an athlete with n windows is

    .. math:: \frac1n \sum_i H(y_i, S_w(x_i)) + \frac{\lambda}{2n} \lVert w - w_0 \rVert^2

    so that the strength λ of the pull toward the population's weights :math:`w_0` weighs less, the
    more windows there are: a normal prior (L2-SP, Li et al. 2018).

    method : key of :data:`METHODS`; ``'head'``, ``'all'``, ... say what may move
    steps : steps of AdamW in all; rate : its learning rate
    l2_sp_strength : λ; ``'l2_sp'`` needs one above 0, the others may have one
    kappa : windows that the population's class means count as (``'shrink'``)
    masked : answer only with classes that the athlete's windows show
    guarded : move only whom the unmoved model misreads, see :mod:`~sportsml_lite.transfer.guard`
    """

    method: str
    steps: int = 60
    rate: float = 0.01
    l2_sp_strength: float = 0.0
    kappa: float = 5.0
    masked: bool = False
    guarded: bool = False

    def __post_init__(self):
        if self.method not in METHODS:
            raise UserError(f"method = {self.method!r}: choose one of {', '.join(METHODS)}")
        if not isinstance(self.steps, int) or self.steps < 1:
            raise UserError(f"steps = {self.steps}: give a whole number from 1 on")
        for name in ("rate", "kappa"):
            if not getattr(self, name) > 0:
                raise UserError(f"{name} = {getattr(self, name)}: give a number above 0")
        if not self.l2_sp_strength >= 0:
            raise UserError(f"l2_sp_strength = {self.l2_sp_strength}: give 0 or a number above")
        if self.method == "l2_sp" and not self.l2_sp_strength:
            raise UserError("l2_sp with l2_sp_strength = 0 is 'all'; give one above 0, e.g. 10")


def phases(method: str, student: Student) -> list[tuple[str, ...]]:
    """Names of the parameters that move in each phase; the phases share the steps equally."""
    names = [name for name, _ in student.named_parameters()]

    def of(*starts):
        return tuple(name for name in names if name.startswith(starts))

    if method in ("population", "shrink"):
        return []
    if method == "lp_ft":
        return [of("head"), tuple(names)]
    if method == "gradual":
        layers = [(f"depth.{i}.", f"point.{i}.", f"norms.{i}.") for i in range(len(student.depth))]
        order = [("head",), *layers[::-1], ("stem",)]
        return [of(*sum(order[: i + 1], ())) for i in range(len(order))]
    return [of("head" if method == "head" else "")]


@dataclass(frozen=True)
class Support:
    """A few labelled windows of each of A athletes, padded to the same number M.

    X : (A, M, C, T) float, scaled, without gaps; mask : (A, M, T) bool, False in padding of time,
    or None; y : (A, M) int64 class, -1 where there is no window

    Raises
    ------
    UserError if the shapes do not fit, or a value is missing
    """

    X: torch.Tensor
    mask: torch.Tensor | None
    y: torch.Tensor

    def __post_init__(self):
        X, y = self.X, self.y
        if X.ndim != 4 or y.shape != X.shape[:2] or y.is_floating_point():
            raise UserError(f"support: X {tuple(X.shape)} and y {y.dtype} {tuple(y.shape)}; give "
                            "(A, M, C, T) and whole numbers (A, M)")  # fmt: skip
        wanted = (*X.shape[:2], X.shape[3])
        if self.mask is not None and self.mask.shape != wanted:
            raise UserError(f"support: mask {tuple(self.mask.shape)}; X asks for {wanted}")
        # Read row by row: a copy of all would double the memory.
        spoilt = [i for i in range(len(X)) if not bool(torch.isfinite(X[i]).all())]
        if spoilt:
            raise UserError(f"support: a window of athlete {spoilt[0]} has a missing value; use "
                            "prepare.fill_windows")  # fmt: skip

    def __len__(self) -> int:
        return len(self.y)

    def take(self, athletes) -> Support:
        """The athletes at an index, a slice or a (A,) bool tensor."""
        mask = None if self.mask is None else self.mask[athletes]
        return Support(self.X[athletes], mask, self.y[athletes])

    def seen(self, n_classes: int) -> torch.Tensor:
        """Classes that each athlete's windows show, (A, K) bool."""
        each = torch.nn.functional.one_hot(self.y.clamp(min=0), n_classes).bool()
        return (each & (self.y >= 0)[..., None]).any(1)


def as_support(part: Sequences, rows: Sequence) -> Support:
    """Windows of a :class:`Sequences`, given the row numbers of each athlete's windows."""
    width = max([1, *map(len, rows)])
    index = torch.full((len(rows), width), -1, dtype=torch.long)
    for i, own in enumerate(rows):
        index[i, : len(own)] = torch.as_tensor(own, dtype=torch.long)
    known, at = index >= 0, index.clamp(min=0)
    X = part.X[at] * known[..., None, None]
    mask = None if part.mask is None else part.mask[at]
    return Support(X, mask, torch.where(known, part.y[at], -1))


def check_fit(student: Student, support: Support) -> None:
    """Refuse windows of other channels, or classes that the student does not know.

    Raises
    ------
    UserError naming what does not fit
    """
    wanted, found = student.stem.in_channels, support.X.shape[2]
    if found != wanted:
        raise UserError(f"support: windows of {found} channels; the student reads {wanted}")
    k = student.head.out_features
    if k < 2:
        raise UserError("the student predicts a number; personalising needs classes")
    if len(support) and int(support.y.max()) >= k:
        raise UserError(f"support: class {int(support.y.max())}; the student knows 0 to {k - 1}")


@dataclass(frozen=True)
class Personal:
    """A model for each of A athletes: the population's student, and what moved.

    moved : tensors (A, ...) by parameter name; all else is the student's, unchanged
    seen : (A, K) bool, classes that an athlete may be given; adapted : (A,) bool, False for who
    keeps the population's weights
    """

    student: Student
    moved: dict[str, torch.Tensor]
    seen: torch.Tensor
    adapted: torch.Tensor

    def __len__(self) -> int:
        return len(self.adapted)

    def model(self, athlete: int) -> Student:
        """The student of one athlete (whose answers are not masked)."""
        out = copy.deepcopy(self.student)
        with torch.no_grad():
            for name, value in self.moved.items():
                out.get_parameter(name).copy_(value[athlete])
        return out.eval()

    def outputs(self, part: Sequences, owner: torch.Tensor) -> torch.Tensor:
        """Logits (N, K) of windows, each by the model of its ``owner`` (N,), a row number."""
        with torch.inference_mode():
            if self.same_features:
                return self.by_head(features_of(self.student, part), owner)
            logits = torch.zeros(len(part), self.seen.shape[1], dtype=part.X.dtype)
            for i in owner.unique().tolist():
                own = part.take(owner == i)
                weights = {name: value[i] for name, value in self.moved.items()}
                logits[owner == i] = functional_call(self.student, weights, (own.X, own.mask))
            return logits.masked_fill(~self.seen[owner], -torch.inf).clone()

    @property
    def same_features(self) -> bool:
        """Whether nothing but the head may have moved."""
        return set(self.moved) <= {"head.weight", "head.bias"}

    def by_head(self, features: torch.Tensor, owner: torch.Tensor) -> torch.Tensor:
        """:meth:`outputs` from the student's features (N, 2W), where they are the same for all."""
        student, count = self.student, len(features)
        weight, bias = (
            self.moved[name][owner]
            if name in self.moved
            else student.get_parameter(name)
            .detach()
            .expand(count, *student.get_parameter(name).shape)
            for name in ("head.weight", "head.bias")
        )
        logits = (weight @ features[..., None])[..., 0] + bias
        return logits.masked_fill(~self.seen[owner], -torch.inf)


def features_of(student: Student, part: Sequences) -> torch.Tensor:
    """What the student's head sees, (N, 2W)."""
    with torch.no_grad():
        each = []
        for begin in range(0, len(part), CHUNK):
            rows = slice(begin, begin + CHUNK)
            mask = None if part.mask is None else part.mask[rows]
            each.append(student.features(part.X[rows], mask))
        return torch.cat(each)


def unmoved(student: Student, support: Support, masked: bool) -> Personal:
    """The population's model for everybody."""
    seen = support.seen(student.head.out_features)
    free = ~seen.any(1) | torch.tensor(not masked)
    return Personal(student, {}, seen | free[:, None], torch.zeros(len(support), dtype=torch.bool))


def stacked_start(student: Student, names: Sequence[str], count: int) -> dict[str, torch.Tensor]:
    """The student's parameters ``names``, once for each of ``count`` athletes."""
    return {n: student.get_parameter(n).detach().expand(count, *student.get_parameter(n).shape)
            .clone() for n in names}  # fmt: skip
