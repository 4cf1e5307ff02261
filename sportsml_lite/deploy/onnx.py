"""A student as ONNX: one file that reads measured samples, and carries its card.

The scaling is inside, so that nobody can forget it. ``float32`` answers as PyTorch does. ``int8``
(static, per channel, by kept windows) keeps scaling, norms and head in floating point: a norm
divides by what varies most, the head is small, and the bias of a class that a person never shows is
no number that an integer could hold.

A file from somewhere else is refused unless it is this model: see :func:`load`.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from sportsml_lite.deploy.folded import Folded, quiet
from sportsml_lite.deploy.network import Network
from sportsml_lite.deploy.personal import NEVER
from sportsml_lite.errors import Failed, UserError

OPSET = 18
INPUT, OUTPUT, CARD = "samples", "logits", "card"
LARGEST_BYTES = 5_000_000
# Of a card: what makes a model another one; the sum of the weights comes last.
COMPARED = ("target", "channels", "units", "rate_hz", "samples", "classes", "athlete", "sha256")
EQUAL = 1e-5  # of the largest logit: so far may ONNX Runtime and NumPy be apart

Says = Callable[[np.ndarray], np.ndarray]  # measured windows (N, C, T) → logits (N, K)

# --- writing -------------------------------------------------------------------------------------


def exported(network: Network):
    """What PyTorch's exporter makes of a network, before anything is taken away: an onnx model.

    Raises
    ------
    UserError where the extra ``export`` is not installed
    """
    needed()
    windows = torch.zeros(2, len(network.mean), network.samples)
    with torch.no_grad(), quiet():
        program = torch.onnx.export(
            Folded(network).eval(), (windows,), dynamo=True, opset_version=OPSET, optimize=True,
            dynamic_shapes=({0: torch.export.Dim("n")},), verbose=False,
            input_names=[INPUT], output_names=[OUTPUT],
        )  # fmt: skip
    return program.model_proto


def float_model(network: Network, card: Mapping) -> bytes:
    """The network as ONNX in float32, its card among the metadata.

    Raises
    ------
    UserError where the extra ``export`` is not installed; Failed if it answers otherwise
    """
    data = finished(exported(network), card)
    shape = (8, len(network.mean), network.samples)
    windows = measured(network, np.random.default_rng(0).normal(size=shape))
    apart = difference(session(data)(windows), network.logits(network.scale(windows)))
    if not apart <= EQUAL:
        raise Failed(f"the ONNX model is {apart:.2g} from the network; at most {EQUAL:g} is right")
    return data


def difference(found: np.ndarray, wanted: np.ndarray) -> float:
    """Largest difference of two logits, as a share of the largest one, or of 1 if that is more.

    The logits of classes that a person never shows are no numbers to compare; infinite where the
    two do not agree on which these are.
    """
    never = wanted < NEVER / 2
    if not np.array_equal(never, found < NEVER / 2):
        return np.inf
    found, wanted = np.where(never, 0, found), np.where(never, 0, wanted)
    return float(np.abs(found - wanted).max() / max(1.0, np.abs(wanted).max()))


def int8_model(network: Network, card: Mapping, calibration: np.ndarray) -> tuple[bytes, dict]:
    """The network in 8-bit integers, and how far it is from the one in float.

    Parameters
    ----------
    calibration : (N, C, T) scaled windows, by which the range of each activation is fixed

    Returns
    -------
    the model; ``largest_difference`` of a logit, and ``same_answer``, a share, on these windows.
    Both stand in its card, too

    Raises
    ------
    UserError where the extra ``export`` is not installed
    """
    model = finished(exported(network), {})
    windows = measured(network, calibration)
    quantised = _quantised(model, windows)
    wanted, found = network.logits(network.scale(windows)), session(quantised)(windows)
    told = {
        "largest_difference": float(np.abs(found - wanted).max()),
        "same_answer": float((found.argmax(1) == wanted.argmax(1)).mean()),
    }
    return finished(parsed(quantised, "int8"), {**card, "int8": told}), told


def measured(network: Network, scaled: np.ndarray) -> np.ndarray:
    """Measured windows (N, C, T) float32 of scaled ones; a channel not read is at its mean."""
    read = network.inverse != 0
    factor = np.where(read, 1 / np.where(read, network.inverse, 1), 0)
    return (network.mean[:, None] + scaled * factor[:, None]).astype(np.float32)


def _quantised(data: bytes, windows: np.ndarray) -> bytes:
    """Static quantisation of the convolutions: QDQ, int8 both ways, weights per channel."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    class Reader(CalibrationDataReader):
        left = iter([{INPUT: windows}])

        def get_next(self):
            return next(self.left, None)

    with tempfile.TemporaryDirectory() as scratch:
        before, after = Path(scratch) / "float.onnx", Path(scratch) / "int8.onnx"
        before.write_bytes(data)
        with quiet():
            quantize_static(
                before, after, Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
                op_types_to_quantize=["Conv"],
            )  # fmt: skip
        return after.read_bytes()


