"""Augmentation: what a turned or otherwise gauged sensor would have recorded, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sportsml_lite.errors import UserError
from sportsml_lite.models import MLP
from sportsml_lite.training import Augment, Sequences, TrainConfig, TrainData, fit_many
from sportsml_lite.training.augment import rotations, sensors_of
from sportsml_lite.training.trainer import Batches

MOTION = ("acc_x_mps2", "acc_y_mps2", "acc_z_mps2", "gyro_x_radps", "gyro_y_radps", "gyro_z_radps")
MEAN = np.array([0.0, -3.0, 5.0, 0.2, 0.0, 0.0])
FACTOR = np.array([4.0, 5.0, 3.0, 1.5, 2.0, 0.5])
SENSORS = sensors_of(MOTION, MEAN, FACTOR)


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def windows(count=50, dtype=torch.float64):
    return torch.randn(count, 6, 7, generator=chance(9), dtype=dtype)


def measured(X):
    """What the sensors said, (N, C, T), from what a network reads."""
    return X.numpy() * FACTOR[:, None] + MEAN[:, None]


@given(st.integers(0, 10**6), st.floats(0, 180))
@settings(max_examples=30, deadline=None)
def test_a_rotation_keeps_lengths_and_hands_and_stays_within_its_limit(seed, limit_deg):
    R = rotations(20, limit_deg, chance(seed))
    torch.testing.assert_close(R @ R.mT, torch.eye(3, dtype=R.dtype).expand(20, 3, 3))
    torch.testing.assert_close(torch.linalg.det(R), torch.ones(20, dtype=R.dtype))
    trace = R.diagonal(dim1=1, dim2=2).sum(1)  # 1 + 2 cos(angle)
    assert (torch.rad2deg(torch.acos(((trace - 1) / 2).clamp(-1, 1))) <= limit_deg + 1e-4).all()


def test_rotations_differ_in_axis_and_angle():
    R = rotations(2000, 30, chance())
    angle = torch.rad2deg(torch.acos((R.diagonal(dim1=1, dim2=2).sum(1) - 1) / 2))
    assert angle.min() < 1 and angle.max() > 29 and abs(angle.mean() - 15) < 1
    assert (R[:, 0, 1] > 0).double().mean() == pytest.approx(0.5, abs=0.05)


def test_a_sensor_is_turned_as_it_sits_on_the_wrist_not_as_it_is_scaled():
    X = windows()
    before, after = measured(X), measured(Augment(rotation_deg=30)(X, SENSORS, chance()))
    acc, gyro = slice(0, 3), slice(3, 6)
    for a, b in ((acc, acc), (gyro, gyro), (acc, gyro)):  # one rotation for both sensors
        dots = [(v[:, a] * v[:, b]).sum(1) for v in (before, after)]
        np.testing.assert_allclose(*dots, atol=1e-5)
    assert np.abs(after - before).max() > 1


def test_a_gain_is_one_factor_a_window_and_channel():
    X = windows()
    ratio = measured(Augment(gain=0.2)(X, SENSORS, chance())) / measured(X)
    np.testing.assert_allclose(ratio, ratio[:, :, :1].repeat(7, axis=2), rtol=1e-4)
    assert 0.8 <= ratio.min() < 0.82 and 1.18 < ratio.max() <= 1.2001
    assert np.unique(ratio[:, :, 0].round(5)).size > 290


def test_nothing_asked_is_nothing_changed():
    X = windows(dtype=torch.float32)
    assert torch.equal(Augment()(X, SENSORS, chance()), X)


def test_axes_belong_together_by_their_names():
    names = ("pressure_hpa", "mag_z_ut", "mag_x_ut", "acc_x_mps2", "acc_y_mps2", "mag_y_ut")
    found = sensors_of(names, np.zeros(6), np.ones(6))
    assert found.triplets.tolist() == [[2, 5, 1]]
    silent = sensors_of(MOTION, MEAN, np.where(np.arange(6) == 4, np.inf, FACTOR))
    assert silent.triplets.tolist() == [[0, 1, 2]]
    changed = Augment(30, 0.2)(windows(), silent, chance())
    assert bool(torch.isfinite(changed).all())


def batches(augment, seed=0, mask=None):
    part = Sequences(windows(dtype=torch.float32), mask, torch.arange(50) % 5)
    signs = torch.tensor([[1.0] * 6, [-1, 1, 1, 1, -1, -1]])
    data = TrainData(part, part, signs, None, 5, SENSORS)
    return list(Batches(data, None, TrainConfig(batch_size=16, augment=augment), seed))


def test_batches_are_changed_anew_each_and_their_order_and_mirrors_stay():
    plain, same, other = (batches(a) for a in (None, Augment(), Augment(30, 0.2)))
    again, seeded = batches(Augment(30, 0.2)), batches(Augment(30, 0.2), seed=1)
    for p, s, o, a in zip(plain, same, other, again, strict=True):
        assert torch.equal(p[0], s[0]) and torch.equal(p[2], o[2])
        assert torch.equal(o[0], a[0]) and not torch.allclose(o[0], p[0], atol=0.1)
    assert not torch.equal(seeded[0][0], other[0][0])


def test_padding_stays_padding():
    mask = torch.ones(50, 7, dtype=torch.bool)
    mask[:, :3] = False
    for X, *_ in batches(Augment(30, 0.2), mask=mask):
        assert not X[:, :, :3].any() and X[:, :, 3:].any()


@pytest.mark.parametrize("wrong", [{"gain": -0.1}, {"gain": 1}, {"rotation_deg": "30"},
                                   {"rotation_deg": 181}, {"gain": True}])  # fmt: skip
def test_a_setting_out_of_range_is_refused_by_name(wrong):
    with pytest.raises(UserError, match=rf"^{next(iter(wrong))} = .* from 0 to"):
        Augment(**wrong)


def test_what_cannot_be_turned_is_refused():
    beats = sensors_of(("hr_fraction",), np.zeros(1), np.ones(1))
    for sensors, augment in ((None, Augment(gain=0.1)), (beats, Augment(rotation_deg=30))):
        with pytest.raises(UserError, match="three channels of a sensor"):
            augment(windows()[:, :1], sensors, chance())
    rows = Sequences(torch.randn(8, 3), None, torch.zeros(8))
    config = replace(TrainConfig(), augment=Augment(gain=0.1))
    with pytest.raises(UserError, match="augmentation"):
        fit_many(MLP, TrainData(rows, rows), [0], config)
