r"""Many students side by side: S networks of one shape in tensors with one more dimension in front.

Torch's own gradient of a convolution of one channel each takes most of a small network's training,
and mapping it over many networks makes it slower still. Here it is written out: a depthwise
convolution is one product of long rows a tap, and all else are matrix products. Each network keeps
the gradient of its own loss, as if the S losses were *added*.

``weights`` are a :class:`~sportsml_lite.models.Student`'s parameters by name, stacked: (S, ...).
Between layers, a tensor is (S, T, M·W): networks, steps, and M windows with W channels each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from sportsml_lite.models import Student

Weights = dict[str, torch.Tensor]
TOGETHER = 2**17  # numbers of a layer's output worked on at a time: more would leave the cache


@dataclass(frozen=True)
class Seen:
    """Windows as the first layer reads them: at each step the samples that it spans, in a row.

    samples : (S, T, M, C·k) of T steps; mask : (S, T, M, 1) float, 0 in padding in front; None
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
            mask = mask[..., stride - 1 :: stride].mT[..., None].to(X.dtype)
        spans = F.pad(X, (kernel - stride, 0)).unfold(3, kernel, stride)
        return cls(spans.permute(0, 3, 1, 2, 4).flatten(3), mask)


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
    found = {"head.weight": torch.bmm(delta.mT, features), "head.bias": delta.sum(1)}
    moving = set(weights if moving is None else moving)
    if moving - set(found):
        delta = _before_head(torch.bmm(delta, weights["head.weight"]), seen)
    for i in reversed(range(len(blocks))):
        if moving - set(found):
            delta, own = _block_gradient(weights, i, blocks[i], _hidden(delta, seen.mask))
            found |= own
    if moving - set(found):
        delta = torch.ops.aten.threshold_backward(_hidden(delta, seen.mask), blocks[0].x, 0)
        delta = delta.view(len(delta), -1, weights["stem.weight"].shape[1])
        found["stem.weight"] = torch.bmm(delta.mT, seen.samples.flatten(1, 2))
        found["stem.bias"] = delta.sum(1)
    # In the weights' own layout: a fused optimizer reads both in the order of memory.
    return losses, {n: found[n].contiguous().view(weights[n].shape) for n in weights if n in moving}


def _forward(weights, seen, keep):
    """Outputs, what the head sees, and what the blocks' gradients need, if it is to be kept."""
    stack, _, count, _ = seen.samples.shape
    first = weights["stem.weight"].flatten(2)
    x = torch.baddbmm(weights["stem.bias"][:, None], seen.samples.flatten(1, 2), first.mT).relu_()
    x = _hidden(x.view(stack, -1, count * first.shape[1]), seen.mask)
    blocks = []
    for i in range(len(Student.DILATIONS)):
        block = _block(weights, i, x)
        x = _hidden(x + block.added, seen.mask)
        if keep:
            blocks.append(block)
    mean = x.sum(1).view(stack, count, -1) / _steps(seen)
    features = torch.cat([mean, x[:, -1].view(stack, count, -1)], 2)
    logits = torch.baddbmm(weights["head.bias"][:, None], features, weights["head.weight"].mT)
    return logits, features, blocks


def _before_head(delta, seen):
    """Gradient (S, M, 2W) by what the head sees, as one by the last layer, (S, T, M·W)."""
    mean, last = delta.chunk(2, 2)
    mean = (mean / _steps(seen)).flatten(1)
    delta = mean[:, None].repeat(1, seen.samples.shape[1], 1)
    delta[:, -1] += last.flatten(1)
    return delta


def _steps(seen):
    """Steps that the mean over time counts: all, or (S, M, 1) of each window."""
    return seen.samples.shape[1] if seen.mask is None else seen.mask.sum(1).clamp(min=1)


def _hidden(x, mask):
    """In place: 0 in padding."""
    if mask is not None:
        x.view(*mask.shape[:3], -1).mul_(mask)
    return x


