r"""How well generated crystals cover reference crystals, and the other way round.

Each crystal has a nearest one in the other set, by the fingerprint of its structure and, independently, by that of its
composition: the two may be different crystals. *Coverage* is the share for which both distances are within cut-offs,
of the reference (recall) or of all that was generated, with or without fingerprint (precision). AMSD and AMCD are the
means of the distances of structures and of compositions.

References:
    | Crystal Diffusion Variational Autoencoder (Xie et al., 2022), https://arxiv.org/abs/2110.06197
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from geodrift_crystals.metrics.fingerprints import Fingerprints, Scale

Floats = NDArray[np.float64]

_BLOCK = 1024


@dataclass(frozen=True)
class Cutoffs:
    """The largest distances of a crystal that counts as covered.

    Arguments:
        structure: Between means of site fingerprints.
        composition: Between standardised Magpie statistics.
    """

    structure: float
    composition: float

    def __str__(self) -> str:
        return f"{self.structure:g} and {self.composition:g}"


CUTOFFS: Mapping[str, Cutoffs] = {
    "mp-20": Cutoffs(0.4, 10.0),
    "alex-mp-20": Cutoffs(0.4, 10.0),
    "perov-5": Cutoffs(0.2, 4.0),
    "carbon-24": Cutoffs(0.2, 4.0),
    "qmof": Cutoffs(0.2, 4.0),
}


@dataclass(frozen=True)
class Nearest:
    """Distances of the crystals of one set from the nearest of another, `(n,)` each."""

    structure: Floats
    composition: Floats

    def within(self, cutoffs: Cutoffs) -> int:
        """How many are covered."""
        return int(((self.structure <= cutoffs.structure) & (self.composition <= cutoffs.composition)).sum())


def nearest(one: Fingerprints, other: Fingerprints, scale: Scale) -> Nearest:
    """The distances of the crystals of `one` from the nearest of `other`, neither of them empty."""
    return Nearest(
        _nearest(one.structure, other.structure),
        _nearest(scale(one.composition), scale(other.composition)),
    )


def _nearest(x: Floats, y: Floats) -> Floats:
    blocks = [cdist(x[start : start + _BLOCK], y).min(1) for start in range(0, len(x), _BLOCK)]
    return np.concatenate(blocks)
