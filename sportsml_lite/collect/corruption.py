"""What becomes of a damaged file: cut it or change a byte, read it again, and compare."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from sportsml_lite.collect.devices import DeviceFileError, read

FATES = ["refused", "named", "same", "changed"]


def trial(folder: Path, copies: int, seed: int) -> pd.DataFrame:
    """Damage the smallest readable file of each format ``copies`` times and count what happens.

    Half of the copies are cut at a random place, half have one random byte replaced.

    Parameters
    ----------
    folder : folder of device files
    copies : damaged copies of each format
    seed : of the places and bytes

    Returns
    -------
    DataFrame, index format ('FIT', 'TCX', …), columns refused (an error), named (a note of what
    was left out or is in doubt), same (the tables of the whole file), changed (other tables,
    without a word)
    """
    rows = {}
    for suffix in (".fit", ".tcx", ".gpx", ".csv"):
        whole = _smallest_readable(folder, suffix)
        if whole:
            rng = np.random.default_rng([seed, len(suffix), *suffix.encode()])
            fates = [_fate(whole, _damaged(whole.read_bytes(), i, rng)) for i in range(copies)]
            rows[suffix[1:].upper()] = {fate: fates.count(fate) for fate in FATES}
    return pd.DataFrame.from_dict(rows, orient="index", columns=FATES).rename_axis("format")


def _smallest_readable(folder: Path, suffix: str) -> Path | None:
    files = [p for p in Path(folder).rglob("*") if p.suffix.lower() == suffix and p.is_file()]
    for path in sorted(files, key=lambda p: (p.stat().st_size, p.name)):
        try:
            read(path)
        except DeviceFileError:
            continue
        return path
    return None


def _damaged(data: bytes, number: int, rng: np.random.Generator) -> bytes:
    place = int(rng.integers(1, len(data)))
    if number % 2:
        return data[:place]
    other = (data[place] + int(rng.integers(1, 256))) % 256
    return data[:place] + bytes([other]) + data[place + 1 :]


def _fate(whole: Path, data: bytes) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / whole.name
        path.write_bytes(data)
        try:
            *tables, notes = read(path)
        except DeviceFileError:
            return "refused"
    *originals, known = read(whole)
    if len(notes) > len(known):
        return "named"
    same = all(a.equals(b) for a, b in zip(tables, originals, strict=True))
    return "same" if same else "changed"