@dataclass(frozen=True)
class _Block:
    """A block's input, what it added, and between them what the gradient needs again."""

    x: torch.Tensor
    convolved: torch.Tensor
    inverse: torch.Tensor
    normed: torch.Tensor
    added: torch.Tensor
    point: torch.Tensor
    taps: list[torch.Tensor]
    scale: torch.Tensor


def _block(weights, i, x) -> _Block:
    point, bias = weights[f"point.{i}.weight"].flatten(2), weights[f"point.{i}.bias"]
    point, bias = point - point.mean(1, keepdim=True), bias - bias.mean(1, keepdim=True)
    width = point.shape[1]
    names = f"depth.{i}.bias", f"norms.{i}.scale", f"norms.{i}.shift"
    own = [weights[f"depth.{i}.weight"].flatten(2).mT, *(weights[n][:, None] for n in names)]
    # Repeated for each window: products of long rows.
    own = torch.cat(own, 1).repeat(1, 1, x.shape[2] // width)
    *taps, start, scale, shift = own.split(1, 1)
    convolved = torch.addcmul(start, x, taps[-1])
    for tap, late in _late(taps, i, x):
        convolved[:, late:].addcmul_(x[:, :-late], tap)
    convolved = convolved.view(len(x), -1, width)
    z = torch.baddbmm(bias[:, None], convolved, point.mT)
    inverse = _mean(z.square()).add_(1e-5).rsqrt_()
    normed = z.mul_(inverse).view_as(x)
    added = torch.addcmul(shift, normed, scale).relu_()
    return _Block(x, convolved, inverse, normed, added, point, taps, scale)


def _block_gradient(weights, i, block, delta):
    """The gradient by the block's input, from the one by its output, and by its parameters."""
    x, width, sums = block.x, block.point.shape[1], []
    inner = torch.ops.aten.threshold_backward(delta, block.added, 0)
    room = inner * block.normed
    sums += [inner.sum(1), room.sum(1)]
    inner.mul_(block.scale)
    mean = _mean(room.mul_(block.scale).view_as(block.convolved))
    inner = inner.view_as(block.convolved)
    inner.addcmul_(block.normed.view_as(inner), mean, value=-1).mul_(block.inverse)
    sums.append(inner.view_as(x).sum(1))
    mixed = torch.bmm(inner.mT, block.convolved)
    inner = torch.bmm(inner, block.point).view_as(x)
    sums += [inner.sum(1), torch.mul(inner, x, out=room).sum(1)]
    below = torch.addcmul(delta, inner, block.taps[-1])
    for tap, late in _late(block.taps, i, x):
        below[:, :-late].addcmul_(inner[:, late:], tap)
        sums.append(torch.mul(inner[:, late:], x[:, :-late], out=room[:, late:]).sum(1))
    sums = torch.stack(sums, 1).view(len(x), len(sums), -1, width).sum(2)  # over the windows
    shift, scale, bias, start, *taps = sums.unbind(1)
    taps += [torch.zeros_like(start)] * (len(block.taps) - len(taps))  # beyond the window
    return below, {
        f"norms.{i}.shift": shift,
        f"norms.{i}.scale": scale,
        f"point.{i}.weight": mixed - mixed.mean(1, keepdim=True),
        f"point.{i}.bias": bias - bias.mean(1, keepdim=True),
        f"depth.{i}.bias": start,
        f"depth.{i}.weight": torch.stack(taps[::-1], 2),
    }


def _late(taps, i, x):
    """Taps before the last with how many steps late they see, from the latest to the earliest."""
    for back in range(1, len(taps)):
        late = back * Student.DILATIONS[i]
        if late < x.shape[1]:
            yield taps[-1 - back], late


def _mean(x):
    """The mean over the channels of each step, as one product: (S, T·M, W) to (S, T·M, 1)."""
    width = x.shape[2]
    return torch.mv(x.view(-1, width), x.new_full((width,), 1 / width)).view(*x.shape[:2], 1)
