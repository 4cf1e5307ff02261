"""What chapter 11's lesson runs live, on the athletes of its page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sportsml_lite.deploy import guidance
from sportsml_lite.deploy.people import Demonstration, Person
from sportsml_lite.deploy.stream import Stream
from sportsml_lite.errors import UserError
from sportsml_lite.intensity import DOMAINS
from sportsml_lite.prepare import fill_windows

EASY = 0  # the domain that the example's session plans


def measured_windows(demo: Demonstration, people: Sequence[Person]) -> np.ndarray:
    """Windows (N, C, T) of some of its athletes, measured, their gaps filled as on a watch."""
    pieces = [(piece, piece.first) for one in people for piece in one.recordings]
    size = demo.network.samples
    X = [
        demo.scale.decode(piece.codes)[:, at : at + size] for piece, first in pieces for at in first
    ]
    return fill_windows(np.array(X, np.float32), demo.network.mean)


def guided_run(demo: Demonstration, settings: guidance.Settings | None = None) -> dict:
    """Of the page's middle athlete the recording that is longest above the plan, guided as easy.

    Returns
    -------
    dict with t_s, heart (T,) as measured, probability (T, 3), truth (T,), said (T,) str and
    classes, at the steps from the first known domain on

    Raises
    ------
    UserError if the classes are no domains of intensity
    """
    if demo.card.classes != DOMAINS:
        raise UserError("guidance asks for domains of intensity as classes: " + ", ".join(DOMAINS))
    middle = demo.people[len(demo.people) // 2]
    piece = max(middle.recordings, key=lambda p: np.count_nonzero(p.y > EASY))
    X, rate_hz = demo.scale.decode(piece.codes), demo.card.rate_hz
    stream, steps = Stream(demo.network, rate_hz), []
    for i, sample in enumerate(X.T):
        if not np.isnan(sample).all():
            answer = stream.push(sample, i / rate_hz)
            if answer is not None:
                steps.append((answer.t_s, sample[0], *answer.probability))
    t_s, heart, *probability = np.array(steps).T
    end_s = (piece.first + demo.network.samples - 1) / rate_hz  # of the last sample
    known = t_s >= end_s[0]
    truth = piece.y[np.searchsorted((end_s[1:] + end_s[:-1]) / 2, t_s[known])]
    p = np.stack(probability, 1)[known]
    words = guidance.guide(t_s[known], p, np.full(len(p), EASY), settings)
    said = np.array([word or "" for word in words])
    return {"t_s": t_s[known], "heart": heart[known], "probability": p, "truth": truth,
            "said": said, "classes": demo.card.classes}  # fmt: skip
