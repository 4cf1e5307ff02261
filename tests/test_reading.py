"""Many files: what processes and packs give is what reading one by one gives."""

import os
from functools import partial

import numpy as np
import pandas as pd
import pytest

from sportsml_lite.collect import devices, reading

START = pd.Timestamp("2024-05-01T06:00:00Z")
MANY = 70


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Many small files of an hour ago: FIT, a CSV with a column of its own, one that is none."""
    home = tmp_path / "files"
    (home / "more").mkdir(parents=True)
    for i in range(MANY):
        seconds = np.arange(5.0 + i % 3)
        stream = pd.DataFrame(
            {"t_s": seconds, "hr_bpm": 100 + i + seconds, "distance_m": 3 * seconds}
        )
        about = {
            "start": START + pd.Timedelta(hours=i),
            "sport": "running",
            "duration_s": 4 + i % 3,
        }
        devices.write_fit(home / ("more" if i % 2 else ".") / f"{i:02}.fit", about, stream)
    (home / "b.csv").write_text("t_s,hr_bpm,label,session_id\n0,90,easy,x\n1,91,,x\n0,80,hard,y\n")
    (home / "c.fit").write_bytes(b"\x89PNG and so on")
    for path in home.rglob("*.*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    monkeypatch.setattr(reading, "_home", partial(kept_in, tmp_path / "packs", reading._home))
    return home


def kept_in(place, original, load, root, home):
    return original(load, root, place)


def same(found, wanted):
    for ours, theirs in zip(found, wanted, strict=True):
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


def one_by_one(folder, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(reading, "FEW", 10**6)
        return devices.read(folder)


def opened(monkeypatch):
    """Names of the files that were opened, in this process."""
    names, original = [], devices._content
    monkeypatch.setattr(devices, "_content", lambda path: names.append(path.name) or original(path))
    monkeypatch.setattr(reading, "_each", here)
    return names


def here(todo, load, known):
    """Batches in this process, where a test can watch them."""
    for i in range(0, len(todo), reading.BATCH):
        yield reading._read_batch(todo[i : i + reading.BATCH], load, known)


def test_processes_and_packs_give_what_one_by_one_gives(folder, monkeypatch):
    wanted = one_by_one(folder, monkeypatch)
    assert len(wanted[0]) == MANY + 2 and wanted[2]["file"].tolist() == ["c.fit"]
    assert not (folder.parent / "packs").exists()
    told = []
    first = devices.read(folder, progress=lambda *args: told.append(args))
    same(first, wanted)
    assert [done for done, *_ in told] == list(range(1, MANY + 3))
    same(devices.read(folder), wanted)


def test_what_did_not_change_is_not_opened_and_what_did_is(folder, monkeypatch):
    devices.read(folder)
    names = opened(monkeypatch)
    wanted = one_by_one(folder, monkeypatch)
    names.clear()
    same(devices.read(folder), wanted)
    assert names == []
    parsed, original = [], devices.read_fit
    monkeypatch.setattr(devices, "read_fit", lambda data: parsed.append(1) or original(data))
    os.utime(folder / "00.fit", (1_700_000_500, 1_700_000_500))  # touched
    (folder / "02.fit").rename(folder / "zz.fit")  # moved
    (folder / "04.fit").unlink()
    (folder / "06.fit").write_bytes((folder / "08.fit").read_bytes())  # changed to a known content
    sessions = devices.read(folder)[0]
    assert set(names) == {"00.fit", "06.fit"} | {"zz.fit"} and not parsed
    names.clear()
    same(devices.read(folder), one_by_one(folder, monkeypatch))
    assert sessions["session_id"].iloc[-1] == "zz.fit" and len(sessions) == MANY + 1


@pytest.mark.parametrize("table", reading.TABLES)
def test_a_spoilt_pack_counts_as_absent(folder, monkeypatch, table):
    devices.read(folder)
    (pack,) = (folder.parent / "packs").rglob(f"*.{table}.parquet")
    pack.write_bytes(pack.read_bytes()[:100])
    same(devices.read(folder), one_by_one(folder, monkeypatch))


def test_other_code_and_another_athlete_read_anew(folder, monkeypatch):
    devices.read(folder)
    assert (devices.read(folder, "ann")[0]["athlete_id"] == "ann").all()
    monkeypatch.setattr(reading, "_code", lambda: "other")
    names = opened(monkeypatch)
    devices.read(folder)
    assert len(names) == MANY + 2
    kept = {path.parent.name for path in (folder.parent / "packs").rglob("*.parquet")}
    assert "other" in kept and len(kept) == 2  # the packs of old code, of this athlete, went


def test_a_place_that_cannot_be_written_costs_only_time(folder, monkeypatch):
    (folder.parent / "packs").write_text("no folder")
    same(devices.read(folder), one_by_one(folder, monkeypatch))


def test_a_file_just_written_is_known_by_its_content(folder, monkeypatch):
    devices.read(folder)
    (folder / "00.fit").touch()
    assert reading._stamp(partial(devices._content, folder / "00.fit")) == ""
    same(devices.read(folder), one_by_one(folder, monkeypatch))
