"""Whom chapter 11's page shows: athletes whom the student has not met, and what learning changes.

Three athletes are chosen by a rule, not by eye: of all who are tested and can give the windows,
the one whom learning helps most, the one in the middle and the one whom it helps least. What
happens to all the others stands beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sportsml_lite.deploy.kept import card_of
from sportsml_lite.deploy.network import Network, describe
from sportsml_lite.deploy.personal import NEVER, Prior, personal_head, prior_of
from sportsml_lite.errors import UserError
from sportsml_lite.losses import Soft
from sportsml_lite.prepare import fill_windows
from sportsml_lite.prepare.tasks import load_task
from sportsml_lite.protocol import PARTS, PROTOCOL, few_shot_windows
from sportsml_lite.schema import Windows
from sportsml_lite.training.folds import Fold, folds_of, label_budget, make_fold
from sportsml_lite.training.keep import Card
from sportsml_lite.training.networks import config_for, predict, train_student, train_teacher
from sportsml_lite.transfer import fit_population

# As in chapter 10: labelled training athletes, windows a class that an athlete gives, what the
# others' means count as, and how the teacher's answers weigh.
LABELLED, K, KAPPA, ALPHA, TAU = 8, 5, 3.0, 0.5, 2.0
ATHLETES, SESSIONS = 120, 4  # simulated for the page: a fifth of them are tested
CODES, MISSING = 65_534, 65_535  # a channel's span in uint16, and what stands for a gap
WHY = ("whom learning helps most", "in the middle", "whom learning helps least")


@dataclass(frozen=True)
class Recording:
    """A piece of a recording without a break.

    clock : name of the recording whose clock ``t0_s`` counts on; several pieces may share one
    codes : (C, T) uint16, see :class:`Scale`; first : (M,) sample at which each window begins
    y : (M,) class of each window
    """

    clock: str
    t0_s: float
    codes: np.ndarray
    first: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Scale:
    """How channels became whole numbers: value = low + step * code, (C,) each."""

    low: np.ndarray
    step: np.ndarray

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Measured (..., C, T) as uint16."""
        code = np.rint((x - self.low[:, None]) / self.step[:, None])
        return np.where(np.isnan(code), MISSING, code).astype(np.uint16)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """The values that a page works with, (..., C, T) float64, NaN in a gap."""
        x = self.low[:, None] + self.step[:, None] * codes
        return np.where(codes == MISSING, np.nan, x)


@dataclass(frozen=True)
class Person:
    """An athlete whom the page shows.

    name, why : who, and by which rule; age_y : NaN where it is not known
    recordings : in the order of the windows
    """

    name: str
    why: str
    age_y: float
    recordings: tuple[Recording, ...]


@dataclass(frozen=True)
class Demonstration:
    """Everything that a page shows beside the student.

    prior : the training athletes'; people : whom it shows, the first at the beginning
    scale : of their recordings' numbers
    gains : a row a tested athlete who can give ``k`` windows of each class: ``before``, ``masked``,
        ``after`` (share right), ``n`` windows that count; index athlete
    """

    network: Network
    card: Card
    prior: Prior
    people: tuple[Person, ...]
    scale: Scale
    gains: pd.DataFrame
    k: int = K


def demonstration(
    dataset: str = "simulated", data_dir: str = "", seed: int = 0, n_athletes: int = ATHLETES
) -> Demonstration:
    """A student trained as in chapter 10, in its short form, and athletes whom it has not met.

    The trainings are kept, so that a second call takes as long as the data do. Only simulated
    athletes may be shipped; with others a page is for its maker alone.

    Parameters
    ----------
    dataset, data_dir, seed, n_athletes : as for :func:`~sportsml_lite.prepare.tasks.load_task`

    Raises
    ------
    UserError as that does, or if no tested athlete can give the windows
    """
    task = load_task(dataset, data_dir, seed=seed, n_athletes=n_athletes, sessions_each=SESSIONS)
    split = folds_of(task)[0]
    fold = make_fold(task, split)
    labelled = label_budget(fold, min(LABELLED, len(split.train)))
    student = _student(fold, seed, labelled)
    known = np.isin(fold.train_athlete.astype(str), labelled)
    population = fit_population(student, fold.train.take(known), fold.train_athlete[known])
    card = card_of(student, fold, dataset=task.name, athletes=len(split.train),
                   labelled=len(labelled), seed=seed, scores={})  # fmt: skip
    network = describe(student, card)
    test = task.windows.take(split.rows(task.windows.athlete, PARTS[2]))
    return shown(network, card, prior_of(population, KAPPA), test, task.athletes)


def _student(fold: Fold, seed: int, labelled: Sequence[str]):
    config = config_for(fold, "quick")
    soft = predict(train_teacher(fold, seed, config, labelled), fold.train, fold.signs)
    return train_student(fold, seed, config, Soft(ALPHA, TAU), soft, labelled, True).model


