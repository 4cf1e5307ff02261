"""A student in ONNX answers as in PyTorch; a file that is not this student is refused by name."""

import hashlib
import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_deploy_network import a_student

from sportsml_lite.deploy import onnx as target
from sportsml_lite.deploy.folded import Folded
from sportsml_lite.deploy.network import describe
from sportsml_lite.deploy.personal import NEVER
from sportsml_lite.errors import Failed, UserError

onnx = pytest.importorskip("onnx", reason="needs the extra 'export'")
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec")


def a_card(card, **changed):
    told = {
        "channels": list(card.channels), "units": ["m/s²"] * len(card.channels),
        "rate_hz": card.rate_hz, "samples": card.samples, "classes": list(card.classes),
        "athlete": "", "sha256": "0" * 64,
    }  # fmt: skip
    return told | changed


def measured(network, n, seed=0):
    noise = np.random.default_rng(seed).normal(size=(n, len(network.mean), network.samples))
    return target.measured(network, noise)


@pytest.fixture(scope="module")
def made():
    student, card = a_student(width=8, samples=60)
    network, real, before = describe(student, card), target.exported, []

    def exported(network):
        model = real(network)
        before.append(len(model.SerializeToString()))
        return model

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target, "exported", exported)
        return student, card, network, target.float_model(network, a_card(card)), before[0]


@pytest.fixture
def path(made, tmp_path):
    (tmp_path / "student.onnx").write_bytes(made[3])
    return tmp_path / "student.onnx"


# --- answers -------------------------------------------------------------------------------------


def test_measured_samples_give_what_the_student_gives(made):
    student, _, network, data, _ = made
    says = target.session(data)
    for n in (1, 2, 7):  # any number of windows
        windows = measured(network, n, seed=n)
        with torch.no_grad():
            wanted = student(torch.from_numpy(network.scale(windows))).numpy()
        assert target.difference(says(windows), wanted) < 1e-5


@pytest.mark.parametrize("sizes", [{"width": 16, "channels": 10}, {"kernel": 5, "stride": 5}])
def test_the_folded_module_is_the_network(sizes):
    network = describe(*a_student(**sizes))
    windows = measured(network, 5)
    with torch.no_grad():
        found = Folded(network)(torch.from_numpy(windows)).numpy()
    assert target.difference(found, network.logits(network.scale(windows))) < 1e-5


def test_a_difference_is_relative_and_knows_what_is_never_an_answer():
    a = np.array([[1.0, 200.0, NEVER]])
    assert target.difference(np.add(a, [[0.1, 0.1, 0]]), a) == pytest.approx(0.1 / 200)
    assert target.difference(np.array([[0.1, 0.2]]), np.array([[0.1, 0.3]])) == pytest.approx(0.1)
    assert target.difference(np.array([[1.0, 200.0, 3.0]]), a) == np.inf


def test_a_model_that_answers_otherwise_is_not_written(made, monkeypatch):
    monkeypatch.setattr(target, "session", lambda data: lambda x: np.ones((len(x), 4)))
    monkeypatch.setattr(target, "exported", lambda network: onnx.load_from_string(made[3]))
    with pytest.raises(Failed, match="from the network"):
        target.float_model(made[2], {})


def test_int8_is_smaller_and_says_how_far_it_is(made, monkeypatch):
    monkeypatch.setattr(target, "exported", lambda network: onnx.load_from_string(made[3]))
    _, card, network, data, _ = made
    scaled = np.random.default_rng(3).normal(size=(64, 3, 60)).astype(np.float32)
    quantised, told = target.int8_model(network, a_card(card), scaled)
    windows = measured(network, 200, seed=8)
    says, exact = target.session(quantised), target.session(data)(windows)
    assert np.abs(says(windows) - exact).max() < 2 * told["largest_difference"] + 1e-3
    assert 0 < told["largest_difference"] < 0.25 * np.ptp(exact)
    assert told["same_answer"] > 0.9
    kinds = [t.data_type for t in onnx.load_from_string(quantised).graph.initializer if t.dims]
    assert kinds.count(onnx.TensorProto.INT8) >= 7, "the weights of every convolution"


