r"""A student in whole numbers of 8 bits: how it is rounded, and the arithmetic, number by number.

A number is a whole number times a scale. Weights have a scale for each output, samples one for each
channel, states one for each of their numbers. All scales are fixed beforehand, from windows of the
training athletes: a device has no time to look for them. Products are summed in 32 bits, exactly.

What stays in single precision, and why:

- the norm divides by a root mean square of a few numbers; in whole numbers it would need a table of
  roots and a choice of digits for each block, and it is a tenth of the work;
- the sum of a state and what a block adds to it: a handful of numbers, used at once, and the road
  on which rounding would add up from block to block;
- the head: it is what an athlete's own windows change, and must not need rounding anew.

States are never negative behind their rectifiers, so that all 8 bits are for what is above 0.

The reference here and the C made from it give the same bits, where the compiler does not fuse a
multiplication with the addition behind it (``-ffp-contract=off``, as with ``-std=c99`` in GCC).

Source: Jacob et al. 2018, Quantization and training of neural networks for efficient
integer-arithmetic-only inference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sportsml_lite.deploy.network import EPSILON, Block, Network, block_output
from sportsml_lite.errors import UserError

SIGNED, UNSIGNED = 127, 255  # the largest whole numbers
LANES = 8  # partial sums of a norm, as in the C


@dataclass(frozen=True)
class Int8Block:
    """A :class:`~sportsml_lite.deploy.network.Block` in whole numbers; the norm as it was.

    per_state : (W,) whole numbers in one unit of a state that comes in
    depth : (W, K) int8; per_sum : (W,) whole numbers that ``point`` reads in one of depth's sums
    point : (W, W) int8; point_unit : (W,) of its sums
    """

    block: Block
    per_state: np.ndarray
    depth: np.ndarray
    per_sum: np.ndarray
    point: np.ndarray
    point_unit: np.ndarray


@dataclass(frozen=True)
class Int8Network:
    """A :class:`~sportsml_lite.deploy.network.Network` in whole numbers.

    network : whence it comes; its scaling, norms and head are used as they are
    per_sample : (C,) whole numbers in one unit of a scaled sample
    stem : (W, C, K) int8; stem_unit : (W,) of its sums
    per_state, state_unit : (W,) whole numbers in one unit of a state behind the last block, and
        that unit
    """

    network: Network
    per_sample: np.ndarray
    stem: np.ndarray
    stem_unit: np.ndarray
    blocks: tuple[Int8Block, ...]
    per_state: np.ndarray
    state_unit: np.ndarray

    def states(self, x: np.ndarray) -> np.ndarray:
        """What is known at each step, (N, W, T / stride) float32, of scaled samples (N, C, T)."""
        net = self.network
        kernel = net.stem.shape[2]
        q = whole(x.astype(np.float32) * self.per_sample[:, None]).astype(np.int32)
        q = np.pad(q, ((0, 0), (0, 0), (kernel - net.stride, 0)))
        seen = np.lib.stride_tricks.sliding_window_view(q, kernel, 2)[:, :, :: net.stride]
        sums = np.einsum("nctk,wck->nwt", seen, self.stem.astype(np.int32))
        h = np.maximum(_scaled(sums, self.stem_unit, net.stem_bias), np.float32(0))
        for block in self.blocks:
            h = h + _int8_block(block, h)
        return h

    def features(self, x: np.ndarray) -> np.ndarray:
        """What the head sees of scaled windows (N, C, T): (N, 2 W), the mean and the last state."""
        h = self.states(x)
        total = whole_state(h * self.per_state[:, None]).astype(np.int32).sum(2)
        each = np.float32(1) / np.float32(h.shape[2])
        mean = total.astype(np.float32) * self.state_unit * each
        return np.concatenate([mean, h[:, :, -1]], 1)

    def logits(self, x: np.ndarray) -> np.ndarray:
        """Answers (N, n_classes) to scaled windows (N, C, T), summed in the order of the C."""
        head = np.concatenate([self.network.head_mean, self.network.head_last], 1)
        f = self.features(x)
        answers = np.broadcast_to(self.network.head_bias, (len(x), len(head))).copy()
        for i in range(head.shape[1]):
            answers += head[:, i] * f[:, i : i + 1]
        return answers


def whole(x: np.ndarray) -> np.ndarray:
    """The nearest whole numbers from -127 to 127, int8; halves go away from 0."""
    x = np.clip(x, np.float32(-SIGNED), np.float32(SIGNED))
    return (x + np.copysign(np.float32(0.5), x)).astype(np.int8)


def whole_state(x: np.ndarray) -> np.ndarray:
    """The nearest whole numbers from 0 to 255 of what is not negative, uint8."""
    return (np.minimum(x, np.float32(UNSIGNED)) + np.float32(0.5)).astype(np.uint8)


def quantise(network: Network, windows: np.ndarray) -> Int8Network:
    """A network in whole numbers, with scales that reach as far as windows of training athletes.

    What goes further is cut off. Scales that cut off rare numbers of the training windows, too,
    were tried on swimmers; answers came out further from those of the network.

    Parameters
    ----------
    windows : (N, C, T) scaled, as the network reads them

    Raises
    ------
    UserError if there is no window, or a number is missing
    """
    if not len(windows) or not np.isfinite(windows).all():
        raise UserError("give at least one window to calibrate with, without gaps, filled before")
    per_sample = SIGNED / _reach(windows)
    stem, unit = _whole_weights(network.stem / per_sample[:, None])
    h = replace(network, blocks=()).states(windows)
    blocks = []
    for block in network.blocks:
        blocks.append(_quantise_block(block, h))
        h = h + block_output(block, h)
    per_state = UNSIGNED / _reach(h)
    return Int8Network(network, per_sample, stem, unit, tuple(blocks), per_state, 1 / per_state)


def _quantise_block(block: Block, h: np.ndarray) -> Int8Block:
    per_state = UNSIGNED / _reach(h)
    depth, depth_unit = _whole_weights(block.depth / per_state[:, None])
    per_between = SIGNED / _reach(look_back(block, block.depth, h))
    point, point_unit = _whole_weights(block.point / per_between)
    return Int8Block(block, per_state, depth, depth_unit * per_between, point, point_unit)


def look_back(block: Block, depth: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Sums of depthwise weights (W, K) times the states (N, W, steps) that a block looks at."""
    padded = np.pad(h, ((0, 0), (0, 0), (block.memory, 0)))
    taps = [padded[:, :, k * block.dilation :][:, :, : h.shape[2]] for k in range(depth.shape[1])]
    return sum(depth[:, k, None] * tap for k, tap in enumerate(taps))


