"""The student in the reader's browser: one file, no network, a few hundred lines of JavaScript.

The sources in ``page/`` are ES modules, which a browser does not load from a folder on the disk.
So they are put into the page itself, with the weights, the recordings and the style.
"""

from __future__ import annotations

import base64
import json
import os
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sportsml_lite.deploy.network import Network
from sportsml_lite.deploy.people import MISSING, K, Person, Scale
from sportsml_lite.deploy.personal import Prior
from sportsml_lite.intensity import DOMAINS, hr_max_by_age
from sportsml_lite.protocol import PROTOCOL, margin
from sportsml_lite.simulate import GENERATORS
from sportsml_lite.training.keep import Card

SOURCES = Path(__file__).with_name("page")
SCRIPTS = (
    "student.js",
    "read_file.js",
    "athlete.js",
    "draw.js",
    "wrist.js",
)  # each uses what stands before it
MEANING = (
    "VT1 and VT2 are the ventilatory thresholds. Below VT1 talking is easy; between the two it "
    "becomes hard; above VT2 exercise soon has to end."
)
NAMES = dict(zip(DOMAINS, ("below VT1", "between", "above VT2"), strict=True))


def write_page(
    out: Path | str,
    network: Network,
    card: Card,
    prior: Prior | None = None,
    people: Sequence[Person] = (),
    scale: Scale | None = None,
    gains=None,
    k: int = K,
) -> Path:
    """Write a student as a page that runs it; returns the file.

    Without ``people`` the page reads the files that its reader opens. A
    :class:`~sportsml_lite.deploy.people.Demonstration` holds all that is asked for:
    ``write_page(out, **vars(demonstration()))``.

    Parameters
    ----------
    out : file; it is replaced whole or not at all
    network, card : of the student; prior : of its training athletes, without it nothing is learned
    people, scale, gains, k : of a :class:`~sportsml_lite.deploy.people.Demonstration`
    """
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(page(network, card, prior, people, scale, gains, k), encoding="utf-8")
    os.replace(part, path)
    return path


def page(network, card, prior=None, people=(), scale=None, gains=None, k: int = K) -> str:
    """The text of the page of :func:`write_page`; equal input gives equal text."""
    told = {
        "student": _student(network, card),
        "prior": prior and _prior(prior),
        "people": _people(people),
        "scale": scale and {"low": scale.low.tolist(), "step": scale.step.tolist()},
        "codes": _packed(people),
        "gains": [] if gains is None else _gains(gains),
        "k": k,
        "gap": 1 + PROTOCOL.gap_windows,  # windows from one beginning to the next that counts
        "harm": margin("accuracy").harm,
        "hr_max": [hr_max_by_age(0), hr_max_by_age(1) - hr_max_by_age(0)],
        "missing": MISSING,
    }
    # A "<" could end the element: a class or a file may be called anything.
    data = json.dumps(told, allow_nan=False, ensure_ascii=False).replace("<", "\\u003c")
    parts = {name: (SOURCES / name).read_text(encoding="utf-8") for name in (*SCRIPTS, "wrist.css")}
    script = "\n".join(_inline(parts[name]) for name in SCRIPTS)
    text = (SOURCES / "page.html").read_text(encoding="utf-8")
    for mark, part in {"style": parts["wrist.css"], "data": data, "script": script}.items():
        text = text.replace(f"/*{mark}*/", part)
    return text


def _inline(source: str) -> str:
    """A module as part of one: it imports nothing, and nobody imports from it."""
    source = re.sub(r"^import [^;]*;\n", "", source, flags=re.M)
    return re.sub(r"^export ", "", source, flags=re.M)


def _student(network: Network, card: Card) -> dict:
    blocks = [(b.depth, b.point, b.bias, b.scale, b.shift) for b in network.blocks]
    head = np.concatenate([network.head_mean, network.head_last], 1)
    stem = (network.mean, network.inverse, network.stem, network.stem_bias)
    arrays = [*stem, *(a for block in blocks for a in block), head, network.head_bias]
    weights = sum(a.size for a in arrays[2:])
    return {
        "parameters": weights,
        "channels": card.channels,
        "classes": card.classes,
        "names": [NAMES.get(name, name.replace("_", " ")) for name in card.classes],
        "meaning": MEANING if set(card.classes) <= set(DOMAINS) else "",
        "rate_hz": card.rate_hz,
        "samples": network.samples,
        "stride": network.stride,
        "width": card.width,
        "kernel": card.kernel,
        "dilations": [block.dilation for block in network.blocks],
        "macs": network.macs // network.steps,
        "simulated": card.dataset in GENERATORS,
        "dataset": card.dataset,
        "athletes": card.athletes,
        "numbers": _base64(np.concatenate([a.ravel() for a in arrays]).astype("<f4")),
    }


def _prior(prior: Prior) -> dict:
    classes, width = prior.means.shape
    numbers = np.concatenate([prior.means.ravel(), prior.precision.ravel()]).astype("<f4")
    sizes = {"classes": classes, "width": width, "kappa": prior.kappa}
    return sizes | {"numbers": _base64(numbers)}


def _people(people: Sequence[Person]) -> list[dict]:
    return [
        {
            "name": one.name,
            "why": one.why,
            "age_y": None if np.isnan(one.age_y) else one.age_y,
            "recordings": [
                {
                    "clock": piece.clock,
                    "t0_s": piece.t0_s,
                    "length": piece.codes.shape[1],
                    "first": piece.first.tolist(),
                    "y": piece.y.tolist(),
                }
                for piece in one.recordings
            ],
        }
        for one in people
    ]


def _packed(people: Sequence[Person]) -> str:
    """All codes, one recording and channel after the other, as differences: they zip better."""
    rows = [row for one in people for piece in one.recordings for row in piece.codes]
    flat = np.concatenate([np.diff(row, prepend=np.uint16(0)) for row in rows] or [[]])
    return _base64(zlib.compress(flat.astype("<u2").tobytes(), 9))


def _gains(gains) -> list[dict]:
    return gains.reset_index().round(6).to_dict(orient="records")


def _base64(content) -> str:
    return base64.b64encode(bytes(content)).decode()
