r"""The best linear denoiser of details, given what is around them in the coarse volume.

Of details whose expectation is :math:`m = b + K * c`, a convolution of the coarse volume with kernels of
:math:`3 \times 3 \times 3` places, and whose variance there is :math:`\lambda(v)`, where :math:`v` is the variance of
the coarse volume among those places less that of its noise, the expectation given :math:`z = \alpha x + \sigma n` is
:math:`m + \alpha\lambda / (\alpha^2\lambda + \sigma^2) \, (z - \alpha m)`. Nothing in it depends on where in the
volume a place is.

:math:`\lambda` is linear between knots, four a decade of :math:`v`. Around a head, where the coarse volume is flat,
there are no details at all, and no formula with few parameters says so: in brains the variance is below 0.0003 up to
:math:`v = 0.0003` and above one at :math:`v = 0.03`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_LEAST = 1e-6
_RIDGE = 1e-4  # of the variance of a coarse voxel
_SIDE = 3
_ADDED = 1 - _SIDE**-3  # of the variance of noise to that of the places around one, on average
_FLAT, _DECADES, _STEPS = 1e-7, 8, 4
KNOTS = _DECADES * _STEPS + 1


class LocalDenoiser(nn.Module):
    """The linear denoiser of details; without a fit it waits for stored numbers.

    Arguments:
        channels: Of the details, `C`.

    Attributes:
        spread: The variance at each knot, `(C, K)`.
        energy: The variance that it leaves in each channel, on average over places, `(C,)`.
    """

    kernel: Tensor
    offset: Tensor
    spread: Tensor
    energy: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("kernel", torch.zeros(channels, 1, _SIDE, _SIDE, _SIDE))
        self.register_buffer("offset", torch.zeros(channels))
        self.register_buffer("spread", torch.ones(channels, KNOTS))
        self.register_buffer("energy", torch.ones(channels))

    @torch.no_grad()
    def fit(self, details: Tensor, coarse: Tensor) -> None:
        """Fit to details `(n, C, X, Y, Z)` and coarse volumes, with levels of noise, `(n, 2, X, Y, Z)`."""
        seen = torch.cat([_around(c) for c in coarse[:, :1]])
        asked = details.movedim(1, -1).flatten(0, 3)
        middle, goal = seen.mean(0), asked.mean(0)
        moment = (seen - middle).T @ (seen - middle) / len(seen)
        ridge = _RIDGE * moment.diagonal().mean() * torch.eye(len(moment))
        weights = torch.linalg.solve(moment + ridge, (seen - middle).T @ (asked - goal) / len(seen))
        self.kernel.copy_(weights.T.reshape(self.kernel.shape))
        self.offset.copy_(goal - middle @ weights)
        varied = seen.var(1, correction=0) - _ADDED * coarse[:, 1].flatten() ** 2
        self._spread((asked - goal - (seen - middle) @ weights) ** 2, varied)

    def _spread(self, error: Tensor, varied: Tensor) -> None:
        """The variances of what is left, `(N, C)`, from those of the coarse volume around, `(N,)`.

        That at a knot is the mean over the places near it; all of a channel are then scaled to its mean over places.
        """
        low, share = _between(varied)
        sums, counts = error.new_zeros(KNOTS, error.shape[1]).double(), error.new_zeros(KNOTS).double()
        for knot, weight in ((low, 1 - share), (low + 1, share)):
            sums.index_add_(0, knot, (weight[:, None] * error).double())
            counts.index_add_(0, knot, weight.double())
        known = _known(counts > 0)
        self.spread.copy_((sums[known] / counts[known, None]).T)
        self.energy.copy_(error.mean(0))
        scale = self.energy / self._variance(low, share).mean(1)
        self.spread.mul_(scale[:, None]).clamp_(min=_LEAST)

    def _variance(self, low: Tensor, share: Tensor) -> Tensor:
        """The variance of each channel at places between knots, `(C, ...)`."""
        return torch.lerp(self.spread[:, low], self.spread[:, low + 1], share)

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
            wide = _padded(coarse[:, :1])
            mean = F.conv3d(wide, self.kernel, self.offset)
            varied = F.avg_pool3d(wide**2, _SIDE, 1) - F.avg_pool3d(wide, _SIDE, 1) ** 2 - _ADDED * coarse[:, 1:] ** 2
        return mean, self._variance(*_between(varied[:, 0])).movedim(0, 1)


def _between(varied: Tensor) -> tuple[Tensor, Tensor]:
    """The knot below each variance, and how far it is on the way to the next."""
    place = ((varied.clamp(min=_FLAT) / _FLAT).log10() * _STEPS).clamp(max=KNOTS - 1)
    low = place.long().clamp(max=KNOTS - 2)
    return low, place - low


def _known(seen: Tensor) -> Tensor:
    """For each knot the last one before it, or else the first, that places were seen at."""
    numbers = torch.arange(KNOTS)
    return torch.where(seen, numbers, int(seen.double().argmax())).cummax(0)[0]


def _padded(coarse: Tensor) -> Tensor:
    return F.pad(coarse, (_SIDE // 2,) * 6, mode="replicate")


def _around(coarse: Tensor) -> Tensor:
    """What is around each place of a volume `(1, X, Y, Z)`, `(X Y Z, 27)`."""
    blocks = _padded(coarse[None])[0, 0].unfold(0, _SIDE, 1).unfold(1, _SIDE, 1).unfold(2, _SIDE, 1)
    return blocks.reshape(-1, _SIDE**3)
