"""A kept student answers as it did, and what does not fit together is refused by name."""

import hashlib
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from sportsml_lite.errors import UserError
from sportsml_lite.models import Student
from sportsml_lite.training.keep import (
    CARD,
    WEIGHTS,
    Card,
    keep_student,
    load_part,
    load_student,
)

KNOWN = Card(
    channels=("hr_fraction", "speed_mps"), rate_hz=1.0, samples=24, mean=(0.7, 2.5),
    factor=(0.1, None), classes=("below", "above"), width=4, kernel=3, stride=2,
    dataset="simulated", athletes=9, labelled=8, seed=3, scores={"macro_f1": 0.71},
)  # fmt: skip


def student():
    torch.manual_seed(0)
    return Student(2, 2, 4, 3, 2).eval()


@pytest.fixture
def kept(tmp_path):
    keep_student(student(), KNOWN, tmp_path / "run")
    return tmp_path / "run"


def rewrite(folder, arrays=None, content=None, **told):
    """Other weights, with a card that names them."""
    if arrays is not None:
        packed = io.BytesIO()
        np.savez(packed, **arrays)
        content = packed.getvalue()
    card = json.loads((folder / CARD).read_text())
    if content is not None:
        (folder / WEIGHTS).write_bytes(content)
        card["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / CARD).write_text(json.dumps(card | told))


def test_it_answers_as_before(kept):
    found, card = load_student(kept)
    X = torch.randn(5, 2, 24)
    with torch.no_grad():
        torch.testing.assert_close(found(X), student()(X), rtol=0, atol=1e-6)
    assert card == KNOWN
    assert not found.training
    assert sorted(path.name for path in kept.iterdir()) == [CARD, WEIGHTS]


def test_another_student_takes_its_place_whole(kept, monkeypatch):
    other = replace(KNOWN, seed=4)
    keep_student(student(), other, kept)
    assert load_student(kept)[1].seed == 4
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk")))
    with pytest.raises(OSError, match="disk"):
        keep_student(student(), KNOWN, kept)
    with pytest.raises(UserError, match=r"student\.json"):
        load_student(kept)


def test_what_is_missing_or_mixed_up_is_named(kept, tmp_path):
    with pytest.raises(UserError, match=r"student\.json: .*give a folder with a kept student"):
        load_student(tmp_path)
    (kept / WEIGHTS).write_bytes(b"no archive")
    with pytest.raises(UserError, match="not the weights of student.json"):
        load_student(kept)
    rewrite(kept, content=b"no archive")
    with pytest.raises(UserError, match="holds no arrays of numbers"):
        load_student(kept)
    (kept / WEIGHTS).unlink()
    with pytest.raises(UserError, match=r"student\.npz: No such file"):
        load_student(kept)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"form": 9}, "no card of a student in form 1"),
        ({"mean": [0.7]}, "do not fit together"),
        ({"width": "4"}, "do not fit together"),
        ({"classes": "below"}, "'classes' is no list"),
        ({"width": 5}, "has shape"),
        ({"channels": ["a"], "mean": [0.0], "factor": [1.0]}, r"stem\.weight has shape"),
    ],
)
def test_cards_that_do_not_fit(kept, told, message):
    rewrite(kept, **told)
    with pytest.raises(UserError, match=message):
        load_student(kept)


def test_weights_that_do_not_fit(kept):
    right = {name: w.numpy() for name, w in student().state_dict().items()}
    spoilt = dict(right, **{"head.bias": np.array([np.nan, 0], np.float32)})
    cases = {
        "head.bias has shape": spoilt,
        "head.bias is missing": {n: w for n, w in right.items() if n != "head.bias"},
        "extra is no part": dict(right, extra=np.zeros(3)),
        "holds no arrays": dict(right, extra=np.array([{}], dtype=object)),
    }
    for message, arrays in cases.items():
        rewrite(kept, arrays)
        with pytest.raises(UserError, match=message):
            load_student(kept)
    packed = io.BytesIO()
    np.savez_compressed(packed, bomb=np.zeros(4_000_000, np.float32))
    rewrite(kept, content=packed.getvalue())
    with pytest.raises(UserError, match="more than 10,000,000 bytes"):
        load_student(kept)


# --- what lies beside a student ------------------------------------------------------------------

PARTS = {
    "prior": {"means": np.array([[np.nan] * 8, [1.0] * 8], np.float32), "precision": np.eye(8),
              "kappa": np.float64(3)},
    "calibration": {"X": np.zeros((5, 2, 24), np.float32)},
    "heads": {"names": np.array(["../ann", "Zoë"]), "weight": np.ones((2, 2, 8), np.float32),
              "bias": np.zeros((2, 2), np.float32)},
}  # fmt: skip


def test_parts_lie_beside_a_student_and_go_with_it(tmp_path):
    keep_student(student(), KNOWN, tmp_path, PARTS)
    for part, arrays in PARTS.items():
        found = load_part(tmp_path, part)
        assert set(found) == set(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array)
    assert "people's recordings" in json.loads((tmp_path / CARD).read_text())["note"]
    keep_student(student(), KNOWN, tmp_path)
    assert [load_part(tmp_path, part) for part in PARTS] == [None] * 3
    assert sorted(path.name for path in tmp_path.iterdir()) == [CARD, WEIGHTS]


@pytest.mark.parametrize(
    ("part", "changed", "message"),
    [
        ("prior", {"means": np.zeros((3, 8))}, r"prior\.npz: means has shape \(3, 8\)"),
        ("prior", {"precision": np.full((8, 8), np.nan)}, "precision has missing numbers"),
        ("calibration", {"X": np.zeros((5, 2, 25))}, r"X has shape \(5, 2, 25\)"),
        ("calibration", {"X": np.zeros((5, 2, 24), int)}, "X holds int64"),
        ("calibration", {"Y": np.zeros(3)}, r"holds \['X', 'Y'\], not \['X'\]"),
        ("heads", {"names": np.array(["ann"])}, r"weight has shape \(2, 2, 8\)"),
        ("heads", {"names": np.arange(2)}, "names holds int64"),
    ],
)
def test_parts_that_do_not_fit_are_refused_by_name(tmp_path, part, changed, message):
    keep_student(student(), KNOWN, tmp_path, PARTS | {part: PARTS[part] | changed})
    with pytest.raises(UserError, match=message):
        load_part(tmp_path, part)


def test_a_part_of_another_student_is_refused(tmp_path):
    keep_student(student(), KNOWN, tmp_path, PARTS)
    (tmp_path / "heads.npz").write_bytes((tmp_path / "prior.npz").read_bytes())
    with pytest.raises(UserError, match=r"not the heads of student\.json beside it"):
        load_part(tmp_path, "heads")
    (tmp_path / "prior.npz").unlink()
    with pytest.raises(UserError, match=r"prior\.npz: No such file"):
        load_part(tmp_path, "prior")
