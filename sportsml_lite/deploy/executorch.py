"""A student as an ExecuTorch program, for a phone: PyTorch's own runtime without Python.

ExecuTorch is no dependency of the book: it brings more than a gigabyte. Where it is installed,
``sportsml export STUDENT --to executorch`` writes ``student.pte``, lowered to XNNPACK.
"""

from __future__ import annotations

import importlib.util

import torch

from sportsml_lite.deploy.folded import Folded, quiet
from sportsml_lite.deploy.network import Network
from sportsml_lite.errors import UserError


def program(network: Network) -> bytes:
    """The network as a program that reads one measured window (1, C, T) and gives logits (1, K).

    Raises
    ------
    UserError where ExecuTorch is not installed
    """
    if importlib.util.find_spec("executorch") is None:
        raise UserError("executorch is not installed: pip install executorch, in an environment "
                        "of its own with this torch; or take --to onnx")  # fmt: skip
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    window = torch.zeros(1, len(network.mean), network.samples)
    with torch.no_grad(), quiet():
        graph = torch.export.export(Folded(network).eval(), (window,))
        lowered = to_edge_transform_and_lower(graph, partitioner=[XnnpackPartitioner()])
        return lowered.to_executorch().buffer
