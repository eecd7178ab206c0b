r"""The path of least kinetic energy between noise and data.

A marginal velocity of the path :math:`z = a x / \sqrt c + m n` has, an entry, the mean square

.. math:: L = a'^2 + m'^2 - (1 - \lambda)\,(a' - a m' / m)^2,

with the separation :math:`\lambda` of `geodrift.schedules.separation`. In polar coordinates
:math:`a = r \cos\psi,\ m = r \sin\psi` it is :math:`r'^2 + G\,r^2 \psi'^2`: with :math:`\phi = \int_0^\psi \sqrt G`
a flat metric, whose shortest lines are straight. So the best path is the chord from :math:`(1, 0)` to
:math:`(\cos\Phi, \sin\Phi)`, :math:`\Phi = \phi(\pi / 2)`, run at constant speed, and its energy is
:math:`4 \sin^2(\Phi / 2)`. Data told apart at any noise have :math:`G = 1`, and the chord is the straight path
:math:`a = 1 - t,\ m = t`, of energy 2; Gaussian data have none.

References:
    | On Kinetic Optimal Probability Paths for Generative Models (Shaul et al., 2023), https://arxiv.org/abs/2306.06626
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from geodrift.schedules.interpolating import Rectified
from geodrift.schedules.schedule import Schedule, schedules
from geodrift.schedules.separation import Separation

_NODES = 4001
_LEAST = 1e-6  # of G: the angle has a finite rate also where data look Gaussian
_STRAIGHT = 0.99


class _Chart(NamedTuple):
    """The angle :math:`\\psi` as a piecewise cubic of :math:`\\phi`."""

    nodes: Tensor
    coefficients: Tensor

    def __call__(self, phi: Tensor) -> Tensor:
        nodes, (cubic, square, linear, constant) = self.nodes.to(phi.device), self.coefficients.to(phi.device)
        piece = (torch.searchsorted(nodes, phi.detach().contiguous(), right=True) - 1).clamp(0, len(nodes) - 2)
        step = phi - nodes[piece]
        angle: Tensor = ((cubic[piece] * step + square[piece]) * step + linear[piece]) * step + constant[piece]
        return angle


@schedules.register("kinetic-optimal")
@dataclass(frozen=True)
class KineticOptimal(Schedule):
    """The schedule of least kinetic energy for data with this separation.

    Arguments:
        separation: The separation function of the data, and their scale, which the noise takes on.
    """

    separation: Separation = field(default_factory=Separation)

    @property
    def energy(self) -> float:
        """Mean square of the velocity an entry, for data of unit variance; that of the straight path is at most 2."""
        return 4 * math.sin(self.turn / 2) ** 2

    @property
    def turn(self) -> float:
        """The angle :math:`\\Phi` between the ends of the chord."""
        return float(self._chart.nodes[-1])

    def summary(self) -> str:
        """What the choice of this path gains, in one line."""
        straight = kinetic_energy(Rectified(), Separation(self.separation.snr, self.separation.share))
        figures = f"energy {self.energy:.3f} an entry, the straight path's is {straight:.3f}"
        if self.energy > _STRAIGHT * straight:
            return f"these data are told apart at any noise, so the straight path is best: {figures}"
        return f"the kinetic-optimal path is shorter: {figures}"

    def alpha(self, t: Tensor) -> Tensor:
        radius, angle = self._polar(t.double())
        return (radius * torch.cos(angle)).to(t)

    def sigma(self, t: Tensor) -> Tensor:
        radius, angle = self._polar(t.double())
        return (self.separation.data_std * radius * torch.sin(angle)).to(t)

    def _polar(self, t: Tensor) -> tuple[Tensor, Tensor]:
        across, along = t * math.sin(self.turn), 1 - t + t * math.cos(self.turn)
        return torch.hypot(across, along), self._chart(torch.atan2(across, along))

    @cached_property
    def _chart(self) -> _Chart:
        from scipy.interpolate import PchipInterpolator

        psi = torch.linspace(0, math.pi / 2, _NODES, dtype=torch.float64)
        snr = torch.square(torch.cos(psi) / torch.sin(psi).clamp(min=1e-12))
        speed = torch.sqrt(self.separation.excess(snr).clamp(min=_LEAST))
        phi = torch.cat([torch.zeros(1, dtype=torch.float64), torch.cumulative_trapezoid(speed, psi)])
        return _Chart(phi, torch.as_tensor(PchipInterpolator(phi.numpy(), psi.numpy()).c))


def kinetic_energy(schedule: Schedule, separation: Separation) -> float:
    """Mean square of the marginal velocity an entry, over the path, in units of the data's variance."""
    t = (torch.arange(_NODES, dtype=torch.float64) + 0.5) / _NODES
    at = schedule(t)
    noise, d_noise = at.sigma / separation.data_std, at.d_sigma / separation.data_std
    unknown = 1 - separation(torch.square(at.alpha / noise))
    density = at.d_alpha**2 + d_noise**2 - unknown * (at.d_alpha - at.alpha / noise * d_noise) ** 2
    return float(density.mean())
