"""One module an experiment: frozen arms, one job → rows of Scores; one runner; accepted tables."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from sportsml_lite.errors import UserError

if TYPE_CHECKING:
    from sportsml_lite.studies.runner import Study

NAMES = (
    "prepare",
    "outcome",
    "effect",
    "tune",
    "ensemble",
    "recommend",
    "offpolicy",
    "banister",
    "teacher",
    "distil",
    "surface",
    "privileged",
    "transfer",
    "pipeline",
    "deploy",
)


def find(name: str) -> Study:
    """The study of that name.

    Raises
    ------
    UserError if there is none
    """
    if name not in NAMES:
        raise UserError(f"no study {name!r}: choose one of {', '.join(NAMES)}")
    return importlib.import_module(f"sportsml_lite.studies.{name}").STUDY
