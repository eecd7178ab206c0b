r"""Intensities of any scanner in [-1, 1]: what is below the 0.1 or above the 99.9 percentile is set to it.

The percentiles are values of voxels, not between two, so that doing it again changes nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

ENDS = 0.1, 99.9  # percentiles
_ROUNDING = 1e-5


def ends(data: NDArray[Any]) -> tuple[float, float]:
    """The percentiles of numbers."""
    low, high = np.percentile(data, ENDS[0], method="lower"), np.percentile(data, ENDS[1], method="higher")
    return float(low), float(high)


def scaled(data: NDArray[Any]) -> NDArray[np.float32]:
    """The numbers in [-1, 1], single precision; all -1 where there is nothing between the percentiles."""
    low, high = ends(data)
    span = high - low or 1.0
    return np.asarray(2 * ((np.clip(data, low, high) - low) / span) - 1, dtype=np.float32)


def is_scaled(data: NDArray[Any]) -> bool:
    """Whether numbers are taken to be in [-1, 1] already: they are, and some are negative, as no scanner's are."""
    low, high = float(data.min()), float(data.max())
    return -1 - _ROUNDING <= low < 0 and high <= 1 + _ROUNDING
