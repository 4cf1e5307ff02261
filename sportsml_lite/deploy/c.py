"""A student as C99, to be compiled into a watch: one header, one source, nothing else.

The two files are made from the templates beside this module, so that a person can read them: sizes
are names, weights are tables with their shapes, each layer is one function. They answer a stream
sample by sample, a window is a stream that begins with it, and an athlete's own head is computed
where the athlete is (:func:`~sportsml_lite.deploy.personal.personal_head`).

A convolution is a sum of rows of weights, [what comes in][width]: the innermost loop runs over the
width, whose numbers do not wait for each other, and a compiler makes vectors of it.
"""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import jinja2
import numpy as np

from sportsml_lite.deploy.int8 import Int8Network
from sportsml_lite.deploy.network import EPSILON, Network
from sportsml_lite.deploy.personal import Prior
from sportsml_lite.errors import UserError
from sportsml_lite.training.keep import Card

HEADER, SOURCE = "student.h", "student.c"
TEMPLATES = Path(__file__).parent / "templates"
COLUMNS = 100  # of a line of C
# To compile with: a product and a sum are one operation, a root of what is below 0 sets no errno.
FAST = ("-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math")


def c_files(
    network: Network,
    prior: Prior | None = None,
    card: Card | None = None,
    int8: Int8Network | None = None,
) -> dict[str, str]:
    """The header and the source, by name.

    Parameters
    ----------
    prior : with it, the device can learn an athlete's own head
    card : what the header says of channels, classes and origin
    int8 : the same network in whole numbers, to be written instead

    Raises
    ------
    UserError if the prior or the card is of another student
    """
    _check(network, prior, card)
    values = _sizes(network) | _names(network, card) | _arrays(network)
    values |= _int8_arrays(int8) if int8 else _float_arrays(network)
    values |= _prior_arrays(prior) if prior else {"learns": False}
    loader = jinja2.FileSystemLoader(TEMPLATES)
    options = {"trim_blocks": True, "lstrip_blocks": True, "keep_trailing_newline": True}
    made = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, **options)
    return {n: made.get_template(f"{n}.jinja").render(values) for n in (HEADER, SOURCE)}


def write_c(
    network: Network,
    prior: Prior | None,
    card: Card | None,
    folder: Path | str,
    int8: Int8Network | None = None,
) -> list[Path]:
    """Write :func:`c_files` into a folder, each whole or not at all; returns their paths."""
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in c_files(network, prior, card, int8).items():
        part = home / f".{name}.{os.getpid()}.part"
        part.write_text(text, encoding="utf-8")
        paths.append(Path(os.replace(part, home / name) or home / name))
    return paths


def c_array(values: np.ndarray) -> str:
    """An array as an initialiser of C, every number as it is.

    >>> c_array(np.array([1, 2.5], np.float32))
    '{1.0f, 2.5f}'
    """
    if values.ndim > 1:
        return "{\n" + ",\n".join(textwrap.indent(c_array(v), "    ") for v in values) + ",\n}"
    words = ", ".join(map(_literal, values))
    if len(words) < COLUMNS - 40:
        return "{" + words + "}"
    return "{\n" + textwrap.fill(words, COLUMNS - 16, initial_indent="    ",
                                 subsequent_indent="    ") + ",\n}"  # fmt: skip


def _literal(value: np.number) -> str:
    if isinstance(value, np.integer):
        return str(value)
    text = format(float(value), ".9g")  # nine digits are every float32
    return text + ("f" if "." in text or "e" in text else ".0f")


def _check(network: Network, prior: Prior | None, card: Card | None) -> None:
    width, channels, _ = network.stem.shape
    classes = len(network.head_bias)
    if prior and prior.means.shape != (classes, 2 * width):
        raise UserError(f"the prior has means {prior.means.shape}; a student of width {width} and "
                        f"{classes} classes has ({classes}, {2 * width})")  # fmt: skip
    if card and (len(card.channels), len(card.classes)) != (channels, classes):
        raise UserError(f"the card names {len(card.channels)} channels and {len(card.classes)} "
                        f"classes; the student has {channels} and {classes}")  # fmt: skip


