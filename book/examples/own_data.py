"""Your own data: a training diary becomes the tables that every chapter reads.

python book/examples/own_data.py diary.csv my_tables
sportsml run 04 -p data_dir my_tables
"""

import sys
from pathlib import Path

import pandas as pd

# Your column → the book's. Units stand in its names: sportsml_lite/schema.py.
NAMES = {
    "who": "athlete_id",
    "when": "start",
    "pulse": "hr_mean_bpm",
    "borg": "rpe",
}
PEOPLE = {
    "who": "athlete_id",
    "sex": "sex",
    "resting": "hr_rest_bpm",
    "highest": "hr_max_bpm",
}


def convert(diary, folder):
    """Write ``sessions.csv`` and ``athletes.csv``, a row each."""
    rows = pd.read_csv(diary)
    sessions = rows[list(NAMES)].rename(columns=NAMES)
    sessions["duration_s"] = 60 * rows["minutes"]
    sessions["sport"] = "running"
    sessions.insert(0, "session_id", [f"d{i:05}" for i in range(len(rows))])
    athletes = rows[list(PEOPLE)].drop_duplicates("who").rename(columns=PEOPLE)
    Path(folder).mkdir(parents=True, exist_ok=True)
    sessions.to_csv(Path(folder) / "sessions.csv", index=False)
    athletes.to_csv(Path(folder) / "athletes.csv", index=False)


if __name__ == "__main__":
    convert(*sys.argv[1:3])
