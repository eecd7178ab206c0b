r"""Goodness of fit, as numbers that exceed three about once in a thousand tries.

Seeds are fixed, so that a test of these passes always or never.

References:
    | Kolmogorov, Sulla determinazione empirica di una legge di distribuzione (1933)
    | Wilson, Hilferty, The distribution of chi-square (1931)
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

_KOLMOGOROV = 1.95 / 3  # the quantile of 0.999 of the limit law, as three


def kolmogorov_smirnov(values: Tensor, cdf: Callable[[Tensor], Tensor]) -> float:
    """Distance of the empirical law of `values` from `cdf`, in units where three is rare."""
    ordered = values.flatten().sort()[0]
    n = len(ordered)
    steps = torch.arange(n + 1, dtype=torch.float64) / n
    expected = cdf(ordered.double())
    gap = torch.maximum(steps[1:] - expected, expected - steps[:-1]).max()
    return float(gap) * math.sqrt(n) / _KOLMOGOROV


def chi_square(counts: Tensor, probabilities: Tensor) -> float:
    """Pearson's statistic for `counts` under `probabilities`, as a standard normal number (Wilson, Hilferty)."""
    possible = probabilities > 1e-12
    if counts[~possible].sum() > 0:
        return math.inf
    if possible.sum() == 1:
        return 0.0
    expected = counts.sum() * probabilities[possible]
    freedom = int(possible.sum()) - 1
    statistic = float((torch.square(counts[possible] - expected) / expected).sum())
    centred: float = (statistic / freedom) ** (1 / 3) - 1 + 2 / (9 * freedom)
    return centred / math.sqrt(2 / (9 * freedom))


def correlation(a: Tensor, b: Tensor) -> float:
    """Pearson's correlation of two samples of the same length, times the root of the length: three is rare."""
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1]) * math.sqrt(a.numel())
