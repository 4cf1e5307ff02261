"""Damaged copies of text files: no traceback, and no other duration or distance without a word.

A few copies in every run; ``SPORTSML_DAMAGED=1000`` makes a thousand of each format and kind.
"""

import os

import numpy as np
import pandas as pd
import pytest

from sportsml_lite.collect import devices

COPIES = int(os.environ.get("SPORTSML_DAMAGED", "5"))
SECONDS = 240
ALLOWED = 0.005  # share of copies: a digit may change into one that nobody can doubt
CHANGED = 0.01  # share of duration or distance that must not change unnoticed


def run():
    """Four minutes of running: time, metres, bpm, position."""
    t = np.arange(SECONDS)
    metres = np.cumsum(3 + 0.5 * np.sin(t / 20))
    times = pd.Timestamp("2024-05-01T06:00:00Z") + pd.to_timedelta(t, unit="s")
    return [
        (
            time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            f"{m:.2f}",
            f"{130 + s % 20}",
            f"{48 + m / 111_195:.7f}",
        )
        for s, (time, m) in enumerate(zip(times, metres, strict=True))
    ]


def gpx():
    points = "".join(
        f'   <trkpt lat="{lat}" lon="11.0000000">\n    <ele>400.0</ele>\n    <time>{time}</time>\n'
        f"    <extensions><hr>{hr}</hr></extensions>\n   </trkpt>\n"
        for time, _, hr, lat in run()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<gpx version="1.1">\n <trk>\n  <name>x</name>\n'
        f"  <type>running</type>\n  <trkseg>\n{points}  </trkseg>\n </trk>\n</gpx>\n"
    )


def tcx():
    points = "".join(
        f"     <Trackpoint>\n      <Time>{time}</Time>\n"
        f"      <DistanceMeters>{m}</DistanceMeters>\n"
        f"      <HeartRateBpm><Value>{hr}</Value></HeartRateBpm>\n     </Trackpoint>\n"
        for time, m, hr, _ in run()
    )
    start, end = run()[0][0], run()[-1][1]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<TrainingCenterDatabase>\n <Activities>\n'
        f'  <Activity Sport="Running">\n   <Id>{start}</Id>\n   <Lap StartTime="{start}">\n'
        f"    <TotalTimeSeconds>{SECONDS - 1}</TotalTimeSeconds>\n"
        f"    <DistanceMeters>{end}</DistanceMeters>\n    <Track>\n{points}    </Track>\n"
        "   </Lap>\n  </Activity>\n </Activities>\n</TrainingCenterDatabase>\n"
    )


def csv():
    return "time,distance_m,hr_bpm,lat_deg\n" + "".join(",".join(row) + "\n" for row in run())


WHOLE = {"gpx": gpx, "tcx": tcx, "csv": csv}


def flipped(data, rng):
    at = int(rng.integers(len(data)))
    return data[:at] + bytes([(data[at] + int(rng.integers(1, 256))) % 256]) + data[at + 1 :]


def wrong_digit(data, rng):
    digits = [i for i, byte in enumerate(data) if chr(byte).isdigit()]
    at = digits[int(rng.integers(len(digits)))]
    other = (data[at] - 48 + int(rng.integers(1, 10))) % 10 + 48
    return data[:at] + bytes([other]) + data[at + 1 :]


def cut(data, rng):
    return data[: int(rng.integers(len(data)))]


def line_removed(data, rng):
    lines = data.splitlines(keepends=True)
    at = int(rng.integers(len(lines)))
    return b"".join(lines[:at] + lines[at + 1 :])


def line_doubled(data, rng):
    lines = data.splitlines(keepends=True)
    at = int(rng.integers(len(lines)))
    return b"".join([*lines[: at + 1], *lines[at:]])


def block_moved(data, rng):
    lines = data.splitlines(keepends=True)
    a, b, to = sorted(int(i) for i in rng.integers(len(lines), size=3))
    return b"".join(lines[:a] + lines[b:to] + lines[a:b] + lines[to:])


DAMAGE = [flipped, wrong_digit, cut, line_removed, line_doubled, block_moved]


def totals(path):
    """Duration and distance of what is read, and whether the reader said anything."""
    sessions, _, problems = devices.read(path)
    return sessions[["duration_s", "distance_m"]].to_numpy(), len(problems) > 0


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("suffix", WHOLE)
def test_damage_is_refused_named_or_harmless(tmp_path, suffix, damage):
    path = tmp_path / f"x.{suffix}"
    whole = WHOLE[suffix]().encode()
    path.write_bytes(whole)
    right, said = totals(path)
    assert not said
    rng = np.random.default_rng([COPIES, len(suffix), *damage.__name__.encode()])
    silent = 0
    for _ in range(COPIES):
        data = damage(whole, rng)
        path.write_bytes(data)
        try:
            found, said = totals(path)
        except devices.DeviceFileError as error:
            assert "cannot be read (" not in str(error)
            continue
        same = found.shape == right.shape and np.allclose(found, right, CHANGED, equal_nan=True)
        if suffix == "csv" and data.endswith(b"\n") and whole.startswith(data):
            continue  # whole lines are missing at the end: a shorter session looks the same
        silent += not same and not said
    assert silent <= ALLOWED * COPIES
