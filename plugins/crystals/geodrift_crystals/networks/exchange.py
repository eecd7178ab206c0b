r"""One exchange between atoms whose states turn with the frame.

A state is `hidden` scalars and `channels` tensors of each degree, :math:`h_i = (s_i, v_i)`. With the moments
:math:`\psi_{ij}` of a pair (see `networks.shells`) and a vector :math:`g` of the crystal a layer computes

.. math::
    x_i &= \mathrm{LN}(s_i)\,(1 + a(g)) + b(g), \qquad
    m_{ij} = \mathrm{silu}(W_2\,\mathrm{silu}(A x_i + B x_j + C\,\mathrm{asinh}\,\psi^0_{ij})), \\
    M_{ij} &= (U h_j) \otimes_{w(m_{ij})} (F \psi_{ij}), \qquad
    h_i \leftarrow h_i + O\,\mathrm{Gate}\big[W (h_i, \bar m_i, \bar M_i, \log(1 + |\bar M_i|^2))\big],

where bars are means over :math:`j`, the linear maps mix tensors of one degree, and the product couples tensors channel
by channel with weights that the pair's scalars give.

References:
    | E(3)-equivariant graph neural networks (Batzner et al., 2022), https://arxiv.org/abs/2101.03164
    | e3nn: Euclidean Neural Networks (Geiger and Smidt, 2022), https://arxiv.org/abs/2207.09453
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geodrift_crystals.networks.edges import Edges


def tensors(channels: int, degree: int, lowest: int = 0) -> list[tuple[int, tuple[int, int]]]:
    """So many tensors of each degree, of the parity of a spherical harmonic, as e3nn's `Irreps` takes them."""
    return [(channels, (order, (-1) ** order)) for order in range(lowest, degree + 1)]


class Exchange(nn.Module):
    """One exchange between the atoms of a crystal.

    Arguments:
        hidden: Scalars of an atom, and of a message.
        channels: Tensors of each degree of an atom, and of a message.
        shells: Moments of each degree of a pair.
        degree: Largest degree.
    """

    def __init__(self, hidden: int, channels: int, shells: int, degree: int) -> None:
        super().__init__()
        from e3nn import o3
        from e3nn.nn import Gate

        coupled = o3.Irreps(tensors(channels, degree))
        turning = o3.Irreps(tensors(channels, degree, 1))
        atom = o3.Irreps([(hidden, (0, 1)), *turning])
        self.hidden, self.shells = hidden, shells
        self.modulate = nn.Linear(hidden, 2 * hidden)
        self.ends = nn.Linear(hidden, 2 * hidden)
        self.pair = nn.Linear(shells, hidden, bias=False)
        self.message = nn.Linear(hidden, hidden)
        self.send = o3.Linear(atom, coupled)
        self.filter = o3.Linear(o3.Irreps(tensors(shells, degree)), coupled)
        self.product = _product(coupled)
        self.weigh = nn.Linear(hidden, self.product.weight_numel)
        self.sizes = o3.Norm(coupled, squared=True)
        gates = o3.Irreps([(turning.num_irreps, (0, 1))])
        self.gate = Gate(o3.Irreps([(hidden, (0, 1))]), [F.silu], gates, [torch.sigmoid], turning)
        heard = o3.Irreps([*atom, (hidden, (0, 1)), *coupled, *self.sizes.irreps_out])
        self.mix = o3.Linear(heard, self.gate.irreps_in, biases=True)
        self.out = o3.Linear(self.gate.irreps_out, atom)
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)

    def forward(self, h: Tensor, moments: Tensor, edges: Edges, crystal: Tensor) -> Tensor:
        scale, shift = self.modulate(crystal).chunk(2, -1)
        scalars, turning = normalised(h, self.hidden)
        scalars = scalars * (1 + scale) + shift
        x = torch.cat([scalars, turning], -1)
        receiver, sender = self.ends(scalars).chunk(2, -1)
        first = self.pair(moments[:, : self.shells].asinh()) + receiver[edges.receiver] + sender[edges.sender]
        messages = F.silu(self.message(F.silu(first)))
        coupled = self.product(self.send(x)[edges.sender], self.filter(moments), self.weigh(messages))
        told, found = edges.mean(torch.cat([messages, coupled], -1)).tensor_split([self.hidden], -1)
        change: Tensor = self.out(self.gate(self.mix(torch.cat([x, told, found, self.sizes(found).log1p()], -1))))
        return h + change


def normalised(h: Tensor, hidden: int) -> tuple[Tensor, Tensor]:
    """Scalars of unit variance `(M, hidden)`, and tensors of at most about unit size."""
    scalars, turning = h.tensor_split([hidden], -1)
    size = torch.sqrt(1 + torch.square(turning).mean(-1, keepdim=True))
    return F.layer_norm(scalars, scalars.shape[-1:]), turning / size


def _product(coupled: Any) -> Any:
    """The product of tensors channel by channel, each way that parity allows, with weights from outside."""
    from e3nn import o3

    ways = [
        (a, b, c, "uuu", True)
        for a, (_, one) in enumerate(coupled)
        for b, (_, other) in enumerate(coupled)
        for c, (_, result) in enumerate(coupled)
        if result in one * other
    ]
    return o3.TensorProduct(coupled, coupled, coupled, ways, shared_weights=False, internal_weights=False)
