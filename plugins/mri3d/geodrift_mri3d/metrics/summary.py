"""The numbers of each volume of a set that distances between sets are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from geodrift_mri3d.tissue import TISSUES

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

    @property
    def fractions(self) -> Floats:
        """The shares of the tissues of all of them, the intracranial volume (ICV), `(n, 3)`."""
        parts: Floats = self.millilitres / np.maximum(self.millilitres.sum(1, keepdims=True), 1e-9)
        return parts

    @property
    def regions(self) -> Mapping[str, Floats]:
        """What is compared as in a study: volumes in ml, by tissue, and their shares of the ICV, `(n,)` each."""
        names = [tissue.lower() for tissue in TISSUES]
        return dict(zip(names, self.millilitres.T, strict=True)) | {
            f"{name}_fraction": part for name, part in zip(names, self.fractions.T, strict=True)
        }

    def take(self, rows: NDArray[np.int64]) -> Self:
        """The volumes at these rows."""
        return type(self)(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})