def finished(model, card: Mapping) -> bytes:
    """A model without what no answer needs, with its card, checked.

    On a network of some kilobytes names and traces weigh more than the weights.
    """
    import onnx

    model.doc_string, model.producer_version = "", ""
    del model.metadata_props[:], model.graph.metadata_props[:], model.graph.value_info[:]
    model.graph.doc_string, model.graph.name = "", "student"
    _rename(model.graph)
    for part in (*model.graph.node, *model.graph.initializer, *model.graph.input):
        part.doc_string = ""
        del part.metadata_props[:]
    if card:
        text = json.dumps(card, ensure_ascii=False, allow_nan=False)
        onnx.helper.set_model_props(model, {CARD: text})
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def _rename(graph) -> None:
    """Short names for all that lies between the input and the output."""
    short = {INPUT: INPUT, OUTPUT: OUTPUT, "": ""}
    for tensor in graph.initializer:
        tensor.name = short.setdefault(tensor.name, f"w{len(short)}")
    for node in graph.node:
        node.name = ""
        node.input[:] = [short[name] for name in node.input]
        node.output[:] = [short.setdefault(name, f"v{len(short)}") for name in node.output]


# --- reading -------------------------------------------------------------------------------------


def load(path: Path | str, card: Mapping) -> Says:
    """An exported model, once it is found to be the one that the card describes.

    Parameters
    ----------
    card : of the model that is expected, as :func:`~sportsml_lite.deploy.export.read_card` reads it

    Raises
    ------
    UserError naming what differs: no ONNX model, more than 5 MB, weights in another file, operators
        of somebody's own, another student, channels, units, rate, length or classes
    """
    needed()
    path = Path(path).expanduser()
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= LARGEST_BYTES else b""
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; export the student again") from None
    if size > LARGEST_BYTES:
        raise UserError(f"{path}: {size:,} bytes; a student is at most {LARGEST_BYTES:,}")
    model = parsed(data, path)
    _refuse_foreign(model, path)
    _compare(_card_of(model, path), card, path)
    _check(model, card, path)
    wanted = card.get("files", {}).get(path.name)
    if wanted and wanted != hashlib.sha256(data).hexdigest():
        raise UserError(f"{path}: not the file that its card was written with; export it again")
    return session(data)


def session(data: bytes) -> Says:
    """A model in ONNX Runtime, on one thread: measured windows (N, C, T) to logits (N, K)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    runtime = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return lambda windows: runtime.run(None, {INPUT: np.asarray(windows, np.float32)})[0]


def needed() -> None:
    """Look for the libraries of the extra ``export``.

    Raises
    ------
    UserError naming the one that is not installed, and how to install it
    """
    import importlib.util

    for name in ("onnx", "onnxscript", "onnxruntime"):
        if importlib.util.find_spec(name) is None:
            raise UserError(f"{name} is not installed: pip install -c constraints.txt "
                            "-e '.[export]'")  # fmt: skip


def parsed(data: bytes, where):
    """Bytes as an onnx model; ``where`` is what an error names.

    Raises
    ------
    UserError where they are none
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        return onnx.load_model_from_string(data)
    except DecodeError:
        raise UserError(f"{where}: no ONNX model; export the student again") from None


def _refuse_foreign(model, path: Path) -> None:
    """Weights outside the file could be any file; operators of one's own could be any code."""
    import onnx

    graph = model.graph
    inner = [a for node in graph.node for a in node.attribute if a.HasField("g") or a.graphs]
    own = {node.domain for node in graph.node} | {o.domain for o in model.opset_import}
    if model.functions or inner or not own <= {"", "ai.onnx"}:
        raise UserError(f"{path}: has operators of its own, which a student has not; do not use it")
    tensors = [*graph.initializer, *(a.t for n in graph.node for a in n.attribute)]
    if graph.sparse_initializer or any(
        tensor.external_data or tensor.data_location == onnx.TensorProto.EXTERNAL
        for tensor in tensors
    ):
        raise UserError(f"{path}: keeps weights in another file, which a student does not; do not "
                        "use it")  # fmt: skip


def _card_of(model, path: Path) -> dict:
    texts = [p.value for p in model.metadata_props if p.key == CARD]
    try:
        (card,) = map(json.loads, texts)
    except ValueError:
        card = None
    if not isinstance(card, dict):
        raise UserError(f"{path}: carries no card of a student; export it again")
    return card


def _compare(found: dict, wanted: Mapping, path: Path) -> None:
    for name in COMPARED:
        own, other = found.get(name), wanted.get(name)
        if own != other:
            raise UserError(f"{path}: {name} {own}; the card says {other}: this is another model")


def _check(model, card: Mapping, path: Path) -> None:
    """Whether the graph itself has the shapes that the card tells."""
    import onnx

    try:
        onnx.checker.check_model(model, full_check=True)
        ends = [*model.graph.input, *model.graph.output]
        names = [end.name for end in ends]
        shapes = [tuple(d.dim_value for d in e.type.tensor_type.shape.dim[1:]) for e in ends]
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, RuntimeError):
        raise UserError(f"{path}: no valid ONNX model; export the student again") from None
    wanted = [(len(card["channels"]), card["samples"]), (len(card["classes"]),)]
    if names != [INPUT, OUTPUT] or shapes != wanted:
        raise UserError(f"{path}: takes and gives {shapes}, the card says {wanted}: this is "
                        "another model")  # fmt: skip
