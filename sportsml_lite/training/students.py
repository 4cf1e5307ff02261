r"""Many students side by side: S networks of one shape in tensors with one more dimension in front.

Torch's own gradient of a convolution of one channel each takes most of a small network's training,
and mapping it over many networks makes it slower still. Here it is written out: what mixes channels
are matrix products, and what does not are loops of :mod:`sportsml_lite.training.fused`. Each
network keeps the gradient of its own loss, as if the S losses were *added*.

``weights`` are a :class:`~sportsml_lite.models.Student`'s parameters by name, stacked: (S, ...).
Between layers, a tensor is (S, W, T, M): networks, channels, steps, and windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from sportsml_lite.models import Student
from sportsml_lite.training import fused

Weights = dict[str, torch.Tensor]
TOGETHER = 2**18  # numbers of a layer's output worked on at a time: more would leave the cache


@dataclass(frozen=True)
class Seen:
    """Windows as the first layer reads them: at each step the samples that it spans.

    samples : (S, C·k, T, M) of T steps; mask : (S, 1, T, M) float, 0 in padding in front; None
    where nothing is padded
    """

    samples: torch.Tensor
    mask: torch.Tensor | None

    @classmethod
    def of(cls, student: Student, X: torch.Tensor, mask: torch.Tensor | None = None) -> Seen:
        """Windows X (S, M, C, samples) and mask (S, M, samples) for students of this shape."""
        kernel, stride = student.kernel, student.stride
        if mask is not None:
            X = X * mask[:, :, None]
            mask = mask[:, None, :, stride - 1 :: stride].mT.to(X.dtype)
        ahead = F.pad(X.permute(0, 2, 3, 1), (0, 0, kernel - stride, 0))
        spans = ahead.unfold(2, kernel, stride)
        return cls(spans.permute(0, 1, 4, 2, 3).flatten(1, 2), mask)


def at_once(student: Student, length: int) -> int:
    """Windows of ``length`` samples, those of all networks counted, worked on at a time."""
    return max(1, TOGETHER * student.stride // (length * student.stem.out_channels))


@torch.no_grad()
def outputs(weights: Weights, seen: Seen) -> torch.Tensor:
    """Outputs (S, M, K) of each network for its own windows."""
    return _forward(weights, seen, keep=False)[0]


@torch.no_grad()
def gradient(
    weights: Weights,
    seen: Seen,
    slope: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
    moving: Iterable[str] | None = None,
) -> tuple[torch.Tensor, Weights]:
    r"""Loss of each of S students and its gradient: back-propagation written out.

    A block convolves each channel in time, mixes channels, norms each step and adds what it found:

    .. math:: z = P\,(D * x + d) + p, \quad n = (z - \bar z)\,r, \quad
       x' = x + \max(0, \gamma n + \beta), \quad r = (\overline{(z - \bar z)^2} + 10^{-5})^{-1/2}

    with means over the channels. Taken out of P and p beforehand, :math:`\bar z` is 0, and with
    :math:`\delta` for a gradient :math:`\delta_z = r\,(\delta_n - n\,\overline{n\,\delta_n})`.

    Parameters
    ----------
    weights : stacked; seen : each network's windows
    slope : from outputs (S, M, K) to losses (S,) and their gradient by the outputs
    moving : names of the parameters whose gradient is wanted; None is all of them

    Returns
    -------
    losses (S,), and the gradient of each parameter by its name
    """
    logits, features, blocks = _forward(weights, seen, keep=True)
    losses, delta = slope(logits)
    found = {"head.weight": torch.bmm(delta.mT, features.mT), "head.bias": delta.sum(1)}
    moving = set(weights if moving is None else moving)
    if moving - set(found):
        delta = _before_head(torch.bmm(weights["head.weight"].mT, delta.mT), seen)
    for i in reversed(range(len(blocks))):
        if moving - set(found):
            delta, own = _block_gradient(blocks[i], _hidden(delta, seen.mask))
            found |= {name.format(i): value for name, value in own.items()}
    if moving - set(found):
        delta = _hidden(delta, seen.mask).flatten(2)
        delta = torch.ops.aten.threshold_backward(delta, blocks[0].x, 0)
        found["stem.weight"] = torch.bmm(delta, seen.samples.flatten(2).mT)
        found["stem.bias"] = delta.sum(2)
    # In the weights' own layout: a fused optimizer reads both in the order of memory.
    return losses, {n: found[n].contiguous().view(weights[n].shape) for n in weights if n in moving}


def _forward(weights, seen, keep):
    """Outputs, what the head sees, and what the blocks' gradients need, if it is to be kept."""
    stack, _, steps, count = seen.samples.shape
    first = weights["stem.weight"].flatten(2)
    x = torch.baddbmm(weights["stem.bias"][..., None], first, seen.samples.flatten(2)).relu_()
    x = _hidden(x.view(stack, -1, steps, count), seen.mask)
    blocks = []
    for i in range(len(Student.DILATIONS)):
        x, block = _block(weights, i, x)
        x = _hidden(x, seen.mask)
        if keep:
            blocks.append(block)
    features = torch.cat([x.sum(2) / _steps(seen), x[:, :, -1]], 1)
    logits = torch.baddbmm(weights["head.bias"][..., None], weights["head.weight"], features)
    return logits.mT, features, blocks


