r"""The Wasserstein-1 distance of two samples of a number.

It is :math:`\int |F - G|` of their distribution functions; the influence of one value :math:`x` on it is
:math:`\int \operatorname{sign}(F - G)(t) \, 1[x \le t] \, dt`, up to a constant.

References:
    | On Wasserstein Two-Sample Testing (Ramdas, García Trillos, Cuturi, 2017), https://arxiv.org/abs/1509.02237
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def distance(x: Floats, y: Floats) -> float:
    """Wasserstein-1 distance of two samples of a number, `(n,)` and `(m,)`."""
    steps, difference = _cumulative(x, y)
    return float(np.abs(difference) @ steps)


def influence(x: Floats, y: Floats) -> Floats:
    """The influence `(n,)` of each of `x` on the distance."""
    steps, difference = _cumulative(x, y)
    tail = np.cumsum((np.sign(difference) * steps)[::-1])[::-1]
    grid = np.sort(np.concatenate([x, y]))
    return np.append(tail, 0.0)[np.searchsorted(grid, x)]


def _cumulative(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Widths of the intervals between all values, and the difference of the distribution functions there."""
    grid = np.sort(np.concatenate([x, y]))
    below = [np.searchsorted(np.sort(sample), grid[:-1], side="right") / len(sample) for sample in (x, y)]
    return np.diff(grid), below[0] - below[1]
