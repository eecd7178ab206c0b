r"""The best linear denoiser of details, given what is around them in the coarse volume.

Of details whose expectation is :math:`m = b + K * c`, a convolution of the coarse volume with kernels of
:math:`3 \times 3 \times 3` places, and whose variance there is :math:`\lambda = \lambda_0 + \lambda_1 v`, where
:math:`v` is the variance of the coarse volume among those places, the expectation given :math:`z = \alpha x + \sigma n`
is :math:`m + \alpha\lambda / (\alpha^2\lambda + \sigma^2) \, (z - \alpha m)`. Nothing in it depends on where in the
volume a place is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor, nn
from torch.nn import functional as F

_LEAST = 1e-6
_RIDGE = 1e-4  # of the variance of a coarse voxel
_SIDE = 3


class LocalDenoiser(nn.Module):
    """The linear denoiser of details; without a fit it waits for stored numbers.

    Arguments:
        channels: Of the details, `C`.

    Attributes:
        energy: The variance that it leaves in each channel, on average over places, `(C,)`.
    """

    kernel: Tensor
    offset: Tensor
    least: Tensor
    growth: Tensor
    energy: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("kernel", torch.zeros(channels, 1, _SIDE, _SIDE, _SIDE))
        self.register_buffer("offset", torch.zeros(channels))
        self.register_buffer("least", torch.ones(channels))
        self.register_buffer("growth", torch.zeros(channels))
        self.register_buffer("energy", torch.ones(channels))

    @torch.no_grad()
    def fit(self, details: Tensor, coarse: Tensor) -> None:
        """Fit to details `(n, C, X, Y, Z)` and coarse volumes `(n, 1, X, Y, Z)`."""
        seen = torch.cat([_around(c) for c in coarse])
        asked = details.movedim(1, -1).flatten(0, 3)
        middle, goal = seen.mean(0), asked.mean(0)
        moment = (seen - middle).T @ (seen - middle) / len(seen)
        ridge = _RIDGE * moment.diagonal().mean() * torch.eye(len(moment))
        weights = torch.linalg.solve(moment + ridge, (seen - middle).T @ (asked - goal) / len(seen))
        self.kernel.copy_(weights.T.reshape(self.kernel.shape))
        self.offset.copy_(goal - middle @ weights)
        self._spread((asked - goal - (seen - middle) @ weights) ** 2, seen.var(1, correction=0))

    def _spread(self, error: Tensor, varied: Tensor) -> None:
        """The variances of what is left, `(N, C)`, from those of the coarse volume around, `(N,)`."""
        table = torch.stack([torch.ones_like(varied), varied], 1).double()
        moment, goal = (table.T @ table).numpy(), (table.T @ error.double()).numpy()
        found = torch.from_numpy(np.stack([nnls(moment, column)[0] for column in goal.T]))
        self.least.copy_(found[:, 0].clamp(min=_LEAST))
        self.growth.copy_(found[:, 1])
        self.energy.copy_(error.mean(0))

    def forward(self, z: Tensor, coarse: Tensor, at: Any) -> Tensor:
        """The expected details at coefficients `at` that broadcast against `z`, `(B, C, X, Y, Z)`."""
        mean, variance = self._law(coarse)
        gain = at.alpha * variance / (at.alpha**2 * variance + at.sigma**2)
        expected: Tensor = mean + gain * (z - at.alpha * mean)
        return expected

    def deviation(self, coarse: Tensor, at: Any) -> Tensor:
        """The root mean square of what it leaves unknown in each channel, `(B, C, 1, 1, 1)`."""
        variance = self._law(coarse)[1]
        left = variance * at.sigma**2 / (at.alpha**2 * variance + at.sigma**2)
        deviation: Tensor = left.mean((2, 3, 4), keepdim=True).clamp(min=_LEAST**2).sqrt()
        return deviation

    def _law(self, coarse: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of the details, `(B, C, X, Y, Z)`."""
        with torch.autocast(coarse.device.type, enabled=False):
            wide = _padded(coarse)
            mean = F.conv3d(wide, self.kernel, self.offset)
            varied = F.avg_pool3d(wide**2, _SIDE, 1) - F.avg_pool3d(wide, _SIDE, 1) ** 2
        return mean, self.least[:, None, None, None] + self.growth[:, None, None, None] * varied.clamp(min=0)


def _padded(coarse: Tensor) -> Tensor:
    return F.pad(coarse, (_SIDE // 2,) * 6, mode="replicate")


def _around(coarse: Tensor) -> Tensor:
    """What is around each place of a volume `(1, X, Y, Z)`, `(X Y Z, 27)`."""
    blocks = _padded(coarse[None])[0, 0].unfold(0, _SIDE, 1).unfold(1, _SIDE, 1).unfold(2, _SIDE, 1)
    return blocks.reshape(-1, _SIDE**3)
