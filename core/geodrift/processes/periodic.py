r"""Bayesian flow on the circle: a normal observation of the point :math:`(\cos x, \sin x)` is conjugate to von Mises.

From evidence :math:`h` in the plane the belief about a uniform angle is exactly von Mises with mean direction
:math:`\arg h` and concentration :math:`c = |h|`: the limit of many weak von Mises observations, whose vectors add up,
since :math:`\mathrm{vM}(y | x, a)` has mean vector :math:`(a / 2) e(x) + O(a^2)` and, to the first order, no
other dependence on :math:`x`: :math:`d\rho = a^2 / 2`. Here accuracy is additive; in :math:`|h|` alone it is not.

A network sees the direction, which turns with the data, and the concentration, which does not. Its answer is read in
the frame of the direction, so that a network of shift-invariant features is shift-equivariant.

References:
    | A Periodic Bayesian Flow for Material Generation (Wu et al., 2025), https://arxiv.org/abs/2502.02016
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import torch
from torch import Tensor

from geodrift.embeddings import Circle
from geodrift.parametrization import Data
from geodrift.prediction import Belief, Estimate, Located
from geodrift.processes.families import Family
from geodrift.registry import Count, Positive, role
from geodrift.schedules import Coefficients
from geodrift.von_mises import resultant


class Head(ABC):
    """What a network says about an angle, in the frame of the belief's direction."""

    channels: int

    @abstractmethod
    def resolve(self, raw: Tensor, direction: Tensor, c: Tensor, z: Tensor, at: Coefficients) -> Estimate | Belief:
        """The prediction that the output `raw` means where the belief has this direction and concentration."""


heads = role("circle head", Head)


@heads.register("vector")
@dataclass(frozen=True)
class Vector(Head):
    """The expected vector :math:`g / \\sqrt{1 + |g|^2}`, of length below one, by the bound of the likelihood.

    The network answers what it adds to the :math:`g` of the belief itself, :math:`A / \\sqrt{1 - A^2}`: nothing where
    data are uniform, and of unit size where the belief is narrow.
    """

    channels: int = 2

    def resolve(self, raw: Tensor, direction: Tensor, c: Tensor, z: Tensor, at: Coefficients) -> Estimate:
        a = resultant(c)
        own = a * torch.rsqrt((1 - a) * (1 + a))
        g = torch.stack((raw[..., 0] + own, raw[..., 1]), -1)
        mean = turn(direction, g * torch.rsqrt(1 + torch.square(g).sum(-1, keepdim=True)))
        return Data().row(at).resolve(mean, z, at)


@heads.register("bins")
@dataclass(frozen=True)
class Bins(Head):
    """Logits of points all around the circle, by cross-entropy: any law of the angle.

    The points are :math:`m + 2 \\arctan(w \\tan(\\varphi_k / 2))` for even :math:`\\varphi_k`, with
    :math:`w = (1 + c)^{-1/2}`: as close to each other near the belief's direction as the belief is narrow.

    Arguments:
        count: The number of points.
    """

    count: Count = 64

    @property
    def channels(self) -> int:  # type: ignore[override]
        return self.count

    def resolve(self, raw: Tensor, direction: Tensor, c: Tensor, z: Tensor, at: Coefficients) -> Located:
        half = math.pi * (torch.arange(self.count, device=raw.device, dtype=raw.dtype) / self.count - 0.5)
        angle = 2 * torch.atan(torch.rsqrt(1 + c)[..., None] * torch.tan(half))
        return Located(torch.log_softmax(raw, -1), turn(direction[..., None, :], on_circle(angle)))


@dataclass(frozen=True)
class Periodic(Family):
    """Numbers `(...)` in `[0, period)`; states `(..., 2)`.

    The network sees the direction of the belief, :math:`(\\cos m, \\sin m)`, and :math:`\\ln(1 + c)` as a share of that
    at the concentration `most`.

    Arguments:
        period: Length of the circle in units of the data.
        head: What the network answers.
        most: The concentration that is seen as one.
    """

    period: Positive = 1.0
    head: Head = field(default_factory=Vector)
    most: Positive = 1000.0

    @property
    def embedding(self) -> Circle:
        return Circle(self.period)

    @property
    def channels(self) -> tuple[int, int]:
        return 3, self.head.channels

    def inputs(self, z: Tensor, at: Coefficients) -> Tensor:
        return seen(*_belief(z, at), self.most)

    def resolve(self, raw: Tensor, z: Tensor, at: Coefficients) -> Estimate | Belief:
        return self.head.resolve(raw, *_belief(z, at), z, at)


def _belief(z: Tensor, at: Coefficients) -> tuple[Tensor, Tensor]:
    direction, length = polar(z)
    return direction, (at.alpha[..., 0] if at.alpha.ndim else at.alpha) * length


def on_circle(angle: Tensor) -> Tensor:
    """The points of the unit circle with these angles in radians, `(...)` to `(..., 2)`."""
    return torch.stack((torch.cos(angle), torch.sin(angle)), -1)


def turn(direction: Tensor, v: Tensor) -> Tensor:
    """The vectors `v`, `(..., 2)`, turned by the angle of unit vectors."""
    (a, b), (x, y) = direction.unbind(-1), v.unbind(-1)
    return torch.stack((a * x - b * y, b * x + a * y), -1)


def polar(z: Tensor) -> tuple[Tensor, Tensor]:
    """Direction `(..., 2)` and length `(...)` of vectors; that of nothing is the angle zero."""
    empty = (z == 0).all(-1, keepdim=True)
    full = torch.where(empty, torch.tensor([1.0, 0.0], dtype=z.dtype, device=z.device), z)
    length = torch.linalg.vector_norm(full, dim=-1, keepdim=True)
    return full / length, torch.where(empty, 0.0, length)[..., 0]


def seen(direction: Tensor, c: Tensor, most: float) -> Tensor:
    """What a network sees of a von Mises belief, `(..., 3)`."""
    return torch.cat((direction, (torch.log1p(c) / math.log1p(most))[..., None]), -1)
