"""Where each data set comes from: its home, licence, citation, files and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass

WHEEL_NAME, WHEEL_VERSION = "chironpy", "0.30.2"
WHEEL_SHA256 = "67961070f10191c321d2c956812bf087eb154e795fe83e18f4646c2dd2230614"
WHEEL_FOLDER = "chironpy/examples/data"


@dataclass(frozen=True)
class File:
    """One file (or folder) of a data set; ``sha256`` is empty where we do not hold the original."""

    name: str
    url: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Origin:
    """A data set: who made it, on what terms, and how a machine gets it.

    ``files`` are downloaded one by one. Where there is an ``archive`` (zip), it is downloaded and
    its folder ``inside`` unpacked, and ``files`` are what is then compared. ``needs`` are patterns
    below the folder that must each match something; ``folders`` are other names of the folder.
    """

    name: str
    what: str
    home: str
    how: str
    licence: str
    key: str
    citation: str
    needs: tuple[str, ...]
    files: tuple[File, ...] = ()
    archive: File | None = None
    inside: str = ""
    folders: tuple[str, ...] = ()
    note: str = ""

    @property
    def verified(self) -> bool:
        """Whether every file is compared with the checksum of an original that we hold."""
        parts = self.files + ((self.archive,) if self.archive else ())
        return bool(parts) and all(part.sha256 for part in parts)


DEVICE_FILES = {
    "18360138543_ACTIVITY_Osaka_Marathon_2025.fit": (
        "666de9090f13991ab852c68db45ec54c1e5c055a766e76b173f0a7c8141ce38a"
    ),
    "2020-06-01-16-52-40.fit": "48074f52bc357f27de445fdade2f88d8837e32a6ca0dcdc0a4781c51581af0b2",
    "4078723797.fit": "1a9f00c35e23165872988aa3d2de5b77e832dec086217683d49d5b3d56ad4473",
    "6471559601_ACTIVITY.fit": "8da885430aa7f5b0e528e39b4208e1d0bce70135e64bf56e61a4678567fed427",
    "activity_4078723797.gpx": "07fbce3ea3e230982295a5777595faf666676d2b4a2aa18d5e37ac21759c0dc5",
    "activity_4078723797.tcx": "f550173d7440095ae7939196bbb34e801ace38fe8da9bd4e6509c82a51969825",
    "activity_5039744860.gpx": "6a0c0cf3659a82a0ba08038d18ccba31cb09d71b428005b70dcadaa1ae03e44b",
    "activity_5039744860.tcx": "272925b11e8aa03e1cf6876bc2b100fb1c1a10b349dafc2823e1aaab6b52b4e1",
}

# Fingerprints (download.fingerprint) of the swimmers' folders that we hold: 20 of 40.
SWIMMERS = {
    "0": "a252cb8e88cea3a8834c37d0efb85018418e00bef185e6e9d2cdbc7fe58d7936",
    "2": "85f08b33548adfee63c8ec72013e46b7244b6e7d61b38c080c56363e474d815d",
    "4": "0727d695588c957dbc7cc83b85f218a16ec1101c905a78cfbcb84c285a92ff6e",
    "5": "d029719d498096d1c729f1a6b7008c9dc3af918fbfcfc29ca40f65c6391f4584",
    "6": "356f5ce34aa1048f02dbabb92af97f5917d12eaf23c723ff697573c1706f1f93",
    "10": "b28e587a8008cbbb6ad711e063e43cf568996ab35d29e9b643067d891183ecc9",
    "11": "cac6beb80c4eef61f9fc9dc55f48bda37cd12f4e2110a6adc2b238c74fd7f3a5",
    "12": "0c587a93e5f0d548212e0df173d4a9763da73e05371ac441ffbe2b2f66f48add",
    "13": "59af1e0eee44638d3d6c478026067173e5108e1992fed0705fd6ff0c50d66903",
    "14": "a9a2ff361e5ebb6bc4e302aec0f90a71d2f960217948e3072050557bd9a36f8b",
    "15": "e9c7e5141afec54bb87a5ba58fc3f82ce332f2de962c8b4b9490df1388615fdb",
    "18": "5c5dd5762a36f12d30dfd288e8ba8f0d9bbbdaede777af1c3caec8d813b882b4",
    "19": "22cc42dc5d56e7ce08b1f1a77cde72a12e8e2f2496eb092f2f6e49ed224c8d13",
    "20": "2d93f8504b779ce70603e05439644b2dee5bc4f29ce99d08b64148bd15e263ea",
    "22": "ac8372ae96faef4cdfc16c5fefcc30f0e44b32e3753b851134bb48813b369f61",
    "23": "a865be5a03cbd61951cb541f0741aba3b22424d4e95ee0a1c7ef32b220c40ed0",
    "24": "7a6e560410ef156386e03d9824db5ee16e7145ed721fd48aa9f1f9578650b79b",
    "25": "b790eda15a47d1d135f81a32ceac492f521cac4f0b36dc6e3bf2c3a81397305d",
    "26": "67c320777150a8c27764448c87fe1de2a3f319136bc031f1d022902dec10d9d6",
    "27": "8c08a7414e0fc5c0ac6a82cef659d8b045f88f79d46bca4a555bec9a4a057e68",
}

_ACTES = "https://physionet.org/files/actes-cycloergometer-exercise/1.0.0"
_SWIM = "https://github.com/brunnergino/swimming-recognition-lap-counting"
_SWIM_COMMIT = "e4c84822a158b6b2ff8dc25ce65c623574d3c488"

_INTERVALS = "https://github.com/Rogneflaaten/BScthesis"
_INTERVALS_COMMIT = "a4446e82e4d7366aee22e77aeaceb769c7e2604b"
# sha256 of the workbooks that the loader reads; of session-data (27 riders) the fingerprint.
WORKBOOKS = {
    "testday1.xlsx": "9d2ad9c5ca9d1a587fa44af0129efc38da2e26250ed1725dee6e7fd1c1d41ab6",
    "testday2.xlsx": "7ec6b112711300595cedbd0857cdc8266db95d1aa5a2cf4ed5dc463f1e0c42d2",
    "diary-data.xlsx": "67df37580d70c39795e6a37f908a629be51902738e4c455d63000d1b85afc580",
    "sessions-data.xlsx": "2611654e22efad29e21ed4c54a29471b0265a26d5e0fe2072af9722be076d9b7",
    "hb-data.xlsx": "5c709116f3a84fe3488935b065b4a95451fd151f2f8c1fbe52d7b2ca4d93ba27",
    "session-data": "0681e8b62dbde99ad3e97c153612bf0b521a31fe9132ac1f3349a879047a927e",
}
_CYCLING = "https://raw.githubusercontent.com/maxull/IDR4000"
_CYCLING_COMMIT = "de0bf889a8ec70c08309e6e61a6c242f747620e5"
_STRAVA = "https://www.kaggle.com/datasets/olegoaer/running-races-strava"

_ALL = (
    Origin(
        name="device_files",
        what="eight real recordings of watches and bike computers (FIT, TCX, GPX), 10 MB",
        home="https://github.com/chironapp/chironpy",
        how=(
            f"example files inside the wheel of {WHEEL_NAME} {WHEEL_VERSION} (2 MB), taken with "
            "pip and not installed"
        ),
        licence="MIT",
        key="chironpy",
        citation="Gross C., Goossens A. chironpy: workout analysis (version 0.30.2).",
        needs=tuple(DEVICE_FILES),
        files=tuple(File(name, sha256=sha256) for name, sha256 in DEVICE_FILES.items()),
    ),
    Origin(
        name="pmdata",
        what="PMData: 16 people for 5 months, Fitbit, training log and wellness, 1.4 GB",
        home="https://datasets.simula.no/pmdata/",
        how="one zip archive from the home page (1.4 GB, mostly pictures of food and minute data)",
        licence="CC BY 4.0 on the home page; other sources say CC BY-NC 4.0, so ask before selling",
        key="thambawita2020",
        citation=(
            "Thambawita V. et al. PMData: a sports logging dataset. ACM Multimedia Systems "
            "Conference 2020. doi:10.1145/3339825.3394926"
        ),
        needs=("p*/pmsys/srpe.csv", "p*/fitbit/exercise.json"),
        archive=File("pmdata.zip", "https://datasets.simula.no/downloads/pmdata.zip"),
        note="the copy behind the book's results has other line ends than the original's CSV files",
    ),
    Origin(
        name="actes",
        what="ACTES: 18 young athletes, graded cycling to exhaustion (RR, VO2, power), 1.6 MB",
        home="https://physionet.org/content/actes-cycloergometer-exercise/1.0.0/",
        how="two CSV files from PhysioNet",
        licence="ODC-By 1.0",
        key="chabert2022",
        citation=(
            "Chabert C., Mongin D., Hermand E., Collado A., Hue O. Cardiorespiratory measurement "
            "from graded cycloergometer exercise testing (version 1.0.0). PhysioNet 2022. "
            "doi:10.13026/2qs3-kh43"
        ),
        needs=("subject-info.csv", "test_measure.csv"),
        files=(
            File(
                "subject-info.csv",
                f"{_ACTES}/subject-info.csv",
                "5ac7cdd41d9112c48121998f19927318bd6dc2241ead97a6baa5e9ae8b60c203",
            ),
            File(
                "test_measure.csv",
                f"{_ACTES}/test_measure.csv",
                "14a9df027caf00ee1dc39f1493e708c27a7da88794ff69a59442326ef7aa0516",
            ),
        ),
    ),
    Origin(
        name="swimming",
        what="ETH swimming: 40 swimmers with a watch on the wrist, motion at 30 Hz, labelled",
        home=_SWIM,
        how=f"zip archive of the repository at its commit {_SWIM_COMMIT[:7]}",
        licence="none stated: read it, do not pass it on",
        key="brunner2019",
        citation=(
            "Brunner G., Melnyk D., Sigfússon B., Wattenhofer R. Swimming style recognition and "
            "lap counting using a smartwatch and deep learning. ISWC 2019. "
            "doi:10.1145/3341163.3347719"
        ),
        needs=("*/*_*.csv",),
        archive=File("swimming.zip", f"{_SWIM}/archive/{_SWIM_COMMIT}.zip"),
        inside="data/processed_30hz_relabeled",
        files=tuple(File(name, sha256=sha256) for name, sha256 in SWIMMERS.items()),
        note=f"the folders of {len(SWIMMERS)} swimmers are compared with sha256 sums",
    ),
    Origin(
        name="runners",
        what="training logs of 74 competitive runners over 7 years with injuries, 27 MB",
        home="https://doi.org/10.34894/UWU9PV",
        how="zip archive that DataverseNL packs on request",
        licence="CC0 1.0",
        key="lovdal2021",
        citation=(
            "Lövdal S. S., den Hartigh R. J. R., Azzopardi G. Injury prediction in competitive "
            "runners with machine learning. IJSPP 2021;16(10):1522-1531. "
            "doi:10.1123/ijspp.2020-0518"
        ),
        needs=("*day*.csv",),
        archive=File(
            "runners.zip",
            "https://dataverse.nl/api/access/dataset/:persistentId/"
            "?persistentId=doi:10.34894/UWU9PV&format=original",
        ),
        folders=("lovdal",),
    ),
    Origin(
        name="intervals",
        what="28 riders, four laboratory tests and the interval training between them, 10 MB",
        home=_INTERVALS,
        how=f"zip archive of the repository at its commit {_INTERVALS_COMMIT[:7]}",
        licence="none stated: read it, do not pass it on",
        key="rogneflaten2022",
        citation=(
            "Øhrn A., Sørensen A., Tjøntveit H., Rogneflåten T. Høyere oksygenopptak under "
            "intervalltrening er positivt relatert til utvikling i aerobe prestasjonsfaktorer. "
            "Bachelor thesis, Inland Norway University of Applied Sciences 2022."
        ),
        needs=tuple(name for name in WORKBOOKS if name.endswith(".xlsx")),
        archive=File("intervals.zip", f"{_INTERVALS}/archive/{_INTERVALS_COMMIT}.zip"),
        inside="data",
        files=tuple(File(name, sha256=sha256) for name, sha256 in WORKBOOKS.items()),
        note="the workbooks that are read are compared with sha256 sums",
    ),
    Origin(
        name="sylta2016",
        what="20 cyclists, three orders of the same interval training, four tests, 56 kB",
        home="https://github.com/dhammarstrom/exscidata",
        how=f"one workbook from a course that uses it, at its commit {_CYCLING_COMMIT[:7]}",
        licence="CC0 1.0, as part of exscidata",
        key="sylta2016",
        citation=(
            "Sylta Ø. et al. The effect of different high-intensity periodization models on "
            "endurance adaptations. Medicine & Science in Sports & Exercise 2016;48(11):2165-2174. "
            "doi:10.1249/MSS.0000000000001007"
        ),
        needs=("cyclingStudy.xlsx",),
        files=(
            File(
                "cyclingStudy.xlsx",
                f"{_CYCLING}/{_CYCLING_COMMIT}/data/cyclingStudy.xlsx",
                "61654a6e1f2a8f2ab8c5d88fa7c878d84f992f96494f8d2905b3fc09addbb0fd",
            ),
        ),
    ),
    Origin(
        name="strava_runners",
        what="42,116 runs of 116 people on Strava: distance, time, climb, heart rate, 2 MB",
        home=_STRAVA,
        how="zip archive from Kaggle, which may ask for an account",
        licence="not seen: read it, do not pass it on",
        key="olegoaer2020",
        citation=f"olegoaer. Running races from Strava. Kaggle. {_STRAVA}",
        needs=("raw-data-kaggle.csv",),
        archive=File(
            "strava_runners.zip",
            "https://www.kaggle.com/api/v1/datasets/download/olegoaer/running-races-strava",
        ),
        files=(
            File(
                "raw-data-kaggle.csv",
                sha256="1c24d2252a14c71918644b6903a16f3e3008759c2330a5a6a0f01e9b385db9c9",
            ),
        ),
        note="the file is compared with a sha256 sum",
    ),
)

ORIGINS = {origin.name: origin for origin in _ALL}
