"""The mean squared error of a linear model: loss, gradient, Hessian, minimum and descent.

The derivation uses the *half* MSE, whose gradient carries no factor 2; metrics use the whole MSE.
Every function says which. Chapter 3 is the long version of this file.
"""

from __future__ import annotations

import numpy as np

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


def steps_to(path, minimum, share: float = 0.01) -> int | None:
    """Steps until a descent has come within a share of its first distance to the minimum.

    Parameters
    ----------
    path : (steps + 1, D) array, as from :func:`gradient_descent`
    minimum : (D,) array
    share : of the first distance; 0.01 is 1 %

    Returns
    -------
    number of steps, or None where the path does not come so near
    """
    distance = np.linalg.norm(np.asarray(path) - minimum, axis=1)
    near = np.flatnonzero(distance <= share * distance[0])
    return int(near[0]) if len(near) else None


def convergence(X, share: float = 0.01) -> tuple[float, float, float]:
    r"""What the features alone say of gradient descent on the half MSE.

    With :math:`\kappa = \lambda_\text{max} / \lambda_\text{min}` of the Hessian, the best fixed
    rate :math:`2 / (\lambda_\text{min} + \lambda_\text{max})` shrinks the worst direction by
    :math:`(\kappa - 1)/(\kappa + 1)` a step (Nocedal and Wright 2006).

    Parameters
    ----------
    X : (N, D) float array, features
    share : of the first distance to the minimum that is to be reached

    Returns
    -------
    limit of the learning rate; κ; steps that the best fixed rate needs at most
    """
    curvature = np.linalg.eigvalsh(half_mse_hessian(X))
    kappa = curvature[-1] / curvature[0]
    steps = np.ceil(np.log(share) / np.log((kappa - 1) / (kappa + 1)))
    return 2 / curvature[-1], kappa, steps


# --- weight decay --------------------------------------------------------------------------------


def ridge(X, y, decay: float) -> np.ndarray:
    r"""Minimum of the half MSE with a squared penalty, :math:`J(w) + \tfrac{\lambda}{2}\|w\|^2`.

    Parameters
    ----------
    X : (N, D) float array, features
    y : (N,) float array, training effect (0–5)
    decay : λ, above 0

    Returns
    -------
    (D,) float array

    Raises
    ------
    UserError if the shapes do not agree
    """
    X, y = _design(X, y)
    return np.linalg.solve(half_mse_hessian(X) + decay * np.eye(X.shape[1]), X.T @ y / len(y))


def optimiser_path(X, y, start, name: str, steps: int, fade: bool = False, **options) -> np.ndarray:
    """Path of one of PyTorch's optimisers on the half MSE over all rows, so without chance.

    Parameters
    ----------
    X : (N, D) float array, features
    y : (N,) float array, training effect (0–5)
    start : (D,) float array, the first weights
    name : of the optimiser in ``torch.optim``; ``options`` go to it
    fade : the learning rate falls along a line to 0

    Returns
    -------
    (steps + 1, D) float array

    Raises
    ------
    UserError if the shapes do not agree
    """
    import torch

    X, y = (torch.tensor(part) for part in _design(X, y))
    weights = torch.tensor(np.asarray(start, dtype=float), requires_grad=True)
    stepper = getattr(torch.optim, name)([weights], **options)
    rate = torch.optim.lr_scheduler.LambdaLR(stepper, lambda i: 1 - i / steps if fade else 1.0)
    path = [weights.detach().numpy().copy()]
    for _ in range(steps):
        stepper.zero_grad()
        (0.5 * mse(X @ weights, y)).backward()
        stepper.step()
        rate.step()
        path.append(weights.detach().numpy().copy())
    return np.array(path)
