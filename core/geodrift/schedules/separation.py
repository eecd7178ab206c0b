r"""How far apart data are at each noise: what a kinetic-optimal path is made from.

For centred data of variance :math:`c` an entry and the state :math:`z = a x / \sqrt c + m n`, the data separation
function is the share of the data that the state tells,

.. math:: \lambda(\rho) = \frac{\mathrm E\,|\mathrm E[x | z]|^2}{\mathrm E\,|x|^2}
   = 1 - \frac{\mathrm E\,|x - \mathrm E[x | z]|^2}{\mathrm E\,|x|^2}, \qquad \rho = a^2 / m^2.

It grows with the signal-to-noise ratio from zero to one, and no faster predictor than the linear one exists for
Gaussian data, so that :math:`\lambda \ge \rho / (1 + \rho)`. What counts is by how much it is exceeded,
:math:`G = 1 - (1 - \lambda)(1 + \rho)`: zero for Gaussian data, one for data that are told apart at any noise.

References:
    | On Kinetic Optimal Probability Paths for Generative Models (Shaul et al., 2023), https://arxiv.org/abs/2306.06626
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.registry import Positive
from geodrift.rng import Streams

_ROWS = 1024


@dataclass(frozen=True)
class Separation:
    """The data separation function, tabulated; without a table that of data told apart at any noise.

    Arguments:
        snr: Signal-to-noise ratios :math:`\\rho` of data of unit variance, ascending.
        share: :math:`\\lambda` at each of them.
        data_std: Standard deviation of the data, :math:`\\sqrt c`.

    Raises:
        InputError: When the table is not one.
    """

    snr: tuple[float, ...] = ()
    share: tuple[float, ...] = ()
    data_std: Positive = 1.0

    def __post_init__(self) -> None:
        if len(self.snr) != len(self.share) or len(self.snr) == 1:
            raise InputError(f"{len(self.snr)} ratios for {len(self.share)} shares; give two or more of each")
        if any(after <= before for before, after in zip(self.snr, self.snr[1:], strict=False)):
            raise InputError("the signal-to-noise ratios of a separation do not ascend; sort them")

    @classmethod
    def of(cls, snr: Tensor, share: Tensor, data_std: float) -> Separation:
        """The function through measured shares, made to grow and kept above the linear bound."""
        from scipy.optimize import isotonic_regression

        grown = torch.as_tensor(isotonic_regression(share.double().cpu().numpy()).x)
        kept = torch.maximum(grown, snr.double().cpu() / (1 + snr.double().cpu())).clamp(max=1)
        return cls(tuple(snr.tolist()), tuple(kept.tolist()), data_std)

    def excess(self, snr: Tensor) -> Tensor:
        """:math:`G` at these ratios, in float64; beyond the table it is that of its ends."""
        if not self.snr:
            return torch.ones_like(snr, dtype=torch.float64)
        ends = snr.double().clamp(self.snr[0], self.snr[-1])
        return torch.as_tensor(self._curve(torch.log(ends).cpu().numpy())).clamp(0, 1)

    def __call__(self, snr: Tensor) -> Tensor:
        """:math:`\\lambda` at these ratios, in float64."""
        return 1 - (1 - self.excess(snr)) / (1 + snr.double())

    @cached_property
    def _curve(self) -> Any:
        from scipy.interpolate import PchipInterpolator

        snr, share = (torch.tensor(values, dtype=torch.float64) for values in (self.snr, self.share))
        return PchipInterpolator(torch.log(snr).numpy(), (1 - (1 - share) * (1 + snr)).numpy())


def levels(count: int = 64) -> Tensor:
    """Signal-to-noise ratios from 1e-4 to 1e4, evenly in the logarithm."""
    return torch.logspace(-4, 4, count, dtype=torch.float64)


def separation(points: Tensor, rng: Streams, snr: Tensor | None = None) -> Separation:
    """Measure the separation of a set of data, `(M, ...)`, under its own empirical law.

    Arguments:
        points: The data, each as probable as any other; their mean is subtracted.
        rng: One stream for each draw; more draws, less noise.
        snr: Where to measure, ascending.
    """
    x = points.flatten(1).double() - points.flatten(1).double().mean(0)
    std, snr = float(x.square().mean().sqrt()), levels() if snr is None else snr
    x = x / std
    draws = x[torch.arange(len(rng), device=x.device) % len(x)]
    gain = torch.stack([_gain(x, draws, rho, rng) for rho in snr])
    return Separation.of(snr, snr / (1 + snr) + gain, std)


def _gain(points: Tensor, x: Tensor, snr: Tensor, rng: Streams) -> Tensor:
    """By how much the posterior mean is better than the linear one, on draws `x` in noise: mean square an entry.

    Both see the same noise, for at low ratios they hardly differ.
    """
    noisy = x + rng.normal(x) / torch.sqrt(snr)
    gain = torch.zeros((), dtype=x.dtype, device=x.device)
    for clean, seen in zip(torch.split(x, _ROWS), torch.split(noisy, _ROWS), strict=True):
        # The square of the noisy state is common to all points; without it no digits cancel.
        affinity = snr * (seen @ points.T - points.square().sum(1) / 2)
        linear, mean = snr / (1 + snr) * seen, torch.softmax(affinity, -1) @ points
        gain = gain + (clean - linear).square().sum() - (clean - mean).square().sum()
    return gain / x.numel()


def separation_of(denoise: Any, x: Tensor, rng: Streams, times: Tensor) -> Separation:
    """Measure the separation of data through a denoiser of them.

    Arguments:
        denoise: A denoiser of an affine process, trained or exact.
        x: Data that it was not trained on, `(B, ...)`.
        rng: One stream for each of them.
        times: Where to ask it, ascending, away from the ends.
    """
    process = denoise.process
    centred = x.double() - x.double().mean(0)
    std = float(centred.square().mean().sqrt())
    at = process.schedule(times.flip(0).double())
    error = torch.stack([_missed(denoise, x, t, rng) for t in times.flip(0)])
    return Separation.of(torch.square(at.alpha * std / at.sigma), 1 - error / std**2, std)


@torch.no_grad()
def _missed(denoise: Any, x: Tensor, t: Tensor, rng: Streams) -> Tensor:
    draw = denoise.process.corrupt(x, t, rng)
    error: Tensor = (denoise(draw.z, t).x - draw.x).double().square().mean()
    return error