def _sizes(network: Network) -> dict:
    width, channels, kernel = network.stem.shape
    return {
        "channels": channels, "classes": len(network.head_bias), "width": width, "kernel": kernel,
        "samples": network.samples, "stride": network.stride, "steps": network.steps,
        "fast": " ".join(FAST), "epsilon": _literal(np.float32(EPSILON)),
    }  # fmt: skip


def _names(network: Network, card: Card | None) -> dict:
    """What a card says, in words that cannot leave a comment of C."""
    if card is None:
        return {"about": [], "channel_names": [], "class_names": [], "rate": ""}
    scores = ", ".join(f"{name} {value:.3g}" for name, value in card.scores.items())
    about = [
        f"Trained on {card.dataset}: {card.athletes} athletes, {card.labelled} with labels.",
        f"Of athletes whom it had not met: {scores}." if scores else "No scores are known.",
    ]
    lines = [line for text in about for line in textwrap.wrap(_comment(text), COLUMNS - 4)]
    names = {"channel_names": card.channels, "class_names": card.classes}
    names = {key: [_comment(name) for name in found] for key, found in names.items()}
    return names | {"about": lines, "rate": f", at {card.rate_hz:g} Hz"}


def _comment(text: str) -> str:
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain.replace("*/", "* /").replace("/*", "/ *").replace("\\", "/").replace("??", "? ?")


def _arrays(network: Network) -> dict:
    """What stays in single precision whatever the rest is."""
    head = np.concatenate([network.head_mean, network.head_last], 1)
    arrays = {
        "mean": network.mean, "inverse": network.inverse, "stem_bias": network.stem_bias,
        "head": head, "head_bias": network.head_bias,
    }  # fmt: skip
    return {name: c_array(value) for name, value in arrays.items()}


def _blocks(network: Network) -> list[dict]:
    return [
        {
            "memory": block.memory, "rows": max(1, block.memory), "dilation": block.dilation,
            "bias": c_array(block.bias), "scale": c_array(block.scale),
            "shift": c_array(block.shift),
        }
        for block in network.blocks
    ]  # fmt: skip


def _rows(stem: np.ndarray) -> np.ndarray:
    """(W, C, K) as (W, K * C), in the order in which samples lie in memory."""
    return stem.transpose(0, 2, 1).reshape(len(stem), -1)


def _float_arrays(network: Network) -> dict:
    blocks = [
        told | {"depth": c_array(block.depth.T), "point": c_array(block.point.T)}
        for told, block in zip(_blocks(network), network.blocks, strict=True)
    ]
    words = {
        "kind": "float", "int8": False, "number": "float", "state": "float", "between": "float",
        "scaled": "scaled",
    }  # fmt: skip
    return words | {"stem": c_array(_rows(network.stem).T), "blocks": blocks}


def _int8_arrays(int8: Int8Network) -> dict:
    names = ("per_state", "per_sum", "point_unit")
    blocks = [
        told
        | {name: c_array(getattr(block, name)) for name in names}
        | {"depth": c_array(block.depth.T), "point": c_array(block.point)}
        for told, block in zip(_blocks(int8.network), int8.blocks, strict=True)
    ]
    arrays = ("per_sample", "stem_unit", "per_state", "state_unit")
    words = {
        "kind": "int8", "int8": True, "number": "int8_t", "state": "uint8_t", "between": "int16_t",
        "scaled": "whole(scaled * PER_SAMPLE[c])",
    }  # fmt: skip
    return (
        words
        | {name: c_array(getattr(int8, name)) for name in arrays}
        | {"stem": c_array(_rows(int8.stem)), "blocks": blocks}
    )


def _prior_arrays(prior: Prior) -> dict:
    known = ~np.isnan(prior.means).any(1)
    arrays = {
        "known": known.astype(np.uint8),
        "prior_means": np.where(known[:, None], prior.means, np.float32(0)),
        "precision": prior.precision,
    }
    words = {"learns": True, "kappa": _literal(np.float32(prior.kappa))}
    return words | {name: c_array(value) for name, value in arrays.items()}
