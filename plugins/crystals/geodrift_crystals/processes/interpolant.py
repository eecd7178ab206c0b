r"""Stochastic interpolants of positions and lattice.

With a latent both have a score, and the flow and any SDE sample the same law: `euler`, or `euler-maruyama` with its
scale as :math:`\varepsilon` in squared cells and squared units of the lattice.

References:
    | Open Materials Generation with Stochastic Interpolants (Höllmer et al., 2025), https://arxiv.org/abs/2502.02582
"""

from __future__ import annotations

from geodrift.embeddings import Identity
from geodrift.interpolations import Latent, Linear, SinSquared
from geodrift.processes import Interpolant, Product
from geodrift.sources import Uniform
from geodrift.spaces import Relative, Torus
from geodrift_crystals.codec import CrystalCodec
from geodrift_crystals.processes.assembly import crystal, processes
from geodrift_crystals.processes.bases import Base, Fitted
from geodrift_crystals.processes.species import Masked, Species


@processes.register("stochastic-interpolant")
def stochastic_interpolant(
    codec: CrystalCodec,
    species: Species = Masked(),
    base: Base = Fitted(),
    positions: Latent = SinSquared(0.1),
    lattice: Latent = SinSquared(0.1),
    centred: bool = True,
) -> Product:
    """Straight ways of positions, to the nearest image, and of the lattice, with noise between; elements jump.

    Arguments:
        species: How elements jump.
        base: Where the lattice starts.
        positions: Noise of the positions on their way, in cells.
        lattice: Noise of the numbers of the lattice on theirs.
        centred: Whether velocities of positions lose their mean over the atoms of a cell.
    """
    space = Relative() if centred else Torus()
    frac = Interpolant(Linear(positions), Uniform(0.0, 1.0), space=space)
    source, written = base.source(codec.lattice), Identity(codec.lattice.size)
    return crystal(
        codec, frac, species.jump(len(codec.elements)), Interpolant(Linear(lattice), source, embedding=written)
    )
