r"""Tissue volumes of two sets of subjects, compared as in a study.

Of each tissue Cohen's :math:`d = (\bar x - \bar y) / s`, :math:`s` the pooled standard deviation, and the
Kolmogorov–Smirnov distance of the two distributions. Each is tested by exchanging subjects of the two sets at random,
and the tests of all tissues are corrected together by Holm's method: the probability that any of them rejects one law
twice stays at its level.

References:
    | A Simple Sequentially Rejective Multiple Test Procedure (Holm, 1979)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def cohens_d(x: Floats, y: Floats) -> Floats:
    """The difference of means along the last axis, `(..., n)` and `(..., m)`, in pooled standard deviations."""
    n, m = x.shape[-1], y.shape[-1]
    pooled = ((n - 1) * x.var(-1, ddof=1) + (m - 1) * y.var(-1, ddof=1)) / (n + m - 2)
    away: Floats = (x.mean(-1) - y.mean(-1)) / np.sqrt(np.maximum(pooled, 1e-300))
    return away


def kolmogorov_smirnov(x: Floats, y: Floats) -> Floats:
    """The largest difference of the two distribution functions along the last axis; values are taken to differ."""
    n, m = x.shape[-1], y.shape[-1]
    order = np.argsort(np.concatenate([x, y], -1), -1, kind="stable")
    steps = np.where(order < n, 1 / n, -1 / m)
    found: Floats = np.abs(np.cumsum(steps, -1)).max(-1)
    return found


def p_values(x: Floats, y: Floats, permutations: int, rng: np.random.Generator) -> tuple[float, float]:
    """Of :math:`|d|` and of the Kolmogorov–Smirnov distance, for volumes `(n,)` and `(m,)`."""
    n, both = len(x), np.concatenate([x, y])
    mixed = rng.permuted(np.tile(both, (permutations, 1)), axis=1)
    first, second = mixed[:, :n], mixed[:, n:]
    away = np.abs(cohens_d(first, second)) >= abs(float(cohens_d(x, y))) - 1e-12
    apart = kolmogorov_smirnov(first, second) >= float(kolmogorov_smirnov(x, y)) - 1e-12
    return float((1 + away.sum()) / (1 + permutations)), float((1 + apart.sum()) / (1 + permutations))


def holm(p: Floats) -> Floats:
    """The corrected probabilities of several tests, `(k,)`."""
    order, count = np.argsort(p), len(p)
    stepped = np.maximum.accumulate(p[order] * (count - np.arange(count)))
    corrected = np.empty(count)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected
