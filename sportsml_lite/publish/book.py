"""Build the book: execute what changed, stage it, and let Jupyter Book write the pages."""

from __future__ import annotations

import contextlib
import copy
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import IO

from sportsml_lite.errors import Failed, UserError, listed
from sportsml_lite.paths import project_root
from sportsml_lite.publish import load_nbformat
from sportsml_lite.publish.chapters import Chapter, chapters, pair_text
from sportsml_lite.publish.exercises import exercise_notebook
from sportsml_lite.publish.record import recorded
from sportsml_lite.publish.runs import (
    alone,
    dependencies,
    execute,
    key,
    libraries,
    naming,
    write_atomically,
)

Say = Callable[[str], None]
WORKERS = 1 + (os.cpu_count() or 1)  # kernels: while one starts, its core would wait
BUILDER = ("book.py", "exercises.py", "record.py")  # what a page depends on, beside its sources
FOLDED = (
    ("check", "remove-cell", ""),
    ("imports", "hide-input", "the imports"),
    ("solution", "hide-cell", "a solution"),
)


# --- executing -----------------------------------------------------------------------------------


def executed_path(root: Path, chapter: Chapter) -> Path:
    """Where the executed copy of a chapter with its default parameters lies."""
    return root / "_build" / "executed" / f"{chapter.name}.ipynb"


def stale(root: Path, chapter: Chapter) -> tuple[dict[str, str], str]:
    """What the chapter depends on now, and why its executed copy is old ("" if it is not)."""
    now = dependencies(chapter, {})
    note = executed_path(root, chapter).with_suffix(".json")
    if not note.is_file() or not executed_path(root, chapter).is_file():
        return now, "never executed"
    before = json.loads(note.read_text(encoding="utf-8"))
    changed = [name for name in now | before if now.get(name) != before.get(name)]
    return now, ", ".join(changed) and f"changed: {', '.join(changed)}"


def execute_stale(root: Path, say: Say, workers: int = WORKERS) -> list[Chapter]:
    """Execute the chapters whose source, modules, data or libraries changed, side by side.

    A finished chapter is kept even when another fails or the build is interrupted.

    Raises
    ------
    Failed naming every chapter that failed and where its executed part lies
    """
    todo = {}
    for chapter in sorted(chapters(root), key=lambda c: c.is_lab):  # lessons take longer
        inputs, reason = stale(root, chapter)
        if reason:
            say(f"  {chapter.name}: {reason}")
            todo[chapter] = inputs
    if todo:
        from sportsml_lite.publish import kernels

        with kernels.warm(len(todo), libraries(*todo.values())):
            failures = _execute_all(root, todo, say, workers)
        if failures:
            raise Failed("\n".join(failures))
    return list(todo)


def _execute_all(
    root: Path, todo: dict[Chapter, dict[str, str]], say: Say, workers: int
) -> list[str]:
    """Execute chapters side by side; what went wrong. An interrupt ends their kernels, too."""
    from sportsml_lite.publish import kernels

    failures = []
    pool = ThreadPoolExecutor(workers)
    jobs = {pool.submit(_execute_one, root, c, inputs): c.name for c, inputs in todo.items()}
    try:
        for job in _watched(jobs):
            try:
                say(f"  {jobs[job]}: executed in {job.result():.1f} s")
            except (Failed, UserError) as error:
                failures.append(f"{jobs[job]}: {error}")
                say(f"  {failures[-1]}")
    except KeyboardInterrupt:
        say("  interrupted: what is finished is kept, the rest is left for the next build")
        pool.shutdown(wait=False, cancel_futures=True)
        kernels.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    return failures


def _watched(jobs: dict[Future, str]) -> Iterator[Future]:
    """Jobs as they finish; on a terminal a line counts the seconds of those under way."""
    begun, left = time.monotonic(), set(jobs)
    while left:
        done, left = wait(left, timeout=1, return_when=FIRST_COMPLETED)
        if sys.stderr.isatty():
            names = ", ".join(sorted(jobs[job] for job in left if job.running()))
            line = f"  {time.monotonic() - begun:.0f} s: {names}" if names else ""
            print(f"\r{line:<78}\r", end="", file=sys.stderr, flush=True)
        yield from done


def _execute_one(root: Path, chapter: Chapter, inputs: dict[str, str]) -> float:
    begun = time.perf_counter()
    final = executed_path(root, chapter)
    part = final.with_name(f"{chapter.name}.unfinished.ipynb")
    final.with_suffix(".json").unlink(missing_ok=True)
    execute(chapter, {}, part, progress=False)
    os.replace(part, final)
    write_atomically(final.with_suffix(".json"), json.dumps(inputs, indent=1))
    return time.perf_counter() - begun


# --- the site ------------------------------------------------------------------------------------


