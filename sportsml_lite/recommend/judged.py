"""Other policies judged from the months that athletes were advised by a first one.

A log of :mod:`sportsml_lite.recommend.months` holds the probability of every accepted week, so that
the estimates of :mod:`sportsml_lite.recommend.offpolicy` apply to it. Asked is what the choices of
another policy would have brought *block by block, in the states that the log met*: had it advised
from the start, later states would be others, and the weights of all blocks had to be multiplied.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sportsml_lite.errors import UserError
from sportsml_lite.recommend import offpolicy
from sportsml_lite.recommend.effect import EffectModel
from sportsml_lite.recommend.months import Log
from sportsml_lite.recommend.rank import USUAL


def as_usual(log: Log, model: EffectModel) -> np.ndarray:
    """Going on as usual; where the rules refused it, the first week they accept: (A, B, K)."""
    return _surely((log.names == USUAL).argmax(axis=2), log.names)


def random_safe(log: Log, model: EffectModel) -> np.ndarray:
    """Each accepted week as likely as another, (A, B, K)."""
    there = log.names != ""
    return there / there.sum(axis=2, keepdims=True)


def greedy(log: Log, model: EffectModel) -> np.ndarray:
    """The week of the highest mean by the population's model, (A, B, K)."""
    return _surely(_answers(log, model).argmax(axis=2), log.names)


def feedback(log: Log, model: EffectModel) -> np.ndarray:
    """The week of the highest mean by the athlete's own model on that day, (A, B, K)."""
    own = np.where(log.names == "", -np.inf, log.predicted)
    return _surely(own.argmax(axis=2), log.names)


TARGETS: dict[str, Callable[[Log, EffectModel], np.ndarray]] = {
    function.__name__: function for function in (as_usual, random_safe, greedy, feedback)
}


def value(
    log: Log, target: str, model: EffectModel, estimator: str = "dr"
) -> tuple[offpolicy.Value, float]:
    """What a policy's choices would have brought a block, and what they truly would have.

    Parameters
    ----------
    log : months of athletes under a policy that draws its choices
    target : of :data:`TARGETS`
    model : of other athletes; what ``greedy`` goes by, and the model of ``'dm'`` and ``'dr'``
    estimator : of :data:`sportsml_lite.recommend.offpolicy.ESTIMATORS`

    Returns
    -------
    the estimate, % of VO2max a block, with its interval over athletes; and the truth, which only a
    simulator knows: of the blocks as planned, while the reward is of the blocks as they were done

    Raises
    ------
    UserError for another target, a coach's log, which holds no probabilities, or what
    :func:`sportsml_lite.recommend.offpolicy.value` refuses
    """
    if target not in TARGETS:
        raise UserError(f"no target {target!r}: choose one of {', '.join(TARGETS)}")
    if (log.chosen < 0).any():
        raise UserError(f"the log of {log.policy!r} holds no probabilities; take a policy's")
    wanted = TARGETS[target](log, model)
    place = log.chosen[..., None]
    blocks, most = log.names.shape[1:]
    own = offpolicy.Log(
        athlete=np.repeat(np.arange(len(log.names)), blocks),
        action=log.chosen.ravel(),
        reward=log.reward.ravel(),
        propensity=np.take_along_axis(log.propensity, place, axis=2).ravel(),
    )
    said = np.where(log.names == "", 0.0, _answers(log, model)).reshape(-1, most)
    found = offpolicy.value(own, wanted.reshape(-1, most), estimator, said)
    return found, float((wanted * np.nan_to_num(log.truth)).sum(axis=2).mean())


def _answers(log, model):
    """Mean effect of every week by a model, (A, B, K); minus infinity where there is none."""
    return np.where(log.names == "", -np.inf, np.nan_to_num(log.X) @ model.mean)


def _surely(place, names):
    return np.eye(names.shape[2])[place]