def _reach(x: np.ndarray) -> np.ndarray:
    """How far each channel's numbers (N, C, T) go from 0, (C,); 1 where they are all 0."""
    top = np.abs(x).max((0, 2)).astype(np.float32)
    return np.where(top > 0, top, np.float32(1))


def _whole_weights(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers of weights (W, ...), and the unit of each output, (W,)."""
    top = np.abs(weights).reshape(len(weights), -1).max(1)
    unit = (np.where(top > 0, top, 1) / SIGNED).astype(np.float32)
    return whole(weights / unit.reshape(-1, *[1] * (weights.ndim - 1))), unit


def _scaled(sums: np.ndarray, unit: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return sums.astype(np.float32) * unit[:, None] + bias[:, None]


def _int8_block(part: Int8Block, h: np.ndarray) -> np.ndarray:
    """What a block adds to the states (N, W, steps)."""
    past = whole_state(h * part.per_state[:, None]).astype(np.int32)
    sums = look_back(part.block, part.depth.astype(np.int32), past)
    between = whole(sums.astype(np.float32) * part.per_sum[:, None]).astype(np.int32)
    sums = np.einsum("vw,nwt->nvt", part.point.astype(np.int32), between)
    mixed = _scaled(sums, part.point_unit, part.block.bias)
    inverse = np.float32(1) / np.sqrt(_mean_square(mixed) + np.float32(EPSILON))
    normed = mixed * inverse * part.block.scale[:, None] + part.block.shift[:, None]
    return np.maximum(normed, np.float32(0))


def _mean_square(mixed: np.ndarray) -> np.ndarray:
    """(N, 1, steps) of (N, W, steps), added in the order of the C."""
    n, width, steps = mixed.shape
    squares = np.zeros((n, -(-width // LANES) * LANES, steps), np.float32)
    squares[:, :width] = mixed * mixed
    lanes = sum(squares[:, i : i + LANES] for i in range(0, width, LANES))
    return sum(lanes[:, i : i + 1] for i in range(LANES)) / np.float32(width)