def stage(root: Path, folder: Path, executed: dict[str, Path]) -> None:
    """Lay out what Jupyter Book reads: book/, notebooks, exercises of the lessons, MathJax.

    A chapter without an executed copy is staged as it stands, without outputs.
    """
    nbformat = load_nbformat()

    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(root / "book", folder / "book", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(root / "_config.yml", folder)
    (folder / "notebooks" / "exercises").mkdir(parents=True)
    for chapter in chapters(root):
        source = executed.get(chapter.name)
        notebook = nbformat.read(source, as_version=4) if source else chapter.notebook()
        nbformat.write(_dressed(notebook), folder / "notebooks" / f"{chapter.name}.ipynb")
        if not chapter.is_lab:
            exercises = folder / "notebooks" / "exercises" / f"{chapter.name}_exercises.ipynb"
            nbformat.write(exercise_notebook(notebook), exercises)
    _copy_mathjax(folder / "book" / "_static" / "mathjax")


def _dressed(notebook):
    """A copy for the page: checks left out (the prose prints them), solutions folded."""
    page = copy.deepcopy(notebook)
    for cell in page.cells:
        tags = cell.metadata.setdefault("tags", [])
        for tag, fold, prompt in FOLDED:
            if tag in tags:
                tags.append(fold)
                cell.metadata.setdefault("mystnb", {})["code_prompt_show"] = f"Show {prompt}"
                cell.metadata["mystnb"]["code_prompt_hide"] = f"Hide {prompt}"
    return page


def _copy_mathjax(target: Path) -> None:
    """MathJax from its Python package: one script, its fonts and extensions (about 2 MB)."""
    found = importlib.util.find_spec("mathjax")
    if found is None:
        raise UserError("the book needs its own extra: pip install -c constraints.txt -e '.[book]'")
    origin = Path(found.origin).parent / "static" / "mathjax" / "es5"
    for part in ("input/tex/extensions", "output/chtml/fonts"):
        shutil.copytree(origin / part, target / part)
    shutil.copy2(origin / "tex-mml-chtml.js", target)


def build_site(root: Path, source: Path, out: Path, strict: bool) -> Path:
    """Run Jupyter Book over a staged folder; return the index page in ``out/_build/html``.

    ``strict`` makes every warning an error. The log stays in ``out/_build/site.log``.

    Raises
    ------
    Failed if Jupyter Book failed, or a page of the table of contents was not written
    """
    (out / "_build").mkdir(parents=True, exist_ok=True)
    log = out / "_build" / "site.log"
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    command += ["build", str(source)]
    command += ["--config", str(source / "_config.yml"), "--toc", str(source / "book" / "_toc.yml")]
    command += ["--path-output", str(out), *(["-W", "--keep-going", "-n"] if strict else [])]
    with log.open("w", encoding="utf-8") as stream:
        code = _run_to_its_end(command, stream, source)
    text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(encoding="utf-8", errors="replace"))
    lines = text.splitlines()
    told = [line for line in lines if re.search(r"ERROR|\[Errno", line)]
    told = told or [line for line in lines if "WARNING" in line] or lines[-15:]
    html = out / "_build" / "html"
    missing = [p for p in pages(source) if not (html / p).is_file()]
    if code or missing:
        others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        lost = [f"no page was written for {missing[0]}{others}"] if missing else []
        why = listed([*lost, *dict.fromkeys(told)])
        raise Failed(f"Jupyter Book could not build the site (log: {log}):\n{why}")
    return html / "index.html"


