r"""A student that reads a recording sample by sample, as it comes, and never looks ahead.

Every ``stride`` samples make a step: the stem looks at its last ``kernel`` samples, each block at
states that it remembers, and the head at the mean of the last ``steps`` states and at the newest
one. Over one window this gives what :meth:`~sportsml_lite.deploy.network.Network.logits` gives; a
longer recording keeps its history.

A stream meets what a file never shows. A value that drops out is held for a while, as in
:func:`~sportsml_lite.prepare.fill_windows`; after that nothing is said until it comes back, and
then the student begins anew. A sample that cannot belong here is refused, and changes nothing.
"""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass

import numpy as np

from sportsml_lite.deploy.network import EPSILON, Block, Network
from sportsml_lite.errors import UserError

HELD = 0.1  # of a window: so long a value that dropped out is held
LONGEST_S = 3600.0  # between two samples; more is a wrong clock, or another recording
PACED = 31  # intervals whose median is the pace
PACE = 0.15  # so far, as a share, the pace may be off


@dataclass(frozen=True)
class Answer:
    """What a student says at a step.

    t_s : time of the newest sample; logits : (K,) float32; steps : states that it has seen, at
    most those of a window: with fewer it knows less
    """

    t_s: float
    logits: np.ndarray
    steps: int

    @property
    def probability(self) -> np.ndarray:
        """(K,) float, sums to 1."""
        e = np.exp(self.logits - self.logits.max(), dtype=np.float64)
        return e / e.sum()


