"""Packed files: gzip and ZIP, unpacked in memory, one member at a time and within bounds."""

from __future__ import annotations

import functools
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from sportsml_lite.collect.formats.recording import Refusal

MAX_BYTES = 500_000_000  # no recording is larger; a day at 1 Hz is about 60 MB as TCX
MAX_TOTAL = 40 * MAX_BYTES  # what the device files of one archive may unpack to
MAX_MEMBERS = 100_000
MAX_RATIO = 200  # a treadmill's TCX shrinks to a fiftieth; a bomb to a thousandth
SMALL = 1_000_000  # bytes that harm nobody, whatever their ratio
MAX_DEPTH = 3  # archives inside each other; Garmin's export has two
BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, OSError)
GZIP = b"\x1f\x8b"


def gunzip(data: bytes) -> bytes:
    """The content of a gzip file.

    Raises
    ------
    Refusal if it is cut short or damaged, or unpacks to more than a recording holds
    """
    most = min(MAX_BYTES, max(SMALL, MAX_RATIO * len(data)))
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            content = file.read(most + 1)
    except BROKEN as error:
        raise _damaged(error) from None
    _bound(len(content), most)
    return content


def suffix_of(name: str) -> str:
    """What a file holds by its name, in lower case: '.fit' for ``2.FIT.gz``."""
    path = PurePosixPath(name.lower())
    return PurePosixPath(path.stem).suffix if path.suffix == ".gz" else path.suffix


def hidden(name: str) -> bool:
    """Whether a path is a system's own: ``.DS_Store``, ``__MACOSX/x.fit``."""
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


def members(place: tuple[Path | str, ...]) -> Iterator[str]:
    """Names of an archive's files, those of the system left out.

    Parameters
    ----------
    place : the archive's path, and the member's name for each archive inside another

    Raises
    ------
    Refusal if it is no sound archive, or larger than any export
    """
    if len(place) > MAX_DEPTH:
        raise Refusal("it is an archive in an archive in an archive", "unpack it")
    found = _archive(place).infolist()
    total = sum(member.file_size for member in found if suffix_of(member.filename) != ".zip")
    if len(found) > MAX_MEMBERS or total > MAX_TOTAL:
        what = f"it holds {len(found):,} files of {total:,} bytes, more than any export"
        raise Refusal(what, "unpack what you need")
    return (m.filename for m in found if not m.is_dir() and not hidden(m.filename))


def member(place: tuple[Path | str, ...], name: str) -> bytes:
    """The content of one file of an archive.

    Raises
    ------
    Refusal if it is encrypted or damaged, or unpacks to more than a recording holds
    """
    archive = _archive(place)
    info = archive.getinfo(name)
    if info.flag_bits & 1:
        raise Refusal("it is encrypted", "unpack the archive with its password")
    _bound(info.file_size, min(MAX_BYTES, max(SMALL, MAX_RATIO * info.compress_size)))
    try:
        return archive.read(info)  # never more than the stated size
    except BROKEN as error:
        raise _damaged(error) from None


@functools.lru_cache(maxsize=MAX_DEPTH)
def _archive(place: tuple[Path | str, ...]) -> zipfile.ZipFile:
    """An archive that stays open while its members are read."""
    inner = io.BytesIO(member(place[:-1], place[-1])) if len(place) > 1 else place[0]
    try:
        return zipfile.ZipFile(inner)
    except FileNotFoundError:
        raise
    except BROKEN as error:
        raise _damaged(error) from None


def close() -> None:
    """Let go of the archives that were open."""
    _archive.cache_clear()


def _bound(size: int, most: int) -> None:
    if size > most:
        what = f"it unpacks to more than {most:,} bytes, as no recording does"
        raise Refusal(what, "unpack it yourself if you trust it")


def _damaged(error: Exception) -> Refusal:
    reason = f"it cannot be unpacked ({' '.join(str(error).split()) or type(error).__name__})"
    return Refusal(reason, "copy or export it again")
