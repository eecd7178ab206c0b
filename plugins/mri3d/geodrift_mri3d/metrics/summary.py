"""The numbers of each volume of a set that distances between sets are made of."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Summary:
    """A row for each volume.

    Arguments:
        features: Of a network, `(n, d)`.
        coarse: Averages over blocks, `(n, P)`.
        spectra: Logarithms of power in shells of frequency, `(n, K)`.
        quantiles: Of the intensities within the brain, `(n, Q)`.
        millilitres: Of CSF, grey and white matter, `(n, 3)`.
    """

    features: Floats
    coarse: Floats
    spectra: Floats
    quantiles: Floats
    millilitres: Floats

    def __len__(self) -> int:
        return len(self.features)

    def take(self, rows: NDArray[np.int64]) -> Self:
        """The volumes at these rows."""
        return type(self)(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})
