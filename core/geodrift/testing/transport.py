r"""The exact fields of an interpolant between two mixtures of isotropic normal laws.

For independent ends the state at :math:`t` is a mixture over all pairs of components, of means
:math:`m = a \mu_x + b \mu_y` and variances :math:`C = a^2 s_x^2 + b^2 s_y^2 + \gamma^2`. With :math:`r` the posterior
of the pair,

.. math:: \mathrm E[n | z] = \sum r\,\frac{\gamma}{C} (z - m), \qquad
   u(z) = \sum r \left[m' + \frac{C'}{2 C} (z - m)\right].

References:
    | Stochastic Interpolants: A Unifying Framework (Albergo, Boffi, Vanden-Eijnden, 2023), appendix A, https://arxiv.org/abs/2303.08797
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from geodrift.denoiser import Conditions
from geodrift.layout import trailing
from geodrift.prediction import Transport
from geodrift.processes.interpolant import Interpolant, Scales
from geodrift.testing.oracle import Points


class ExactTransport:
    """The exact denoiser of an interpolant, of vectors `(B, N)`.

    Arguments:
        process: The interpolant; not a mirror, whose ends depend on each other.
        data: The law of the data, blurred points `(M, N)`.
        source: The law of the source; of a one-sided interpolant the standard normal one is understood.
    """

    def __init__(self, process: Interpolant, data: Points, source: Points | None = None) -> None:
        self.process, self.data = process, data
        nothing = Points(torch.zeros_like(data.points[:1]), torch.ones(1), torch.zeros(1))
        self.source = nothing if source is None else source

    def __call__(self, z: Tensor, t: Any, cond: Conditions | None = None) -> Transport:
        at = self.process.scales(torch.as_tensor(t), z[..., None])
        off, variance, posterior = self._pairs(z, at)
        growth = at.d_a * at.a * self._spread(0) + at.d_b * at.b * self._spread(1)
        mean = at.d_a * self._centres(0) + at.d_b * self._centres(1) + growth / variance * off
        velocity = (posterior * mean).sum(-1)
        noise = (posterior * at.gamma / variance * off).sum(-1)
        now = self.process.scales(torch.as_tensor(t), z)
        drift = (posterior * (mean + at.d_gamma * at.gamma / variance * off)).sum(-1)
        return Transport(drift, noise, z - now.gamma * noise - trailing(torch.as_tensor(t), z) * velocity)

    def log_prob(self, z: Tensor, t: Tensor) -> Tensor:
        """Log-density of the state at time `t`, `(B,)`."""
        return torch.logsumexp(self._joint(*self._offsets(z, self.process.scales(t, z[..., None]))), -1)

    def _pairs(self, z: Tensor, at: Scales) -> tuple[Tensor, Tensor, Tensor]:
        off, variance = self._offsets(z, at)
        return off, variance, torch.softmax(self._joint(off, variance), -1)[:, None, :]

    def _offsets(self, z: Tensor, at: Scales) -> tuple[Tensor, Tensor]:
        variance = at.a**2 * self._spread(0) + at.b**2 * self._spread(1) + at.gamma**2
        return z[..., None] - at.a * self._centres(0) - at.b * self._centres(1), variance

    def _joint(self, off: Tensor, variance: Tensor) -> Tensor:
        weights = torch.log(self.data.weights[:, None] * self.source.weights).flatten()
        normal = torch.square(off) / variance + torch.log(2 * torch.pi * variance)
        return weights - normal.sum(-2) / 2

    def _centres(self, end: int) -> Tensor:
        """The centres of one end, `(N, M)` over all pairs."""
        return self._over((self.data, self.source)[end].points, end).T

    def _spread(self, end: int) -> Tensor:
        """The variances of one end, `(M,)` over all pairs."""
        std = (self.data, self.source)[end].std
        assert std is not None, "the points have no blur"
        return self._over(torch.square(std), end)

    def _over(self, values: Tensor, end: int) -> Tensor:
        if end == 0:
            return values.repeat_interleave(len(self.source.weights), 0)
        return values.repeat(len(self.data.weights), *(1,) * (values.ndim - 1))
