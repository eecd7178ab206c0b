r"""The normal law wound around a circle of period :math:`P`.

Two series give its density at the distance :math:`d \in [-P/2, P/2]` from its centre, with :math:`\rho = \sigma / P`:

.. math:: \sum_k \frac{e^{-(d + kP)^2 / 2 \sigma^2}}{\sqrt{2 \pi} \sigma}
   = \frac{1}{P} \left(1 + 2 \sum_{k \ge 1} q^{k^2} \cos \frac{2 \pi k d}{P}\right), \qquad q = e^{-2 \pi^2 \rho^2}.

Images are few where the law is narrow, waves where it is wide. At :math:`\rho^2 = 1 / 2 \pi` both have the ratio
:math:`e^{-\pi}`, and there one takes over from the other. Since :math:`(d + kP)^2 - d^2 \ge k (k - 1) P^2`, images
beyond :math:`|k| = 3` change the density by a factor of at most :math:`1 + 2 e^{-12 \pi} / (1 - e^{-8 \pi})`, less
than :math:`10^{-16}` off one, and waves beyond three by less than :math:`10^{-21}`: seven images and three waves are
exact in float64 for every :math:`\sigma > 0`.

References:
    | Directional Statistics (Mardia, Jupp, 1999), section 3.5.7, https://doi.org/10.1002/9780470316979
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.kernel import Kernel
from geodrift.rng import Streams
from geodrift.spaces.torus import Torus

_IMAGES, _WAVES = 3, 3
_TURN = 1 / math.sqrt(2 * math.pi)  # the spread, as a share of the period, at which both series converge alike
_NODES = 64
_SHARP = 0.05  # below it, what is wound around has no more than exp(-50) of the law


@dataclass(frozen=True, eq=False)
class WrappedNormal(Kernel):
    """Independent normal entries on a torus.

    Arguments:
        mean: Shaped like the state.
        std: Broadcasts against the mean, in its units; may be zero for `sample` and `mode`.
        space: The torus.
    """

    mean: Tensor
    std: Tensor
    space: Torus

    def sample(self, rng: Streams) -> Tensor:
        return self.space.project(self.mean + self.std * rng.normal(self.mean))

    def log_prob(self, z: Tensor) -> Tensor:
        d, spread = self._reduced(z)
        narrow, wide = spread.clamp(max=_TURN), spread.clamp(min=_TURN)
        images = torch.logsumexp(_exponents(d, narrow), -1) - torch.log(narrow) - 0.5 * math.log(2 * math.pi)
        level = torch.where(spread < _TURN, images, torch.log1p(2 * _sum_waves(d, wide)))
        return level - math.log(self.space.period)

    def score(self, z: Tensor) -> Tensor:
        """The derivative of the log-density with respect to `z`."""
        d, spread = self._reduced(z)
        narrow, wide = spread.clamp(max=_TURN), spread.clamp(min=_TURN)
        places = d[..., None] + _images(d)
        images = -(torch.softmax(_exponents(d, narrow), -1) * places).sum(-1) / torch.square(narrow)
        slope = torch.where(spread < _TURN, images, _sum_slopes(d, wide) / (1 + 2 * _sum_waves(d, wide)))
        return slope / self.space.period

    def kl(self, other: WrappedNormal) -> Tensor:
        raise TypeError("the divergence of wrapped normal laws has no closed form; that of the normal laws bounds it")

    @property
    def mode(self) -> Tensor:
        return self.space.project(self.mean)

    def _reduced(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return self.space.log(self.mean, z) / self.space.period, self.std / self.space.period


def information(spread: Tensor) -> Tensor:
    """The mean square of the score times the variance, in (0, 1], for a spread given as a share of the period.

    One for a narrow law; :math:`8 \\pi^2 \\rho^2 q^2` for a wide one. The integral over the circle is a sum over equal
    steps, which converges exponentially.
    """
    unit, at = Torus(), spread[..., None].clamp(min=_SHARP)
    nodes = (torch.arange(_NODES, dtype=spread.dtype, device=spread.device) + 0.5) / _NODES
    law = WrappedNormal(torch.zeros_like(nodes), at, unit)
    mean = (torch.exp(law.log_prob(nodes)) * torch.square(at * law.score(nodes))).mean(-1)
    return torch.where(spread < _SHARP, 1, mean)


def _images(d: Tensor) -> Tensor:
    return torch.arange(-_IMAGES, _IMAGES + 1, dtype=d.dtype, device=d.device)


def _exponents(d: Tensor, spread: Tensor) -> Tensor:
    return -torch.square((d[..., None] + _images(d)) / spread[..., None]) / 2


def _amplitudes(d: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
    """The phases and the powers of `q` of the waves, in a new last axis."""
    order = torch.arange(1, _WAVES + 1, dtype=d.dtype, device=d.device)
    return 2 * math.pi * order, torch.exp(-2 * torch.square(math.pi * order * spread[..., None]))


def _sum_waves(d: Tensor, spread: Tensor) -> Tensor:
    turn, power = _amplitudes(d, spread)
    return (power * torch.cos(turn * d[..., None])).sum(-1)


def _sum_slopes(d: Tensor, spread: Tensor) -> Tensor:
    turn, power = _amplitudes(d, spread)
    return -2 * (turn * power * torch.sin(turn * d[..., None])).sum(-1)
