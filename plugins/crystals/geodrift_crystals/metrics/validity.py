r"""Whether a structure could be a crystal, by geometry alone.

The protocol of the literature: no two different sites closer than 0.5 Å, in whatever image, and a cell of at least
0.1 Å³. The distance of a site to its own images is not looked at.

References:
    | Crystal Diffusion Variational Autoencoder (Xie et al., 2022), https://arxiv.org/abs/2110.06197
"""

from __future__ import annotations

import numpy as np
from pymatgen.core import Structure

NEAREST = 0.5  # Å
VOLUME = 0.1  # Å³


def structurally_valid(structure: Structure | None) -> bool:
    """Whether the protocol accepts this structure; what could not be built (None) it does not."""
    if structure is None or len(structure) == 0:
        return False
    if not (np.isfinite(structure.lattice.matrix).all() and np.isfinite(structure.frac_coords).all()):
        return False
    if not structure.volume >= VOLUME:
        return False
    try:
        distances = np.array(structure.distance_matrix)
    except (ValueError, ArithmeticError, np.linalg.LinAlgError):
        return False
    np.fill_diagonal(distances, np.inf)
    return bool(distances.min() >= NEAREST)
