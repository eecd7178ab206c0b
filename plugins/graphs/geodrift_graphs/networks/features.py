r"""What the structure of a graph says about its nodes and pairs, read from a soft adjacency.

Edge channel :math:`c` stands for a bond of order :math:`o_c`, so that :math:`W_{ij} = \max(0, \sum_c o_c z_{ijc})` is
the expected bond order of a pair and :math:`A = \min(W, 1)` its adjacency, for one-hot classes, beliefs and noisy
scalars alike. With :math:`S = D^{-1/2} A D^{-1/2}`:

- `valence` and `degree` are the row sums of :math:`W` and of :math:`A`;
- `rrwp` are the powers :math:`S, S^2, \dots, S^k`; their diagonals, the return probabilities of a random walk, belong
  to the nodes, the rest to the pairs (:math:`S` instead of :math:`D^{-1} A` keeps the pairs symmetric);
- `component` is 1 for two nodes that a path joins, and for each node the share of the graph that it reaches;
- `cycles` are the cycles of length 3, 4 and 5 through each node, in closed form.

Everything is a batched matrix product and commutes with permutations of the nodes.

References:
    | Graph Inductive Biases in Transformers without Message Passing (Ma et al., 2023), https://arxiv.org/abs/2305.17589
    | DiGress: Discrete Denoising Diffusion for Graph Generation (Vignac et al., 2023), https://arxiv.org/abs/2209.14734
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from geodrift.errors import unknown
from geodrift.spaces import symmetric

_SQUARINGS = 4  # the paths of 16 edges


class Structure(NamedTuple):
    """A batch of soft graphs: expected bond orders `(B, N, N)`, adjacency `(B, N, N)` in [0, 1], sizes `(B,)`."""

    order: Tensor
    adjacency: Tensor
    sizes: Tensor


class Channels(NamedTuple):
    """Numbers for the nodes `(B, N, F)` and for the pairs `(B, P, G)`."""

    nodes: Tensor
    pairs: Tensor


Feature = Callable[[Structure], Channels]


def _of_nodes(channels: Tensor) -> Channels:
    batch, nodes = channels.shape[:2]
    return Channels(channels, channels.new_zeros(batch, symmetric.size(nodes), 0))


def valence(graph: Structure, most: int = 5) -> Channels:
    """The bond orders at each node, summed: as a number and as a soft one-hot of 0 … `most`."""
    total = graph.order.sum(-1, keepdim=True)
    levels = torch.arange(most + 1, device=total.device)
    return _of_nodes(torch.cat([total / 4, (1 - (total - levels).abs()).clamp(min=0)], -1))


def degree(graph: Structure) -> Channels:
    """The soft number of neighbours of each node."""
    return _of_nodes(graph.adjacency.sum(-1, keepdim=True) / 4)


def random_walk(graph: Structure, steps: int) -> Channels:
    """Walks of 1 … `steps` edges, from a node to itself and to the others."""
    scale = graph.adjacency.sum(-1).clamp(min=1).rsqrt()
    walk = scale[:, :, None] * graph.adjacency * scale[:, None, :]
    powers = [walk]
    for _ in range(steps - 1):
        powers.append(powers[-1] @ walk)
    stack = torch.stack(powers, -1)
    return Channels(stack.diagonal(dim1=1, dim2=2).transpose(1, 2), symmetric.pack(stack))


def component(graph: Structure) -> Channels:
    """Which nodes a path joins: `(I + A)^(2^r)`, saturated at one, by repeated squaring.

    A soft adjacency does not settle, so the squarings are as many as the graph's own size asks for (and four at least).
    """
    nodes = graph.adjacency.shape[1]
    reach = graph.adjacency + torch.eye(nodes, device=graph.adjacency.device, dtype=graph.adjacency.dtype)
    enough = torch.log2(graph.sizes.clamp(min=1)).ceil().clamp(min=_SQUARINGS)[:, None, None]
    for done in range(max(_SQUARINGS, (nodes - 1).bit_length())):
        reach = torch.where(done < enough, (reach @ reach).clamp(max=1), reach)
    share = reach.sum(-1, keepdim=True) / graph.sizes.to(reach)[:, None, None]
    return Channels(share, symmetric.pack(reach)[..., None])


def cycles(graph: Structure) -> Channels:
    """Half the closed walks without repeated nodes, of 3, 4 and 5 edges, from each node."""
    a = graph.adjacency
    a2 = a @ a
    a3 = a2 @ a
    degrees = a.sum(-1)
    closed3 = (a2 * a).sum(-1)
    closed4 = (a2 * a2).sum(-1) - degrees * (degrees - 1) - (a @ degrees[..., None])[..., 0]
    shared = ((a * a2) @ degrees[..., None])[..., 0]
    around = 2 * shared + 2 * degrees * closed3 + (a @ closed3[..., None])[..., 0]
    closed5 = (a2 * a3).sum(-1) - around + 5 * closed3
    return _of_nodes(torch.stack([closed3, closed4, closed5], -1) / 2)


def table(steps: int) -> dict[str, Feature]:
    """Every feature by its name."""
    walk = partial(random_walk, steps=steps)
    return {"valence": valence, "degree": degree, "rrwp": walk, "component": component, "cycles": cycles}


class Features(nn.Module):
    """The chosen features of a batch of soft graphs, side by side.

    Arguments:
        orders: Bond order of each edge channel; 0 for "no bond" and for a mask.
        names: Features from the table: valence, degree, rrwp, component, cycles.
        steps: Length of the longest walk of `rrwp`.
    """

    orders: Tensor

    def __init__(self, orders: Sequence[float], names: Sequence[str], steps: int = 6) -> None:
        super().__init__()
        known = table(steps)
        for name in names:
            if name not in known:
                raise unknown("graph feature", name, known)
        self.parts = tuple(known[name] for name in names)
        self.register_buffer("orders", torch.tensor(tuple(orders), dtype=torch.float32), persistent=False)
        widths = self(torch.zeros(1, 1, len(orders)), torch.full((1,), 2))
        self.nodes, self.pairs = widths.nodes.shape[-1], widths.pairs.shape[-1]

    def forward(self, edges: Tensor, sizes: Tensor) -> Channels:
        """The features of packed edges `(B, P, C)`, zero where padded, of graphs with these sizes, `(B,)`."""
        nodes = round((1 + (1 + 8 * edges.shape[1]) ** 0.5) / 2)
        packed = (edges @ self.orders.to(edges)).clamp(min=0)
        order = symmetric.unpack(packed, nodes)
        graph = Structure(order, order.clamp(max=1), sizes)
        parts = [_of_nodes(order.new_zeros(*order.shape[:2], 0)), *(part(graph) for part in self.parts)]
        return Channels(torch.cat([p.nodes for p in parts], -1), torch.cat([p.pairs for p in parts], -1))