def _before_head(delta, seen):
    """Gradient (S, 2W, M) by what the head sees, as one by the last layer, (S, W, T, M)."""
    mean, last = delta.chunk(2, 1)
    delta = (mean / _steps(seen))[:, :, None].repeat(1, 1, seen.samples.shape[2], 1)
    delta[:, :, -1] += last
    return delta


def _steps(seen):
    """Steps that the mean over time counts: all, or (S, 1, M) of each window."""
    return seen.samples.shape[2] if seen.mask is None else seen.mask.sum(2).clamp(min=1)


def _hidden(x, mask):
    """In place: 0 in padding."""
    return x if mask is None else x.mul_(mask)


@dataclass(frozen=True)
class _Block:
    """A block's input and weights, and what its gradient needs again.

    x, convolved, normed : (S, W, T·M); inverse : (S, T·M); late : (k,), see ``fused.convolve``
    """

    x: torch.Tensor
    convolved: torch.Tensor
    normed: torch.Tensor
    inverse: torch.Tensor
    taps: torch.Tensor
    late: np.ndarray
    point: torch.Tensor
    scale: torch.Tensor
    shift: torch.Tensor


def _block(weights, i, x):
    """What a block makes of x (S, W, T, M), and the block."""
    point, bias = weights[f"point.{i}.weight"].flatten(2), weights[f"point.{i}.bias"]
    point, bias = point - point.mean(1, keepdim=True), bias - bias.mean(1, keepdim=True)
    names = f"depth.{i}.weight", f"depth.{i}.bias", f"norms.{i}.scale", f"norms.{i}.shift"
    taps, start, scale, shift = (weights[name].contiguous() for name in names)
    shape, taps, x = x.shape, taps.flatten(2), x.flatten(2)
    steps, count = shape[2:]
    # The last tap sees the step itself; beyond the window there is nothing to see.
    late = np.arange(taps.shape[2])[::-1] * Student.DILATIONS[i]
    late = np.minimum(late, steps) * count
    convolved, above, inverse = torch.empty_like(x), torch.empty_like(x), torch.empty_like(x[:, 0])
    _run(fused.convolve, x, taps, start, late, convolved)
    z = torch.baddbmm(bias[..., None], point, convolved)
    _run(fused.add_normed, x, z, scale, shift, inverse, above)
    return above.view(shape), _Block(x, convolved, z, inverse, taps, late, point, scale, shift)


def _block_gradient(block, delta):
    """The gradient by a block's input, from the one by its output, and by its parameters."""
    shape, delta = delta.shape, delta.flatten(2)
    inner, taps = torch.empty_like(delta), torch.empty_like(block.taps)
    sums = delta.new_empty(3, *shape[:2])
    _run(fused.add_normed_gradient, delta, block.normed, block.scale, block.shift, block.inverse,
         inner, sums)  # fmt: skip
    shift, scale, bias = sums
    mixed = torch.bmm(inner, block.convolved.mT)
    inner = torch.bmm(block.point.mT, inner)
    _run(fused.convolve_gradient, block.x, block.taps, block.late, inner, delta, taps)
    return delta.view(shape), {
        "norms.{}.shift": shift,
        "norms.{}.scale": scale,
        "point.{}.weight": mixed - mixed.mean(1, keepdim=True),
        "point.{}.bias": bias - bias.mean(1, keepdim=True),
        "depth.{}.bias": torch.bmm(block.point.mT, bias[..., None]),
        "depth.{}.weight": taps,
    }


def _run(loop, *parts):
    """A loop over tensors, by the arrays that share their memory."""
    loop(*(p.detach().numpy() if isinstance(p, torch.Tensor) else p for p in parts))
