"""Where the book and its caches lie."""

from __future__ import annotations

from pathlib import Path

from sportsml_lite.errors import UserError

PACKAGE = Path(__file__).parent


def project_root() -> Path:
    """The checkout with ``notebooks/``: around the package, else around the working directory.

    Raises
    ------
    UserError outside a clone of the repository
    """
    here = Path.cwd()
    for folder in (PACKAGE.parent, here, *here.parents):
        if (folder / "notebooks").is_dir() and (folder / "_config.yml").is_file():
            return folder
    raise UserError(
        "the book's notebooks are not here: run the command inside a clone of the repository"
    )