class Stream:
    """A student and what it remembers of one recording.

    Parameters
    ----------
    network : a student, folded
    rate_hz : of the card; samples come at this rate
    hold_s : so long a value that dropped out is held; None is a tenth of a window

    Raises
    ------
    UserError for a rate that is not above 0, or a negative time to hold
    """

    def __init__(self, network: Network, rate_hz: float, hold_s: float | None = None):
        if not 0 < rate_hz < math.inf:
            raise UserError(f"rate_hz = {rate_hz}: give samples a second, above 0")
        hold_s = HELD * network.samples / rate_hz if hold_s is None else hold_s
        if not hold_s >= 0:
            raise UserError(f"hold_s = {hold_s}: give seconds, 0 or more")
        self.network, self.rate_hz = network, rate_hz
        self.hold = int(hold_s * rate_hz + 1e-9)  # samples
        self._mean, self._inverse = (a.astype(float) for a in (network.mean, network.inverse))
        self._core = _Core(network)
        self.reset()

    def reset(self) -> None:
        """Begin another recording: nothing is remembered, not even the clock."""
        channels = len(self.network.mean)
        self._last_s = self._offered_s = -math.inf
        self._intervals = deque(maxlen=PACED)
        self._age = np.full(channels, -1)  # samples since a channel's last value; -1: never seen
        self._held = np.zeros(channels)  # scaled: where nothing was seen, the mean
        self._core.forget()

    def push(self, sample, t_s: float) -> Answer | None:
        """Read the next sample; the answer where it completes a step, else None.

        Parameters
        ----------
        sample : (C,) measured values in the card's units, NaN where a channel has none
        t_s : time of the sample, s; what is missing between the last one and this is held

        Raises
        ------
        UserError where the sample does not belong here: a wrong number of channels, no value in
            any, an infinite one, a time that stands still, runs backwards or jumps by more than an
            hour, another rate; what is remembered stays as it was
        """
        sample = np.asarray(sample, dtype=np.float64)
        known = self._known(sample)
        self._bridge(self._missing(float(t_s)))
        self._last_s = float(t_s)
        self._take(sample, known)
        if self._lost:
            self._core.forget()
            return None
        logits = self._core.read(self._held)
        return None if logits is None else Answer(float(t_s), logits, self._core.count)

    @property
    def _lost(self) -> bool:
        """Whether a channel that was there has been away for longer than it may be held."""
        return bool(self._age.max() > self.hold)

    def _known(self, sample: np.ndarray) -> np.ndarray | bool:
        """Which channels have a value, (C,) bool; True where all have, which is found fast."""
        if sample.shape != self.network.mean.shape:
            raise UserError(f"a sample of shape {sample.shape}: give ({len(self.network.mean)},), "
                            "a value a channel, NaN where there is none")  # fmt: skip
        if math.isfinite(sample.sum()):
            return True
        if np.isinf(sample).any():
            raise UserError("a sample with an infinite value: give NaN where nothing was measured")
        known = ~np.isnan(sample)
        if not known.any():
            raise UserError("a sample without any value: leave it out; what is missing is held")
        return known

    def _take(self, sample: np.ndarray, known: np.ndarray | bool) -> None:
        """Scale what has a value, hold what has none."""
        scaled = (sample - self._mean) * self._inverse
        if known is True:
            self._age.fill(0)
            self._held = scaled
        else:
            self._age = np.where(known, 0, self._age + (self._age >= 0))
            self._held = np.where(known, scaled, self._held)

    def _missing(self, t_s: float) -> int:
        """Samples that are missing before one at this time."""
        if not math.isfinite(t_s):
            raise UserError(f"t_s = {t_s}: give the sample's time in seconds")
        if self._last_s == -math.inf:
            self._offered_s = t_s
            return 0
        step, interval = t_s - self._last_s, (t_s - self._offered_s) * self.rate_hz
        if step <= 0:
            what = "twice" if step == 0 else f"after {self._last_s:g} s"
            raise UserError(f"t_s = {t_s:g} comes {what}: give samples in order, each once")
        if step > LONGEST_S:
            raise UserError(f"t_s = {t_s:g} comes {step:g} s after the last sample: give seconds, "
                            "and call reset() where another recording begins")  # fmt: skip
        self._offered_s = t_s
        self._check_pace(interval)
        return max(0, round(step * self.rate_hz) - 1)

    def _check_pace(self, interval: float) -> None:
        """Refuse another rate; the interval, in periods, is noted either way."""
        if interval > 0:
            self._intervals.append(interval)
        pace = sorted(self._intervals)[len(self._intervals) // 2] if self._intervals else 1.0
        if len(self._intervals) == PACED and abs(pace - 1) > PACE:
            raise UserError(f"samples come at about {self.rate_hz / pace:.3g} Hz; this student "
                            f"reads {self.rate_hz:g} Hz: resample them")  # fmt: skip

    def _bridge(self, missing: int) -> None:
        """Read held values in place of missing samples, or give the recording up as lost."""
        if not missing:
            return
        self._age = self._age + missing * (self._age >= 0)
        if self._lost:
            self._core.forget()
            return
        for _ in range(missing):
            self._core.read(self._held)


class _Core:
    """Buffers of a network, all made beforehand; knows nothing of time or of gaps.

    A ring is written twice, ``size`` rows apart, so that its last rows always lie in order.
    """

    def __init__(self, network: Network):
        width, channels, kernel = network.stem.shape
        self.network, self.width = network, width
        self.kernel, self.stride, self.steps = kernel, network.stride, network.steps
        # (W, K C): samples lie one after the other, oldest first.
        self.stem = np.ascontiguousarray(network.stem.transpose(0, 2, 1).reshape(width, -1))
        self.blocks = [_BlockCore(block) for block in network.blocks]
        self.samples = np.zeros((2 * kernel, channels), np.float32)
        self.states = np.zeros((self.steps, width), np.float32)
        self.forget()

    def forget(self) -> None:
        """As before the first sample: zeros, in scaled units."""
        self.read_so_far = self.count = self.at = 0
        self.samples[:] = 0
        for block in self.blocks:
            block.forget()

    def read(self, x: np.ndarray) -> np.ndarray | None:
        """A scaled sample (C,); the logits (K,) where it completes a step."""
        kernel, at = self.kernel, self.read_so_far % self.kernel
        self.samples[at] = self.samples[at + kernel] = x
        self.read_so_far += 1
        if self.read_so_far % self.stride:
            return None
        seen = self.samples[at + 1 : at + 1 + kernel].ravel()
        h = np.maximum(self.stem @ seen + self.network.stem_bias, 0)
        for block in self.blocks:
            h = h + block.read(h)
        self.states[self.at] = h
        self.at = (self.at + 1) % self.steps
        self.count = min(self.count + 1, self.steps)
        mean = self.states[: self.count].mean(0)
        return self.network.head_mean @ mean + self.network.head_last @ h + self.network.head_bias


class _BlockCore:
    """One residual step and the states that it remembers."""

    def __init__(self, block: Block):
        self.block, self.size = block, block.memory + 1
        self.depth = np.ascontiguousarray(block.depth.T)  # (K, W)
        self.ring = np.zeros((2 * self.size, block.depth.shape[0]), np.float32)
        self.at = 0

    def forget(self) -> None:
        self.ring[:] = 0
        self.at = 0

    def read(self, h: np.ndarray) -> np.ndarray:
        """What the block adds to a state (W,)."""
        block, at = self.block, self.at
        self.ring[at] = self.ring[at + self.size] = h
        self.at = (at + 1) % self.size
        taps = self.ring[at + 1 : at + 1 + self.size : block.dilation]
        mixed = block.point @ (self.depth * taps).sum(0) + block.bias
        spread = math.sqrt(mixed @ mixed / len(mixed) + EPSILON)
        return np.maximum(mixed * (block.scale / spread) + block.shift, 0)


def push_seconds(stream: Stream, X: np.ndarray) -> np.ndarray:
    """How long the stream takes for each sample of a recording, as fast as they can come, (T,) s.

    Parameters
    ----------
    X : (C, T) measured samples at the stream's rate
    """
    stream.reset()
    seconds = np.empty(X.shape[1])
    columns = np.ascontiguousarray(X.T)
    for i, sample in enumerate(columns):
        begin = time.perf_counter()
        stream.push(sample, i / stream.rate_hz)
        seconds[i] = time.perf_counter() - begin
    return seconds


def latency(seconds: np.ndarray, rate_hz: float) -> dict[str, float]:
    """What a figure draws of :func:`push_seconds`.

    Returns
    -------
    ``median_s`` and ``p99_s`` of a sample, and ``times_real_time``, of all samples together
    """
    median, p99 = np.percentile(seconds, [50, 99])
    whole = len(seconds) / rate_hz / seconds.sum()
    return {"median_s": float(median), "p99_s": float(p99), "times_real_time": float(whole)}
