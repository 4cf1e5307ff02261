"""Files of two people in one folder are asked about; one person's two sessions in a row are not."""

import gzip
import zipfile

import pandas as pd
import pytest
from garmin_fit_sdk import Encoder, Profile

from sportsml_lite.errors import UserError
from sportsml_lite.recommend import wearer

START = pd.Timestamp("2026-02-01T06:00:00Z")


def fit(serial=None, **profile):
    """A FIT file that says who wore which device, and nothing else that matters here."""
    encoder, number = Encoder(), Profile["mesg_num"]
    about = {"type": "activity", "manufacturer": "garmin", "garmin_product": 3113}
    about |= {"serial_number": serial} if serial else {}
    encoder.write_mesg({"mesg_num": number["FILE_ID"], **about})
    if profile:
        encoder.write_mesg({"mesg_num": number["USER_PROFILE"], **profile})
    encoder.write_mesg({"mesg_num": number["RECORD"], "timestamp": 1_000_000_000, "heart_rate": 99})
    return bytes(encoder.close())


def sessions(sources, hours=24, minutes=60, top=180.0):
    start = [START + pd.Timedelta(hours=hours * i) for i in range(len(sources))]
    return pd.DataFrame({"session_id": sources, "source": sources, "start": start,
                         "duration_s": 60.0 * minutes, "sport": "running",
                         "hr_max_bpm": top})  # fmt: skip


def ask(folder, **contents):
    """What is asked about a folder of such FIT files; empty for nothing."""
    names = [f"{name}.fit" for name in contents]
    for name, data in zip(names, contents.values(), strict=True):
        (folder / name).write_bytes(data)
    try:
        wearer.refuse_several(folder, sessions(names))
    except UserError as error:
        assert "\n" not in str(error) and "--athlete NAME" in str(error)
        return str(error)
    return ""


def test_one_device_or_an_unnamed_one_is_nobody_else(tmp_path):
    assert ask(tmp_path, a=fit(7), b=fit(7), c=fit()) == ""


def test_two_serial_numbers_are_asked_about(tmp_path):
    said = ask(tmp_path, a=fit(7), b=fit(8), c=fit(8))
    assert "no. 7: 1 of running, highest heart rate 180 bpm" in said
    assert "no. 8: 2 of running" in said and "garmin" in said


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        ({"gender": "male"}, {"gender": "female"}, "a man and of a woman"),
        ({"default_max_heart_rate": 170}, {"default_max_heart_rate": 192}, "170 and 192 bpm"),
        ({"default_max_heart_rate": 185}, {"default_max_heart_rate": 190}, ""),
        ({"gender": "male"}, {}, ""),
    ],
)
def test_two_profiles_are_asked_about(tmp_path, one, other, what):
    said = ask(tmp_path, a=fit(7, **one), b=fit(7, **other))
    assert what in said and bool(said) == bool(what)


def test_packed_files_are_opened_and_others_left_alone(tmp_path):
    (tmp_path / "a.fit.gz").write_bytes(gzip.compress(fit(7)))
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("in/b.fit", fit(8))
    (tmp_path / "broken.fit").write_bytes(b"no FIT")
    names = ["a.fit.gz", "export.zip/in/b.fit", "broken.fit", "gone.fit", "c.gpx", None]
    found = wearer.files(tmp_path, sessions(names))
    assert [name.split(" no. ")[1] for name in found["device"].dropna()] == ["7", "8"]
    assert found["session_id"].tolist() == names[:3]


def test_two_sessions_at_once_are_asked_about_and_a_brick_is_not(tmp_path):
    assert wearer.evidence(wearer.files(tmp_path, sessions(["a", "b"], 1)), sessions(["a"])) == ""
    nothing = wearer.files(tmp_path, sessions([]))
    assert wearer.evidence(nothing, sessions(["a", "b", "c"], hours=1, minutes=64)) == ""
    said = wearer.evidence(nothing, sessions(["a", "b", "c"], hours=1, minutes=66))
    assert said == "a and b were recorded at the same time"


def test_real_files_name_their_devices(data_folder):
    folder = data_folder("device_files")
    mine = sessions(sorted(path.name for path in folder.glob("*.fit")))
    about = wearer.files(folder, mine)
    assert about["device"].nunique() > 1 and about["device"].dropna().str.contains(" no. ").all()
    assert "highest heart rate" in wearer.evidence(about, mine)
