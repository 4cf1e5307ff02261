"""What chapter 8 says of a number in place of a class: two losses, and a teacher with a mask."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from sportsml_lite.evaluate import compare, holm, mean
from sportsml_lite.losses import bounded_loss, mixed_target
from sportsml_lite.protocol import margin
from sportsml_lite.studies.privileged import BOUND, QUESTIONS, TITLES, UPTAKE, judge

ABSENT = "This run did not ask it."
TAUGHT = ("ridge_taught", "taught_50", "taught_90", "bounded")


def identity(seed: int) -> pd.DataFrame:
    """Both sides of the identity of squared errors, on random triples of student, teacher, truth.

    Returns
    -------
    index α; columns ``two targets``, ``one target``, ``constant``
    """
    s, t, y = np.random.default_rng(seed).normal(size=(3, 500))
    rows = {
        a: {
            "two targets": np.mean(a * (s - t) ** 2 + (1 - a) * (s - y) ** 2),
            "one target": np.mean((s - mixed_target(t, y, a)) ** 2),
            "constant": a * (1 - a) * np.mean((t - y) ** 2),
        }
        for a in np.linspace(0, 1, 21)
    }
    return pd.DataFrame(rows).T


def bounded() -> pd.DataFrame:
    """Three losses of one window by the student's error (index), where the teacher errs by 1."""
    errors = torch.linspace(-2, 2, 201).double()
    one, zero = torch.ones(1).double(), torch.zeros(1).double()
    loss = [bounded_loss(e[None], one, zero, BOUND, 0.0).item() for e in errors]
    columns = {"bounded": loss, "plain": errors**2, "smoothed": (errors - 0.5) ** 2 + 0.25}
    return pd.DataFrame(columns, errors.numpy())


def rows(scores: pd.DataFrame | None) -> list[dict]:
    """Rows of a table: RMSE of every arm, what it gains over its own rival, and the harmed."""
    if scores is None:
        return []
    verdicts = judge({"": scores})
    survives = holm(verdicts)
    found = []
    for arm, title in TITLES.items():
        row = {"arm": title, "RMSE": f"{mean(scores, arm, 'rmse'):.2f}"}
        if ("", arm) in verdicts:
            c = verdicts["", arm]
            row |= {
                "over": TITLES[QUESTIONS[arm]].partition(":")[0],
                "gain": f"{c.gain:+.2f}",
                "verdict": c.verdict + " *" * survives["", arm],
                "harmed": f"{c.harmed} of {c.athletes}",
            }
        found.append(row)
    return pd.DataFrame(found).fillna("–").to_dict("records")


def sentence(scores: pd.DataFrame | None) -> str:
    """What the mask is worth, and how much of it reaches a watch; true for every table."""
    if scores is None:
        return ABSENT
    verdicts = judge({"": scores})
    survives = holm(verdicts)
    levels = {a: f"{mean(scores, a, 'rmse').estimate:.2f}" for a in ("mean", "ridge", "teacher")}
    won = [a for a in TAUGHT if survives["", a] and verdicts["", a].verdict == "better"]
    gains = [verdicts["", a].gain.estimate for a in TAUGHT]
    luck = compare(scores, "plain_again", "plain", "rmse", UPTAKE).gain.estimate
    said = ", ".join(f"“{TITLES[a]}” {verdicts['', a].gain:+.2f}" for a in won)
    reached = f"Better taught are {said}" if won else "No taught student is shown to be better"
    return (
        f"The riders' mean errs by {levels['mean']}, a ridge with a watch by {levels['ridge']}, "
        f"the teacher with a mask by {levels['teacher']} {margin(UPTAKE).unit}. {reached}: gains "
        f"from {min(gains):+z.2f} to {max(gains):+z.2f}, and {luck:+z.2f} by another seed alone."
    )
