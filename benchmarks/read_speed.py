"""FIT files beside other decoders in pure Python, and many files in processes and from packs.

Prints, of one process and in processor time (neighbours on the machine do not count), for each FIT
file of the real examples: our reader, Garmin's SDK, fitdecode and fitparse, each up to a table of
the same columns, and their time over ours. Time, heart rate, power and distance are compared before
anything is timed. Then, in wall time: a folder of small files one by one, in processes, and again.
"""

import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path

import fitdecode
import fitparse
import numpy as np
import pandas as pd
from garmin_fit_sdk import Decoder, Stream

from sportsml_lite.collect import devices, fetch, reading
from sportsml_lite.collect.formats.fit import read_fit

RUNS, FILES, ROWS = 5, 2_000, 60
FIELDS = {
    "timestamp": ("timestamp",),
    "hr_bpm": ("heart_rate",),
    "speed_mps": ("enhanced_speed", "speed"),
    "power_w": ("power",),
    "cadence": ("cadence",),
    "altitude_m": ("enhanced_altitude", "altitude"),
    "distance_m": ("distance",),
    "lat_deg": ("position_lat",),
    "lon_deg": ("position_long",),
}
COMPARED = ["hr_bpm", "power_w", "distance_m"]


def ours(data: bytes) -> pd.DataFrame:
    """All of :func:`read_fit`: checks, sessions and totals too."""
    return pd.concat([recording.points for recording in read_fit(data)])


def sdk(data: bytes) -> pd.DataFrame:
    messages, _ = Decoder(Stream.from_byte_array(bytearray(data))).read()
    return table(messages["record_mesgs"])


def by_fitdecode(data: bytes) -> pd.DataFrame:
    with fitdecode.FitReader(data) as frames:
        return table(
            {field.name: field.value for field in frame.fields}
            for frame in frames
            if isinstance(frame, fitdecode.FitDataMessage) and frame.name == "record"
        )


def by_fitparse(data: bytes) -> pd.DataFrame:
    return table(m.get_values() for m in fitparse.FitFile(data).get_messages("record"))


def table(records) -> pd.DataFrame:
    """The columns of our points, from records as dicts."""
    records = list(records)

    def first(record: dict, names: tuple[str, ...]):
        return next((record[n] for n in names if record.get(n) is not None), np.nan)

    return pd.DataFrame({c: [first(r, names) for r in records] for c, names in FIELDS.items()})


DECODERS = {"ours": ours, "garmin-fit-sdk": sdk, "fitdecode": by_fitdecode, "fitparse": by_fitparse}


def check(data: bytes) -> None:
    tables = {name: decode(data) for name, decode in DECODERS.items()}
    for name, found in tables.items():
        for column in COMPARED:
            wanted = tables["ours"].get(column, pd.Series(np.nan, tables["ours"].index))
            values = found.get(column, wanted).to_numpy(float)
            np.testing.assert_allclose(values, wanted, atol=0.01, err_msg=f"{name} {column}")


def decoders(folder: Path) -> None:
    print(f"{'processor time (s), over ours':42}" + "".join(f"{name:>22}" for name in DECODERS))
    for path in sorted(folder.glob("*.fit"), key=lambda p: p.stat().st_size):
        data = path.read_bytes()
        check(data)
        times = {name: [] for name in DECODERS}
        for _ in range(RUNS):  # in turn, so that a busy moment meets all of them
            for name, decode in DECODERS.items():
                begun = time.process_time()
                decode(data)
                times[name].append(time.process_time() - begun)
        middle = {name: statistics.median(values) for name, values in times.items()}
        cells = [f"{t:12.4f} ({t / middle['ours']:6.2f}x)" for t in middle.values()]
        print(f"{path.name[:41]:42}" + "".join(f"{cell:>22}" for cell in cells), flush=True)


def write(folder: Path) -> None:
    seconds = np.arange(float(ROWS))
    stream = pd.DataFrame({"t_s": seconds, "hr_bpm": 120 + seconds / 4, "distance_m": 3 * seconds})
    about = {"sport": "running", "duration_s": ROWS - 1.0, "distance_m": 3.0 * (ROWS - 1)}
    for i in range(FILES):
        start = pd.Timestamp("2024-05-01") + pd.Timedelta(hours=i)
        devices.write_fit(folder / f"{i:05}.fit", about | {"start": start}, stream)
    time.sleep(2.5)  # a file just written is not taken for unchanged


def many() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "files")
        folder.mkdir()
        write(folder)
        files, _ = devices._candidates(folder)
        load = devices.partial(devices._load, athlete_id="unknown", columns="")
        few, times = reading.FEW, {}
        for name, least in (("one by one", FILES + 1), ("in processes", few), ("unchanged", few)):
            reading.FEW = least
            begun = time.perf_counter()
            reading.read_all(files, load, folder, home=Path(scratch, "packs"))
            times[name] = time.perf_counter() - begun
        reading.FEW = few
    print(f"\n{FILES:,} files of {ROWS} seconds")
    for name, spent in times.items():
        ratio = times["one by one"] / spent
        print(f"{name:14}{spent:8.2f} s{spent / FILES * 1000:8.2f} s a thousand{ratio:8.1f}x")


def main() -> None:
    warnings.simplefilter("ignore")  # fitdecode warns of fields that it does not know
    folder = fetch.locate("device_files")
    if folder is None:
        sys.exit("sportsml fetch device_files brings the FIT files")
    decoders(folder)
    many()


if __name__ == "__main__":
    main()
