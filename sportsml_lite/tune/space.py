"""What may be chosen: a few levels of each hyper-parameter, in their order.

Levels, not intervals, so that a study can train every configuration once and let all searches look
it up. A search sees the *number* of a level: neighbours are close, and a rate is searched in
factors.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass

from sportsml_lite.errors import UserError
from sportsml_lite.training.configurations import Configuration

NAMES = ("rate", "weight_decay", "width", "depth", "batch_size")


@dataclass(frozen=True)
class Space:
    """Levels of every hyper-parameter, and the numbers of those that a grid visits.

    Parameters
    ----------
    levels : name → values, for each of :data:`NAMES`
    grid : name → places (0, 1, …) in ``levels`` of the values of a coarse grid

    Raises
    ------
    UserError naming the hyper-parameter that lacks levels, or whose grid is empty or outside them
    """

    levels: Mapping[str, tuple]
    grid: Mapping[str, tuple[int, ...]]

    def __post_init__(self):
        for name in NAMES:
            values, places = self.levels.get(name, ()), self.grid.get(name, ())
            if not values or len(set(values)) < len(values):
                raise UserError(f"space: {name} has levels {values!r}; give one or more, each once")
            if not places:
                raise UserError(f"space: the grid has no {name}; name at least one of its levels")
            if not set(places) <= set(range(len(values))):
                raise UserError(
                    f"space: the grid of {name} names {places}, and it has {len(values)} "
                    f"levels; choose from 0 to {len(values) - 1}"
                )
        for other in {*self.levels, *self.grid} - set(NAMES):
            raise UserError(f"space: {other!r} is no hyper-parameter; there are {', '.join(NAMES)}")

    def at(self, places: Mapping[str, int]) -> Configuration:
        """The configuration with these levels, by their numbers."""
        return Configuration(**{name: self.levels[name][places[name]] for name in NAMES})

    def everything(self) -> list[Configuration]:
        """Every combination of levels; those of one shape stand together."""
        shape = [self.levels[name] for name in ("width", "depth", "batch_size")]
        rest = [self.levels[name] for name in ("rate", "weight_decay")]
        return [
            Configuration(rate, decay, width, depth, size)
            for width, depth, size in itertools.product(*shape)
            for rate, decay in itertools.product(*rest)
        ]

    @property
    def fingerprint(self) -> str:
        """Equal for equal spaces: a store knows by it what it was made for."""
        text = json.dumps([[list(self.levels[n]), list(self.grid[n])] for n in NAMES])
        return hashlib.sha256(text.encode()).hexdigest()[:12]


# Rates in steps of a factor of about three. Wider networks cost more than all others together.
SPACE = Space(
    levels={
        "rate": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
        "weight_decay": (1e-4, 1e-2, 1.0),
        "width": (25, 50, 100),
        "depth": (1, 2, 3),
        "batch_size": (16, 32, 64, 128),
    },
    grid={
        "rate": (0, 2, 4, 6),
        "weight_decay": (0, 2),
        "width": (0, 2),
        "depth": (0, 2),
        "batch_size": (0, 3),
    },
)