def _run_to_its_end(command: list[str], log: IO[str], folder: Path) -> int:
    """Run a command and return its exit code; if we are stopped, it and its children end too."""
    process = None
    with _terminated_as_interrupted():
        try:
            process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, start_new_session=True
            )
            return process.wait()
        finally:
            if process and process.poll() is None:
                end = getattr(os, "killpg", os.kill)  # Windows has no groups
                end(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
                process.wait()


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM, too, runs what stands in ``finally``; only the main thread may ask for it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def pages(source: Path) -> list[str]:
    """The pages that the table of contents promises, relative to the site's folder."""
    toc = (source / "book" / "_toc.yml").read_text(encoding="utf-8")
    return [f"{name}.html" for name in re.findall(r"(?:root|file): *(\S+)", toc)]


# --- commands ------------------------------------------------------------------------------------


def build(say: Say) -> Path:
    """Execute what changed and build the site; return its first page."""
    root = project_root()
    with naming(root / "_build"), alone(root / "_build", say, "another build is under way here"):
        return _build(root, say)


def _build(root: Path, say: Say) -> Path:
    begun = time.perf_counter()
    _ensure_device_files(say)
    seal = root / "_build" / "sealed.key"
    state = _state(root)
    if seal.is_file() and _text(seal) == state and _is_whole(root):
        index = root / "_build" / "html" / "index.html"
        say(f"nothing has changed ({time.perf_counter() - begun:.1f} s); open {index}")
        return index
    seal.unlink(missing_ok=True)
    behind = [c for c in chapters(root) if not c.pair.is_file() or pair_text(c) != _text(c.pair)]
    for chapter in behind:
        say(f"  {chapter.pair.name} is not in step with its .py, which is used: `make pairs`")
    execute_stale(root, say)
    executed = {c.name: executed_path(root, c) for c in chapters(root)}
    mark = root / "_build" / "site.key"
    index = root / "_build" / "html" / "index.html"
    now = _site_key(root, executed)
    html = index.parent
    if not (_is_whole(root) and mark.is_file() and mark.read_text() == now):
        say("  writing the pages ...")
        mark.unlink(missing_ok=True)
        shutil.rmtree(html, ignore_errors=True)
        stage(root, root / "_build" / "stage", executed)
        index = build_site(root, root / "_build" / "stage", root, strict=False)
        write_atomically(mark, now)
    if not behind:
        write_atomically(seal, state)
    say(f"done in {time.perf_counter() - begun:.1f} s; open {index}")
    return index


def _is_whole(root: Path) -> bool:
    """Whether every page and every executed copy is there."""
    made = [root / "_build" / "html" / page for page in pages(root)]
    copies = [executed_path(root, c) for c in chapters(root)]
    notes = [path.with_suffix(".json") for path in copies]
    return all(path.is_file() for path in (*made, *copies, *notes))


def _state(root: Path) -> str:
    """A hash of everything that a build may read, whoever reads it: equal, nothing has changed.

    It is coarser than :func:`stale`, and quick, since no code has to be understood for it.
    """
    from sportsml_lite.collect import fetch
    from sportsml_lite.collect.fetch.download import sha256

    state = {path: sha256(root / path) for path in _sources(root)}
    state["python"] = sys.version
    for place in {p for p in sys.path if Path(p).name in ("site-packages", "dist-packages")}:
        state[place] = " ".join(sorted(p.name for p in Path(place).glob("*-info")))
    sources = "".join(_text(chapter.source) for chapter in chapters(root))
    for name in sorted(set(re.findall(r'^dataset = "(\w+)"', sources, re.M))):
        found = fetch.locate(name)
        state[f"data {name}"] = fetch.fingerprint(found) if found else "none"
    return key(state)


def _sources(root: Path) -> list[str]:
    folders = ("sportsml_lite", "notebooks", "book", "results")
    files = [path for name in folders for path in (root / name).rglob("*") if path.is_file()]
    kept = [root / "_config.yml", *(path for path in files if path.parent.name != "__pycache__")]
    return sorted(path.relative_to(root).as_posix() for path in kept)


def _site_key(root: Path, executed: dict[str, Path]) -> str:
    from sportsml_lite.collect.fetch import fingerprint

    notes = {name: path.with_suffix(".json").read_text() for name, path in executed.items()}
    builder = {name: _text(Path(__file__).with_name(name)) for name in BUILDER}
    versions = {name: importlib.metadata.version(name) for name in ("jupyter-book", "myst-nb")}
    pages = {"book": fingerprint(root / "book"), "config": _text(root / "_config.yml")}
    return key(notes | builder | versions | pages)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _ensure_device_files(say: Say) -> None:
    """The real examples of chapter 1; offline the chapter says so and opens a simulated run."""
    from sportsml_lite.collect import fetch

    if fetch.locate("device_files") is None:
        say("  fetching the device examples (2 MB) ...")
        try:
            fetch.fetch("device_files")
        except UserError as error:
            say(f"  {error}\n  chapter 1 opens a simulated run instead")


def run_page(folder: Path, chapter: Chapter, say: Say = print) -> Path:
    """The page of one run, in the book's own dress: ``<run>/_build/html/notebooks/<chapter>.html``.

    Other chapters are taken as last built, so that the page's links work.
    """
    root = project_root()
    paths = {c.name: executed_path(root, c) for c in chapters(root)}
    executed = {name: path for name, path in paths.items() if path.is_file()}
    executed[chapter.name] = folder / f"{chapter.name}.ipynb"
    made = folder / "_build"
    with naming(made), alone(made, say, "the page of this run is being written"):
        stage(root, made / "stage", executed)
        build_site(root, made / "stage", folder, strict=False)
        shutil.rmtree(made / "stage")
    return folder / "_build" / "html" / "notebooks" / f"{chapter.name}.html"


def show_changed_numbers(say: Say) -> None:
    """Say which recorded numbers of the executed copies differ from those of the pairs."""
    nbformat = load_nbformat()

    root = project_root()
    for chapter in chapters(root):
        copy = executed_path(root, chapter)
        if not copy.is_file():
            say(f"  {chapter.name}: not executed")
            continue
        stored, new = (recorded(nbformat.read(p, as_version=4)) for p in (chapter.pair, copy))
        for name in stored | new:
            if stored.get(name) != new.get(name):
                say(f"  {chapter.name} {name}: {stored.get(name)} -> {new.get(name)}")


def update_pairs(say: Say) -> None:
    """Write every .ipynb anew from its .py, with the check cells' outputs of an executed copy."""
    nbformat = load_nbformat()

    from sportsml_lite.collect import fetch

    root = project_root()
    fetch.fetch("device_files")  # without the real files chapter 1 would record simulated numbers
    execute_stale(root, say)
    for chapter in chapters(root):
        executed = nbformat.read(executed_path(root, chapter), as_version=4)
        text = pair_text(chapter, executed)
        if not chapter.pair.is_file() or chapter.pair.read_text(encoding="utf-8") != text:
            write_atomically(chapter.pair, text)
            say(f"  {chapter.pair.name}: written")
