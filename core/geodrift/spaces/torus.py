r"""The flat torus: coordinates that come back after one period, such as angles or the places of atoms in a cell.

Every coordinate is a circle of its own, so that tangents are vectors, the same at all points, and the geodesic is the
straight line wrapped into :math:`[0, P)`. Two points half a period apart are joined by two shortest lines; the
logarithm takes one of them, and its derivative is the identity there as everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.rng import Streams
from geodrift.spaces.space import Space


@dataclass(frozen=True)
class Torus(Space[Tensor]):
    """Real numbers modulo a period, entry by entry.

    Arguments:
        period: The period :math:`P > 0`, in the units of the data.
    """

    period: float = 1.0
    embedded = True

    def __post_init__(self) -> None:
        if not self.period > 0:
            raise InputError(f"a torus of period {self.period}; a period is a positive number")

    def project(self, z: Tensor) -> Tensor:
        wrapped = torch.remainder(z, self.period)
        # A tiny negative number rounds to the period itself.
        return torch.where(wrapped >= self.period, wrapped - self.period, wrapped)

    def tangent(self, z: Tensor, v: Tensor) -> Tensor:
        return v

    def exp(self, z: Tensor, v: Tensor) -> Tensor:
        return self.project(z + v)

    def log(self, z: Tensor, y: Tensor) -> Tensor:
        way = y - z
        return way - self.period * torch.round(way / self.period)

    def uniform_log_prob(self, z: Tensor) -> Tensor:
        return torch.full_like(z, -math.log(self.period))

    def uniform(self, like: Tensor, rng: Streams) -> Tensor:
        return self.project((self.period * rng.uniform(like)).to(like.dtype))
