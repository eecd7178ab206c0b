"""Normal noise, wrapped around the torus.

The published sampler is `{kind = "predictor-corrector", predictor = "ancestral", snr = 0.1}`, two network calls a step:
its Langevin step of 5e-7 to 1e-5 at the least noise is :math:`2 (r \\sigma)^2` with a ratio `snr` of 0.1 to 0.45.

References:
    | Crystal Structure Prediction by Joint Equivariant Diffusion (Jiao et al., 2023), https://arxiv.org/abs/2309.04475
"""

from __future__ import annotations

from geodrift.embeddings import Identity
from geodrift.processes import Affine, Product, Wrapped
from geodrift.registry import Positive
from geodrift.schedules import VE, Cosine
from geodrift.spaces import Torus
from geodrift_crystals.codec import CrystalCodec
from geodrift_crystals.processes.assembly import crystal, processes
from geodrift_crystals.processes.species import Masked, Species


@processes.register("wrapped-diffusion")
def wrapped_diffusion(
    codec: CrystalCodec, species: Species = Masked(), least: Positive = 0.005, most: Positive = 0.5
) -> Product:
    """Wrapped normal noise of positions that grows geometrically, a variance-preserving lattice, elements that jump.

    Arguments:
        species: How elements jump.
        least: Noise of the positions at the data, in cells.
        most: Noise of the positions at the source.
    """
    frac = Wrapped(VE(least, most), Torus())
    lattice = Affine(Cosine(), Identity(codec.lattice.size))
    return crystal(codec, frac, species.jump(len(codec.elements)), lattice)
