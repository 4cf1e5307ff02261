"""The mean squared error of a linear model: loss, gradient, Hessian, minimum and descent.

The derivation uses the *half* MSE, whose gradient carries no factor 2; metrics use the whole MSE.
Every function says which. Chapter 3 is the long version of this file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from sportsml_lite import schema
from sportsml_lite.errors import UserError

# --- loss, gradient, Hessian ---------------------------------------------------------------------


def _same_shape(prediction, y) -> None:
    if tuple(prediction.shape) != tuple(y.shape):
        raise UserError(
            f"prediction has shape {tuple(prediction.shape)} and target {tuple(y.shape)}; they "
            "would broadcast and train a mean predictor: make both (N,), e.g. with .reshape(-1)"
        )


def _design(X, y) -> tuple[np.ndarray, np.ndarray]:
    X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    if X.ndim != 2:
        raise UserError(f"features have shape {X.shape}; give (N, D), one row a session")
    _same_shape(X[:, 0], y)
    return X, y


def mse(prediction, y):
    r"""Mean squared error (the whole one): the metric, and what ``torch.nn.MSELoss`` computes.

    .. math:: \mathrm{MSE} = \tfrac{1}{N} \sum_i (p_i - y_i)^2

    Parameters
    ----------
    prediction, y : (N,) arrays or tensors of one shape, training effect (0–5)

    Returns
    -------
    scalar of the same kind, in squared points of effect

    Raises
    ------
    UserError if the shapes differ (an (N, 1) prediction would broadcast to (N, N))
    """
    _same_shape(prediction, y)
    return ((prediction - y) ** 2).mean()


def half_mse(X, y, w) -> float:
    r"""Half the mean squared error of the linear model :math:`Xw`.

    .. math:: J(w) = \tfrac{1}{2N} \lVert Xw - y \rVert^2

    Parameters
    ----------
    X : (N, D) float array, features
    y : (N,) float array, training effect (0–5)
    w : (D,) float array

    Raises
    ------
    UserError if the shapes of X and y do not agree
    """
    X, y = _design(X, y)
    return 0.5 * float(mse(X @ w, y))


def half_mse_gradient(X, y, w) -> np.ndarray:
    r"""Gradient of the half MSE of a linear model; the whole MSE's is twice as long.

    .. math:: \nabla J(w) = \tfrac{1}{N} X^\top (Xw - y)

    Parameters
    ----------
    X : (N, D) float array, features
    y : (N,) float array, training effect (0–5)
    w : (D,) float array

    Returns
    -------
    (D,) float array

    Raises
    ------
    UserError if the shapes do not agree (an (N, 1) target would broadcast to (N, N))
    """
    X, y = _design(X, y)
    return X.T @ (X @ w - y) / len(y)


def half_mse_hessian(X) -> np.ndarray:
    r"""Hessian of the half MSE of a linear model; it depends on the features alone.

    .. math:: H = \tfrac{1}{N} X^\top X

    Parameters
    ----------
    X : (N, D) float array, features

    Returns
    -------
    (D, D) float array, symmetric, no eigenvalue below 0
    """
    X = np.asarray(X, dtype=float)
    return X.T @ X / len(X)


def finite_difference(f, w, step: float = 1e-4) -> np.ndarray:
    r"""Gradient of ``f`` at ``w`` by central differences; exact for a quadratic but for rounding.

    .. math:: \partial_j f \approx \frac{f(w + h e_j) - f(w - h e_j)}{2h}

    Parameters
    ----------
    f : function of a (D,) array that returns a number
    w : (D,) float array
    step : h, in the units of w

    Returns
    -------
    (D,) float array
    """
    moves = step * np.eye(len(w))
    return np.array([(f(w + move) - f(w - move)) / (2 * step) for move in moves])


# --- the minimum, and the way down ---------------------------------------------------------------


def closed_form(X, y) -> np.ndarray:
    r"""The weights that minimise the MSE (half or whole: the same ones).

    They solve the normal equations :math:`X^\top X w = X^\top y`. ``lstsq`` finds them from X
    itself, because forming :math:`X^\top X` squares the condition number; where features are
    collinear it returns the shortest of the solutions (Golub and Van Loan 2013, section 5.3).

    Parameters
    ----------
    X : (N, D) float array, features
    y : (N,) float array, training effect (0–5)

    Returns
    -------
    (D,) float array

    Raises
    ------
    UserError if the shapes do not agree
    """
    X, y = _design(X, y)
    return np.linalg.lstsq(X, y, rcond=None)[0]


def gradient_descent(X, y, start, rate: float, steps: int) -> np.ndarray:
    r"""Path of gradient descent on the half MSE: :math:`w \leftarrow w - \eta \nabla J(w)`.

    Parameters
    ----------
    X : (N, D) float array, features
    y : (N,) float array, training effect (0–5)
    start : (D,) float array, the first weights
    rate : η, the learning rate for the half MSE (the whole MSE needs half of it)
    steps : number of updates

    Returns
    -------
    (steps + 1, D) float array, from ``start`` to the last weights

    Raises
    ------
    UserError if the shapes do not agree
    """
    path = [np.asarray(start, dtype=float)]
    for _ in range(steps):
        path.append(path[-1] - rate * half_mse_gradient(X, y, path[-1]))
    return np.array(path)


def largest_stable_rate(hessian) -> float:
    r"""Learning rate below which gradient descent converges, and above which it diverges.

    .. math:: \eta_\text{limit} = 2 / \lambda_\text{max}(H)

    Along the eigenvector of :math:`\lambda_j` a step multiplies the distance to the minimum by
    :math:`1 - \eta \lambda_j`, which must stay inside (-1, 1).

    Parameters
    ----------
    hessian : (D, D) array, symmetric; of the half MSE for a descent on the half MSE
    """
    return 2.0 / float(np.linalg.eigvalsh(hessian)[-1])


# --- sessions to fit -----------------------------------------------------------------------------


def banister_trimp(minutes, hr_reserve, sex) -> np.ndarray:
    """Training impulse of a session from its mean heart rate (Banister 1991), in TRIMP units.

    ``minutes · x · 0.64 exp(1.92 x)`` for men and ``minutes · x · 0.86 exp(1.67 x)`` for women,
    with x the fraction of the heart-rate reserve.

    Parameters
    ----------
    minutes, hr_reserve : (N,) arrays, duration (min) and mean heart rate as a fraction (0–1)
    sex : (N,) array of ``'m'`` or ``'f'``

    Returns
    -------
    (N,) float array

    Raises
    ------
    UserError if a sex is neither ``'m'`` nor ``'f'``
    """
    odd = set(sex) - {"m", "f"}
    if odd:
        raise UserError(f"sex {odd.pop()!r} is unknown: TRIMP has constants for 'm' and 'f' only")
    male = np.asarray(sex) == "m"
    a, b = np.where(male, 0.64, 0.86), np.where(male, 1.92, 1.67)
    return minutes * hr_reserve * a * np.exp(b * hr_reserve)


def session_features(sessions: pd.DataFrame, athletes: pd.DataFrame) -> pd.DataFrame:
    """A copy of ``sessions`` with ``hr_reserve`` (0–1), ``duration_h`` (h) and ``trimp``.

    Parameters
    ----------
    sessions : table with athlete_id, hr_mean_bpm, duration_s
    athletes : table with athlete_id, sex, hr_rest_bpm, hr_max_bpm

    Raises
    ------
    UserError naming an athlete whose maximal heart rate is not above the resting one
    """
    who = athletes.set_index("athlete_id").loc[sessions["athlete_id"]]
    rest, top = who["hr_rest_bpm"].to_numpy(), who["hr_max_bpm"].to_numpy()
    if (top <= rest).any():
        wrong = who.index[top <= rest][0]
        raise UserError(f"athlete {wrong!r}: hr_max_bpm is not above hr_rest_bpm; correct the two")
    reserve = (sessions["hr_mean_bpm"].to_numpy() - rest) / (top - rest)
    hours = sessions["duration_s"].to_numpy() / 3600
    trimp = banister_trimp(60 * hours, reserve, who["sex"])
    return sessions.assign(hr_reserve=reserve, duration_h=hours, trimp=np.asarray(trimp))


def simulate_effects(n_athletes: int, n_sessions: int, noise_sd: float, seed: int) -> pd.DataFrame:
    r"""Simulated sessions with a training effect, for one lesson; every constant is an assumption.

    .. math:: y = \mathrm{clip}\bigl(5 (1 - e^{-\rho (L / C)^{0.8}}) + \varepsilon, 0, 5\bigr)

    L is the strain of the session: minutes · x · exp(b x), with x the fraction of the heart-rate
    reserve and b = 1.92 (men) or 1.67 (women). Hidden from any model: C, the load the athlete is
    used to, and ρ, how strongly he or she responds. A linear model is therefore only an
    approximation, and the error of ``effect_expected`` is the floor that none can pass.

    Parameters
    ----------
    n_athletes, n_sessions : number of athletes, and of sessions of each
    noise_sd : standard deviation of ε, in points of effect

    Returns
    -------
    (n_athletes · n_sessions) rows: athlete_id, hr_mean_bpm, duration_s, effect (0–5),
    effect_expected (without ε), and the columns of :func:`session_features`
    """
    rng = np.random.default_rng(seed)
    athletes = _simulate_athletes(n_athletes, rng)
    who = athletes.loc[athletes.index.repeat(n_sessions)].reset_index(drop=True)
    x = rng.uniform(0.5, 0.9, len(who))
    habit = who["usual_h"] * np.exp(-1.5 * (x - 0.7))  # hard sessions are shorter
    hours = np.maximum(habit * rng.lognormal(0, 0.35, len(who)), 0.2)
    strain = 60 * hours * x * np.exp(np.where(who["sex"] == "m", 1.92, 1.67) * x)
    usual = strain.groupby(who["athlete_id"]).transform("mean")
    expected = 5 * (1 - np.exp(-who["responder"] * (strain / usual) ** 0.8))
    effect = np.clip(expected + rng.normal(0, noise_sd, len(who)), 0, 5)
    bpm = who["hr_rest_bpm"] + x * (who["hr_max_bpm"] - who["hr_rest_bpm"])
    sessions = pd.DataFrame({"athlete_id": who["athlete_id"], "hr_mean_bpm": bpm})
    sessions = sessions.assign(duration_s=3600 * hours, effect=effect, effect_expected=expected)
    return session_features(sessions, athletes)


def _simulate_athletes(n: int, rng: np.random.Generator) -> pd.DataFrame:
    age = rng.uniform(18, 60, n)
    return pd.DataFrame(
        {
            "athlete_id": [f"a{i:03d}" for i in range(n)],
            "sex": rng.choice(["m", "f"], n),
            "hr_rest_bpm": np.clip(rng.normal(56, 8, n), 38, 80),
            "hr_max_bpm": 211 - 0.64 * age + np.clip(rng.normal(0, 10.8, n), -25, 25),  # Nes 2013
            "responder": rng.lognormal(0, 0.25, n),
            "usual_h": rng.lognormal(0, 0.25, n),
        }
    )


def read_effects(folder: str | Path) -> pd.DataFrame:
    """The reader's own sessions, from ``sessions.csv`` and ``athletes.csv`` of the book's form.

    Parameters
    ----------
    folder : holds both tables (:mod:`sportsml_lite.schema`); sessions without effect, mean heart
        rate or duration are left out

    Returns
    -------
    the sessions with the columns of :func:`session_features`

    Raises
    ------
    UserError naming the file and what is missing or wrong in it
    """
    sessions, athletes = (_read_table(Path(folder), name) for name in ("sessions", "athletes"))
    needed = ["effect", "hr_mean_bpm", "duration_s"]
    sessions = sessions.dropna(subset=needed).reset_index(drop=True)
    athletes = athletes.dropna(subset=["sex", "hr_rest_bpm", "hr_max_bpm"])
    unknown = set(sessions["athlete_id"]) - set(athletes["athlete_id"])
    if unknown:
        raise UserError(
            f"{folder}/athletes.csv: athlete {min(unknown)!r} of sessions.csv needs a row with "
            "sex, hr_rest_bpm and hr_max_bpm"
        )
    if sessions.empty:
        raise UserError(f"{folder}/sessions.csv: no row has all of {', '.join(needed)}; fill some")
    return session_features(sessions, athletes)


def _read_table(folder: Path, name: str) -> pd.DataFrame:
    path = folder / f"{name}.csv"
    if not path.is_file():
        raise UserError(f"{path}: not found; export your {name} in the form of the chapter Collect")
    try:
        table = pd.read_csv(path, dtype={"athlete_id": "str", "session_id": "str"})
        table = schema.conform(table, name)
    except (ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: {reason}; correct that column or leave the cell empty") from None
    return schema.validate(table, name, where=str(path))
