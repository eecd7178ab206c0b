r"""Whether volumes show what was asked for: the age against the share of CSF, which grows with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geodrift_mri3d.metrics.measured import Measured

Floats = NDArray[np.float64]

AGE = "age"
LEAST = 3  # different ages


@dataclass(frozen=True, eq=False)
class Ageing:
    """Ages and shares of CSF of subjects whose age is known, `(n,)` each."""

    age: Floats
    share: Floats

    @classmethod
    def of(cls, measured: Measured) -> Ageing | None:
        """Of a set; nothing when there are too few different ages."""
        known = [row for row, told in enumerate(measured.told) if isinstance(told.get(AGE), int | float)]
        ages = np.array([float(measured.told[row][AGE]) for row in known])
        return cls(ages, measured.csf_fraction[known]) if len(np.unique(ages)) >= LEAST else None

    @property
    def correlation(self) -> float:
        """Pearson's coefficient."""
        return float(correlations(self.age, self.share))

    @property
    def slope(self) -> float:
        """The growth of the share of CSF in a decade."""
        return float(slopes(self.age, self.share))

    def drawn(self, rng: np.random.Generator, resamples: int = 1000) -> tuple[Floats, Floats]:
        """Correlations and slopes of resampled subjects."""
        rows = rng.integers(len(self.age), size=(resamples, len(self.age)))
        age, share = self.age[rows], self.share[rows]
        return correlations(age, share), slopes(age, share)


def correlations(age: Floats, share: Floats) -> Floats:
    """Along the last axis; zero where one of them does not vary."""
    age, share = (part - part.mean(-1, keepdims=True) for part in (age, share))
    size = np.sqrt((age**2).sum(-1) * (share**2).sum(-1))
    found: Floats = (age * share).sum(-1) / np.maximum(size, 1e-300)
    return found


def slopes(age: Floats, share: Floats) -> Floats:
    """Least squares, a decade, along the last axis."""
    age = age - age.mean(-1, keepdims=True)
    found: Floats = 10 * (age * share).sum(-1) / np.maximum((age**2).sum(-1), 1e-300)
    return found
