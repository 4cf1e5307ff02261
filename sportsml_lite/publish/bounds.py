"""How long a lesson or a lab is, and how long it may be: what a reader can take in one sitting."""

from __future__ import annotations

import re

from sportsml_lite.publish.chapters import Chapter

LESSON = {"lines": 450, "code": 150, "words": 2000, "numbers": 25, "figures": 4, "longest cell": 15}
LAB = {"lines": 250, "longest cell": 15}
HIDDEN = {
    "imports", "check", "solution", "parameters",
    "hide-input", "hide-cell", "remove-input", "remove-cell",
}  # fmt: skip


def bounds(chapter: Chapter) -> dict[str, int]:
    """What :func:`measure` may give at most; a lab is bounded by its lines alone."""
    return LAB if chapter.is_lab else LESSON


def measure(chapter: Chapter) -> dict[str, int]:
    """Size of a notebook's source.

    Returns
    -------
    dict with lines of the file, lines of code (comments too, but no blank ones), words of prose and
    captions, formulas included, printings of recorded numbers, figures, and lines of the longest
    code cell that a page shows unasked
    """
    cells = chapter.notebook().cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    figures = [cell.metadata["mystnb"] for cell in code if "mystnb" in cell.metadata]
    texts = [(f.get("figure", {}).get("caption", ""), f.get("image", {}).get("alt", ""))
             for f in figures]  # fmt: skip
    said = " ".join([prose, *(text for pair in texts for text in pair)])
    shown = [cell for cell in code if not HIDDEN & set(cell.metadata.get("tags", []))]
    return {
        "lines": len(chapter.source.read_text(encoding="utf-8").splitlines()),
        "code": sum(len(_filled(cell.source)) for cell in code),
        "words": len(said.split()),
        "numbers": len(re.findall(r"\{glue:text\}`(\w+)", said)),
        "figures": sum("image" in cell.metadata.get("mystnb", {}) for cell in code),
        "longest cell": max((len(_filled(cell.source)) for cell in shown), default=0),
    }


def _filled(code: str) -> list[str]:
    return [line for line in code.splitlines() if line.strip()]
