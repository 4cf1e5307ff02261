"""`sportsml export`: what a user types, what lies there afterwards, what is refused."""

import hashlib
import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from test_deploy_network import a_student

from sportsml_lite.cli import main
from sportsml_lite.deploy import export, kept, onnx
from sportsml_lite.deploy.compiled import compile_c, compiler
from sportsml_lite.training.keep import keep_student

pytest.importorskip("onnx", reason="needs the extra 'export'")
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec")
EXPORTED = {}


def the_parts(card):
    rng, k, d = np.random.default_rng(1), len(card.classes), 2 * card.width
    shape = (64, len(card.channels), card.samples)
    return {
        "prior": {"means": rng.normal(size=(k, d)).astype(np.float32),
                  "precision": np.eye(d, dtype=np.float32), "kappa": np.float64(3)},
        "calibration": {"X": rng.normal(size=shape).astype(np.float32)},
        "heads": {"names": np.array(["ann", "b/ob"]),
                  "weight": rng.normal(size=(2, k, d)).astype(np.float32),
                  "bias": rng.normal(size=(2, k)).astype(np.float32)},
    }  # fmt: skip


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    trained, card = a_student()
    home = tmp_path_factory.mktemp("student") / "run"
    keep_student(trained, card, home, the_parts(card))
    return home


@pytest.fixture(autouse=True)
def exported_once(monkeypatch):
    """PyTorch's exporter takes a second or two; the same network is exported once."""
    real = onnx.exported

    def exported(network):
        key = network.head_bias.tobytes() + network.stem.tobytes()
        if key not in EXPORTED:
            EXPORTED[key] = real(network).SerializeToString()
        return onnx.parsed(EXPORTED[key], "test")

    monkeypatch.setattr(onnx, "exported", exported)


def sportsml(*words):
    done = CliRunner().invoke(main, ["export", *map(str, words)], prog_name="sportsml")
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def windows_of(network):
    return onnx.measured(network, np.random.default_rng(5).normal(size=(6, 3, 60)))


def test_onnx_of_everybody_and_of_one(student, tmp_path):
    whole = kept.load_kept(student)
    for athlete, other in (("", "ann"), ("ann", "")):
        out = tmp_path / f"out{athlete}"
        done = sportsml(student, "--to", "onnx", "--athlete", athlete, "--out", out)
        assert done.exit_code == 0, done.output
        assert sorted(p.name for p in out.iterdir()) == ["card.json", "student.onnx"]
        card = export.read_card(out)
        says = onnx.load(out / "student.onnx", card)
        own = kept.personal(whole, athlete) if athlete else whole
        windows = windows_of(own.network)
        wanted = own.network.logits(own.network.scale(windows))
        assert onnx.difference(says(windows), wanted) < 1e-5
        with pytest.raises(ValueError, match=f"athlete {athlete}; the card says {other}"):
            onnx.load(out / "student.onnx", export.model_card(whole, "onnx", other))


def test_a_personal_head_is_that_of_the_athlete(student):
    own = kept.personal(kept.load_kept(student), "ann")
    weight, bias = own.heads["ann"]
    x = own.network.scale(windows_of(own.network))
    np.testing.assert_allclose(
        own.network.logits(x), own.network.features(x) @ weight.T + bias, atol=1e-4
    )


