"""A question of your own: how many athletes must a model have seen?

sportsml results redo book/examples/own_study.py simulated
"""

import numpy as np
import pandas as pd

from sportsml_lite import evaluate, prepare, protocol
from sportsml_lite.baselines.sessions import fit_baseline
from sportsml_lite.simulate import simulate
from sportsml_lite.studies.runner import Study

# Arm → how many athletes train.
ARMS = {"athletes_5": 5, "athletes_10": 10, "athletes_20": 20}


def load(options):
    """Sessions of simulated athletes as a table of features and effect."""
    made = simulate(40, seed=options.seed)
    return prepare.session_table(made.sessions, made.athletes)


def splits(table, partition):
    """Five groups; each is tested once, by other athletes' models."""
    return protocol.fold_athletes(table.athlete, seed=partition)


def score(table, split, seed, arms, options):
    """Rows of one fold: the error of a ridge that so many athletes taught."""
    train, validation, test = (
        table.take(split.rows(table.athlete, part))
        for part in ("train", "validation", "test")
    )
    parts = []
    for name, count in arms.items():
        few = train.take(
            np.isin(train.athlete.astype(str), split.train[:count])
        )
        answer = fit_baseline("ridge", few, validation)(test)
        errors = evaluate.by_athlete(test.y, answer, test.athlete, ("rmse",))
        found = errors.reset_index(names="athlete").rename(
            columns={"rmse": "value"}
        )
        parts.append(
            found.assign(metric="rmse", arm=name, athletes=float(count))
        )
    return pd.concat(parts, ignore_index=True)


STUDY = Study(
    name="own_study",
    question="How many athletes must a model have seen?",
    load=load,
    splits=splits,
    score=score,
    arms=ARMS,
    titles={name: f"{count} athletes" for name, count in ARMS.items()},
    reference="athletes_5",
    metric="rmse",
    datasets=("simulated",),
    quick=("athletes_5", "athletes_20"),
    cheap=("athletes_5",),
)
