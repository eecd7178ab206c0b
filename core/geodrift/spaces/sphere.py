r"""The unit sphere, great circles.

.. math:: \exp_z(v) = \cos|v|\,z + \frac{\sin|v|}{|v|}\,v, \qquad
   \log_z(y) = \frac{\theta}{\sin\theta}\,(y - \cos\theta\,z), \quad \cos\theta = \langle z, y \rangle

The angle is taken from its sine and its cosine, and both factors from their series where they are 0 / 0, so that values
and derivatives are right at zero. Every great circle leads to the antipode: the logarithm takes the one towards
the axis that is farthest from the point.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from geodrift.rng import Streams
from geodrift.spaces.space import Space

_NEAR = 1e-3  # squared angles below which three or four terms of a series have all digits


@dataclass(frozen=True)
class Sphere(Space[Tensor]):
    """Vectors of unit length in the last axis, `(..., d)`, two entries or more."""

    embedded = True

    def project(self, z: Tensor) -> Tensor:
        """The direction of `z`; zero, which has none, becomes the first axis."""
        norm = torch.linalg.vector_norm(z, dim=-1, keepdim=True)
        pole = torch.eye(1, z.shape[-1], dtype=z.dtype, device=z.device)[0]
        return torch.where(norm > 0, z / torch.where(norm > 0, norm, 1), pole)

    def tangent(self, z: Tensor, v: Tensor) -> Tensor:
        return v - _dot(z, v) * z

    def exp(self, z: Tensor, v: Tensor) -> Tensor:
        cos, sinc = _waves(_dot(v, v))
        return self.project(cos * z + sinc * v)

    def log(self, z: Tensor, y: Tensor) -> Tensor:
        cos, way = _dot(z, y), self.tangent(z, self.tangent(z, y))
        square = _dot(way, way)
        opposite = (cos < 0) & (square < (8 * torch.finfo(z.dtype).eps) ** 2)
        turn = torch.where(opposite, math.pi, _angle(square, cos))
        return turn * torch.where(opposite, self._aside(z), way)

    def _aside(self, z: Tensor) -> Tensor:
        axis = one_hot(z.abs().argmin(-1), z.shape[-1]).to(z)
        return self.project(self.tangent(z, axis))

    def uniform(self, like: Tensor, rng: Streams) -> Tensor:
        return self.project(rng.normal(like))


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-1, keepdim=True)


def _waves(square: Tensor) -> tuple[Tensor, Tensor]:
    """The cosine of an angle and its sine over it, given its square."""
    near, q = square < _NEAR, square
    angle = torch.sqrt(torch.where(near, 1, square))
    cos = torch.where(near, 1 - q / 2 + q**2 / 24 - q**3 / 720, torch.cos(angle))
    sinc = torch.where(near, 1 - q / 6 + q**2 / 120 - q**3 / 5040, torch.sin(angle) / angle)
    return cos, sinc


def _angle(square: Tensor, cos: Tensor) -> Tensor:
    """An angle over its sine, given the square of the sine, and the cosine."""
    near = (cos > 0.5) & (square < _NEAR)
    sine = torch.sqrt(torch.where(near | (square == 0), 1, square))
    least = torch.where(near, cos, 1)
    q = torch.where(near, square, 0) / torch.square(least)
    series = (1 - q / 3 + q**2 / 5 - q**3 / 7 + q**4 / 9) / least
    return torch.where(near, series, torch.atan2(sine, torch.where(near, 1, cos)) / sine)
