"""Many device files: read in processes, and each only once.

What the files of a folder gave is kept in packs of Parquet tables below ``_build/devices`` of the
project (outside a clone, in the user's cache). A file is known by its place, size and time of
change, so that an unchanged one is not even opened; else by its content, so that a copied or moved
one is not parsed again. When the code that reads or a library changes, every file is read anew. A
pack that is spoilt counts as absent. Nothing leaves this computer.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from sportsml_lite import schema
from sportsml_lite.collect.formats.assemble import tables
from sportsml_lite.errors import UserError
from sportsml_lite.paths import PACKAGE, project_root

FEW = 50  # fewer files are read here and now
BATCH = 32  # files that a process reads at a time
PACK_FILES, PACK_ROWS = 1_000, 2_000_000  # a pack is written when it holds so many
MOST_PACKS = 300  # each addition to a folder is a pack; beyond this the folder is read anew
TABLES = ("sessions", "streams", "files")  # in the order of writing: the last one seals the pack
LIBRARIES = ("defusedxml", "garmin-fit-sdk", "numpy", "pandas", "pyarrow")
FRESH_NS = 2_000_000_000  # a younger file may change again within one tick of the disk's clock


@dataclass(frozen=True)
class Pack:
    """What some files gave.

    Attributes
    ----------
    sessions : the contract's, called ``''`` or ``'#1'``, ``'#2'``, … within their file; ``_file``
        is the row of ``files``
    streams : the contract's without a name; ``_session`` is the row of ``sessions``
    files : a row a file: ``stamp`` (place, size, time of change), ``key`` (content and suffix),
        ``alias`` (its tables are another file's of this key), ``read`` (whether it could be),
        ``reasons`` (a line each)
    stem : what the names of its tables on the disk begin with
    """

    sessions: pd.DataFrame
    streams: pd.DataFrame
    files: pd.DataFrame
    stem: str = ""


def read_all(
    contents: Mapping[str, Callable[[], bytes]],
    load: Callable,
    root: str | os.PathLike,
    progress: Callable | None = None,
    home: Path | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, list[tuple[str, str, bool]]]:
    """Tables of many files in their order, and what could not be read.

    Parameters
    ----------
    contents : what gives the bytes of a file, by its name: a ``partial`` whose first argument is
        its path, or a tuple that begins with the path of an archive
    load : ``load(content, name)`` gives rows of Sessions, their streams and notes, or raises
        UserError; a ``partial`` of a module's function, since other processes call it
    root : the folder that holds the files
    progress : called as ``progress(done, total, name)``; None draws a bar on a terminal
    home : of the packs; None is the project's or the user's

    Returns
    -------
    sessions, streams : the contract's; empty where no file could be read
    problems : name, reason, and whether the file was read all the same
    """
    with _telling(progress, len(contents)) as tell:
        if len(contents) < FEW:
            packs = [_packed([tell(name, _read(name, c, load)) for name, c in contents.items()])]
            places = [(0, row) for row in range(len(contents))]
        else:
            packs, places = _kept(contents, load, _home(load, root, home), tell)
    return _joined(packs, np.array(places).reshape(-1, 2), list(contents))


# --- one file ------------------------------------------------------------------------------------


def _read(name: str, content: Callable[[], bytes], load: Callable) -> dict:
    """What a file gives, or the reason that it gives nothing."""
    about = {"name": name, "stamp": "", "key": "", "alias": False, "rows": [], "streams": []}
    try:
        rows, streams, notes = load(content, name)
    except UserError as error:
        return about | {"read": False, "reasons": str(error).removeprefix(f"{name}: ")}
    return about | {"read": True, "reasons": "\n".join(notes), "rows": rows, "streams": streams}


def _read_batch(batch: list[tuple], load: Callable, known: set[str]) -> Pack:
    """Files by their content, parsed where no pack has them: this is what a process does."""
    found = []
    for name, content, stamp in batch:
        try:
            data = content()
        except Exception:  # no content, no key: whatever it is, load says it in words
            found.append(_read(name, content, load))
            continue
        suffixes = "".join(PurePosixPath(name.lower()).suffixes[-2:])  # a file is judged by them
        key = _hash(suffixes.encode(), data)
        if key in known:
            result = {"alias": True, "read": True, "reasons": "", "rows": [], "streams": []}
        else:
            result = _read(name, partial(bytes, data), load)
        found.append(result | {"stamp": stamp, "key": key})
    return _packed(found)


def _each(todo: list[tuple], load: Callable, known: set[str]) -> Iterator[Pack]:
    """A pack a batch."""
    if not todo:
        return
    from joblib import Parallel, cpu_count, delayed, parallel_config

    batches = [todo[i : i + BATCH] for i in range(0, len(todo), BATCH)]
    with parallel_config("loky", inner_max_num_threads=1):
        run = Parallel(n_jobs=min(cpu_count(), len(batches)), return_as="generator")
        yield from run(delayed(_read_batch)(batch, load, known) for batch in batches)


@contextmanager
def _telling(progress: Callable | None, total: int) -> Iterator[Callable]:
    """``tell(name)`` counts a file, for the caller or on a terminal, and passes a value on."""
    import click

    done = 0
    hidden = progress is not None or total < FEW or not sys.stderr.isatty()
    with click.progressbar(length=total, label="files", file=sys.stderr, hidden=hidden) as bar:

        def tell(name: str, value=None):
            nonlocal done
            done += 1
            bar.update(1)
            if progress:
                progress(done, total, name)
            return value

        yield tell


# --- packs ---------------------------------------------------------------------------------------


def _kept(contents: Mapping, load: Callable, home: Path, tell: Callable) -> tuple[list[Pack], list]:
    """Packs, and for each file the number of its pack and its row in it."""
    packs = _stored(home)
    stamps = {name: _stamp(content) for name, content in contents.items()}
    by_stamp, by_key = _index(packs)
    todo = [(name, c, stamps[name]) for name, c in contents.items() if stamps[name] not in by_stamp]
    for name, stamp in stamps.items():
        if stamp in by_stamp:
            tell(name)
    places, waiting, done = {}, [], 0
    for batch in _each(todo, load, set(by_key)):
        row = sum(len(pack.files) for pack in waiting)
        for key, alias in zip(batch.files["key"], batch.files["alias"], strict=True):
            name = todo[done][0]
            places[name] = by_key[key] if alias else (len(packs), row)
            tell(name)
            row, done = row + 1, done + 1
        waiting.append(batch)
        rows = sum(len(pack.streams) for pack in waiting)
        if row >= PACK_FILES or rows >= PACK_ROWS or done == len(todo):
            packs.append(_merged(waiting))
            _write(packs[-1], home)
            waiting = []
    places = [places.get(name) or by_stamp[stamps[name]] for name in contents]
    for unused in set(range(len(packs))) - {number for number, _ in places}:
        if not packs[unused].files["alias"].any():
            _remove(packs[unused].stem, home)
    return packs, places


def _index(packs: list[Pack]) -> tuple[dict, dict]:
    """Number of the pack and row in it, by stamp and by key."""
    rows = [
        (stamp, key, alias, (number, row))
        for number, pack in enumerate(packs)
        for row, (stamp, key, alias) in enumerate(
            zip(pack.files["stamp"], pack.files["key"], pack.files["alias"], strict=True)
        )
        if key
    ]
    by_key = {key: place for _, key, alias, place in rows if not alias}
    by_stamp = {stamp: by_key[key] for stamp, key, *_ in rows if stamp and key in by_key}
    return by_stamp, by_key


def _packed(results: list[dict]) -> Pack:
    files = pd.DataFrame(results, columns=["stamp", "key", "alias", "read", "reasons"])
    rows = [
        row | {"session_id": row["session_id"].removeprefix(result["name"]), "_file": file}
        for file, result in enumerate(results)
        for row in result["rows"]
    ]
    if not rows:
        return Pack(pd.DataFrame(), pd.DataFrame(), files)
    streams = [stream for result in results for stream in result["streams"]]
    sessions, seconds = tables(rows, streams)
    numbers = np.repeat(np.arange(len(rows)), [len(stream) for stream in streams])
    return Pack(sessions, seconds.drop(columns="session_id").assign(_session=numbers), files)


def _merged(packs: list[Pack]) -> Pack:
    sessions, streams, files, sessions_before = [], [], [], 0
    for pack in packs:
        if len(pack.sessions):
            before = sum(map(len, files))
            sessions.append(pack.sessions.assign(_file=pack.sessions["_file"] + before))
            numbers = pack.streams["_session"] + sessions_before
            streams.append(pack.streams.assign(_session=numbers))
            sessions_before += len(pack.sessions)
        files.append(pack.files)
    return Pack(_concat(sessions), _concat(streams), _concat(files))


def _concat(tables: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _joined(packs: list[Pack], places: np.ndarray, names: list[str]) -> tuple:
    """Sessions, Streams and problems of the files at some places, in the order of their names."""
    sessions, streams, orders, problems = [], [], [], []
    for number, pack in enumerate(packs):
        wanted = np.flatnonzero(places[:, 0] == number)
        rows = places[wanted, 1]
        if not len(wanted):
            continue
        about = pack.files.iloc[rows]
        for i, read, reasons in zip(wanted, about["read"], about["reasons"], strict=True):
            problems += [(int(i), reason, bool(read)) for reason in reasons.splitlines()]
        if pack.sessions.empty:
            continue
        own, of_file = _rows_of(pack.sessions["_file"], rows)
        seconds, of_session = _rows_of(pack.streams["_session"], own)
        name = pd.Series(names, dtype="str").take(wanted[of_file]).reset_index(drop=True)
        table = _take(pack.sessions, own).drop(columns="_file")
        table = table.assign(session_id=name + table["session_id"], source=name)
        stream = _take(pack.streams, seconds).drop(columns="_session")
        stream["session_id"] = table["session_id"].array.take(of_session)
        sessions.append(table)
        streams.append(stream)
        orders.append((wanted[of_file], wanted[of_file][of_session]))
    problems = [
        (names[i], reason, read) for i, reason, read in sorted(problems, key=lambda p: p[0])
    ]
    return (
        _ordered(sessions, [order for order, _ in orders], "sessions"),
        _ordered(streams, [order for _, order in orders], "streams"),
        problems,
    )


def _rows_of(owners: pd.Series, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose owner is wanted, owner by owner, and which of ``wanted`` each belongs to."""
    owners = owners.to_numpy()  # they rise
    first = np.searchsorted(owners, wanted, "left")
    count = np.searchsorted(owners, wanted, "right") - first
    which = np.repeat(np.arange(len(wanted)), count)
    step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return first[which] + step, which


def _take(table: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
    whole = len(rows) == len(table) and (rows == np.arange(len(table))).all()
    return table if whole else table.take(rows).reset_index(drop=True)


def _ordered(tables: list[pd.DataFrame], orders: list[np.ndarray], kind: str) -> pd.DataFrame:
    """One table in the order of the files; columns of no file, and those unknown by name."""
    table = _concat(tables)
    if tables:
        table = _take(table, np.argsort(np.concatenate(orders), kind="stable"))
    table = schema.conform(table, kind)
    known = [name for name in table if name in schema.columns(kind)]
    more = sorted(name for name in table if name not in known and table[name].notna().any())
    return table[known + more]


def _stored(home: Path) -> list[Pack]:
    """Sound packs of a folder of packs."""
    sealed = sorted(home.glob("*.files.parquet"))
    if len(sealed) > MOST_PACKS:
        shutil.rmtree(home, ignore_errors=True)
        return []
    packs = []
    for path in sealed:
        stem = path.name.removesuffix(".files.parquet")
        with suppress(Exception):  # a spoilt or foreign file makes pyarrow raise anything
            found = [pd.read_parquet(home / f"{stem}.{name}.parquet") for name in TABLES]
            packs.append(Pack(*found, stem))
    return packs


def _write(pack: Pack, home: Path) -> None:
    """Keep a pack; where the disk is full or closed, or a table odd, it is read again next time."""
    stem = f"{time.time_ns():020}-{secrets.token_hex(4)}"
    with suppress(Exception):
        home.mkdir(parents=True, exist_ok=True)
        for name in TABLES:
            part = home / f".{stem}.part"
            getattr(pack, name).to_parquet(part, index=False)
            os.replace(part, home / f"{stem}.{name}.parquet")


def _remove(stem: str, home: Path) -> None:
    """Files of it have changed or gone."""
    for name in reversed(TABLES) if stem else ():
        with suppress(OSError):
            (home / f"{stem}.{name}.parquet").unlink()


def _home(load: Callable, root: str | os.PathLike, home: Path | None) -> Path:
    """Where the packs of a folder lie: packs of other code go, for they will not be read again."""
    if home is None:
        from sportsml_lite.collect.fetch import cache_home

        try:
            home = project_root() / "_build" / "devices"
        except UserError:
            home = cache_home() / "devices"
    settings = repr((getattr(load, "args", ()), getattr(load, "keywords", {})))
    root = os.path.abspath(root)
    folder = home / _hash(os.fsencode(root), settings.encode())
    code = _code()
    for other in folder.glob("*"):
        if other.name != code:
            shutil.rmtree(other, ignore_errors=True)
    return folder / code


def _code() -> str:
    """Hash of the code that reads and of the libraries beside it.

    Whole files, unlike :mod:`sportsml_lite.fingerprint`: following definitions would take longer
    than looking up five thousand files.
    """
    here = PACKAGE / "collect"
    files = [*sorted(here.glob("formats/*.py")), here / "devices.py", here / "reading.py"]
    texts = [path.read_bytes() for path in (*files, PACKAGE / "schema.py")]
    versions = [importlib.metadata.version(name).encode() for name in LIBRARIES]
    return _hash(*texts, *versions)


def _stamp(content: Callable[[], bytes]) -> str:
    """Place, size and time of change of the file or archive behind a content; '' if too young."""
    args = content.args
    path = args[0][0] if isinstance(args[0], tuple) else args[0]
    try:
        about = os.stat(path)
    except OSError:
        return ""
    if time.time_ns() - about.st_mtime_ns < FRESH_NS:
        return ""
    place = os.fsencode(os.path.abspath(path)), repr(args).encode("utf-8", "backslashreplace")
    return _hash(*place, f"{about.st_size} {about.st_mtime_ns} {about.st_ino}".encode())


def _hash(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()[:32]
