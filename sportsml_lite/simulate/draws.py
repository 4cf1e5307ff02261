"""Random numbers that depend only on who asks: the seed, the athlete and the session.

Every athlete and every session has its own generator, so a session is the same whether it is
made alone, in a chunk or with twenty thousand athletes around it.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

# What the numbers are for: the second entry of every key, so that no two uses share a stream.
BODY, PLAN, SESSION, TEST, CAPACITY, PERIODS = range(6)


def generator(seed: int, purpose: int, *who: int) -> np.random.Generator:
    """A generator keyed by ``(seed, purpose, athlete[, session])``."""
    return np.random.Generator(np.random.SFC64([seed, purpose, *who]))


def table(seed: int, purpose: int, who, count: int, normal: bool = True) -> np.ndarray:
    """Independent draws for many athletes or sessions.

    Parameters
    ----------
    who : sequence of key tuples, one a row
    count : draws a row
    normal : standard normal draws, else uniform on [0, 1)

    Returns
    -------
    (len(who), count) float64 array; row ``i`` depends on ``who[i]`` only
    """
    out = np.empty((len(who), count))
    for row, key in zip(out, who, strict=True):
        rng = generator(seed, purpose, *key)
        rng.standard_normal(out=row) if normal else rng.random(out=row)
    return out


class Scratch:
    """Arrays that one block after another writes over: fresh memory costs more than arithmetic.

    room : elements to reserve for each array; what is not touched takes no memory
    """

    def __init__(self, room: int = 0):
        self._held, self._room = {}, room

    def array(self, name: str, shape: tuple[int, ...], dtype=np.float32) -> np.ndarray:
        """An array of any content, valid until the same ``name`` is asked for again."""
        size = int(np.prod(shape))
        if name not in self._held or self._held[name].size < size:
            self._held[name] = np.empty(max(size, self._room), dtype)
        return self._held[name][:size].reshape(shape)


def session_noise(seed: int, keys, normals: int, uniforms: int, shape: tuple, scratch: Scratch):
    """Everything random about a block of sessions, each session from its own generator.

    Parameters
    ----------
    keys : sequence of (athlete, day), one a session
    normals, uniforms : draws for the session as a whole
    shape : (knots, channels) of draws along the session
    scratch : where the knots are written

    Returns
    -------
    z : (W, normals) standard normal
    u : (W, uniforms) uniform on [0, 1)
    knots : (knots, channels, W) float32 of mean 0 and variance 1; uniform, since the processes
        that sum them up come close to normal anyway and uniform draws cost a quarter
    """
    width = len(keys)
    z, u = np.empty((width, normals)), np.empty((width, uniforms))
    raw = scratch.array("raw", (width, *shape))
    for i, (athlete, day) in enumerate(keys):
        rng = generator(seed, SESSION, int(athlete), int(day))
        rng.standard_normal(out=z[i])
        rng.random(out=u[i])
        rng.random(out=raw[i], dtype=np.float32)
    raw -= np.float32(0.5)
    raw *= np.float32(np.sqrt(12))
    knots = scratch.array("knots", (shape[0] * shape[1], width))
    np.copyto(knots, raw.reshape(width, -1).T)
    return z, u, knots.reshape(*shape, width)


def red_noise(knots: np.ndarray, tau: float) -> np.ndarray:
    """Turn independent rows (K, W) into a stationary process that forgets in ``tau`` rows."""
    keep = np.float32(np.exp(-1 / tau))
    fresh = np.sqrt(1 - keep * keep)
    out = knots.copy()
    for before, now in pairwise(out):
        now *= fresh
        now += keep * before
    return out


def line(knots: np.ndarray, k: int, steps: int) -> np.ndarray:
    """The straight line (steps, W) from knot ``k`` of (K, W) towards the next, without its end."""
    part = np.arange(steps, dtype=np.float32)[:, None] / np.float32(steps)
    out = (knots[k + 1] - knots[k]) * part
    out += knots[k]
    return out