def test_int8_with_a_class_that_is_never_the_answer(made, monkeypatch):
    network = made[2]
    bias = network.head_bias.copy()
    bias[2] = NEVER
    own = replace(network, head_bias=bias)
    model = onnx.load_from_string(made[3])
    (head,) = [t for t in model.graph.initializer if list(t.dims) == [4]]
    head.CopyFrom(onnx.numpy_helper.from_array(bias, head.name))
    data = model.SerializeToString()
    monkeypatch.setattr(target, "exported", lambda network: onnx.load_from_string(data))
    scaled = np.random.default_rng(3).normal(size=(64, 3, 60)).astype(np.float32)
    _, told = target.int8_model(own, {}, scaled)
    assert told["largest_difference"] < 1 and told["same_answer"] > 0.9
    assert target.float_model(own, {})


# --- size ----------------------------------------------------------------------------------------


def test_most_of_an_exported_file_was_not_the_network(made):
    _, _, _, data, before = made
    model = onnx.load_from_string(data)
    weights = sum(4 * int(np.prod(tensor.dims)) for tensor in model.graph.initializer)
    assert len(data) < 0.4 * before
    assert len(data) < weights + 5000
    assert [o.version for o in model.opset_import] == [target.OPSET]
    ops = {node.op_type for node in model.graph.node}
    assert not ops & {"Pad", "Identity", "Cast", "Reshape", "Shape", "Transpose"}


# --- what is refused -----------------------------------------------------------------------------


def test_an_exported_model_loads(path, made):
    _, card, network, data, _ = made
    windows = measured(network, 3)
    files = {"files": {path.name: hashlib.sha256(data).hexdigest()}}
    found = target.load(path, a_card(card, **files))(windows)
    assert target.difference(found, network.logits(network.scale(windows))) < 1e-5


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sha256": "1" * 64}, "sha256 0+; the card says 1+: this is another model"),
        ({"channels": ["channel_1_mps2", "channel_0_mps2", "channel_2_mps2"]}, "channels"),
        ({"units": ["m/s²", "g", "m/s²"]}, "units"),
        ({"rate_hz": 25.0}, "rate_hz 30.0; the card says 25.0"),
        ({"athlete": "ann"}, "athlete ; the card says ann"),
        ({"classes": ["a", "b", "d", "c"]}, "classes"),
        ({"files": {"student.onnx": "0" * 64}}, "not the file that its card was written with"),
    ],
)
def test_another_card_is_refused_by_name(path, made, changed, message):
    with pytest.raises(UserError, match=message):
        target.load(path, a_card(made[1], **changed))


def spoilt(data, how):
    model = onnx.load_from_string(data)
    graph = model.graph
    if how == "external":
        graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
        entry = graph.initializer[0].external_data.add()
        entry.key, entry.value = "location", "/etc/passwd"
    elif how == "constant":
        constant = onnx.numpy_helper.from_array(np.ones(3, np.float32))
        constant.data_location = onnx.TensorProto.EXTERNAL
        graph.node.append(onnx.helper.make_node("Constant", [], ["c"], value=constant))
    elif how == "custom":
        graph.node[0].domain = "com.evil"
    elif how == "function":
        model.functions.add().name = "f"
    elif how == "no card":
        del model.metadata_props[:]
    elif how == "two cards":
        model.metadata_props.append(model.metadata_props[0])
    elif how == "other shape":
        graph.input[0].type.tensor_type.shape.dim[1].dim_value = 4
    elif how == "broken":
        graph.node[0].op_type = "Nothing"
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("external", "keeps weights in another file"),
        ("constant", "keeps weights in another file"),
        ("custom", "has operators of its own"),
        ("function", "has operators of its own"),
        ("no card", "carries no card"),
        ("two cards", "carries no card"),
        ("other shape", "no valid ONNX model|another model"),
        ("broken", "no valid ONNX model"),
    ],
)
def test_a_file_that_is_no_students_is_refused(path, made, how, message):
    path.write_bytes(spoilt(made[3], how))
    with pytest.raises(UserError, match=message):
        target.load(path, a_card(made[1]))


def test_no_model_at_all(path, made):
    card = a_card(made[1])
    np.save(packed := io.BytesIO(), np.arange(9))
    for data in (b"PNG nothing", packed.getvalue(), made[3][:5000]):
        path.write_bytes(data)
        with pytest.raises(UserError, match="no ONNX model|carries no card"):
            target.load(path, card)
    path.write_bytes(bytes(target.LARGEST_BYTES + 1))
    with pytest.raises(UserError, match="a student is at most"):
        target.load(path, card)
    path.unlink()
    with pytest.raises(UserError, match="No such file"):
        target.load(path, card)


def test_libraries_that_are_not_installed_are_named(monkeypatch, made):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"onnx is not installed: pip install .*\[export\]"):
        target.float_model(made[2], {})
