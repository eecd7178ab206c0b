r"""The best linear denoiser: exact for data that are Gaussian.

Of data :math:`x \sim N(m, V \Lambda V^\top + \lambda_0 I)` seen as :math:`z = \alpha x + \sigma n` the expectation is

.. math:: L(z) = m + V \left(\frac{\alpha \Lambda}{\alpha^2 \Lambda + \sigma^2} - g_0\right) V^\top r + g_0 r,
   \qquad r = z - \alpha m, \quad g_0 = \frac{\alpha \lambda_0}{\alpha^2 \lambda_0 + \sigma^2},

with the posterior variances :math:`\lambda \sigma^2 / (\alpha^2 \lambda + \sigma^2)`. Channel 0, the coarsest, has
principal components :math:`V` and a mean that depends on what is known of the subject; all other channels have a mean
and a variance of their own at each place and no components. It is fitted to volumes moved as training moves them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

_LEAST = 1e-6


class LinearDenoiser(nn.Module):
    """The linear denoiser; without a fit it waits for stored numbers.

    Arguments:
        shape: Of a sample, `(C, X', Y', Z')`.
        told: Numbers known of a subject, `F`.
        rank: Principal components.
    """

    mean: Tensor
    variance: Tensor
    slope: Tensor
    basis: Tensor
    spread: Tensor
    rest: Tensor

    def __init__(self, shape: tuple[int, ...], told: int, rank: int) -> None:
        super().__init__()
        places = shape[1] * shape[2] * shape[3]
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("variance", torch.ones(shape[0] - 1, *shape[1:]))
        self.register_buffer("slope", torch.zeros(told, places))
        self.register_buffer("basis", torch.zeros(rank, places))
        self.register_buffer("spread", torch.zeros(rank))
        self.register_buffer("rest", torch.ones(()))

    @property
    def energy(self) -> Tensor:
        """The variance of each channel, on average over places, `(C,)`."""
        low = (self.spread.sum() + self.rest * (self.basis.shape[1] - len(self.spread))) / self.basis.shape[1]
        return torch.cat([low[None], self.variance.mean((1, 2, 3))])

    @torch.no_grad()
    def fit(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Fit to batches of samples `(B, C, X', Y', Z')` and what is known of them, `(B, F)`, seen once each."""
        total, square, count, low, known = torch.zeros(()), torch.zeros(()), 0, [], []
        for x, told in batches:
            total, square, count = total + x.sum(0), square + (x**2).sum(0), count + len(x)
            low.append(x[:, 0].flatten(1))
            known.append(told)
        self.mean.copy_(total / count)
        self.variance.copy_((square / count - self.mean**2)[1:].clamp(min=_LEAST))
        self._components(torch.cat(low) - self.mean[0].flatten(), torch.cat(known))

    def _components(self, low: Tensor, told: Tensor) -> None:
        """The regression on what is known, and the principal components of what it leaves, `(n, N)`."""
        ridge = torch.eye(told.shape[1]) * len(told) / 100
        self.slope.copy_(torch.linalg.solve(told.T @ told + ridge, told.T @ low))
        left = low - told @ self.slope
        rank = min(len(self.spread), *left.shape)
        values, vectors = torch.linalg.eigh(left @ left.T)  # of the samples: fewer than places
        values, vectors = values.flip(0)[:rank].clamp(min=_LEAST), vectors.flip(1)[:, :rank]
        self.basis[:rank] = (vectors / values.sqrt()).T @ left
        self.spread[:rank] = values / len(left)
        outside = float((left**2).sum() - values.sum()) / len(left)
        self.rest.fill_(max(outside / max(left.shape[1] - rank, 1), _LEAST))

    def forward(self, z: Tensor, told: Tensor, at: Any) -> Tensor:
        """The expected data at coefficients `at` that broadcast against `z`."""
        alpha, sigma = at.alpha, at.sigma
        r = z - alpha * self.mean
        gain = alpha * self.variance / (alpha**2 * self.variance + sigma**2)
        fine = self.mean[1:] + gain * r[:, 1:]
        return torch.cat([self._low(r[:, 0].flatten(1), told, _row(alpha), _row(sigma)).view_as(z[:, :1]), fine], 1)

    def _low(self, r: Tensor, told: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        shift = told @ self.slope
        r = r - alpha * shift
        common = alpha * self.rest / (alpha**2 * self.rest + sigma**2)
        gain = alpha * self.spread / (alpha**2 * self.spread + sigma**2) - common
        return self.mean[0].flatten() + shift + (gain * (r @ self.basis.T)) @ self.basis + common * r

    def deviation(self, told: Tensor, at: Any) -> Tensor:
        """The root mean square of what it leaves unknown in each channel, whatever is known, `(B, C, 1, 1, 1)`."""
        alpha, sigma = at.alpha**2, at.sigma**2
        fine = (self.variance * sigma / (alpha * self.variance + sigma)).mean((2, 3, 4), keepdim=True)
        alpha, sigma = _row(alpha), _row(sigma)
        within = (self.spread * sigma / (alpha * self.spread + sigma)).sum(1, keepdim=True)
        places = self.basis.shape[1]
        beside = (places - len(self.spread)) * self.rest * sigma / (alpha * self.rest + sigma)
        low = ((within + beside) / places).view(-1, 1, 1, 1, 1)
        return torch.cat([low.expand(len(fine), 1, 1, 1, 1), fine], 1).clamp(min=_LEAST**2).sqrt()


def _row(value: Tensor) -> Tensor:
    return value.reshape(-1, 1)
