r"""Where the lattice of a crystal starts.

Numbers of a lattice are standardised on the training data, so that standard normal ones are a normal law fitted to
those lattices: of the chart of lengths and angles, lengths that are log-normal. FlowMM draws angles of equal
probability instead, :math:`\alpha, \beta, \gamma \in (60°, 120°)`, between which all angles of Niggli cells lie and
any three are those of a lattice.

References:
    | FlowMM: Generating Materials with Riemannian Flow Matching (Miller et al., 2024), https://arxiv.org/abs/2406.04713
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.registry import role
from geodrift.rng import Streams
from geodrift.sources import Normal, Source
from geodrift_crystals.lattice import Representation

_LEAST, _MOST = math.pi / 3, 2 * math.pi / 3
_FLAT = 1 - 1e-6  # the largest cosine, where three angles are nearly those of a plane


class Base(ABC):
    """A law of lattices to start from."""

    @abstractmethod
    def source(self, lattice: Representation) -> Source:
        """The law of the numbers of lattices that are written in this way."""


bases = role("base", Base)


@bases.register("fitted")
@dataclass(frozen=True)
class Fitted(Base):
    """The normal law of the training lattices' numbers, each by itself."""

    def source(self, lattice: Representation) -> Source:
        return Normal()


@bases.register("uniform-angles")
@dataclass(frozen=True)
class UniformAngles(Base):
    """Log-normal lengths fitted to the training lattices, and angles of equal probability.

    Raises:
        InputError: For lattices that are not written as lengths and angles.
    """

    def source(self, lattice: Representation) -> Source:
        if lattice.kind != "parameters":
            raise InputError(
                f'base uniform-angles: lattices are written as "{lattice.kind}"; set data.lattice="parameters"'
            )
        return Angles(lattice)


@dataclass(frozen=True)
class Angles(Source):
    """Standardised numbers of the lattices of `UniformAngles`.

    Arguments:
        lattice: How lattices are written: as lengths and angles.
    """

    lattice: Representation

    def sample(self, like: Tensor, rng: Streams) -> Tensor:
        angles = _LEAST + (_MOST - _LEAST) * rng.uniform(like[..., 3:])
        mean, std = (torch.tensor(v[3:]).to(angles) for v in (self.lattice.mean, self.lattice.std))
        return torch.cat([rng.normal(like[..., :3]), ((_written(angles) - mean) / std).to(like)], -1)


def _written(angles: Tensor) -> Tensor:
    """The numbers of angles, `(..., 3)`, in radians, as `geodrift_crystals.lattice.charts` has them."""
    (a, b, c), (_, sin_b, sin_c) = angles.cos().unbind(-1), angles.sin().unbind(-1)
    cosines = torch.stack([c, b, (a - b * c) / (sin_b * sin_c)], -1)
    return torch.atanh(cosines.clamp(-_FLAT, _FLAT))
