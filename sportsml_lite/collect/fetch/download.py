"""Bring a file over HTTP, check it, unpack it: no step can leave half a data set behind.

``requests`` (papermill already depends on it) does the transfer. pooch was considered: it checks
checksums but starts a cut download again from nothing, which hurts with a file of 1.4 GB.
"""

from __future__ import annotations

import hashlib
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from sportsml_lite.errors import UserError

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all (None: not told)

CHUNK = 1 << 16  # bytes of a chunk that a broken connection loses
TIMEOUT_S = (10, 60)  # to connect, between two packets
TRIES = 3  # attempts in a row that bring nothing


def sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fingerprint(path: Path) -> str:
    """sha256 over the relative names and contents of a folder's files (or of one file).

    Equal folders have equal fingerprints wherever they lie. Hidden files (``.origin.json``,
    ``.DS_Store``) do not count.
    """
    root = Path(path)
    files = [root] if root.is_file() else _visible(root)
    total = hashlib.sha256()
    for file in files:
        name = file.name if root.is_file() else file.relative_to(root).as_posix()
        try:
            content = sha256(file)
        except OSError as error:  # whoever reads the folder says so; its state still counts
            content = f"unreadable: {error.strerror}"
        total.update(f"{name}\0{content}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _visible(root: Path) -> list[Path]:
    found = (file for file in root.rglob("*") if file.is_file())
    kept = [f for f in found if not any(p.startswith(".") for p in f.relative_to(root).parts)]
    return sorted(kept, key=lambda file: file.relative_to(root).as_posix())


def check(path: Path, expected: str, what: str) -> None:
    """Compare a file's sha256, or a folder's fingerprint, with what it has to be.

    Raises
    ------
    UserError saying what was expected and what came
    """
    got = fingerprint(path) if path.is_dir() else sha256(path)
    if got != expected:
        raise UserError(
            f"{what}: checksum differs (expected sha256 {expected}, got {got}); nothing was "
            "installed: try again, and if it stays so the origin has changed the file"
        )


def download(url: str, part: Path, progress: Progress | None = None) -> None:
    """Download ``url`` into ``part``, going on after the bytes that are already there.

    A connection that breaks is taken up again as long as bytes come. A server that ignores
    ``Range``, or whose file has changed since (``If-Range``), sends the whole, and the part begins
    anew.

    Raises
    ------
    UserError when the server cannot be reached, refuses, or breaks off again and again; the bytes
    that came stay in ``part`` for the next call
    """
    import requests

    idle = 0
    while idle < TRIES:
        before = _size(part)
        try:
            return _transfer(url, part, progress)
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ):
            idle = 0 if _size(part) > before else idle + 1
        except requests.RequestException as error:
            raise UserError(f"{url}: {error}; download it by hand") from None
    if not _size(part):
        raise UserError(f"{url}: the server cannot be reached; is there a network?")
    kept = f"{_size(part) / 1e6:.1f} MB are kept, run the same command to go on"
    raise UserError(f"{url}: the connection broke; {kept}")


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _transfer(url: str, part: Path, progress: Progress | None) -> None:
    """One attempt: ask for the rest of the file and append it."""
    import requests

    have = _size(part)
    tag = part.with_name(part.name + ".tag")
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if tag.exists() and (version := tag.read_text()):
            headers["If-Range"] = version
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as answer:
        if answer.status_code == 416:
            if answer.headers.get("Content-Range", "").endswith(f"/{have}"):
                return
            part.unlink()
            raise requests.ConnectionError("the part is longer than the file")
        if not answer.ok:
            raise UserError(_refused(url, answer))
        start = have if _continues(answer, have) else 0
        total = _total(answer, start)
        _remember(answer, tag)
        done = _write(answer.iter_content(CHUNK), part, start, total, progress)
    if total is not None and done != total:
        raise requests.ConnectionError(f"{done} of {total} bytes came")


