"""What ``sportsml doctor`` looks at: one line a fact, and what to do where it is not right."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import sys
from collections.abc import Iterator

from sportsml_lite.errors import UserError
from sportsml_lite.paths import project_root

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
INSTALL = "pip install -c constraints.txt -e '.[book,lab,test]'"


def examine() -> Iterator[tuple[bool, str, str]]:
    """Yield (is it right, what was looked at, advice); advice for a must begins with "needed"."""
    from sportsml_lite.collect import fetch

    version = ".".join(map(str, sys.version_info[:3]))
    yield sys.version_info >= (3, 11), f"Python {version}", "needed: Python 3.11 or newer"
    yield _pins()
    yield _torch_build()
    yield _has("jupyter-book", "needed for `sportsml book`: the extra 'book'")
    yield _has("jupyterlab", "for `make lab`: the extra 'lab'")
    yield _has("nbval", "for the tests: the extra 'test'")
    browser = find_browser()
    yield (
        bool(browser),
        f"browser {browser or '(none)'}",
        "page tests skip; install Chromium or set CHROMIUM to one",
    )
    try:
        known = ", ".join(name for name in fetch.ORIGINS if fetch.locate(name))
        yield True, f"SPORTSML_DATA {os.environ.get('SPORTSML_DATA') or '(not set)'}", ""
        yield bool(known), f"data sets here: {known or 'none'}", "sportsml fetch NAME"
    except UserError as error:
        yield False, "SPORTSML_DATA", f"needed: {error}"
    root = project_root()
    yield os.access(root, os.W_OK), "the book's folder is writable", f"needed: write to {root}"


def find_browser() -> str | None:
    """Path of a Chromium: the variable ``CHROMIUM``, else the first one on the PATH."""
    given = os.environ.get("CHROMIUM")
    return shutil.which(given) if given else next(filter(None, map(shutil.which, BROWSERS)), None)


def _has(name: str, advice: str) -> tuple[bool, str, str]:
    try:
        return True, f"{name} {importlib.metadata.version(name)}", ""
    except importlib.metadata.PackageNotFoundError:
        return False, f"{name} is not installed", advice


def _pins() -> tuple[bool, str, str]:
    """Whether the installed versions are those of constraints.txt."""
    text = (project_root() / "constraints.txt").read_text(encoding="utf-8")
    off = []
    for name, wanted in re.findall(r"^([\w.-]+)==(\S+)", text, re.M):
        try:
            found = importlib.metadata.version(name).split("+")[0]
        except importlib.metadata.PackageNotFoundError:
            continue
        if found != wanted:
            off.append(f"{name} {found} (pinned {wanted})")
    what = "library versions as pinned" if not off else f"other versions: {', '.join(off)}"
    return not off, what, f"numbers may differ; {INSTALL}"


def _torch_build() -> tuple[bool, str, str]:
    try:
        version = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return False, "torch is not installed", f"needed: {INSTALL}"
    heavy = any(
        d.metadata["Name"].startswith("nvidia-") for d in importlib.metadata.distributions()
    )
    advice = "works, but brings gigabytes of CUDA; README says how to choose the CPU build"
    return not heavy, f"torch {version}, {'CUDA' if heavy else 'CPU'} build", advice
