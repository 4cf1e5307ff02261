r"""Several models asked together: their mean, bags of athletes, and a stack.

A *member* is a model; an ensemble is a function of a table that gives the members' answers, a row
each. They may differ by their seed, by the athletes they learned from (:func:`bag`), or in kind.

**Why a mean helps.** For every session, with :math:`f_m` the answers and :math:`\bar f` their mean,

.. math:: (\bar f - y)^2 = \frac1M \sum_m (f_m - y)^2 - \frac1M \sum_m (f_m - \bar f)^2

(Krogh and Vedelsby 1995): the ensemble errs by what its members err by, less what they disagree by.
So a mean is never worse than its members are on average, and gains nothing where they all agree.

**Who may say how to mix.** A model flatters itself on the athletes it learned from. A stack
(Wolpert 1992) is therefore fitted to answers that are :func:`out_of_fold`: each training athlete is
answered by models of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sportsml_lite import protocol
from sportsml_lite.baselines.sessions import Predictor, fit_baseline
from sportsml_lite.errors import UserError
from sportsml_lite.prepare import Table
from sportsml_lite.prepare.periods import only

GROUPS = 5  # of training athletes, each answered by models of the others

Members = Callable[[Table], np.ndarray]  # N sessions → answers (M, N), a row a member
Fit = Callable[[Table, Table], Members]  # training and validation athletes → members


def decompose(answers, truth) -> tuple[np.ndarray, np.ndarray]:
    r"""What members err by, and what they disagree by, session by session.

    .. math:: \frac1M \sum_m (f_m - y)^2, \qquad \frac1M \sum_m (f_m - \bar f)^2

    The first less the second is the squared error of the mean (Krogh and Vedelsby 1995).

    Parameters
    ----------
    answers : (M, N) of M members
    truth : (N,) in the same unit

    Returns
    -------
    two (N,) arrays, in the unit squared

    Raises
    ------
    UserError if the shapes do not agree
    """
    answers, truth = np.asarray(answers, dtype=float), np.asarray(truth, dtype=float)
    if answers.ndim != 2 or not len(answers) or truth.shape != answers.shape[1:]:
        raise UserError(
            f"answers have shape {answers.shape} and truth {truth.shape}; give (M, N), a row a "
            "member, and (N,)"
        )
    spread = answers - answers.mean(axis=0)
    return np.square(answers - truth).mean(axis=0), np.square(spread).mean(axis=0)


# --- bags of athletes ----------------------------------------------------------------------------


def resample(table: Table, seed: int) -> Table:
    """As many athletes, drawn with replacement; who is drawn twice brings all sessions twice.

    Athletes and not sessions are drawn: two sessions of one athlete are no two people, and a bag
    of sessions would hold nearly everybody.

    Parameters
    ----------
    table : of training athletes
    seed : another seed, another bag

    Returns
    -------
    table with the same features; about 63 % of the athletes are in it
    """
    rows = [np.flatnonzero(table.athlete == name) for name in np.unique(table.athlete)]
    drawn = np.random.default_rng(seed).integers(len(rows), size=len(rows))
    return table.take(np.concatenate([rows[i] for i in drawn]))


def bag(
    fit: Callable[[Table, Table, int], Members],
    train: Table,
    validation: Table,
    seeds: Sequence[int],
) -> Members:
    """Bagging over athletes (Breiman 1996): a model of each bag; all are stopped by one validation.

    Parameters
    ----------
    fit : training and validation athletes, a seed → members
    seeds : of the bags; each also seeds the model of its bag

    Raises
    ------
    UserError if a seed comes twice, or there is none
    """
    if not len(seeds) or len(set(seeds)) < len(seeds):
        raise UserError(f"seeds {list(seeds)}: give at least one, and each once")
    return together([known(fit)(resample(train, seed), validation, seed) for seed in seeds])


def together(ensembles: Sequence[Members]) -> Members:
    """The members of several ensembles as one."""
    return lambda table: np.concatenate([members(table) for members in ensembles])


def known(fit: Callable[..., Members]) -> Callable[..., Members]:
    """``fit`` on the features that its own training athletes have.

    A bag, or a group left out, may lack the only athlete of whom a feature is known.
    """

    def fitted(train: Table, validation: Table, *more) -> Members:
        names = train.known(np.ones(len(train), bool)).names
        members = fit(only(train, names), only(validation, names), *more)
        return lambda table: members(only(table, names))

    return fitted


# --- stacks --------------------------------------------------------------------------------------


def answered(ensembles: Mapping[str, Members], table: Table) -> Table:
    """The table with answers in place of features: the mean of each ensemble's members."""
    means = [members(table).mean(axis=0) for members in ensembles.values()]
    return replace(table, X=np.stack(means, axis=1), names=tuple(ensembles))


def out_of_fold(
    fits: Mapping[str, Fit], train: Table, validation: Table, groups: int = GROUPS
) -> Table:
    """What models of the *other* training athletes answer of each one.

    Parameters
    ----------
    fits : by name
    train, validation : different athletes; the same ones validate each time
    groups : of training athletes, each left out once

    Returns
    -------
    ``train`` with the answers, a column a name, in place of its features

    Raises
    ------
    UserError with fewer training athletes than groups
    """
    X = np.full((len(train), len(fits)), np.nan)
    for split in protocol.fold_athletes(train.athlete, groups):
        out = split.rows(train.athlete, "test")
        fitted = {n: known(fit)(train.take(~out), validation) for n, fit in fits.items()}
        X[out] = answered(fitted, train.take(out)).X
    return replace(train, X=X, names=tuple(fits))


@dataclass(frozen=True)
class Mix:
    r"""A weighted mean of answers: :math:`c + \sum_m w_m (f_m - c)`.

    weights : (M,), 0 or more; they need not add to 1: what is missing pulls towards ``centre``, the
    mean target of the training athletes
    names : of the M answers
    """

    weights: np.ndarray
    centre: float
    names: tuple[str, ...]

    def __call__(self, answers: Table) -> np.ndarray:
        """Predictions (N,) from a table of :func:`answered`."""
        return self.centre + (only(answers, self.names).X - self.centre) @ self.weights


def weigh(honest: Table) -> Mix:
    r"""The stack of Breiman (1996): the weights, none below 0, with the least squared error.

    .. math:: \min_{w \ge 0} \lVert (F - c) w - (y - c) \rVert^2

    Members that agree would otherwise take large weights of opposite signs, which a new athlete
    pays for.

    Parameters
    ----------
    honest : from :func:`out_of_fold`
    """
    from scipy.optimize import nnls

    centre = float(honest.y.mean())
    return Mix(nnls(honest.X - centre, honest.y - centre)[0], centre, honest.names)


def choose(honest: Table) -> Mix:
    """The one with the least squared error out of fold, alone: what a stack has to beat."""
    errors = np.square(honest.X - honest.y[:, None]).mean(axis=0)
    weights = np.eye(len(honest.names))[int(errors.argmin())]
    return Mix(weights, float(honest.y.mean()), honest.names)


def boost(honest: Table, groups: int = GROUPS) -> Predictor:
    """The stack whose second level is boosted trees: they may trust a member here and not there.

    The first group of athletes chooses the number of trees, the others are learned from.

    Parameters
    ----------
    honest : from :func:`out_of_fold`, with the same ``groups``
    """
    first = protocol.fold_athletes(honest.athlete, groups)[0].rows(honest.athlete, "test")
    return fit_baseline("boosting", honest.take(~first), honest.take(first))


COMBINE = {"weights": weigh, "best": choose, "trees": boost}
