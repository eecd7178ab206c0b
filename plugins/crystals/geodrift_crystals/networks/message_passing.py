r"""Message passing over all pairs of atoms of a crystal, on what no choice of origin, rotation or order changes.

With node states :math:`h`, Fourier features :math:`\psi_{ij}` of the pair (see `networks.fourier`) and a vector
:math:`g` of the crystal (time, lattice, conditions), a layer computes

.. math::
    x_i &= \mathrm{LN}(h_i)\,(1 + a(g)) + b(g), \qquad
    m_{ij} = \mathrm{silu}(W_2\,\mathrm{silu}(A x_i + B x_j + C \psi_{ij})), \\
    h_i &\leftarrow h_i + \mathrm{MLP}\big[x_i, \mathrm{mean}_j\, m_{ij}\big].

The first linear map of the message is split into one of the receiver, one of the sender and one of the pair: the two
of the nodes are computed once a node, not once a pair. Coordinates enter through differences alone and the lattice
through numbers that no rotation changes; the answer about a coordinate is relative to where it is, or to where it is
believed to be. Beside the belief about its species a node sees what the periodic table says of the elements, on average
over that belief, so that what is learned of one element serves its neighbours.

References:
    | Crystal Structure Prediction by Joint Equivariant Diffusion (Jiao et al., 2023), https://arxiv.org/abs/2309.04475
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geodrift.clock import Clock
from geodrift.layout import Ragged
from geodrift.registry import Count
from geodrift.state import State
from geodrift_crystals.networks.cell import cell
from geodrift_crystals.networks.edges import Edges
from geodrift_crystals.networks.elements import descriptors
from geodrift_crystals.networks.fourier import Harmonics, differences


class Layer(nn.Module):
    """One exchange between the atoms of a crystal.

    Arguments:
        hidden: Width of the nodes and messages.
        pairs: Channels of the features of a pair.
    """

    def __init__(self, hidden: int, pairs: int) -> None:
        super().__init__()
        self.modulate = nn.Linear(hidden, 2 * hidden)
        self.ends = nn.Linear(hidden, 2 * hidden)
        self.pair = nn.Linear(pairs, hidden, bias=False)
        self.message = nn.Linear(hidden, hidden)
        self.update = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)

    def forward(self, h: Tensor, features: Tensor, edges: Edges, crystal: Tensor) -> Tensor:
        scale, shift = self.modulate(crystal).chunk(2, -1)
        x = F.layer_norm(h, h.shape[-1:]) * (1 + scale) + shift
        receiver, sender = self.ends(x).chunk(2, -1)
        first = self.pair(features) + receiver[edges.receiver] + sender[edges.sender]
        messages = F.silu(self.message(F.silu(first)))
        change: Tensor = self.update(torch.cat([x, edges.mean(messages)], -1))
        return h + change


class Head(nn.Linear):
    """A linear layer, perhaps to no channels: nothing is asked about species that are given."""

    def reset_parameters(self) -> None:
        if self.out_features:
            super().reset_parameters()


class MessagePassing(nn.Module):
    """Maps a noisy crystal to what is asked about its species, coordinates and lattice.

    Arguments:
        species: Channels of the species of the state, and of the answer about them.
        frac: Numbers that are seen of a coordinate (itself, or cosine, sine and concentration of a belief about it),
            and that are answered.
        lattice: Channels of the lattice of the state, and of the answer about it.
        elements: Symbols of the first channels of the species.
        hidden: Width.
        layers: Depth.
        harmonics: Fourier coefficients of a coordinate.
        conditions: Mean and standard deviation of each condition that steers generation.
    """

    table: Tensor

    def __init__(
        self,
        species: tuple[int, int],
        frac: tuple[int, int],
        lattice: tuple[int, int],
        elements: Sequence[str],
        hidden: Count = 96,
        layers: Count = 3,
        harmonics: Count = 8,
        conditions: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        super().__init__()
        self.seen, self.asked = frac
        self.harmonics = Harmonics(harmonics)
        table = descriptors(elements)
        self.register_buffer("table", F.pad(table, (0, 0, 0, species[0] - len(elements))), persistent=False)
        self.species_in = nn.Linear(species[0] + table.shape[1] + 3 * harmonics, hidden)
        self.cell = cell(lattice[0])
        self.lattice_in = nn.Linear(self.cell.seen, hidden)
        self.clock = Clock(hidden, conditions or {})
        self.layers = nn.ModuleList(Layer(hidden, 6 * harmonics) for _ in range(layers))
        self.norm = nn.LayerNorm(hidden)
        self.species_head = Head(hidden, species[1])
        self.frac_head = _zero(nn.Linear(hidden, 3 * self.asked))
        self.lattice_head = nn.Sequential(nn.Linear(hidden, hidden), nn.SiLU(), _zero(nn.Linear(hidden, lattice[1])))

    def forward(self, z: State, t: Tensor, cond: Mapping[str, Tensor]) -> State:
        layout = z.layouts["frac"]
        assert isinstance(layout, Ragged)
        edges, index = Edges.of(layout), layout.index
        real, imaginary = (part.flatten(1) for part in self._coefficients(z["frac"]))
        known = torch.sqrt(real**2 + imaginary**2)
        sizes = torch.bincount(index, minlength=layout.count).to(t)
        crystal = F.silu(self.clock(t, sizes, cond) + self.lattice_in(self.cell.invariants(z["lattice"])))[index]
        species = z["species"]
        h = self.species_in(torch.cat([species, species @ self.table.to(species), known], -1))
        pairs = differences(real, imaginary, edges.receiver, edges.sender)
        for layer in self.layers:
            h = layer(h, pairs, edges, crystal)
        return self._answer(self.norm(h), z, edges, index)

    def _coefficients(self, frac: Tensor) -> tuple[Tensor, Tensor]:
        return self.harmonics.certain(2 * math.pi * frac) if self.seen == 1 else self.harmonics.believed(frac)

    def _answer(self, h: Tensor, z: State, edges: Edges, index: Tensor) -> State:
        place = self.frac_head(h).unflatten(-1, (3, self.asked))
        place = place.mT.flatten(1) if self.seen == 1 else place
        pooled = h.new_zeros(z.samples, h.shape[-1]).index_add(0, index, h * edges.share.to(h))
        lattice = self.cell.answer(self.lattice_head(pooled), z["lattice"])
        answers = {"species": self.species_head(h), "frac": place, "lattice": lattice}
        return State({name: answers[name] for name in z}, z.layouts)


def _zero(layer: nn.Linear) -> nn.Linear:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
