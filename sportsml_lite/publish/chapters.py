"""Lessons and labs: where they are, their parameters, and the pair .py + .ipynb."""

from __future__ import annotations

import ast
import difflib
import io
import math
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path

from sportsml_lite.errors import UserError
from sportsml_lite.paths import project_root
from sportsml_lite.publish import load_nbformat

RECORDING = {"check", "solution"}  # tags of the cells that record numbers


@dataclass(frozen=True)
class Parameter:
    """One name of a chapter's parameters cell; ``comment`` gives its unit, range and meaning."""

    name: str
    default: object
    comment: str

    def read(self, text: str):
        """The value that ``text`` stands for, with the default's type; UserError otherwise.

        Raises
        ------
        UserError naming the parameter, if the text is no such value or out of range
        """
        kind = type(self.default)
        try:
            value = _READERS[kind](text)
        except (ValueError, SyntaxError):
            raise UserError(
                f"parameter {self.name!r}: {text!r} is no {_KIND_NAMES[kind]} "
                f"(default {self.default!r}; {self.comment})"
            ) from None
        self._check_range(value)
        return value

    def check(self, value) -> None:
        """Refuse a value of another type, or outside the range or choices of the comment.

        Raises
        ------
        UserError naming the parameter
        """
        kind = type(self.default)
        kinds = (int, float) if kind is float else (kind,)
        if type(value) not in kinds:
            raise UserError(f"parameter {self.name!r}: {value!r} is no {_KIND_NAMES[kind]}")
        self._check_range(value)

    def _check_range(self, value) -> None:
        allowed = self.comment.split(":")[0]
        span = re.search(r"(-?\d[\d.e+-]*) to (-?\d[\d.e+-]*)", allowed)
        if span and isinstance(value, (int, float)):
            low, high = map(float, span.groups())
            if not low <= value <= high:
                raise UserError(f"parameter {self.name!r}: {value} is outside {span.group()}")
        choices = re.findall(r"'([^']*)'", allowed)
        if choices and isinstance(value, str) and value not in choices:
            near = difflib.get_close_matches(value, choices, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UserError(f"parameter {self.name!r}: {value!r} is not {allowed.strip()}{hint}")


def _read_list(text: str) -> list:
    value = ast.literal_eval(text)
    if not isinstance(value, list):
        raise ValueError(text)
    return value


def _read_flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _read_finite(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError(text)
    return float(text)


FOLDERS = ("data_dir", "test_dir")  # parameters that name a folder
_READERS = {int: int, float: _read_finite, str: str, bool: _read_flag, list: _read_list}
_KIND_NAMES = {
    int: "whole number",
    float: "number",
    str: "text",
    bool: "true or false",
    list: "list such as [0, 1]",
}


@dataclass(frozen=True)
class Chapter:
    """One notebook: ``source`` (py:percent) and ``pair`` (the .ipynb made from it)."""

    source: Path

    @property
    def name(self) -> str:
        return self.source.stem

    @property
    def is_lab(self) -> bool:
        """Whether it measures (``NN_topic_lab``) rather than teaches (``NN_topic``)."""
        return self.name.endswith("_lab")

    @property
    def names(self) -> tuple[str, ...]:
        """What it may be called: 08_distil, distil, 08, 8; or 08_distil_lab, distil_lab, 08_lab."""
        number, _, topic = self.name.partition("_")
        end = "_lab" if self.is_lab else ""
        return self.name, topic, number + end, number.lstrip("0") + end

    @property
    def pair(self) -> Path:
        return self.source.with_suffix(".ipynb")

    def code(self) -> str:
        """The code of all cells, without Jupyter's own commands (``%`` and ``!``)."""
        cells = self.notebook().cells
        code = "\n\n".join(cell.source for cell in cells if cell.cell_type == "code")
        return _without_commands(code)

    def notebook(self):
        """The source as a notebook without outputs (``nbformat.NotebookNode``).

        Raises
        ------
        UserError naming the line of what is no Python
        """
        load_nbformat()
        import jupytext

        self._text()
        return jupytext.read(self.source)

    def _text(self) -> str:
        text = self.source.read_text(encoding="utf-8")
        try:
            # Blank lines for Jupyter's commands: the other lines keep their numbers.
            ast.parse(_without_commands(text))
        except SyntaxError as error:
            where = f"{self.source}, line {error.lineno}"
            raise UserError(f"{where}: {error.msg}; correct it") from None
        return text

    def parameters(self) -> dict[str, Parameter]:
        """The names in the parameters cell, with default and comment.

        Raises
        ------
        UserError if no cell is tagged so, or it holds more than literals
        """
        # Read from the text: every running notebook asks, and jupytext takes a second to import.
        for cell in re.split(r"^# %%", self._text(), flags=re.M)[1:]:
            header, _, code = cell.partition("\n")
            if re.search(r'tags=\[[^]]*"parameters"', header):
                return _read_parameters(code, self.source.name)
        raise UserError(f"{self.source.name}: no cell is tagged 'parameters'")


def _without_commands(code: str) -> str:
    return re.sub(r"^[ \t]*[%!].*$", "", code, flags=re.M)


def _read_parameters(code: str, where: str) -> dict[str, Parameter]:
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(code).readline)
        if token.type == tokenize.COMMENT
    }
    found = {}
    for line in ast.parse(code).body:
        try:
            name, default = line.targets[0].id, ast.literal_eval(line.value)
        except (AttributeError, ValueError):
            raise UserError(
                f"{where}: the parameters cell may hold literals only, found {ast.unparse(line)!r}"
            ) from None
        lines = range(line.lineno, line.end_lineno + 1)  # a formatter may break a long line
        comment = next((comments[i] for i in lines if i in comments), "")
        found[name] = Parameter(name, default, comment)
    return found


