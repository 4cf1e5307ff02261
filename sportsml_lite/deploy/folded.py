"""A folded student as a PyTorch module, scaling inside: what exporters of PyTorch start from."""

from __future__ import annotations

import contextlib
import logging
import warnings

import numpy as np
import torch
from torch import nn

from sportsml_lite.deploy.network import EPSILON, Block, Network


class Folded(nn.Module):
    """A folded student in PyTorch: measured windows (N, C, T), without gaps, to logits (N, K)."""

    def __init__(self, network: Network):
        super().__init__()
        width, channels, kernel = network.stem.shape
        self.lead = kernel - network.stride
        self.mean, self.inverse = _frozen(network.mean[:, None]), _frozen(network.inverse[:, None])
        self.stem = nn.Conv1d(channels, width, kernel, network.stride)
        self.stem.weight, self.stem.bias = _frozen(network.stem), _frozen(network.stem_bias)
        self.blocks = nn.ModuleList(_FoldedBlock(block) for block in network.blocks)
        self.head = nn.Linear(2 * width, len(network.head_bias))
        self.head.weight = _frozen(np.concatenate([network.head_mean, network.head_last], 1))
        self.head.bias = _frozen(network.head_bias)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """(N, C, T) to (N, K)."""
        x = (samples - self.mean) * self.inverse
        x = self.stem(nn.functional.pad(x, (self.lead, 0))).relu()
        for block in self.blocks:
            x = x + block(x)
        return self.head(torch.cat([x.mean(2), x[:, :, -1]], 1))


class _FoldedBlock(nn.Module):
    def __init__(self, block: Block):
        super().__init__()
        width, kernel = block.depth.shape
        self.lead = block.memory
        self.depth = nn.Conv1d(
            width, width, kernel, groups=width, dilation=block.dilation, bias=False
        )
        self.depth.weight = _frozen(block.depth[:, None])
        self.point = nn.Conv1d(width, width, 1)
        self.point.weight, self.point.bias = _frozen(block.point[:, :, None]), _frozen(block.bias)
        self.scale, self.shift = _frozen(block.scale[:, None]), _frozen(block.shift[:, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mixed = self.point(self.depth(nn.functional.pad(x, (self.lead, 0))))
        spread = ((mixed * mixed).mean(1, keepdim=True) + EPSILON).sqrt()
        return (mixed / spread * self.scale + self.shift).relu()


def _frozen(array: np.ndarray) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(np.array(array, np.float32)), requires_grad=False)


@contextlib.contextmanager
def quiet():
    """Exporters tell of their own insides, which helps no reader."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
