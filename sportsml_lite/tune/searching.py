"""Grid, random and Bayesian search under one budget, with or without pruning.

**The budget** is counted in epochs: passes over the training rows, whatever the batch size. A trial
costs the epochs that it ran, a pruned one fewer, so that every method reads as many rows.

**Grid** visits its points in a random order. **Random** draws every level alike (Bergstra and
Bengio 2012). **TPE** (Bergstra 2011) draws ten trials at random; then it models where the better
trials lie, l(x), and where the others do, g(x), and tries what makes l(x)/g(x) large.

**Pruning** is successive halving (Jamieson and Talwalkar 2016): at epochs 4, 12 and 36 a trial goes
on only if it is among the best third of those that came so far.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError
from sportsml_lite.training.configurations import Configuration
from sportsml_lite.tune.space import NAMES, Space

if TYPE_CHECKING:
    import optuna

METHODS = ("grid", "random", "tpe")
RUNGS, THIRD = (4, 12, 36), 3  # epochs at which a trial may be pruned, and how many go on: 1 in 3
EPOCHS = "epochs"  # what a trial cost, kept with it

# A configuration → its validation error after each epoch; closed early where it is pruned.
Learn = Callable[[Configuration], Iterator[float]]


def search(
    method: str, space: Space, learn: Learn, budget: int, seed: int = 0, prune: bool = False
) -> pd.DataFrame:
    """Look through a space until the budget is spent.

    Parameters
    ----------
    method : ``'grid'``, ``'random'`` or ``'tpe'``
    learn : configuration → validation errors by epoch
    budget : epochs of all trials together; the trial that would exceed it is the last
    seed : of the search's own draws
    prune : give up trials that look bad early

    Returns
    -------
    from :func:`trials_of`

    Raises
    ------
    UserError for an unknown method, or a budget below 1
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=sampler(method, space, seed), pruner=pruner(prune))
    run(study, space, learn, budget)
    return trials_of(study)


def run(study: optuna.Study, space: Space, learn: Learn, budget: int) -> None:
    """Add trials to a study until all of its trials, whoever made them, have cost the budget.

    Raises
    ------
    UserError for a budget below 1 epoch
    """
    if not isinstance(budget, int | np.integer) or isinstance(budget, bool) or budget < 1:
        raise UserError(f"budget = {budget!r}: give the epochs of all trials together, 1 or more")
    if spent(study) >= budget:
        return

    def stop(study: optuna.Study, trial) -> None:
        if spent(study) >= budget:
            study.stop()

    study.optimize(partial(objective, space=space, learn=learn), callbacks=[stop])


def objective(trial: optuna.Trial, space: Space, learn: Learn) -> float:
    """Lowest validation error of one trial; infinite where it never was a number.

    Raises
    ------
    optuna.TrialPruned where the study's pruner gives it up
    """
    import optuna

    best, epoch = np.inf, 0
    try:
        for epoch, error in enumerate(learn(draw(trial, space)), 1):
            best = min(best, error)  # not a number is no smaller
            if epoch in RUNGS:
                trial.report(best, epoch)
                if trial.should_prune():
                    raise optuna.TrialPruned
    finally:
        trial.set_user_attr(EPOCHS, epoch)
    return float(best)


def draw(trial: optuna.Trial, space: Space) -> Configuration:
    """The configuration that a study wants to know of."""
    return space.at({n: trial.suggest_int(n, 0, len(space.levels[n]) - 1) for n in NAMES})


def sampler(method: str, space: Space, seed: int) -> optuna.samplers.BaseSampler:
    """Optuna's sampler of a method.

    Raises
    ------
    UserError for an unknown method
    """
    import optuna

    if method not in METHODS:
        raise UserError(f"method {method!r} is unknown: choose one of {', '.join(METHODS)}")
    if method == "grid":
        return optuna.samplers.GridSampler({n: list(space.grid[n]) for n in NAMES}, seed=seed)
    if method == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed)


def pruner(prune: bool) -> optuna.pruners.BasePruner:
    """Successive halving at :data:`RUNGS`, or none."""
    import optuna

    if not prune:
        return optuna.pruners.NopPruner()
    return optuna.pruners.SuccessiveHalvingPruner(RUNGS[0], THIRD)


def spent(study: optuna.Study) -> int:
    """Epochs of all trials so far."""
    return sum(t.user_attrs.get(EPOCHS, 0) for t in study.get_trials(deepcopy=False))


def trials_of(study: optuna.Study) -> pd.DataFrame:
    """Every finished trial, in the order in which they ended.

    Returns
    -------
    columns number, state (``'complete'``, ``'pruned'`` or ``'fail'``), value (lowest validation
    error; NaN unless complete), epochs, spent (epochs up to its end, of all), and the number of
    each hyper-parameter's level
    """
    done = [t for t in study.get_trials(deepcopy=False) if t.datetime_complete is not None]
    done.sort(key=lambda t: (t.datetime_complete, t.number))
    rows = [
        {
            "number": t.number,
            "state": t.state.name.lower(),
            "value": t.value if t.state.name == "COMPLETE" else np.nan,
            EPOCHS: t.user_attrs.get(EPOCHS, 0),
            **t.params,
        }
        for t in done
    ]
    table = pd.DataFrame(rows, columns=["number", "state", "value", EPOCHS, *NAMES])
    table.insert(4, "spent", table[EPOCHS].cumsum())
    return table


def best_at(trials: pd.DataFrame, budgets: Sequence[float]) -> list[int]:
    """Row of the best trial that was complete when so many epochs were spent; -1 for none.

    Parameters
    ----------
    trials : from :func:`trials_of`
    """
    found = []
    for budget in budgets:
        value = trials["value"].where(trials["spent"] <= budget).replace(np.inf, np.nan)
        found.append(int(value.argmin()) if value.notna().any() else -1)
    return found
