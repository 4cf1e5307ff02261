"""One number, recorded once: prose prints it, a sweep tabulates it, nbval compares it."""

from __future__ import annotations

import ast
import re
from numbers import Integral, Real

from sportsml_lite.errors import UserError

# The prefix with which MyST-NB's ``{glue:text}`` role and papermill's tools know a recorded value.
PREFIX = "application/papermill.record/"


def record(name: str, value: float | str, digits: int | None = None) -> None:
    """Record a value of the executed notebook under a name that is unique in the chapter.

    The value is stored as it is printed, so that a page, a sweep and nbval see the same number.
    Round to what holds on every computer: the last digits of a sum depend on the processor.

    Parameters
    ----------
    name : a Python identifier, e.g. ``"marathon_hours"``
    value : number or text
    digits : decimals kept; required for a number that is not whole

    Raises
    ------
    UserError if the name is no identifier, or a fraction comes without ``digits``
    """
    from IPython.display import display

    if not name.isidentifier():
        raise UserError(f"record: {name!r} is no name; use letters, digits and _")
    text = _printed(name, value, digits)
    note = {"name": name, "mime_prefix": PREFIX}
    # The role evaluates what it prints as a literal: in quotes, "0.50" keeps its last digit.
    display({PREFIX + "text/plain": repr(text)}, raw=True, metadata={"scrapbook": note})


def _printed(name: str, value: float | str, digits: int | None) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Integral) and digits is None:
        return str(int(value))
    if not isinstance(value, Real):
        raise UserError(f"record({name!r}): {type(value).__name__} is neither a number nor text")
    if digits is None:
        raise UserError(f"record({name!r}): say how many digits of {value} hold everywhere")
    text = f"{float(value):.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text  # no "-0.00"


def printed(notebook: dict) -> dict[str, str]:
    """All recorded values of an executed notebook, by name, in order, as a page prints them."""
    texts = {}
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            note = output.get("metadata", {}).get("scrapbook")
            if note:
                text = "".join(output["data"][note["mime_prefix"] + "text/plain"])
                texts[note["name"]] = ast.literal_eval(text)
    return texts


def recorded(notebook: dict) -> dict[str, float | str]:
    """All recorded values of an executed notebook, by name, in order; numbers as numbers."""
    return {name: _number_or_text(text) for name, text in printed(notebook).items()}


def _number_or_text(text: str) -> float | str:
    """Only what :func:`record` prints for a number is one: '2024_05_01' and '1e5' are text."""
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    return float(text) if re.fullmatch(r"-?\d+\.\d+|nan", text) else text
