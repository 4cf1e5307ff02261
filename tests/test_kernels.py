"""Random convolutions: computed once, blind to labels, each file for its own windows alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sportsml_lite.baselines import kernels
from sportsml_lite.baselines.kernels import Kernels
from sportsml_lite.baselines.windows import fit_symmetric_scores
from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import macro_f1
from sportsml_lite.schema import Windows

SIGNS = np.float32([[1, 1], [-1, 1]])


def windows(n=60, samples=40, seed=0, gaps=0.0):
    """Two classes, a slow and a fast wave, of athletes a to f."""
    random = np.random.default_rng(seed)
    y = np.arange(n) % 2
    wave = np.sin(np.arange(samples) * np.where(y, 0.9, 0.3)[:, None] + random.normal(size=(n, 1)))
    X = random.normal(0, 0.2, (n, 2, samples)) + wave[:, None] * [[1], [50]] + [[0], [300]]
    X[random.random(X.shape) < gaps] = np.nan
    athlete = np.array(list("abcdef"), dtype=object)[np.arange(n) * 6 // n]
    return Windows(
        X.astype(np.float32), np.ones((n, samples), bool), y, athlete, athlete, np.arange(n) * 1.0,
        ("left", "up"), ("slow", "fast"), 30.0,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(kernels, "COUNT", 168)


@pytest.mark.parametrize("kind", kernels.KINDS)
def test_what_was_computed_once_is_read_and_equal(kind, tmp_path, monkeypatch):
    part = windows(gaps=0.05)
    first = Kernels(part, SIGNS, kind, tmp_path).features(part)
    assert first.dtype == np.float32 and first.shape[0] == 60 and np.isfinite(first).all()
    monkeypatch.setattr(Kernels, "_computed", lambda *_: pytest.fail("computed again"))
    other = replace(part, y=1 - part.y)  # labels have no part in it
    np.testing.assert_array_equal(Kernels(other, SIGNS, kind, tmp_path).features(part), first)


@pytest.mark.parametrize("kind", kernels.KINDS)
def test_no_symmetry_changes_the_features(kind, tmp_path):
    part = windows()
    fitted = Kernels(part, SIGNS, kind, tmp_path)
    turned = replace(part, X=part.X * SIGNS[1][:, None])
    np.testing.assert_allclose(fitted.features(part), fitted.features(turned), atol=1e-4)
    plain = Kernels(part, None, kind, tmp_path)
    assert np.abs(plain.features(part) - plain.features(turned)).max() > 0.05


def test_other_windows_signs_kinds_and_counts_have_files_of_their_own(tmp_path, monkeypatch):
    part, other = windows(), windows(seed=1)
    for train, signs, kind, asked in (
        (part, SIGNS, "minirocket", part), (part, SIGNS, "minirocket", other),
        (other, SIGNS, "minirocket", part), (part, None, "minirocket", part),
        (part, SIGNS, "multirocket_hydra", part),
    ):  # fmt: skip
        Kernels(train, signs, kind, tmp_path).features(asked)
    monkeypatch.setattr(kernels, "COUNT", 252)
    assert Kernels(part, SIGNS, folder=tmp_path).features(part).shape == (60, 252)
    assert len(list(tmp_path.glob("*.npy"))) == 6


@pytest.mark.parametrize(
    "spoil", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b[:-4] + b"\xff" * 4]
)
def test_a_spoilt_file_is_computed_again(spoil, tmp_path):
    part = windows()
    first = Kernels(part, SIGNS, folder=tmp_path).features(part)
    (path,) = tmp_path.glob("*.npy")
    path.write_bytes(spoil(path.read_bytes()))
    np.testing.assert_array_equal(Kernels(part, SIGNS, folder=tmp_path).features(part), first)


def test_the_folder_keeps_what_was_used_last(tmp_path, monkeypatch):
    import os

    parts = [windows(seed=s) for s in range(4)]
    fitted = Kernels(parts[0], SIGNS, folder=tmp_path)
    sizes = []
    for turn, part in enumerate(parts[:3]):
        fitted.features(part)
        for path in set(tmp_path.glob("*.npy")) - {p for p, _ in sizes}:
            os.utime(path, (turn, turn))
            sizes.append((path, path.stat().st_size))
    monkeypatch.setattr(kernels, "ROOM_BYTES", 3 * sizes[0][1])
    fitted.features(parts[0])  # used now: no longer the oldest
    fitted.features(parts[3])
    assert [path.exists() for path, _ in sizes] == [True, False, True]


def test_fitting_leaves_the_random_numbers_of_the_process_alone(tmp_path):
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    threads = torch.get_num_threads()
    Kernels(windows(), None, "multirocket_hydra", tmp_path).features(windows())
    np.testing.assert_array_equal(before[0], np.random.get_state()[1])  # noqa: NPY002
    assert torch.equal(before[1], torch.get_rng_state()) and torch.get_num_threads() == threads


def test_only_labels_that_are_known_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(kernels, "project_root", lambda: tmp_path)
    train, validation, test = windows(), windows(seed=1), windows(seed=2)
    validation = replace(validation, athlete=validation.athlete + "v")
    known = np.isin(train.athlete, ["a", "b"])
    lied = replace(train, y=np.where(known, train.y, 1 - train.y))
    scores = [fit_symmetric_scores(t, validation, SIGNS, known=known)(test) for t in (train, lied)]
    np.testing.assert_array_equal(*scores)
    assert macro_f1(test.y, scores[0].argmax(1)) > 0.95
    every = fit_symmetric_scores(lied, validation, SIGNS)(test)
    assert macro_f1(test.y, every.argmax(1)) < 0.9


def test_what_cannot_be_convolved_is_refused():
    with pytest.raises(UserError, match="kernels = 'rocket': choose one of minirocket"):
        Kernels(windows(), kind="rocket")
    with pytest.raises(UserError, match="windows of 8 samples; give 9 or more"):
        Kernels(windows(samples=8))