def shown(
    network: Network, card: Card, prior: Prior, windows: Windows, athletes: pd.DataFrame, k: int = K
) -> Demonstration:
    """Whom a page shows, of the athletes of some windows that the student has not met.

    Parameters
    ----------
    network, card, prior : of the student and its training athletes
    windows : of athletes who are tested; those with padding are left out
    athletes : table of the contract, for their ages

    Raises
    ------
    UserError if nobody can give k windows of each class
    """
    windows = windows.take(windows.mask.all(1))
    scale = _scale(windows.X)
    windows = replace(windows, X=scale.decode(scale.encode(windows.X)).astype(np.float32))
    shot = few_shot_windows(windows)
    gains = {}
    for name in np.unique(shot.athlete[shot.max_k >= k]):
        own = windows.take(windows.athlete.astype(str) == name)
        gains[name] = shares(network, prior, own, k)
    if not gains:
        raise UserError(f"no tested athlete has {k} windows of each class to give and some to test")
    table = pd.DataFrame.from_dict(gains, orient="index").rename_axis("athlete")
    gained = (table["after"] - table["before"]).sort_values(ascending=False, kind="stable")
    places = dict.fromkeys((0, len(gained) // 2, len(gained) - 1))
    age = athletes.set_index(athletes["athlete_id"].astype(str))["age_y"]
    people = []
    for place, why in zip(places, WHY, strict=False):
        name = gained.index[place]
        own = windows.take(windows.athlete.astype(str) == name)
        people.append(Person(name, why, float(age.get(name, np.nan)), recordings(own, scale)))
    return Demonstration(network, card, prior, tuple(people), scale, table, k)


def marked_and_counted(windows: Windows, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Of one athlete's windows the k earliest of each class, and those that count, (M,) bool each.

    A window counts that is not marked and stands as far from every marked one of its recording as
    chapter 9's gap: no second of the exam was seen.
    """
    place = pd.Series(windows.y).groupby(windows.y).cumcount().to_numpy()
    marked = place < k
    length_s = windows.X.shape[2] / windows.rate_hz
    apart = np.abs(windows.t0_s[:, None] - windows.t0_s[marked])
    same = windows.recording[:, None] == windows.recording[marked]
    near = (same & (apart < length_s * (1 + PROTOCOL.gap_windows))).any(1)
    return marked, ~near


def shares(network: Network, prior: Prior, windows: Windows, k: int) -> dict[str, float]:
    """Share of one athlete's counted windows that is read rightly, by each of the three models.

    ``before`` by the student for all, ``masked`` by the same who knows which classes there are,
    ``after`` by the athlete's own head; where the masked student reads every marked window rightly,
    nothing moves (chapter 9's guard). ``n``: windows that count.
    """
    marked, counted = marked_and_counted(windows, k)
    seen, y = windows_features(network, windows.X), windows.y
    head = np.concatenate([network.head_mean, network.head_last], 1)
    logits = seen @ head.T + network.head_bias
    masked = np.where(np.isin(np.arange(logits.shape[1]), y[marked]), logits, NEVER)
    moves = (masked[marked].argmax(1) != y[marked]).any()
    weight, bias = personal_head(prior, seen[marked], y[marked])
    own = seen @ weight.T + bias if moves else masked
    each = {"before": logits, "masked": masked, "after": own}
    right = {n: float((a.argmax(1) == y)[counted].mean()) for n, a in each.items()}
    return right | {"n": int(counted.sum())}


def windows_features(network: Network, X: np.ndarray) -> np.ndarray:
    """What the head sees of measured windows (M, C, T) with gaps, (M, 2 W)."""
    return network.features(network.scale(fill_windows(X, network.mean)))


def recordings(windows: Windows, scale: Scale) -> tuple[Recording, ...]:
    """One athlete's windows, put together to the recordings that they were cut from.

    What no window covers is not there, and parts a recording into pieces.
    """
    rate, size = windows.rate_hz, windows.X.shape[2]
    first = np.rint(windows.t0_s * rate).astype(int)
    code = pd.factorize(windows.recording)[0]
    breaks = (np.diff(code, prepend=-1) != 0) | (np.diff(first, prepend=0) > size)
    pieces = []
    for rows in np.split(np.arange(len(first)), np.flatnonzero(breaks)[1:]):
        begin = first[rows[0]]
        shape = windows.X.shape[1], first[rows[-1]] - begin + size
        codes = np.full(shape, MISSING, np.uint16)
        for row in rows:
            codes[:, first[row] - begin :][:, :size] = scale.encode(windows.X[row])
        clock = str(windows.recording[rows[0]])
        pieces.append(Recording(clock, begin / rate, codes, first[rows] - begin, windows.y[rows]))
    return tuple(pieces)


def _scale(X: np.ndarray) -> Scale:
    """From the smallest to the largest value of each channel, in no finer steps than float32's."""
    known = ~np.isnan(X)
    low = X.min((0, 2), where=known, initial=np.inf)
    high = X.max((0, 2), where=known, initial=-np.inf)
    low, high = (np.where(np.isfinite(side), side, 0).astype(float) for side in (low, high))
    finest = np.maximum(np.abs(low), np.abs(high)) * 2.0**-19
    return Scale(low, np.maximum((high - low) / CODES, np.where(finest > 0, finest, 1.0)))
