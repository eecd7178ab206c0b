r"""The von Mises law of angles, :math:`p(x) = e^{c \cos(x - m)} / 2 \pi I_0(c)`, with concentration :math:`c`.

Its mean vector has the length :math:`A(c) = I_1(c) / I_0(c)`, its entropy is
:math:`H(c) = \ln 2 \pi I_0(c) - c A(c)`. Everything is written in the scaled functions :math:`e^{-c} I_\nu(c)`, which
neither overflow nor cancel. Samples are drawn by Best and Fisher's rejection from the wrapped Cauchy law, whose
parameter :math:`\rho = 2 c / (\tau + \sqrt{2 \tau})`, :math:`\tau = 1 + \sqrt{1 + 4 c^2}`, is written here without
the cancellation of the published form, and holds at zero.

References:
    | Efficient Simulation of the von Mises Distribution (Best, Fisher, 1979), https://doi.org/10.2307/2346732
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.kernel import Kernel
from geodrift.rng import Streams


def resultant(c: Tensor) -> Tensor:
    """The length of the mean vector, :math:`A(c)`."""
    a: Tensor = torch.special.i1e(c) / torch.special.i0e(c)
    return a


def entropy(c: Tensor) -> Tensor:
    """The entropy :math:`H(c)` in nats, of angles in radians."""
    return torch.log(2 * math.pi * torch.special.i0e(c)) + c * (1 - resultant(c))


def wrap(angle: Tensor) -> Tensor:
    """The same angle in [-pi, pi)."""
    return torch.remainder(angle + math.pi, 2 * math.pi) - math.pi


def _candidate(c: Tensor, rng: Streams) -> tuple[Tensor, Tensor]:
    """An angle from the envelope and whether it is accepted."""
    tau = 1 + torch.sqrt(1 + 4 * c**2)
    slope = 2 / (tau + torch.sqrt(2 * tau))
    rho = slope * c
    q = 2 * rho / (1 + rho**2)
    side = torch.cos(math.pi * rng.uniform(c))
    cosine = (q + side) / (1 + q * side)
    level = (1 + rho**2) / (2 * slope) - c * cosine
    rejected = torch.log(level / rng.uniform(c)) + 1 - level < 0
    angle = torch.arccos(cosine.clamp(-1, 1))
    return torch.where(rng.uniform(c) < 0.5, angle, -angle), ~rejected


def draw(c: Tensor, rng: Streams) -> Tensor:
    """Angles around zero with these concentrations, in float64.

    Every element takes the first accepted of its own candidates, so that it depends on its stream alone. What is not a
    number stays none.
    """
    c, own = c.to(torch.float64), rng.split()
    angle, done = _candidate(c, own)
    while not bool(done.all()):
        again, accepted = _candidate(c, own)
        angle, done = torch.where(done, angle, again), done | accepted
    return angle


@dataclass(frozen=True, eq=False)
class VonMises(Kernel):
    """Independent angles, in radians.

    Arguments:
        mean: The mean directions.
        concentration: Not negative, up to 10⁴ and more; broadcasts against the mean.
    """

    mean: Tensor
    concentration: Tensor

    def sample(self, rng: Streams) -> Tensor:
        return wrap(self.mean + draw(self.concentration.expand_as(self.mean), rng).to(self.mean))

    def log_prob(self, z: Tensor) -> Tensor:
        c = self.concentration
        return c * (torch.cos(z - self.mean) - 1) - torch.log(2 * math.pi * torch.special.i0e(c))

    def kl(self, other: VonMises) -> Tensor:
        c, d = self.concentration, other.concentration
        apart = d * (1 - resultant(c) * torch.cos(self.mean - other.mean)) - c * (1 - resultant(c))
        return apart + torch.log(torch.special.i0e(d) / torch.special.i0e(c))

    @property
    def mode(self) -> Tensor:
        return self.mean
