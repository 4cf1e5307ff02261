"""What a sequence model has to beat: naive answers, rules of practice, trees, random convolutions.

Every baseline is fitted by :func:`fit_window_baseline` and then a function of windows to
predictions. Validation athletes choose the strength of a ridge and the number of boosted trees, as
they choose the last epoch of a network.

A missing value holds the last one of its window; before the first it is the training mean
(:func:`~sportsml_lite.prepare.fill_windows`). The trees also see how much was missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import pandas as pd

from sportsml_lite.baselines.kernels import MIN_SAMPLES, Kernels
from sportsml_lite.baselines.sessions import STRENGTHS, TREES
from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import macro_f1, mse
from sportsml_lite.prepare import fill_windows, fit_scaler, last_mean, window_statistics
from sportsml_lite.prepare.tasks import DOMAINS
from sportsml_lite.schema import Windows

WINDOW_BASELINES = {
    "majority": "most frequent class",
    "zone": "heart-rate zones",
    "mean": "mean predictor",
    "last": "last value (mean of 5 s)",
    "autoregression": "autoregression",
    "autoregression_plan": "autoregression + plan",
    "forest": "random forest",
    "boosting": "boosted trees",
    "minirocket": "MiniRocket + ridge",
}
HEART, BEATS = "hr_fraction", "hr_bpm"
PLANNED = "planned_"
NEEDS = {
    "majority": "classes",
    "zone": f"a channel {HEART!r} and the classes {', '.join(DOMAINS)}",
    "mean": "a number as target",
    "last": f"a number as target and a channel {BEATS!r}",
    "autoregression": f"a number as target and a channel {BEATS!r}",
    "autoregression_plan": f"a number as target, channels {BEATS!r} and '{PLANNED}…'",
    "minirocket": f"windows of at least {MIN_SAMPLES} samples",
}
NAIVE = ("majority", "mean")
MOST_WINDOWS = 6000  # of a forest and of MiniRocket: neighbouring windows say nearly the same
CUTS = 400  # quantiles of heart rate that the zones may be cut at
KERNEL_STRENGTHS = np.logspace(1, 5, 5)
PAST_S = 60
NEVER = -10.0  # score of a class that training lacks; a ridge's scores lie about -1 and 1

Predictor = Callable[[Windows], np.ndarray]


def window_baselines_of(windows: Windows) -> list[str]:
    """Names of :data:`WINDOW_BASELINES` that can be fitted to such windows."""
    number, beats = not windows.classes, BEATS in windows.channels
    planned = any(c.startswith(PLANNED) for c in windows.channels)
    applies = {
        "majority": not number,
        "zone": HEART in windows.channels and windows.classes == DOMAINS,
        "mean": number,
        "last": number and beats,
        "autoregression": number and beats,
        "autoregression_plan": number and beats and planned,
        "minirocket": windows.X.shape[2] >= MIN_SAMPLES,
    }
    return [name for name in WINDOW_BASELINES if applies.get(name, True)]


def fit_window_baseline(name: str, train: Windows, validation: Windows, seed: int = 0) -> Predictor:
    """Fit one of :data:`WINDOW_BASELINES` on training athletes.

    For classes: ``majority`` answers with the most frequent class; ``zone`` cuts the mean of
    ``hr_fraction`` over the last 10 s where macro-F1 of the training windows is best. For a number:
    ``mean``; ``last``, the mean of the last 5 s of ``hr_bpm``; ``autoregression``, a ridge on
    the 5-s means of its last 60 s; ``autoregression_plan``, also on the 10-s means of the last 60 s
    of the other channels, among them what is planned. For both: ``forest`` (200 trees) and
    ``boosting`` on :func:`~sportsml_lite.prepare.window_statistics`; ``minirocket``, 9996 random
    convolutions (Dempster et al. 2021), 2016 above 4000 training windows, of scaled channels and a
    ridge. Classes weigh the same, however rare.

    ``forest`` and the ridge of ``minirocket`` read every n-th window of each athlete and class, so
    that about 6000 remain; the others read all.

    Parameters
    ----------
    name : key of :data:`WINDOW_BASELINES`; see :func:`window_baselines_of`
    train, validation : windows of different athletes
    seed : of ``forest``; the others draw nothing

    Returns
    -------
    function of windows of the same form, giving (N,) positions in ``classes``, never one that
        training lacks, or (N,) float

    Raises
    ------
    UserError for an unknown name, windows that do not fit it or each other, shared athletes, or a
        single class to learn from
    """
    _check(name, train, validation)
    fits = {
        "majority": _majority,
        "zone": _zone,
        "mean": _mean,
        "last": _last,
        "autoregression": _autoregression,
        "autoregression_plan": _autoregression_plan,
        "forest": _forest,
        "boosting": _boosting,
        "minirocket": _minirocket,
    }
    predict = fits[name](train, validation, seed)

    def checked(windows: Windows) -> np.ndarray:
        _check_form(train, windows)
        return predict(windows)

    return checked


def fit_symmetric_scores(
    train: Windows,
    validation: Windows,
    signs: np.ndarray,
    *,
    known: np.ndarray | None = None,
    kind: str = "minirocket",
) -> SymmetricScores:
    """Random convolutions with the network's advantage: scores that no symmetry changes.

    A ridge on :class:`~sportsml_lite.baselines.kernels.Kernels` of all training windows, which are
    computed once; other labels cost another ridge and no more.

    Parameters
    ----------
    train, validation : as for :func:`fit_window_baseline`
    signs : (G, C) of ±1, see :class:`~sportsml_lite.prepare.tasks.Task`; the first is all 1
    known : (N,) bool, the training windows whose labels are read; None is all of them
    kind : ``'minirocket'`` or ``'multirocket_hydra'``

    Returns
    -------
    :class:`SymmetricScores`: a function of windows giving (N, K) scores; a class that training
        lacks has :data:`NEVER`, below all others

    Raises
    ------
    UserError for windows without classes, and as :func:`fit_window_baseline` does
    """
    if not train.classes:
        raise UserError("baseline: symmetric scores are those of classes; the target is a number")
    known = np.ones(len(train), bool) if known is None else known
    _check("minirocket", train.take(known), validation)
    return SymmetricScores(train.take([0]), _convolved(train, validation, signs, known, kind))


@dataclass(frozen=True)
class SymmetricScores:
    """What :func:`fit_symmetric_scores` gives; ``form`` is a window like those it was fitted on."""

    form: Windows
    line: _Line

    def __call__(self, windows: Windows) -> np.ndarray:
        """Scores of the classes, (N, K)."""
        return self.read(windows)[0]

    def read(self, windows: Windows) -> tuple[np.ndarray, np.ndarray]:
        """Scores (N, K), and the features (N, D) of which they are a linear function."""
        _check_form(self.form, windows)
        features = self.line.scaler.transform(self.line.features(windows))
        return self.line.scores_of(features, len(self.form.classes)), features


def _block_means(X: np.ndarray, rate_hz: float, seconds: float) -> np.ndarray:
    """Means over consecutive pieces of the last 60 s, the last one at the end, (N, C·B)."""
    n, c, t = X.shape
    size = min(t, max(1, round(seconds * rate_hz)))
    count = max(1, min(t, round(PAST_S * rate_hz)) // size)
    return X[..., t - count * size :].reshape(n, c, count, size).mean(axis=3).reshape(n, -1)


# --- naive answers and rules ---------------------------------------------------------------------


def _majority(train: Windows, validation: Windows, seed: int) -> Predictor:
    most = int(np.bincount(train.y).argmax())
    return lambda windows: np.full(len(windows), most)


def _mean(train: Windows, validation: Windows, seed: int) -> Predictor:
    mean = train.y.mean()
    return lambda windows: np.full(len(windows), mean)


def _zone(train: Windows, validation: Windows, seed: int) -> Predictor:
    read = _reader(train, (HEART,))
    present = np.unique(train.y)

    def level(windows: Windows) -> np.ndarray:
        return last_mean(read(windows)[:, 0], windows.rate_hz, 10)

    cuts = best_cuts(level(train), np.searchsorted(present, train.y))
    return lambda windows: present[np.searchsorted(cuts, level(windows), side="right")]


def best_cuts(value: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Cut points (K-1,) that give the best macro-F1 where class k lies from cut k-1 up to cut k.

    Parameters
    ----------
    value : (N,); y : (N,) int classes 0 to K-1, each present; candidates are 400 quantiles
    """
    edges = np.concatenate([[-np.inf], np.unique(np.quantile(value, np.linspace(0, 1, CUTS)))])
    bins = np.searchsorted(edges, value, side="right")
    hits = np.zeros((len(edges) + 1, y.max() + 1))
    np.add.at(hits, (bins, y), 1)
    below = hits.cumsum(axis=0)  # rows of a class below each edge; the last holds them all
    places = np.array(list(combinations_with_replacement(range(len(edges)), y.max())))
    ends = np.pad(places, ((0, 0), (1, 1)), constant_values=((0, 0), (0, len(edges))))
    table = np.diff(below[ends], axis=1)  # (P, predicted, true)
    f1 = 2 * np.diagonal(table, axis1=1, axis2=2) / (table.sum(axis=2) + below[-1])
    return edges[places[f1.mean(axis=1).argmax()]]


