r"""Volumes that could as well have been measured: another pose, another shape, another coil.

A volume :math:`v` becomes :math:`v(A p + b + u(p)) \, e^{\beta(p)}`: :math:`A` turns, scales and perhaps mirrors left
and right, :math:`b` shifts, :math:`u` is a smooth displacement and :math:`\beta` a smooth bias field, both normal
numbers on a coarse grid, interpolated. All of it is one interpolation. Labels move with their volume.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from pydantic import ConfigDict
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from geodrift.registry import NotNegative, Share
from geodrift.rng import Streams

_KNOTS = 6  # of the displacement along each axis
_BIAS_KNOTS = 4


@dataclass(frozen=True)
class Augmentation:
    """How far volumes are moved in training; all of it zero is none.

    Arguments:
        mirror: Probability that left and right are exchanged.
        rotation: Standard deviation of the angle about each axis, degrees.
        scaling: Of the logarithm of the size along each axis.
        shift: Of the position along each axis, mm.
        elastic: Of the smooth displacement, mm.
        bias: Of the logarithm of the bias field.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

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
        size = torch.tensor(spacing) * torch.tensor(volumes.shape[1:]) / 2  # mm of half a side
        where = self._places(volumes, size, rng)
        light = torch.exp(self._smooth(volumes, _BIAS_KNOTS, 1, rng)[..., 0] * self.bias)
        moved = grid_sample((volumes[:, None] + 1) / 2, where, padding_mode="zeros", align_corners=False)[:, 0]
        lit = (moved * light).clamp(0, 1) * 2 - 1
        if labels is None:
            return lit, None
        nearest = grid_sample(labels[:, None].to(where), where, mode="nearest", align_corners=False)[:, 0]
        return lit, nearest.round().to(labels.dtype)

    def _places(self, volumes: Tensor, size: Tensor, rng: Streams) -> Tensor:
        """Where each voxel is read from, `(B, X, Y, Z, 3)`: torch's coordinates, Z first, [-1, 1] over the box."""
        count = len(volumes)
        linear = self._linear(count, rng)
        scaled = linear * size[None, None, :] / size[None, :, None]  # from millimetres to the box
        shift = rng.normal(torch.empty(count, 3)) * self.shift / size
        theta = torch.cat([scaled, shift[..., None]], -1).flip(1)
        theta = torch.cat([theta[..., :3].flip(2), theta[..., 3:]], -1).to(volumes)
        grid = affine_grid(theta, [count, 1, *volumes.shape[1:]], align_corners=False)
        bend = self._smooth(volumes, _KNOTS, 3, rng) * self.elastic / size.flip(0).to(volumes)
        return grid + bend

    def _linear(self, count: int, rng: Streams) -> Tensor:
        """Rotation, size and mirroring, `(B, 3, 3)`, acting on millimetres."""
        angles = rng.normal(torch.empty(count, 3)) * math.radians(self.rotation)
        scale = torch.exp(rng.normal(torch.empty(count, 3)) * self.scaling)
        flipped = rng.uniform(torch.empty(count, 1)) < self.mirror
        scale = torch.cat([torch.where(flipped, -scale[:, :1], scale[:, :1]), scale[:, 1:]], -1)
        generator = torch.zeros(count, 3, 3)
        for axis, (i, j) in enumerate(((1, 2), (2, 0), (0, 1))):
            generator[:, i, j], generator[:, j, i] = -angles[:, axis], angles[:, axis]
        turned: Tensor = torch.linalg.matrix_exp(generator)
        return turned * scale[:, None, :]

    def _smooth(self, volumes: Tensor, knots: int, parts: int, rng: Streams) -> Tensor:
        """Smooth fields of unit variance at their knots, `(B, X, Y, Z, parts)`."""
        coarse = rng.normal(torch.empty(len(volumes), parts, knots, knots, knots))
        fine = interpolate(coarse, volumes.shape[1:], mode="trilinear", align_corners=True)
        return fine.movedim(1, -1).to(volumes)
