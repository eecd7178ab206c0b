"""What all processes of crystals share: their registry, and how the three fields come together."""

from __future__ import annotations

from geodrift.embeddings import OneHot
from geodrift.processes import Given, Process, Product
from geodrift.registry import Role
from geodrift_crystals.codec import CrystalCodec

processes = Role("process")


def crystal(codec: CrystalCodec, frac: Process, species: Process, lattice: Process) -> Product:
    """The process of a crystal; elements that are given do not move."""
    seen = Given(OneHot(len(codec.elements))) if codec.given == "composition" else species
    return Product({"frac": frac, "species": seen, "lattice": lattice})