def _last(train: Windows, validation: Windows, seed: int) -> Predictor:
    read = _reader(train, (BEATS,))
    return lambda windows: last_mean(read(windows)[:, 0], windows.rate_hz, 5).astype(float)


def _autoregression(train: Windows, validation: Windows, seed: int) -> Predictor:
    read = _reader(train, (BEATS,))
    return _line(lambda w: _block_means(read(w), w.rate_hz, 5), train, validation, STRENGTHS)


def _autoregression_plan(train: Windows, validation: Windows, seed: int) -> Predictor:
    others = tuple(c for c in train.channels if c != BEATS)
    past, plan = _reader(train, (BEATS,)), _reader(train, others)

    def features(windows: Windows) -> np.ndarray:
        rate = windows.rate_hz
        return np.hstack(
            [_block_means(past(windows), rate, 5), _block_means(plan(windows), rate, 10)]
        )

    return _line(features, train, validation, STRENGTHS)


# --- learners ------------------------------------------------------------------------------------


def _forest(train: Windows, validation: Windows, seed: int) -> Predictor:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    means, few = fit_scaler(train.X).mean, train.take(every_nth(train))
    options = {"n_estimators": 200, "min_samples_leaf": 3, "n_jobs": 1, "random_state": seed}
    if train.classes:
        trees = RandomForestClassifier(class_weight="balanced", **options)
    else:
        trees = RandomForestRegressor(max_features=1 / 3, **options)
    trees.fit(window_statistics(few, means), few.y)
    return lambda windows: trees.predict(window_statistics(windows, means))


