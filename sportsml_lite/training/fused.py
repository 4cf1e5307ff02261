r"""A student's layers in one pass over memory each, compiled by Numba; torch would need a dozen.

Arrays (S, W, N) are W channels of S networks. A channel's N numbers are those of all windows at the
first step, then of all at the second: a tap that sees steps late sees a multiple of the windows
back. Small arrays (S, W) and (S, W, k) are the networks' weights. All are C-contiguous.
"""

import numba
import numpy as np

EPSILON = 1e-5  # added to the norm's variance
TILE = 512  # numbers of a channel at a time: those of all channels stay in the processor's cache

# Sums in any order, and a product added as it is made: else no instruction does several at once.
_compiled = numba.njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})


@_compiled
def convolve(x, taps, start, late, y):
    r"""A depthwise convolution into y: :math:`y_n = d + \sum_k D_k\,x_{n - l_k}`.

    Parameters
    ----------
    x, y : (S, W, N); taps : D (S, W, k); start : d (S, W)
    late : l (k,) int, how many numbers back a tap sees, at most N
    """
    count = x.shape[2]
    for s in range(x.shape[0]):
        for w in range(x.shape[1]):
            y[s, w] = start[s, w]
            for k in range(len(late)):
                tap, now, then = taps[s, w, k], y[s, w, late[k] :], x[s, w, : count - late[k]]
                for n in range(len(now)):
                    now[n] += tap * then[n]


@_compiled
def convolve_gradient(x, taps, late, delta, below, found):
    r"""Gradients of :func:`convolve`, from :math:`\delta` by y: added to below, and by the taps.

    Parameters
    ----------
    x, delta, below : (S, W, N); taps, found : (S, W, k); late : as there
    """
    count = x.shape[2]
    for s in range(x.shape[0]):
        for w in range(x.shape[1]):
            for k in range(len(late)):
                tap, total = taps[s, w, k], taps.dtype.type(0)
                now, then = delta[s, w, late[k] :], x[s, w, : count - late[k]]
                under = below[s, w, : count - late[k]]
                for n in range(len(now)):
                    under[n] += tap * now[n]
                    total += now[n] * then[n]
                found[s, w, k] = total


@_compiled
def add_normed(x, z, scale, shift, inverse, above):
    r"""Norm of z over its channels, whose mean is 0, and what a block adds to x.

    .. math:: r = (\overline{z^2} + 10^{-5})^{-1/2}, \quad n = r z, \quad
       x' = x + \max(0, \gamma n + \beta)

    Parameters
    ----------
    x, above : x and x' (S, W, N); z : (S, W, N), becomes n; scale, shift : (S, W)
    inverse : r (S, N)
    """
    width, count = z.shape[1:]
    for s in range(len(z)):
        for begin in range(0, count, TILE):
            part = slice(begin, min(begin + TILE, count))
            r = inverse[s, part]
            r[:] = 0
            for w in range(width):
                row = z[s, w, part]
                for n in range(len(r)):
                    r[n] += row[n] * row[n]
            for n in range(len(r)):
                r[n] = 1 / np.sqrt(r[n] / width + EPSILON)
            for w in range(width):
                by, on, none = scale[s, w], shift[s, w], z.dtype.type(0)
                row, old, new = z[s, w, part], x[s, w, part], above[s, w, part]
                for n in range(len(r)):
                    row[n] *= r[n]
                    rise = by * row[n] + on
                    new[n] = old[n] + (none if rise < 0 else rise)  # not a number stays so


@_compiled
def add_normed_gradient(delta, normed, scale, shift, inverse, inner, sums):
    r"""Gradients of :func:`add_normed`, from :math:`\delta` by x': by z, and by the weights.

    .. math:: \delta_\beta = [\gamma n + \beta > 0]\,\delta, \quad \delta_n = \gamma \delta_\beta,
       \quad \delta_z = r\,(\delta_n - n\,\overline{n\,\delta_n})

    Parameters
    ----------
    delta, normed : and n (S, W, N); scale, shift : (S, W); inverse : r (S, N)
    inner : becomes the gradient by z, (S, W, N)
    sums : (3, S, W), becomes the gradients by shift and scale, and the sum of the one by z
    """
    width, count = normed.shape[1:]
    mean, none = np.empty(TILE, normed.dtype), normed.dtype.type(0)
    sums[:] = 0
    for s in range(len(normed)):
        for begin in range(0, count, TILE):
            part = slice(begin, min(begin + TILE, count))
            r = inverse[s, part]
            mean[:] = 0
            for w in range(width):
                by, on, shifts, scales = scale[s, w], shift[s, w], none, none
                row, up, to = normed[s, w, part], delta[s, w, part], inner[s, w, part]
                for n in range(len(r)):
                    slope = none if by * row[n] + on <= 0 else up[n]
                    shifts += slope
                    scales += slope * row[n]
                    to[n] = by * slope
                    mean[n] += to[n] * row[n] / width
                sums[0, s, w] += shifts
                sums[1, s, w] += scales
            for w in range(width):
                row, to, total = normed[s, w, part], inner[s, w, part], none
                for n in range(len(r)):
                    to[n] = (to[n] - row[n] * mean[n]) * r[n]
                    total += to[n]
                sums[2, s, w] += total
