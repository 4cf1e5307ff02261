"""Exports as people have them: gzip, ZIP, ZIP in ZIP; lists beside recordings; bombs."""

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from sportsml_lite.collect import devices
from sportsml_lite.collect.formats import packed
from sportsml_lite.publish.chapters import check, find

EXPORT = Path(__file__).parent / "cases" / "strava_export"
LIST = "Activity ID,Activity Date,Filename\n1,x,activities/1.fit\n"
PACKED = ["activities/1.fit", "activities/2.fit.gz", "activities/3.tcx.gz"]


def archive(**more):
    """The export as one ZIP file, with more members by name."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        for name in PACKED:
            file.writestr(name, (EXPORT / name).read_bytes())
        for name, content in more.items():
            file.writestr(name, content)
    return data.getvalue()


def test_an_unpacked_export_gives_every_activity():
    sessions, _, problems = devices.read(EXPORT)
    assert sessions["session_id"].tolist() == PACKED and problems.empty
    assert sessions["duration_s"].tolist() == [9] * 3
    assert sessions["distance_m"].tolist() == [27] * 3
    assert devices.read_file(EXPORT / PACKED[1])[0]["distance_m"].tolist() == [27]


def test_a_zip_is_read_like_its_folder(tmp_path):
    junk = {"__MACOSX/activities/._1.fit": b"x", "media/a.jpg": b"x", "bikes.csv": "Bike\nx\n"}
    (tmp_path / "export.zip").write_bytes(archive(**{"activities.csv": LIST} | junk))
    for place in (tmp_path, tmp_path / "export.zip"):
        sessions, _, problems = devices.read(place, athlete_id="me")
        assert sessions["session_id"].tolist() == [f"export.zip/{name}" for name in PACKED]
        assert problems["file"].tolist() == ["export.zip/activities.csv"]
        assert "no recording; other such tables: 1" in problems["reason"].iloc[0]
        assert problems["read"].all()
    chosen = check(find("01"), {"data_dir": str(tmp_path / "export.zip")})
    assert chosen["data_dir"].endswith("export.zip")


def test_one_workout_packed_and_not_is_one_workout(tmp_path):
    cases = EXPORT.parent
    (tmp_path / "a.gpx").write_bytes((cases / "gpx_unbound_prefix.gpx").read_bytes())
    packed_run = gzip.compress((cases / "tcx_bom_then_spaces.tcx").read_bytes())
    (tmp_path / "b.tcx.gz").write_bytes(packed_run)
    same = devices.same_session(devices.read(tmp_path)[0])
    assert same["format"].tolist() == ["GPX", "TCX"]


def test_archives_inside_an_archive_are_read(tmp_path):
    inner = archive(**{"broken.zip": b"PK\x03\x04", "cut.gpx.gz": gzip.compress(b"<gpx/>")[:-9]})
    with zipfile.ZipFile(tmp_path / "garmin.zip", "w") as file:
        file.writestr("DI_CONNECT/Part1.zip", inner)
    sessions, _, problems = devices.read(tmp_path / "garmin.zip")
    home = "garmin.zip/DI_CONNECT/Part1.zip"
    assert sessions["session_id"].tolist() == [f"{home}/{name}" for name in PACKED]
    assert problems["file"].tolist() == [f"{home}/broken.zip", f"{home}/cut.gpx.gz"]
    assert problems["reason"].str.contains("cannot be unpacked").all()
    assert not problems["read"].any()


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    zeros = bytes(packed.SMALL * 4)
    (tmp_path / "bomb.zip").write_bytes(archive(**{"bomb.csv": zeros}))
    (tmp_path / "bomb.fit.gz").write_bytes(gzip.compress(zeros))
    problems = devices.read(tmp_path)[2]
    assert problems["file"].tolist() == ["bomb.fit.gz", "bomb.zip/bomb.csv"]
    assert problems["reason"].str.contains("as no recording does").all()
    monkeypatch.setattr(packed, "MAX_MEMBERS", 3)
    problems = devices.read(EXPORT.parent / "strava_export")[2]
    assert problems.empty
    with pytest.raises(devices.DeviceFileError, match="holds 4 files"):
        devices.read(tmp_path / "bomb.zip")
    deep = archive()
    for _ in range(packed.MAX_DEPTH):
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as file:
            file.writestr("a.zip", deep)
        deep = data.getvalue()
    (tmp_path / "deep.zip").write_bytes(deep)
    with pytest.raises(devices.DeviceFileError, match="archive in an archive"):
        devices.read(tmp_path / "deep.zip")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PK\x03\x04" + bytes(50), "is a file, not a folder|cannot be unpacked"),
        (b"", "is a file, not a folder|cannot be unpacked"),
    ],
)
def test_a_zip_that_is_none_says_so(tmp_path, content, reason):
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(devices.DeviceFileError, match=reason):
        devices.read(tmp_path / "x.zip")
    with pytest.raises(devices.DeviceFileError, match="archive of several files|it is empty|holds"):
        devices.read_file(tmp_path / "x.zip")


def test_a_locked_archive_says_so(tmp_path):
    data = bytearray(archive())
    at = data.index(b"PK\x01\x02")  # the directory's entry of the first file: it is encrypted
    data[at + 8] |= 1
    (tmp_path / "x.zip").write_bytes(data)
    problems = devices.read(tmp_path / "x.zip")[2]
    assert problems["file"].tolist() == ["x.zip/activities/1.fit"]
    assert "it is encrypted" in problems["reason"].iloc[0]


def test_thousands_of_files_with_one_reason_are_told_in_a_line(tmp_path):
    (tmp_path / "a.gpx").write_bytes((EXPORT.parent / "gpx_unbound_prefix.gpx").read_bytes())
    for number in range(5):
        (tmp_path / f"m{number}.fit").write_text("settings")
    (tmp_path / "z.csv").touch()
    problems = devices.read(tmp_path)[2]
    assert devices.told(problems, most=4)["file"].tolist() == ["m0.fit and 4 more", "z.csv"]
    assert devices.told(problems)["file"].tolist() == problems["file"].tolist()
    assert devices.told(problems.head(0)).empty