def _boosting(train: Windows, validation: Windows, seed: int) -> Predictor:
    trees, means = _boosted(train, validation, seed)
    return lambda windows: trees.predict(window_statistics(windows, means))


def fit_tree_scores(train: Windows, validation: Windows, seed: int = 0) -> Predictor:
    """Boosted trees that say how sure they are: the logarithm of each class's probability.

    Parameters
    ----------
    train, validation, seed : as for :func:`fit_window_baseline`

    Returns
    -------
    function of windows giving (N, K); a class that training lacks has :data:`NEVER` or less

    Raises
    ------
    UserError for windows without classes, and as :func:`fit_window_baseline` does
    """
    if not train.classes:
        raise UserError("baseline: scores are those of classes; the target is a number")
    _check("boosting", train, validation)
    trees, means = _boosted(train, validation, seed)

    def scores(windows: Windows) -> np.ndarray:
        _check_form(train, windows)
        found = np.log(np.maximum(trees.predict_proba(window_statistics(windows, means)), 1e-12))
        out = np.full((len(windows), len(train.classes)), found.min(initial=NEVER))
        out[:, trees.classes_] = found
        return out

    return scores


def _boosted(train: Windows, validation: Windows, seed: int):
    """The trees, and the means that fill gaps before anything was measured."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    means = fit_scaler(train.X).mean
    kind = HistGradientBoostingClassifier if train.classes else HistGradientBoostingRegressor
    trees = kind(early_stopping=True, random_state=seed, **TREES)
    if train.classes:
        # A class that training lacks cannot be judged.
        validation = validation.take(np.isin(validation.y, train.y))
        if not len(validation):
            raise UserError("baseline 'boosting': no class of training in validation; split again")
    trees.fit(
        window_statistics(train, means),
        train.y,
        _weights(train, train.y),
        X_val=window_statistics(validation, means),
        y_val=validation.y,
        sample_weight_val=_weights(train, validation.y),
    )
    return trees, means


def _minirocket(train: Windows, validation: Windows, seed: int) -> _Line:
    return _convolved(train, validation, None, np.ones(len(train), bool), "minirocket")


def _convolved(train: Windows, validation: Windows, signs, known: np.ndarray, kind: str) -> _Line:
    """Ridge on random convolutions of the training windows whose labels are known."""
    features = Kernels(train, signs, kind).features
    rows = np.flatnonzero(known)
    rows = rows[every_nth(train.take(rows))]
    X = features(train)[rows]
    return _line(features, train.take(rows), validation, KERNEL_STRENGTHS, X)


def _line(
    features, train: Windows, validation: Windows, strengths, X: np.ndarray | None = None
) -> _Line:
    """Ridge on standardised features, its strength chosen by validation athletes.

    X : (N, F) features of ``train`` where they are known
    """
    X = features(train) if X is None else X
    scaler = fit_scaler(X)
    X, X_val = (scaler.transform(x) for x in (X, features(validation)))
    kinds = np.unique(train.y) if train.classes else None
    y = (
        train.y[:, None].astype(float)
        if kinds is None
        else np.sign((train.y[:, None] == kinds) - 0.5)
    )
    best, found = -np.inf, None
    for weight, bias in ridges(X, y, strengths, _weights(train, train.y)):
        line = _Line(weight, bias, kinds, scaler, features)
        answer = line.decide(X_val @ weight + bias)
        score = -mse(validation.y, answer) if kinds is None else macro_f1(validation.y, answer)
        if score > best:
            best, found = score, line
    return found


def ridges(
    X: np.ndarray, Y: np.ndarray, strengths, weight: np.ndarray | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    r"""Ridge regressions of several strengths from one matrix of products.

    .. math:: \min_{B, b} \sum_n w_n \lVert Y_n - X_n B - b \rVert^2 + s \lVert B \rVert^2

    With more columns than rows: :math:`B = A^\top (A A^\top + s I)^{-1} Y` in the rows.

    Parameters
    ----------
    X : (N, D); Y : (N, K); weight : (N,) of the rows, None is 1
    strengths : s, each above 0

    Yields
    ------
    B (D, K) and b (K,), a pair a strength
    """
    from scipy.linalg import cho_factor, cho_solve

    # In float64, whatever X is: in float32 a weak ridge would be ill-conditioned.
    root = np.sqrt(np.ones(len(X)) if weight is None else weight)[:, None]
    centre, level = (np.average(Z, axis=0, weights=root[:, 0] ** 2) for Z in (X, Y))
    A, targets = root * (X - centre), root * (Y - level)
    wide = A.shape[1] > A.shape[0]
    products = A @ A.T if wide else A.T @ A
    known = targets if wide else A.T @ targets
    for strength in strengths:
        matrix = products.copy()
        matrix.flat[:: len(matrix) + 1] += strength
        B = cho_solve(cho_factor(matrix, overwrite_a=True, check_finite=False), known)
        B = A.T @ B if wide else B
        yield B, level - centre @ B


@dataclass(frozen=True)
class _Line:
    """A ridge on standardised features of windows; ``kinds`` are the classes of training."""

    weight: np.ndarray
    bias: np.ndarray
    kinds: np.ndarray | None
    scaler: object
    features: Callable

    def __call__(self, windows: Windows) -> np.ndarray:
        return self.decide(self._found(windows))

    def decide(self, found: np.ndarray) -> np.ndarray:
        """Numbers, or the classes with the highest scores."""
        return found[:, 0] if self.kinds is None else self.kinds[found.argmax(axis=1)]

    def scores_of(self, features: np.ndarray, n_classes: int) -> np.ndarray:
        """Scores of the classes, (N, K), from standardised features."""
        out = np.full((len(features), n_classes), NEVER)
        out[:, self.kinds] = features @ self.weight + self.bias
        return out

    def _found(self, windows: Windows) -> np.ndarray:
        return self.scaler.transform(self.features(windows)) @ self.weight + self.bias


def _reader(train: Windows, channels: tuple[str, ...]) -> Callable[[Windows], np.ndarray]:
    """Function of windows to some of their channels without gaps, (N, C', T)."""
    at = [train.channels.index(c) for c in channels]
    means = fit_scaler(train.X[:, at]).mean
    return lambda windows: fill_windows(windows.X[:, at], means)


def _weights(train: Windows, y: np.ndarray) -> np.ndarray | None:
    """Of each row, such that the training rows of every class sum to the same; 1 in the mean."""
    if not train.classes:
        return None
    count = np.bincount(train.y, minlength=len(train.classes))
    return (len(train) / (count > 0).sum() / np.maximum(count, 1))[y]


def every_nth(windows: Windows) -> np.ndarray:
    """Every n-th window of each athlete and class, (N,) bool: about 6000, nobody, no class lost."""
    step = -(-len(windows) // MOST_WINDOWS)
    group = pd.DataFrame({"a": windows.athlete, "y": windows.y if windows.classes else 0})
    return (group.groupby(["a", "y"]).cumcount() % step == 0).to_numpy()


# --- checks --------------------------------------------------------------------------------------


def _check(name: str, train: Windows, validation: Windows) -> None:
    if name not in WINDOW_BASELINES:
        raise UserError(f"no baseline {name!r}: choose one of {', '.join(WINDOW_BASELINES)}")
    fitting = window_baselines_of(train)
    if name not in fitting:
        raise UserError(f"baseline {name!r} needs {NEEDS[name]}; choose of {', '.join(fitting)}")
    _check_form(train, validation)
    if not len(train) or not len(validation):
        raise UserError("baseline: no window to train or to validate on; give more athletes")
    shared = np.intersect1d(train.athlete.astype(str), validation.athlete.astype(str))
    if len(shared):
        raise UserError(
            f"baseline: athlete {str(shared[0])!r} trains and validates; split by athlete"
        )
    if train.classes and name not in NAIVE and len(np.unique(train.y)) < 2:
        raise UserError(
            f"baseline {name!r}: training holds only {train.classes[train.y[0]]!r}; take other "
            "athletes, or 'majority'"
        )


def _check_form(train: Windows, windows: Windows) -> None:
    for field in ("channels", "classes", "rate_hz"):
        fitted, found = getattr(train, field), getattr(windows, field)
        if fitted != found:
            raise UserError(f"baseline: {field} {found} where it was fitted on {fitted}; "
                            "cut both from one task")  # fmt: skip
    if windows.X.shape[2] != train.X.shape[2]:
        raise UserError(
            f"baseline: windows of {windows.X.shape[2]} samples where it was fitted on "
            f"{train.X.shape[2]}; cut both from one task"
        )