def chapters(root: Path | None = None) -> list[Chapter]:
    """All lessons and labs, in the order of their numbers: a lesson, then its lab."""
    folder = (root or project_root()) / "notebooks"
    return [Chapter(path) for path in sorted(folder.glob("[0-9][0-9]_*.py"))]


def find(name: str) -> Chapter:
    """The lesson called ``8``, ``08``, ``08_distil``, the lab called ``08_lab``, or either's path.

    Raises
    ------
    UserError for another name, with the nearest ones
    """
    known = chapters()
    stem = Path(name).stem if name.endswith((".py", ".ipynb")) else name
    for chapter in known:
        if stem in chapter.names:
            return chapter
    names = [chapter.name for chapter in known]
    called = [name for chapter in known for name in chapter.names if len(name) > 2]
    near = difflib.get_close_matches(stem, called, 1, 0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise UserError(f"no chapter {name!r}{hint or '.'} Chapters: {', '.join(names)}")


def check(chapter: Chapter, given: dict[str, str]) -> dict[str, object]:
    """Values for the parameters ``given`` as text, each checked by name, type, range and path.

    Raises
    ------
    UserError naming the parameter, with the nearest valid name or the allowed values
    """
    known = chapter.parameters()
    values = {}
    for name, text in given.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UserError(
                f"chapter {chapter.name} has no parameter {name!r}{hint or '.'} "
                f"Parameters: {', '.join(known)}"
            )
        values[name] = value_of(known[name], text)
    return values


def value_of(parameter: Parameter, text: str) -> object:
    """The value that ``text`` gives a parameter; a folder must be there.

    Raises
    ------
    UserError naming the parameter
    """
    value = parameter.read(text)
    if parameter.name in FOLDERS and value:
        _check_folder(parameter.name, value)
    return value


def check_values(name: str, values: dict[str, object]) -> None:
    """Check the parameters that a running chapter was given, also by plain papermill.

    Parameters
    ----------
    name : chapter, as :func:`find` takes it
    values : its variables; a chapter calls ``check_values("03", globals())``

    Raises
    ------
    UserError naming the parameter and what it may be
    """
    for parameter in find(name).parameters().values():
        parameter.check(values[parameter.name])


def _check_folder(name: str, text: str) -> None:
    path = Path(text).expanduser()
    if not path.is_dir() and not (path.is_file() and path.suffix.lower() == ".zip"):
        kind = "is a file; name the folder around it" if path.exists() else "does not exist"
        raise UserError(f"parameter {name!r}: {text} {kind}")


# --- the pair ------------------------------------------------------------------------------------


def pair_text(chapter: Chapter, executed: dict | None = None) -> str:
    """Text of the paired .ipynb: the source, and the outputs of the cells that record numbers.

    Parameters
    ----------
    executed : notebook that gives those outputs; None takes those of the present pair,
        as long as the cell is still the same
    """
    nbformat = load_nbformat()

    notebook = chapter.notebook()
    outputs = _check_outputs(executed or _read_pair(chapter))
    for index, cell in enumerate(notebook.cells):
        cell.id = f"{chapter.name}-{index:02d}"
        if cell.cell_type == "code" and cell.source in outputs:
            cell.execution_count = 1  # nbval compares a cell only if it counts as executed
            cell.outputs = outputs[cell.source]
    notebook.metadata = nbformat.from_dict(
        {
            "jupytext": {"formats": "ipynb,py:percent"},
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return nbformat.writes(notebook) + "\n"


def _read_pair(chapter: Chapter):
    nbformat = load_nbformat()

    if not chapter.pair.is_file():
        return nbformat.v4.new_notebook()
    return nbformat.read(chapter.pair, as_version=4)


def _check_outputs(notebook: dict) -> dict[str, list]:
    return {
        cell.source: cell.outputs
        for cell in notebook["cells"]
        if RECORDING & set(cell.metadata.get("tags", [])) and cell.outputs
    }
