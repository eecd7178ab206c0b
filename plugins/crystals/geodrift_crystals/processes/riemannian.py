"""Geodesics of the torus.

References:
    | FlowMM: Generating Materials with Riemannian Flow Matching (Miller et al., 2024), https://arxiv.org/abs/2406.04713
"""

from __future__ import annotations

from geodrift.embeddings import Identity
from geodrift.processes import Affine, Geodesic, Product
from geodrift.schedules import Rectified
from geodrift.spaces import Relative, Torus
from geodrift_crystals.codec import CrystalCodec
from geodrift_crystals.processes.assembly import crystal, processes
from geodrift_crystals.processes.bases import Base, Fitted
from geodrift_crystals.processes.species import Masked, Species


@processes.register("riemannian-flow")
def riemannian_flow(
    codec: CrystalCodec, species: Species = Masked(), base: Base = Fitted(), centred: bool = True
) -> Product:
    """Geodesics of the torus from uniform positions, straight lines of the lattice, and elements that jump.

    Arguments:
        species: How elements jump.
        base: Where the lattice starts.
        centred: Whether velocities of positions lose their mean over the atoms of a cell, of which a network that sees
            no origin can know nothing.
    """
    frac = Geodesic(Relative() if centred else Torus())
    lattice = Affine(Rectified(), Identity(codec.lattice.size), source=base.source(codec.lattice))
    return crystal(codec, frac, species.jump(len(codec.elements)), lattice)
