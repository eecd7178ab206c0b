r"""Volumes that could as well have been measured: another pose, another shape, another coil.

A volume :math:`v` becomes :math:`v(A p + b + u(p)) \, e^{\beta(p)}`: :math:`A` turns and scales, :math:`b` shifts,
:math:`u` is a smooth displacement and :math:`\beta` a smooth bias field, both normal numbers on a coarse grid,
interpolated. All of it is one interpolation by cubic splines, which keeps what a linear one smooths away, and a share
of the volumes is not interpolated at all. Any volume may be mirrored, left and right. Labels move with their volume.

A generator draws the grain that it was shown, so moved volumes are to be as sharp as the others. Read at places between
voxels, a signal of frequency :math:`f`, cycles a voxel, keeps of its power on average

.. math:: T(f) = \sum_k \hat\eta(f + k)^2, \qquad \hat\eta(f) = \frac{3 \operatorname{sinc}^4 f}{2 + \cos 2 \pi f},

with the cardinal spline :math:`\eta`, half of it at the greatest frequency of an axis; it is divided by the root of
that. What a linear interpolation leaves dark is background, and stays so.

References:
    | Interpolation Revisited (Thévenaz, Blu and Unser, 2000), https://doi.org/10.1109/42.875199
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from pydantic import ConfigDict
from scipy.ndimage import map_coordinates
from torch import Tensor
from torch.nn.functional import interpolate

from geodrift.registry import NotNegative, Share
from geodrift.rng import Streams

_KNOTS = 6  # of the displacement along each axis
_BIAS_KNOTS = 4
_LOBES = torch.arange(-2, 3)  # of the spectrum of a spline; those further out hold less than a ten-thousandth


@dataclass(frozen=True)
class Augmentation:
    """How far volumes are moved in training.

    Arguments:
        moved: Share of the volumes that are moved at all.
        mirror: Probability that left and right are exchanged.
        rotation: Standard deviation of the angle about each axis, degrees.
        scaling: Of the logarithm of the size along each axis.
        shift: Of the position along each axis, mm.
        elastic: Of the smooth displacement, mm.
        bias: Of the logarithm of the bias field.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    moved: Share = 0.5
    mirror: Share = 0.5
    rotation: NotNegative = 3.0
    scaling: NotNegative = 0.015
    shift: NotNegative = 1.0
    elastic: NotNegative = 1.0
    bias: NotNegative = 0.03

    def __call__(
        self, volumes: Tensor, spacing: Sequence[float], rng: Streams, labels: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Volumes `(B, X, Y, Z)` in [-1, 1], -1 outside, and their labels, integers of that shape, moved."""
        mirrored = _drawn(self.mirror, volumes, rng)
        moved = _drawn(self.moved, volumes, rng).flatten()
        places = self._places(volumes, torch.tensor(spacing), moved, rng)
        light = torch.exp(_smooth(_knots(volumes, _BIAS_KNOTS, 1, rng), volumes)[..., 0] * self.bias)
        seen = _sharp((volumes + 1) / 2, places, moved)
        lit = (torch.where(mirrored, seen.flip(1), seen) * light).clamp(0, 1) * 2 - 1
        if labels is None:
            return lit, None
        nearest = _read(labels, places, moved, order=0)
        return lit, torch.where(mirrored, nearest.flip(1), nearest)

    def _places(self, volumes: Tensor, spacing: Tensor, moved: Tensor, rng: Streams) -> Tensor:
        """Where each voxel of the moved volumes is read from, in voxels, `(M, X, Y, Z, 3)`."""
        middle = (torch.tensor(volumes.shape[1:]) - 1) / 2
        sides = [(torch.arange(n) - m) * size for n, m, size in zip(volumes.shape[1:], middle, spacing, strict=True)]
        grid = torch.stack(torch.meshgrid(*sides, indexing="ij"), -1)  # mm from the middle
        turned = torch.einsum("xyzj,bij->bxyzi", grid, self._linear(len(volumes), rng)[moved])
        shift = (rng.normal(torch.empty(len(volumes), 3)) * self.shift)[moved]
        bend = _smooth(_knots(volumes, _KNOTS, 3, rng)[moved], volumes) * self.elastic
        return (turned + shift[:, None, None, None] + bend) / spacing + middle

    def _linear(self, count: int, rng: Streams) -> Tensor:
        """Rotation and size, `(B, 3, 3)`, acting on millimetres."""
        angles = rng.normal(torch.empty(count, 3)) * math.radians(self.rotation)
        scale = torch.exp(rng.normal(torch.empty(count, 3)) * self.scaling)
        generator = torch.zeros(count, 3, 3)
        for axis, (i, j) in enumerate(((1, 2), (2, 0), (0, 1))):
            generator[:, i, j], generator[:, j, i] = -angles[:, axis], angles[:, axis]
        turned: Tensor = torch.linalg.matrix_exp(generator)
        return turned * scale[:, None, :]


def _knots(volumes: Tensor, knots: int, parts: int, rng: Streams) -> Tensor:
    """The numbers that smooth fields go through, `(B, parts, knots, knots, knots)`."""
    return rng.normal(torch.empty(len(volumes), parts, knots, knots, knots))


def _smooth(knots: Tensor, volumes: Tensor) -> Tensor:
    """Fields through these numbers, at the voxels of volumes, `(B, X, Y, Z, parts)`."""
    fine = interpolate(knots, volumes.shape[1:], mode="trilinear", align_corners=True)
    return fine.movedim(1, -1).to(volumes)


def _drawn(share: float, volumes: Tensor, rng: Streams) -> Tensor:
    """Which volumes are drawn, `(B, 1, 1, 1)`."""
    return rng.uniform(torch.empty(len(volumes), 1, 1, 1)) < share


def _sharp(volumes: Tensor, places: Tensor, moved: Tensor) -> Tensor:
    """Volumes, the moved ones at these places, with the power that splines take from them."""
    if not moved.any():
        return volumes
    found = _read(volumes, places, moved, order=3)
    x, y, z = (_kept(side).to(volumes) for side in volumes.shape[1:])
    gain = (x[:, None, None] * y[:, None] * z).rsqrt()
    sharp = torch.fft.ifftn(torch.fft.fftn(found[moved], dim=(1, 2, 3)) * gain, dim=(1, 2, 3)).real
    found[moved] = sharp * (_read(volumes, places, moved, order=1)[moved] > 0)
    return found


def _kept(side: int) -> Tensor:
    """The share of the power of each frequency that cubic splines keep on average, `(side,)`, as above."""
    f = torch.fft.fftfreq(side, dtype=torch.float64)
    lobes = 3 * torch.sinc(f + _LOBES[:, None]) ** 4 / (2 + torch.cos(2 * math.pi * f))
    return lobes.square().sum(0)


def _read(volumes: Tensor, places: Tensor, moved: Tensor, order: int) -> Tensor:
    """Volumes, the moved ones at these places; zero outside."""
    found = volumes.clone()
    for row, place in zip(moved.nonzero().flatten().tolist(), places.movedim(-1, 1), strict=True):
        found[row] = torch.from_numpy(map_coordinates(volumes[row].numpy(), place.numpy(), order=order))
    return found
