r"""What volumes look like, whatever they show: their spectrum, their intensities, their two halves."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geodrift_mri3d.grid import Grid

Floats = NDArray[np.float64]

_BINS = 16
_LEVELS = np.linspace(0.005, 0.995, 100)
_GREY = 2


def spectra(volumes: Tensor, grid: Grid) -> Floats:
    """The logarithm of the power of volumes `(n, X, Y, Z)` in shells of equal width, `(n, K)`.

    Shells go from frequency zero, which is left out, to the least of the axes' Nyquist frequencies.
    """
    axes = [torch.fft.fftfreq(side, size) for side, size in zip(grid.shape, grid.spacing, strict=True)]
    radius = sum(f**2 for f in torch.meshgrid(*axes, indexing="ij")).sqrt()  # type: ignore[union-attr]
    shell = (radius / (0.5 / max(grid.spacing)) * _BINS).long().clamp(max=_BINS)
    shell[0, 0, 0] = _BINS
    power = torch.fft.fftn(volumes, dim=(1, 2, 3)).abs().square().flatten(1)
    total = torch.zeros(len(volumes), _BINS + 1).index_add_(1, shell.flatten(), power)
    count = torch.bincount(shell.flatten(), minlength=_BINS + 1)
    known = count[:_BINS] > 0
    return torch.log((total / count.clamp(min=1))[:, :_BINS][:, known].clamp(min=1e-12)).double().numpy()


def spectral_distance(x: Floats, y: Floats) -> float:
    """The mean over shells of the difference of mean log-powers, nepers."""
    return float(np.abs(x.mean(0) - y.mean(0)).mean())


def quantiles(volumes: Tensor, labels: Tensor) -> Floats:
    """Quantiles of the intensities within the brain of each volume, `(n, 100)`; of all of it where there is none."""
    levels = torch.from_numpy(_LEVELS).to(volumes)
    inside = [
        volume[mask > 0] if (mask > 0).any() else volume.flatten() for volume, mask in zip(volumes, labels, strict=True)
    ]
    return (
        torch.stack([torch.quantile(values[:: max(1, len(values) // 2**17)], levels) for values in inside])
        .double()
        .numpy()
    )


def intensity_distance(x: Floats, y: Floats) -> float:
    """The Wasserstein distance of order one between the mean distributions, in units of the range [-1, 1]."""
    return float(np.abs(x.mean(0) - y.mean(0)).mean())


def asymmetries(labels: Tensor) -> Floats:
    """How far grey matter left and right of the middle of the brain differ, :math:`|L - R| / (L + R)`.

    Arguments:
        labels: Maps of tissues, `(n, X, Y, Z)`.
    """
    return np.array([_asymmetry(each) for each in labels.numpy()])


def _asymmetry(labels: NDArray[np.uint8]) -> float:
    across = np.flatnonzero((labels > 0).any((1, 2)))
    if not len(across):
        return 1.0
    count = (labels == _GREY).sum((1, 2))
    middle = (across[0] + across[-1]) / 2
    places = np.arange(len(count))
    left, right = count[places < middle].sum(), count[places > middle].sum()
    return float(abs(int(left) - int(right)) / max(int(left + right), 1))
