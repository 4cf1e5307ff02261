r"""A trained student as plain numbers: the one description from which every target is made.

PyTorch, ONNX, C, JavaScript and the reader of a stream, sample by sample,
all compute the same few lines. They are written here once, in NumPy, with everything folded that
can be folded without changing an answer:

- the bias of a depthwise convolution goes through the pointwise one behind it;
- :class:`~sportsml_lite.models.ChannelNorm` first takes the mean over the channels away. A
  pointwise convolution whose outputs always sum to zero does that for nothing: with
  :math:`J = I - \tfrac1W 1 1^\top` its weights are :math:`J P` and its bias :math:`J b`;
- the head sees the mean of the states and the last one: two matrices, one bias.

The scaling of the inputs is *not* folded into the first convolution: an air pressure of 101,325 Pa
that varies by 50 would lose its digits in the sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sportsml_lite.errors import UserError
from sportsml_lite.models import Student
from sportsml_lite.training.keep import Card

EPSILON = 1e-5  # of the norm, as in models.ChannelNorm


@dataclass(frozen=True)
class Block:
    """One residual step: a look back in each channel, a mix of the channels, a norm.

    depth : (W, K) weights, oldest sample first; dilation : states between two of them
    point : (W, W) centred weights; bias : (W,) centred, the depthwise bias included
    scale, shift : (W,) of the norm
    """

    depth: np.ndarray
    dilation: int
    point: np.ndarray
    bias: np.ndarray
    scale: np.ndarray
    shift: np.ndarray

    @property
    def memory(self) -> int:
        """States before the present one that it looks at."""
        return (self.depth.shape[1] - 1) * self.dilation


@dataclass(frozen=True)
class Network:
    """A student, folded; all arrays float32.

    mean, inverse : (C,) read = (measured - mean) * inverse; 0 as inverse: not read
    stem : (W, C, K) weights, oldest sample first; stem_bias : (W,)
    blocks : in the order of the signal
    head_mean, head_last : (n_classes, W) of the mean of the states and of the last one
    head_bias : (n_classes,)
    stride : samples a step; samples : of a window
    """

    mean: np.ndarray
    inverse: np.ndarray
    stem: np.ndarray
    stem_bias: np.ndarray
    blocks: tuple[Block, ...]
    head_mean: np.ndarray
    head_last: np.ndarray
    head_bias: np.ndarray
    stride: int
    samples: int

    @property
    def steps(self) -> int:
        """States of a window."""
        return self.samples // self.stride

    @property
    def macs(self) -> int:
        """Multiplications with an addition for one window, the scaling and the norms left out."""
        width, channels, kernel = self.stem.shape
        each = width * channels * kernel
        each += sum(block.depth.size + block.point.size for block in self.blocks)
        return self.steps * each + self.head_mean.size + self.head_last.size

    def scale(self, x: np.ndarray) -> np.ndarray:
        """Measured samples (..., C, T) as the network reads them; a gap must be filled before."""
        return ((x - self.mean[:, None]) * self.inverse[:, None]).astype(np.float32)

    def states(self, x: np.ndarray) -> np.ndarray:
        """What is known at each step, (N, W, T / stride), of scaled samples (N, C, T).

        Raises
        ------
        UserError if the channels differ, or T is no multiple of the stride
        """
        channels, kernel = self.stem.shape[1:]
        if x.ndim != 3 or x.shape[1] != channels or x.shape[2] % self.stride:
            raise UserError(f"windows {x.shape}: give (N, {channels}, T) with T a multiple of "
                            f"{self.stride}")  # fmt: skip
        x = np.pad(x, ((0, 0), (0, 0), (kernel - self.stride, 0)))
        seen = np.lib.stride_tricks.sliding_window_view(x, kernel, 2)[:, :, :: self.stride]
        h = np.einsum("nctk,wck->nwt", seen, self.stem, optimize=True) + self.stem_bias[:, None]
        h = np.maximum(h, 0)
        for block in self.blocks:
            h = h + block_output(block, h)
        return h

    def features(self, x: np.ndarray) -> np.ndarray:
        """What the head sees of scaled windows (N, C, T): (N, 2 W), the mean and the last state."""
        h = self.states(x)
        return np.concatenate([h.mean(2), h[:, :, -1]], 1)

    def running_logits(self, x: np.ndarray) -> np.ndarray:
        """Answers at every step of whole recordings, (N, n_classes, T / stride).

        x : (N, C, T) scaled. The head sees the mean of the last ``steps`` states, of fewer at the
        start; what came before the window is remembered, as a stream remembers it.
        """
        h = self.states(x).astype(np.float64)
        total = np.cumsum(h, 2)
        total[:, :, self.steps :] -= total[:, :, : -self.steps].copy()
        count = np.minimum(np.arange(1, h.shape[2] + 1), self.steps)
        answer = self.head_mean @ (total / count) + self.head_last @ h
        return (answer + self.head_bias[:, None]).astype(np.float32)

    def logits(self, x: np.ndarray) -> np.ndarray:
        """Answers (N, n_classes) to scaled windows (N, C, T)."""
        head = np.concatenate([self.head_mean, self.head_last], 1)
        return self.features(x) @ head.T + self.head_bias


def block_output(block: Block, h: np.ndarray) -> np.ndarray:
    """What a block adds to the states (N, W, steps)."""
    kernel = block.depth.shape[1]
    padded = np.pad(h, ((0, 0), (0, 0), (block.memory, 0)))
    taps = [padded[:, :, k * block.dilation :][:, :, : h.shape[2]] for k in range(kernel)]
    depth = sum(block.depth[:, k, None] * tap for k, tap in enumerate(taps))
    mixed = np.einsum("vw,nwt->nvt", block.point, depth, optimize=True) + block.bias[:, None]
    spread = np.sqrt(np.square(mixed).mean(1, keepdims=True) + EPSILON)
    return np.maximum(mixed / spread * block.scale[:, None] + block.shift[:, None], 0)


def describe(student: Student, card: Card) -> Network:
    """A trained student and the card of what it reads, folded.

    Raises
    ------
    UserError if the card's channels or classes are not the student's
    """
    weights = {n: w.detach().double().numpy() for n, w in student.state_dict().items()}
    width, channels, _ = weights["stem.weight"].shape
    classes = len(weights["head.bias"])
    if (channels, classes) != (len(card.channels), len(card.classes)):
        raise UserError(f"the student reads {channels} channels and names {classes} classes, its "
                        f"card {len(card.channels)} and {len(card.classes)}")  # fmt: skip
    centre = np.eye(width) - 1 / width
    blocks = []
    for i, dilation in enumerate(Student.DILATIONS):
        point = weights[f"point.{i}.weight"][:, :, 0]
        bias = point @ weights[f"depth.{i}.bias"] + weights[f"point.{i}.bias"]
        parts = (weights[f"depth.{i}.weight"][:, 0], dilation, centre @ point, centre @ bias)
        blocks.append(Block(*parts, weights[f"norms.{i}.scale"], weights[f"norms.{i}.shift"]))
    head = weights["head.weight"]
    inverse = np.array([0.0 if f is None else 1 / f for f in card.factor])
    return _float32(Network(
        np.array(card.mean), inverse, weights["stem.weight"], weights["stem.bias"], tuple(blocks),
        head[:, :width], head[:, width:], weights["head.bias"], student.stride, card.samples,
    ))  # fmt: skip


def _float32(part):
    """The same, with its arrays in single precision, as every target computes."""

    def cast(value):
        if isinstance(value, np.ndarray):
            return value.astype(np.float32)
        return tuple(map(_float32, value)) if isinstance(value, tuple) else value

    return type(part)(**{name: cast(value) for name, value in vars(part).items()})