def _continues(answer, have: int) -> bool:
    given = answer.headers.get("Content-Range", "")
    return answer.status_code == 206 and given.startswith(f"bytes {have}-")


def _total(answer, start: int) -> int | None:
    length = answer.headers.get("Content-Length", "")
    packed = answer.headers.get("Content-Encoding", "identity") != "identity"
    return start + int(length) if length.isdigit() and not packed else None


def _remember(answer, tag: Path) -> None:
    """Keep what names this version of the file, so that two versions are never joined."""
    etag = answer.headers.get("ETag", "")
    strong = "" if etag.startswith("W/") else etag
    tag.write_text(strong or answer.headers.get("Last-Modified", ""))


def _refused(url: str, answer) -> str:
    code, reason = answer.status_code, answer.reason or "refused"
    advice = "the server is in trouble, try later" if code >= 500 else "the file may have moved"
    return f"{url}: the server answers {code} {reason}; {advice}"


def _write(
    chunks: Iterator[bytes], part: Path, start: int, total: int | None, progress: Progress | None
) -> int:
    """Write the chunks from byte ``start`` on; return the size of the part."""
    done = start
    with part.open("ab" if start else "wb") as stream:
        for chunk in chunks:
            stream.write(chunk)
            done += len(chunk)
            if progress:
                progress(done, total)
    return done


def unpack(archive: Path, target: Path, inside: str, needs: tuple[str, ...]) -> None:
    """Unpack a zip archive below ``target``: the folder that holds the data set, and only it.

    Parameters
    ----------
    archive : zip file
    target : an empty folder
    inside : path of the wanted folder in the archive, below any leading folder; empty: the
        shallowest folder in which the first of ``needs`` matches
    needs : patterns that files below the wanted folder must match

    Raises
    ------
    UserError for a file that is no zip archive, is damaged, would write outside ``target``, or
    does not hold what is needed
    """
    if not zipfile.is_zipfile(archive):
        raise UserError(f"{archive.name}: not a whole zip archive; try again, it may have moved")
    with zipfile.ZipFile(archive) as bundle:
        members = [member for member in bundle.infolist() if not member.is_dir()]
        for member in members:
            _refuse_unsafe(member, archive.name)
        root = _root([member.filename for member in members], inside, needs[0], archive.name)
        try:
            for member in members:
                path = PurePosixPath(member.filename)
                if path.is_relative_to(root) and "__MACOSX" not in path.parts:
                    _extract(bundle, member, target.joinpath(path.relative_to(root)))
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise UserError(f"{archive.name}: the archive is damaged ({error})") from None


def _refuse_unsafe(member: zipfile.ZipInfo, where: str) -> None:
    """Refuse a member that could write outside the folder: absolute, ``..``, a drive, a link."""
    path = PurePosixPath(member.filename.replace("\\", "/"))
    linked = stat.S_ISLNK(member.external_attr >> 16)
    drive = any(":" in part for part in path.parts[:1])
    if path.is_absolute() or ".." in path.parts or drive or linked:
        raise UserError(f"{where}: refused, its member {member.filename!r} leads out of the folder")


def _root(names: list[str], inside: str, need: str, where: str) -> PurePosixPath:
    """The folder of the archive whose content is the data set."""
    depth = len(PurePosixPath(need).parts)
    matches = [PurePosixPath(name) for name in names if PurePosixPath(name).match(need)]
    roots = {path.parents[depth - 1] for path in matches if "__MACOSX" not in path.parts}
    wanted = PurePosixPath(inside).parts
    roots = {root for root in roots if not wanted or root.parts[-len(wanted) :] == wanted}
    if not roots:
        raise UserError(f"{where}: holds no {need}; the origin has changed its layout")
    return min(roots, key=lambda root: (len(root.parts), str(root)))


def _extract(bundle: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with bundle.open(member) as source, path.open("wb") as stream:
        shutil.copyfileobj(source, stream, CHUNK)
