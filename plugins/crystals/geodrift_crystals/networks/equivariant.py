r"""A network whose atoms carry scalars and tensors that turn with a Cartesian frame of the cell, built on e3nn.

The lattice of the state gives a frame (`networks.frame`), the positions, or beliefs about them, the moments of the
density of each atom's images around each other atom (`networks.shells`), which turn with it. Layers exchange states
that turn with it too (`networks.exchange`). What is answered about a coordinate is made of components along its axis
(`networks.axes`), what is answered about the lattice of their products (`networks.strain`), so that in the end no
choice of the frame is seen, nor one of the origin or of the order of the atoms. Beyond these,

* an exchange of the vectors of the cell, with the coordinates, exchanges the answers about coordinates, and those about
  the lattice where it is a matrix;
* a crystal turned inside out, :math:`f \mapsto -f`, is answered inside out.

Elements and time enter as in `networks.message_passing`.

References:
    | E(3)-equivariant graph neural networks (Batzner et al., 2022), https://arxiv.org/abs/2101.03164
    | e3nn: Euclidean Neural Networks (Geiger and Smidt, 2022), https://arxiv.org/abs/2207.09453
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geodrift.clock import Clock
from geodrift.layout import Ragged
from geodrift.registry import Count
from geodrift.state import State
from geodrift_crystals.lattice import Representation
from geodrift_crystals.networks.axes import Answer, Components
from geodrift_crystals.networks.edges import Edges
from geodrift_crystals.networks.elements import descriptors
from geodrift_crystals.networks.exchange import Exchange, normalised
from geodrift_crystals.networks.fourier import Harmonics
from geodrift_crystals.networks.frame import Frame
from geodrift_crystals.networks.message_passing import Head
from geodrift_crystals.networks.shells import Shells
from geodrift_crystals.networks.strain import strain
from geodrift_crystals.networks.waves import Waves

_UNKNOWN = 1e-8  # a squared modulus at which its root has a gradient


class Equivariant(nn.Module):
    """Maps a noisy crystal to what is asked about its species, coordinates and lattice.

    Arguments:
        species: Channels of the species of the state, and of the answer about them.
        frac: Numbers that are seen of a coordinate (itself, or cosine, sine and concentration of a belief about it),
            and that are answered.
        lattice: Channels of the lattice of the state, and of the answer about it.
        elements: Symbols of the first channels of the species.
        cell: How the lattice is written.
        hidden: Scalars of an atom.
        channels: Tensors of each degree of an atom.
        layers: Depth.
        shells: Moments of each degree of a pair, 0.6 Å apart.
        reach: Periods of the shortest wave along a vector of the cell.
        degree: Largest degree of the tensors.
        conditions: Mean and standard deviation of each condition that steers generation.
    """

    table: Tensor

    def __init__(
        self,
        species: tuple[int, int],
        frac: tuple[int, int],
        lattice: tuple[int, int],
        elements: Sequence[str],
        cell: Representation,
        hidden: Count = 64,
        channels: Count = 16,
        layers: Count = 3,
        shells: Count = 10,
        reach: Count = 4,
        degree: Literal[1, 2] = 1,
        conditions: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        super().__init__()
        self.seen, self.cell, self.hidden = frac[0], cell, hidden
        self.harmonics, self.waves, self.shells = Harmonics(reach), Waves(reach), Shells(shells, degree)
        self.turning = channels * ((degree + 1) ** 2 - 1)
        table = descriptors(elements)
        self.register_buffer("table", F.pad(table, (0, 0, 0, species[0] - len(elements))), persistent=False)
        self.species_in = nn.Linear(species[0] + table.shape[1] + reach, hidden)
        self.lattice_in = nn.Linear(3, hidden)
        self.clock = Clock(hidden, conditions or {})
        self.layers = nn.ModuleList(Exchange(hidden, channels, shells, degree) for _ in range(layers))
        self.components = Components(hidden, channels, reach, degree)
        self.species_head = Head(hidden, species[1])
        self.frac_head = Answer(hidden, channels, *frac)
        self.lattice_head = strain(hidden, channels, lattice)

    def forward(self, z: State, t: Tensor, cond: Mapping[str, Tensor]) -> State:
        sizes = _ragged(z).lengths.to(z["lattice"])
        with torch.autocast(z.device.type, enabled=False):  # in which e3nn multiplies numbers of different types
            return self.within(Frame.of(self.cell.gram(z["lattice"], sizes)), z, t, cond)

    def within(self, frame: Frame, z: State, t: Tensor, cond: Mapping[str, Tensor]) -> State:
        """The answer found in a frame, which is the same in all orientations of it."""
        layout = _ragged(z)
        edges, sizes = Edges.of(layout), layout.lengths.to(frame.rows)
        real, imaginary = self._coefficients(z["frac"])
        known = torch.sqrt(real**2 + imaginary**2 + _UNKNOWN)
        moments = self._moments(real, imaginary, frame, edges, layout)
        crystal = F.silu(self.clock(t, sizes, cond) + self.lattice_in(frame.invariants(sizes)))[layout.index]
        h = F.pad(self._atoms(z["species"], known), (0, self.turning))
        for layer in self.layers:
            h = layer(h, moments, edges, crystal)
        return self._answer(h, known, frame, z)

    def _atoms(self, species: Tensor, known: Tensor) -> Tensor:
        seen: Tensor = self.species_in(torch.cat([species, species @ self.table.to(species), known.mean(1)], -1))
        return seen

    def _coefficients(self, frac: Tensor) -> tuple[Tensor, Tensor]:
        return self.harmonics.certain(2 * math.pi * frac) if self.seen == 1 else self.harmonics.believed(frac)

    def _moments(self, real: Tensor, imaginary: Tensor, frame: Frame, edges: Edges, layout: Ragged) -> Tensor:
        waves = self.waves.between(self.waves.expected(real, imaginary), layout)
        fields = self.shells.field(self.waves.vectors, frame.dual)
        return self.waves.pick(self.shells(*waves, fields), edges, layout)

    def _answer(self, h: Tensor, known: Tensor, frame: Frame, z: State) -> State:
        layout = _ragged(z)
        scalars, turning = normalised(h, self.hidden)
        even, odd = self.components(scalars, turning, known, frame, layout.index)
        place = self.frac_head(even, odd)
        whole, axes, products = (_mean(x, layout) for x in (scalars, even, odd[:, :, None] * odd[:, None]))
        answers = {
            "species": self.species_head(scalars),
            "frac": place.mT.flatten(1) if self.seen == 1 else place,
            "lattice": self.lattice_head(whole, axes, products, frame, z["lattice"]),
        }
        return State({name: answers[name] for name in z}, z.layouts)


def _ragged(z: State) -> Ragged:
    layout = z.layouts["frac"]
    assert isinstance(layout, Ragged)
    return layout


def _mean(x: Tensor, layout: Ragged) -> Tensor:
    """The mean over the atoms of each crystal, `(M, ...)` to `(B, ...)`."""
    total = x.new_zeros(layout.count, *x.shape[1:]).index_add(0, layout.index, x)
    return total / layout.lengths.to(x).reshape(-1, *[1] * (x.ndim - 1))