def test_int8_with_its_bound_in_the_card(student, tmp_path):
    done = sportsml(student, "--to", "int8", "--athlete", "ann", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    card = export.read_card(tmp_path)
    assert card["int8"]["same_answer"] > 0.9
    assert onnx.load(tmp_path / "student_int8.onnx", card)


def test_c_in_float_and_in_whole_numbers_with_the_card_in_its_header(student, tmp_path):
    done = sportsml(student, "--to", "c", "--athlete", "b/ob", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    card = export.read_card(tmp_path)
    own = kept.personal(kept.load_kept(student), "b/ob")
    assert set(card["files"]) == {f"{home}student.{end}" for home in ("", "int8/") for end in "ch"}
    for home in ("", "int8"):
        text = (tmp_path / home / "student.h").read_text()
        assert text.startswith("/* Model card") and '"licence": "MIT"' in text
        if compiler():
            program = compile_c(tmp_path / home, own.network)
            windows = windows_of(own.network)
            wanted = own.network.logits(own.network.scale(windows))
            bound = 0.2 if home else 1e-5
            assert onnx.difference(program.windows(windows)[0], wanted) < bound


def test_a_page_with_its_card_beside_it(student, tmp_path):
    assert sportsml(student, "--to", "page", "--out", tmp_path).exit_code == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["card.json", "student.html"]
    assert "channel_1_mps2" in (tmp_path / "student.html").read_text()


def test_the_card_says_what_a_user_has_to_know(student):
    whole = kept.load_kept(student)
    card = export.model_card(whole, "c")
    assert card["units"] == ["m/s²"] * 3 and card["data"]["licence"] == "MIT"
    assert card["parameters"] == sum(p.numel() for p in whole.student.parameters())
    weights = (student / "student.npz").read_bytes()
    assert card["sha256"] == hashlib.sha256(weights).hexdigest()
    assert export.unit("hr_bpm") == "bpm" and export.unit("gyro_x_radps") == "rad/s"
    assert export.terms("swimming")["licence"].startswith("none stated")
    assert "own" in export.terms("my_rides")["home"]
    assert json.loads(json.dumps(card, allow_nan=False)) == card


def test_nothing_in_a_card_ends_a_comment_of_c(student):
    card = export.model_card(kept.load_kept(student), "c", "*/ int evil; /*")
    text = export.comment(card)
    assert text.startswith("/*") and text.index("*/") == len(text) - 3


def test_again_into_the_same_folder_and_never_beside_other_files(student, tmp_path):
    out = tmp_path / "out"
    for _ in range(2):
        assert sportsml(student, "--to", "onnx", "--out", out).exit_code == 0
    (out / "diary.txt").write_text("mine")
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    done = sportsml(student, "--to", "onnx", "--out", out)
    assert done.exit_code == 2 and "holds other files (diary.txt)" in done.stderr
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    assert not list(tmp_path.glob(".out*"))


def test_a_run_is_found_by_its_key(student, tmp_path, monkeypatch):
    runs = tmp_path / "runs" / "10_pipeline_lab"
    for key in ("abcdef012345", "abcdff012345"):
        shutil.copytree(student, runs / key)
    monkeypatch.setattr(export, "project_root", lambda: tmp_path)
    done = sportsml("abcdef", "--to", "onnx")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "runs/export-abcdef012345-onnx/student.onnx").is_file()
    assert export.default_folder(student, "c", "b/../ob") == tmp_path / "runs/export-run-c-b_.._ob"
    done = sportsml("abcd", "--to", "onnx")
    assert done.exit_code == 2 and "2 runs begin like this" in done.stderr
    assert "no run that kept a student" in sportsml("0123", "--to", "onnx").stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--to", "tflite"], "--to tflite: choose one of onnx, int8, c, page, executorch"),
        (["--to", "onnx", "--athlete", "zoe"], "'zoe': no head of this athlete"),
        (["--to", "onnx", "--out", __file__], "is a file; name a folder"),
        ([], "Missing option '--to'"),
    ],
)
def test_a_mistake_is_one_line(student, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    done = sportsml(student, *words)
    assert done.exit_code == 2 and message in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("given", ["nowhere", "../../etc", "*", "", "."])
def test_no_student(tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    done = sportsml(given, "--to", "onnx")
    assert done.exit_code == 2 and "sportsml run 10_pipeline_lab" in done.stderr


def test_what_an_older_folder_lacks_is_said(tmp_path):
    keep_student(*a_student(), tmp_path / "old")
    assert sportsml(tmp_path / "old", "--to", "onnx", "--out", tmp_path / "out").exit_code == 0
    done = sportsml(tmp_path / "old", "--to", "int8", "--out", tmp_path / "int8")
    assert done.exit_code == 2 and "no calibration windows lie beside" in done.stderr
    done = sportsml(tmp_path / "old", "--to", "onnx", "--athlete", "ann")
    assert done.exit_code == 2 and "nobody's was kept" in done.stderr
    assert not (tmp_path / "int8").exists()


def test_a_library_that_is_missing_is_said(student, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx, "exported", lambda network: onnx.needed())
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for to, what in (("onnx", r"onnx is not installed"), ("executorch", "executorch is not")):
        done = sportsml(student, "--to", to, "--out", tmp_path / to)
        assert done.exit_code == 2 and what in done.stderr
        assert not (tmp_path / to).exists()


def test_executorch_answers_as_the_network(student, tmp_path):
    pytest.importorskip("executorch", reason="needs executorch, in an environment of its own")
    from executorch.runtime import Runtime

    assert sportsml(student, "--to", "executorch", "--out", tmp_path).exit_code == 0
    method = Runtime.get().load_program(tmp_path / "student.pte").load_method("forward")
    import torch

    network = kept.load_kept(student).network
    for window in windows_of(network):
        (found,) = method.execute([torch.from_numpy(window[None])])
        assert onnx.difference(found.numpy(), network.logits(network.scale(window[None]))) < 1e-5
