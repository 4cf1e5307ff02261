"""The rules of every comparison, fixed before anything is fitted, and the only place that splits.

An athlete stands on one side of a split, never on both. Who stands where depends on the athletes'
names and a seed alone: not on the order of rows, not on any measured value.
"""

from sportsml_lite.protocol.fewshot import (
    FewShot,
    few_shot,
    few_shot_windows,
)
from sportsml_lite.protocol.rules import MARGINS, PROTOCOL, Margin, Protocol, margin
from sportsml_lite.protocol.splits import (
    PARTS,
    Split,
    fold_athletes,
    hold_out,
    leave_one_out,
    split_athletes,
)

__all__ = [
    "MARGINS",
    "PARTS",
    "PROTOCOL",
    "FewShot",
    "Margin",
    "Protocol",
    "Split",
    "few_shot",
    "few_shot_windows",
    "fold_athletes",
    "hold_out",
    "leave_one_out",
    "margin",
    "split_athletes",
]
