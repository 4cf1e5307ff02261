r"""Augmentation: what else a sensor could have recorded of the same movement, drawn for each batch.

A watch sits turned a little on every wrist, and no two sensors measure alike. With :math:`v` what
was measured and :math:`x = (v - \mu) / s` what a network reads, a window becomes

.. math:: v' = G R v, \qquad x' = S^{-1} (G R (S x + \mu) - \mu)

R turns the three axes of each sensor by one rotation, G scales each channel. Acceleration, angular
rate and magnetic field turn alike: a rotation, unlike a mirror, knows no pseudovectors.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from sportsml_lite.errors import UserError

AXIS = re.compile(r"(.+_)([xyz])(_.+)")  # a channel of a sensor with three axes: acc_x_mps2
LIMITS = {"rotation_deg": 180.0, "gain": 0.9}


@dataclass(frozen=True)
class Sensors:
    """How the channels that a network reads came from what was measured.

    mean, factor : (C,) float: read = (measured - mean) / factor
    triplets : (M, 3) int64, positions of the x, y and z axis of each sensor that has three
    """

    mean: torch.Tensor
    factor: torch.Tensor
    triplets: torch.Tensor


def sensors_of(channels: Sequence[str], mean: np.ndarray, factor: np.ndarray) -> Sensors:
    """Sensors by the names of their channels: three that differ in x, y, z only belong together.

    Parameters
    ----------
    channels : C names; mean, factor : (C,) of the scaling; an infinite factor marks a channel that
        is not read, and its sensor is not turned
    """
    found, read = {}, np.isfinite(factor)
    for at, name in enumerate(channels):
        if (match := AXIS.fullmatch(name)) and read[at]:
            found.setdefault((match[1], match[3]), {})[match[2]] = at
    whole = [[axes[a] for a in "xyz"] for axes in found.values() if len(axes) == 3]
    mean, factor = (np.where(read, values, neutral) for values, neutral in ((mean, 0), (factor, 1)))
    return Sensors(
        torch.as_tensor(mean, dtype=torch.float32),
        torch.as_tensor(factor, dtype=torch.float32),
        torch.tensor(whole, dtype=torch.long).reshape(-1, 3),
    )


@dataclass(frozen=True)
class Augment:
    """How far a training window is changed; called, it changes a batch.

    Parameters
    ----------
    rotation_deg : largest angle by which a sensor is turned, about any axis, 0 to 180°
    gain : largest change of a channel's size, 0 to 0.9: 0.2 is a factor from 0.8 to 1.2

    Raises
    ------
    UserError naming the parameter and what it may be
    """

    rotation_deg: float = 0.0
    gain: float = 0.0

    def __post_init__(self):
        for name, top in LIMITS.items():
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not 0 <= value <= top:
                raise UserError(f"{name} = {value!r}: give a number from 0 to {top:g}")

    def __call__(
        self, X: torch.Tensor, sensors: Sensors | None, random: torch.Generator
    ) -> torch.Tensor:
        """Windows (N, C, T), each changed by chance of its own.

        Raises
        ------
        UserError if the data do not say what their channels are, or no sensor has three axes
        """
        if sensors is None or (self.rotation_deg and not len(sensors.triplets)):
            raise UserError(
                "augment: a rotation needs three channels of a sensor, such as acc_x_mps2, "
                "acc_y_mps2 and acc_z_mps2, and any change their scaling; leave augment out"
            )
        change = torch.eye(X.shape[1], dtype=X.dtype).repeat(len(X), 1, 1)
        if self.rotation_deg:
            turn = rotations(len(X), self.rotation_deg, random).to(X.dtype)
            for axes in sensors.triplets:
                change[:, axes[:, None], axes] = turn
        if self.gain:
            chance = torch.rand(X.shape[:2], generator=random, dtype=X.dtype)
            change *= (1 + self.gain * (2 * chance - 1))[:, :, None]
        mean, factor = sensors.mean.to(X.dtype), sensors.factor.to(X.dtype)
        shift = (change @ mean - mean) / factor
        change = change * factor / factor[:, None]
        return torch.baddbmm(shift[:, :, None], change, X)


def rotations(count: int, limit_deg: float, random: torch.Generator) -> torch.Tensor:
    r"""Rotations (count, 3, 3) about any axis by an angle from 0 to ``limit_deg`` (Rodrigues).

    .. math:: R = I + \sin\theta\,K + (1 - \cos\theta)\,K^2, \qquad K v = k \times v
    """
    axis = torch.randn(count, 3, generator=random, dtype=torch.float64)
    axis = axis / axis.norm(dim=1, keepdim=True)
    angle = torch.rand(count, 1, 1, generator=random, dtype=torch.float64)
    angle = angle * math.radians(limit_deg)
    eye = torch.eye(3, dtype=torch.float64)
    K = torch.linalg.cross(axis[:, None], eye[None]).mT
    return eye + angle.sin() * K + (1 - angle.cos()) * (K @ K)
