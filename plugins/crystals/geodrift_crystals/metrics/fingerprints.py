r"""What a crystal is made of and how its sites are surrounded, as numbers.

*Composition*: the 132 Magpie statistics of elemental properties. *Structure*: the mean over sites of the 61 order
parameters and coordination likelihoods of CrystalNN; of sites that symmetry makes equal, to within 0.001 Å, one is
computed. A structure whose fingerprint cannot be found has none.

The literature standardises compositions by constants that come with CDVAE. Here they are standardised by means and
deviations of the reference's own, so that cut-offs of compositions mean something else than there.

References:
    | A general-purpose machine learning framework for predicting properties of inorganic materials
    | (Ward et al., 2016), https://arxiv.org/abs/1606.09551
    | Local structure order parameters and site fingerprints (Zimmermann, Jain, 2020),
    | https://doi.org/10.1039/C9RA07755C
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from geodrift_crystals.metrics.address import address
from geodrift_crystals.metrics.store import kept
from geodrift_crystals.metrics.symmetry import orbits

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SITES, MAGPIE = 61, 132
_EQUAL = 1e-3  # Å, between sites of one orbit
_CONSTANT = 1e-4  # of the mean, or of its unit: a magnetic moment of some 1e-6 would outweigh all else


@dataclass(frozen=True)
class Fingerprints:
    """Fingerprints of the structures that have one.

    Arguments:
        structure: Means over sites, `(m, 61)`.
        composition: Magpie's statistics, `(m, 132)`; NaN where an element has no such property.
        found: Which of the structures given have one, `(n,)`.
    """

    structure: Floats
    composition: Floats
    found: Flags

    @classmethod
    def of(cls, structures: Sequence[Structure], jobs: int = 1) -> Fingerprints:
        """The fingerprints of structures, from disk where they were computed before."""
        versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("matminer", "pymatgen-core"))
        rows = kept(f"fingerprints 2, {versions}", list(map(address, structures)), structures, _rows, jobs)
        found = np.array([len(row) > 0 for row in rows], bool)
        table = np.array([row for row in rows if len(row)]).reshape(-1, SITES + MAGPIE)
        return cls(table[:, :SITES], table[:, SITES:], found)


@dataclass(frozen=True)
class Scale:
    """Means and standard deviations of Magpie's statistics, `(132,)` each; one that hardly varies keeps its unit."""

    mean: Floats
    deviation: Floats

    @classmethod
    def of(cls, composition: Floats) -> Scale:
        """The scale of compositions, `(m, 132)`."""
        present = np.isfinite(composition)
        count = np.maximum(present.sum(0), 1)
        mean = np.where(present, composition, 0.0).sum(0) / count
        variance = np.where(present, (composition - mean) ** 2, 0.0).sum(0) / count
        deviation = np.sqrt(variance)
        return cls(mean, np.where(deviation > _CONSTANT * np.maximum(np.abs(mean), 1.0), deviation, 1.0))

    def __call__(self, composition: Floats) -> Floats:
        """Compositions in units of the deviations; what an element lacks is at the mean."""
        return np.nan_to_num((composition - self.mean) / self.deviation, nan=0.0)


def _rows(structures: Sequence[Structure]) -> list[Floats]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [_row(structure) for structure in structures]


def _row(structure: Structure) -> Floats:
    sites, composition = _featurizers()
    try:
        chosen, counts = orbits(structure, _EQUAL)
        around = np.average([sites.featurize(structure, i) for i in chosen], axis=0, weights=counts)
        made_of = composition.featurize(structure.composition.element_composition)
    except Exception:  # whatever the analysis of a broken crystal raises: it has no fingerprint
        return np.zeros(0)
    return np.concatenate([around, made_of]).astype(np.float64)


@cache
def _featurizers() -> tuple[Any, Any]:
    from matminer.featurizers.composition import ElementProperty
    from matminer.featurizers.site import CrystalNNFingerprint

    return CrystalNNFingerprint.from_preset("ops"), ElementProperty.from_preset("magpie")
