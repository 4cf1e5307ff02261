"""The grid of a sweep: which parameters take which values, checked before anything starts."""

from __future__ import annotations

import ast
import hashlib
import itertools
import json
import math
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sportsml_lite.errors import UserError
from sportsml_lite.publish.chapters import Chapter, Parameter, check, value_of

MOST = 100_000  # runs of a grid: more is a slip of the pen


@dataclass(frozen=True)
class Grid:
    """Parameters that vary, each with its values, and those that are the same in every run.

    varied : values by name, in the order in which they were asked for, each once
    fixed : a value by name
    """

    varied: dict[str, tuple]
    fixed: dict[str, object]

    def __len__(self) -> int:
        return math.prod(len(values) for values in self.varied.values())

    def points(self) -> list[dict[str, object]]:
        """The parameters of every run; the last of those that vary changes fastest."""
        rows = itertools.product(*self.varied.values())
        return [self.fixed | dict(zip(self.varied, row, strict=True)) for row in rows]

    def name(self, chapter: str) -> str:
        """What varies, and a hash of all that was asked for: equal sweeps, equal names."""
        text = json.dumps([chapter, self.varied, self.fixed], sort_keys=True)
        return f"{'-'.join(self.varied)}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def command(self, chapter: str) -> str:
        """What a shell is told to do the sweep again; lists of lists only Python can ask for."""
        varied = [f"-g {shlex.quote(f'{n}={_joined(v)}')}" for n, v in self.varied.items()]
        fixed = [f"-p {n} {shlex.quote(as_text(v))}" for n, v in self.fixed.items()]
        return " ".join(["sportsml sweep", chapter, *varied, *fixed])


def parse(chapter: Chapter, varied: Iterable[str], fixed: Iterable[tuple[str, str]] = ()) -> Grid:
    """The grid that a command line asks for.

    Parameters
    ----------
    chapter : whose parameters they are
    varied : texts such as ``'alpha=0,0.3,1'`` or, for whole numbers, ``'seed=0:20'`` (0 to 19)
    fixed : name and text of parameters that are the same in every run

    Raises
    ------
    UserError naming the parameter, as :func:`~sportsml_lite.publish.chapters.check` does
    """
    pairs = []
    for text in varied:
        name, mark, values = text.partition("=")
        if not mark or not name.strip():
            raise UserError(f"-g {text!r}: write a name and its values, such as seed=0:20")
        pairs.append((name.strip(), values))
    _refuse_twice([name for name, _ in (*pairs, *fixed)])
    known = chapter.parameters()
    texts = {n: _split(known[n], v) if n in known else [v] for n, v in pairs}
    return _checked(chapter, texts, dict(fixed))


def of(chapter: Chapter, varied: Mapping[str, Iterable], fixed: Mapping[str, object]) -> Grid:
    """The grid that Python asks for, checked in the same way.

    Parameters
    ----------
    chapter : whose parameters they are
    varied : values by name; fixed : a value by name

    Raises
    ------
    UserError naming the parameter
    """
    _refuse_twice([*varied, *fixed])
    for name, values in varied.items():
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise UserError(
                f"parameter {name!r}: {values!r} is no list of values; give [{values!r}]"
            )
    texts = {name: [as_text(value) for value in values] for name, values in varied.items()}
    return _checked(chapter, texts, {name: as_text(value) for name, value in fixed.items()})


def as_text(value: object) -> str:
    """A value as a command line gives it; reading it again gives the value."""
    if isinstance(value, str | os.PathLike):
        return os.fspath(value)
    return repr(_plain(value))


def _plain(value: object) -> object:
    """A number of numpy's as Python's own."""
    return value.item() if hasattr(value, "item") else value


def _refuse_twice(names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"parameter {twice!r} is given twice; give it once, with all its values")


def _checked(chapter: Chapter, varied: dict[str, list[str]], fixed: dict[str, str]) -> Grid:
    if not varied:
        raise UserError(
            f"a sweep needs a parameter that varies, such as -g seed=0:5 (sportsml params "
            f"{chapter.name} lists them)"
        )
    values, known = {}, chapter.parameters()
    for name, texts in varied.items():
        if not texts:
            raise UserError(f"parameter {name!r}: no value to try; give one or more")
        check(chapter, {name: texts[0]})  # whether there is such a name, too
        found = [value_of(known[name], text) for text in texts]
        values[name] = tuple({as_text(value): value for value in found}.values())
    grid = Grid(values, check(chapter, fixed))
    if len(grid) > MOST:
        raise UserError(f"a grid of {len(grid):,} runs; {MOST:,} are the most, give fewer values")
    return grid


def _split(parameter: Parameter, text: str) -> list[str]:
    """The values of a list with commas, or of a range; texts that ``check`` will read."""
    whole = re.fullmatch(r"\s*(-?\d+)\s*:\s*(-?\d+)\s*", text)
    if whole and type(parameter.default) is int:
        first, end = map(int, whole.groups())
        if end - first > MOST:
            raise UserError(f"parameter {parameter.name!r}: {text} are more than {MOST:,} values")
        return [str(number) for number in range(first, end)]
    if type(parameter.default) is list:
        return _split_lists(parameter, text)
    if not text.strip():
        return []
    return [part.strip() for part in text.split(",")]


def _split_lists(parameter: Parameter, text: str) -> list[str]:
    try:
        return [repr(value) for value in ast.literal_eval(f"[{text}]")]
    except (ValueError, SyntaxError):
        raise UserError(
            f"parameter {parameter.name!r}: {text!r} is no row of lists such as [0, 1],[2, 3]"
        ) from None


def _joined(values: tuple) -> str:
    numbers = all(type(value) is int for value in values)
    if numbers and len(values) > 2 and values == tuple(range(values[0], values[-1] + 1)):
        return f"{values[0]}:{values[-1] + 1}"
    return ",".join(map(as_text, values))
