"""The student's version of a chapter, made from the solutions: one source, two readings."""

from __future__ import annotations

import copy
import re

from sportsml_lite.publish.record import printed

TASK = "answer = ...  # replace the dots with your own code; several lines are fine"
ROLE = re.compile(r"\{([a-z:]+)\}`([^`<]*?)\s*(?:<[^`]*>)?`")


def exercise_notebook(executed):
    """A copy of an executed chapter without outputs, each solution replaced by an empty answer.

    A cell tagged ``solution`` computes ``answer`` and records it in its last line. The student's
    cell prints the expected value, so that one can tell whether the own answer is right. Plain
    Jupyter does not know the page's roles: a recorded number takes the place of its name.

    Parameters
    ----------
    executed : ``nbformat.NotebookNode`` with outputs; it is not changed

    Returns
    -------
    ``nbformat.NotebookNode``
    """
    texts = printed(executed)
    student = copy.deepcopy(executed)
    for cell in student.cells:
        if cell.cell_type != "code":
            cell.source = ROLE.sub(lambda role: _plain(role, texts), cell.source)
            continue
        cell.outputs, cell.execution_count = [], None
        if "solution" in cell.metadata.get("tags", []):
            name = cell.source.rsplit('record("', 1)[1].split('"', 1)[0]
            expected = texts.get(name, "see the chapter")
            cell.source = f"{TASK}\n\nprint('yours:', answer, ' expected: {expected}')"
            cell.metadata = {"tags": ["exercise"]}
    student.metadata.pop("papermill", None)
    return student


def _plain(role: re.Match, texts: dict[str, str]) -> str:
    kind, body = role.groups()
    if kind == "glue:text":
        return texts.get(body, body)
    return "" if kind.startswith("footcite") else body
