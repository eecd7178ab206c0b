"""A name for a structure that depends on its content alone."""

from __future__ import annotations

import hashlib

import numpy as np
from pymatgen.core import Structure


def address(structure: Structure) -> bytes:
    """The SHA-256, 32 bytes, of cell, coordinates and species as they stand, in the order of the sites."""
    digest = hashlib.sha256()
    for numbers in (structure.lattice.matrix, structure.frac_coords):
        digest.update((np.asarray(numbers, dtype=np.float64) + 0.0).tobytes())  # −0 is 0
    digest.update("\n".join(site.species_string for site in structure).encode())
    return digest.digest()


def joint(*addresses: bytes) -> bytes:
    """The address of several things in this order."""
    return hashlib.sha256(b"".join(addresses)).digest()
