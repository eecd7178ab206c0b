r"""What a path ends in: the law of :math:`n` in :math:`z_t = \alpha_t x + \sigma_t n`.

PFGM++ embeds :math:`N`-dimensional data in :math:`D` more dimensions and perturbs them with the kernel
:math:`p_r(z | x) \propto (|z - x|^2 + r^2)^{-(N + D) / 2}`. With :math:`r = \sigma \sqrt D` this is the multivariate
Student-t law with :math:`D` degrees of freedom and scale :math:`\sigma`: :math:`z = x + \sigma n \sqrt{D / \chi^2_D}`,
one :math:`\chi^2` for all of a sample. Its flow is that of EDM, only the source differs:
`Affine(EDM(), source=StudentT(D))`. The scale is :math:`\sigma` and not :math:`r`, so every hyper-parameter of EDM
(noise levels, their law in training, preconditioning, grids) serves all :math:`D` as it is.

References:
    | PFGM++: Unlocking the Potential of Physics-Inspired Generative Models (Xu et al., 2023), https://arxiv.org/abs/2302.04265
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.layout import trailing
from geodrift.registry import Positive, role
from geodrift.rng import Streams


class Source(ABC):
    """A law to start from.

    A path from a normal source has a score: `scored` says so.
    """

    scored: ClassVar[bool] = False

    @abstractmethod
    def sample(self, like: Tensor, rng: Streams) -> Tensor:
        """Draw :math:`n`, shaped and typed like `like`."""

    def log_prob(self, n: Tensor) -> Tensor:
        """The log-density of :math:`n`, elementwise.

        Raises:
            InputError: When the law has none that is known.
        """
        raise InputError(f"{self} has no known density, so a path from it gives no likelihood; use a normal source")


sources = role("source", Source)


@sources.register("normal")
@dataclass(frozen=True)
class Normal(Source):
    """Independent standard normal numbers."""

    scored = True

    def sample(self, like: Tensor, rng: Streams) -> Tensor:
        return rng.normal(like)

    def log_prob(self, n: Tensor) -> Tensor:
        return -torch.square(n) / 2 - math.log(2 * math.pi) / 2


@sources.register("student-t")
@dataclass(frozen=True)
class StudentT(Source):
    """The multivariate Student-t law of a whole sample: normal numbers over one common random radius.

    Arguments:
        freedom: Degrees of freedom, the augmented dimension :math:`D` of PFGM++; finite, not necessarily whole.

    Raises:
        InputError: For infinite freedom, which is the normal source.
    """

    freedom: Positive = 128.0

    def __post_init__(self) -> None:
        if not 0 < self.freedom < math.inf:
            raise InputError(f"a Student-t source of freedom {self.freedom}; choose a finite one, or the normal source")

    def sample(self, like: Tensor, rng: Streams) -> Tensor:
        # The inverse of the law in float64 has no least or largest radius beyond that of the uniform number.
        from scipy.special import gammaincinv

        level = rng.shared().uniform(torch.empty(len(like), device=like.device)).cpu().numpy()
        chi_square = 2 * torch.as_tensor(gammaincinv(self.freedom / 2, level), device=like.device)
        return rng.normal(like) * trailing(torch.sqrt(self.freedom / chi_square).to(like), like)

    def radius(self, sigma: Tensor) -> Tensor:
        """The :math:`r = \\sigma \\sqrt D` of the publication, for a noise level :math:`\\sigma`."""
        return sigma * math.sqrt(self.freedom)


@sources.register("uniform")
@dataclass(frozen=True)
class Uniform(Source):
    """Independent numbers of equal probability between two bounds.

    Arguments:
        low: Lower bound, in units of the data.
        high: Upper bound.

    Raises:
        InputError: When the bounds are not in order.
    """

    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise InputError(f"a uniform source from {self.low} to {self.high}; give a lower bound below the upper one")

    def sample(self, like: Tensor, rng: Streams) -> Tensor:
        return (self.low + (self.high - self.low) * rng.uniform(like)).to(like)


@dataclass(frozen=True, eq=False)
class Empirical(Source):
    """Stored samples, each drawn as often as any other: flows between two sets of data.

    Not in the registry, for no config can write it.

    Arguments:
        points: The samples, `(M, ...)`; for a ragged field its rows, drawn independently.
    """

    points: Tensor

    def sample(self, like: Tensor, rng: Streams) -> Tensor:
        if self.points.shape[1:] != like.shape[1:]:
            have, want = tuple(self.points.shape[1:]), tuple(like.shape[1:])
            raise InputError(f"stored samples of shape {have} as the source of data of shape {want}; store them alike")
        level = rng.uniform(torch.empty(len(like), device=like.device))
        return self.points.to(like)[(level * len(self.points)).long()]
