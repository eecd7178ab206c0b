r"""The two score networks of GDSS, on packed edges.

With the weighted adjacency :math:`A` of a graph, :math:`\hat A = D^{-1/2} A D^{-1/2}` after its diagonal is set to
one (degrees clamped at one), and :math:`\mathrm{GCN}(H, A) = \hat A H W + b`:

- nodes: :math:`H_{l+1} = \tanh \mathrm{GCN}(H_l, A)`, answer :math:`\mathrm{MLP}[H_0 | \dots | H_L]`;
- edges: the channels :math:`A, A^2, \dots` pass layers of graph attention,
  :math:`M_c = \mathrm{mean}_h \tanh(Q_c K_c^\top / \sqrt d)` with :math:`Q_c, K_c, V_c` the GCNs of channel :math:`c`;
  :math:`A' = \mathrm{MLP}[M | A]` and :math:`H' = \tanh \mathrm{MLP}[V_1 | \dots | V_C]`, the maps made symmetric;
  answer :math:`\mathrm{MLP}` of the channels of all layers.

All channels of a layer are computed at once. Three things differ from the published networks. They see no time; here
time, size and conditions enter as more node channels unless `clock` is zero. They see the noisy state itself; here the
process scales it to unit variance. Their last layer has values that nothing reads; here it has none.

References:
    | Score-based Generative Modeling of Graphs via the System of SDEs (Jo et al., 2022), https://arxiv.org/abs/2202.02514
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from geodrift.clock import Clock
from geodrift.registry import Count
from geodrift.spaces import symmetric
from geodrift.state import State


def mlp(sizes: Sequence[int]) -> nn.Sequential:
    """Linear maps between these widths with ELU between them."""
    layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ELU())]
    return nn.Sequential(*layers[:-1])


def normalised(adjacency: Tensor) -> Tensor:
    """The channels `(B, C, N, N)` with a diagonal of ones, over the roots of the degrees, which are at least one."""
    loop = torch.eye(adjacency.shape[-1], device=adjacency.device, dtype=torch.bool)
    looped = adjacency.masked_fill(loop, 1)
    scale = looped.sum(-1).clamp(min=1).rsqrt()
    return scale[..., :, None] * looped * scale[..., None, :]


class GraphConvolutions(nn.Module):
    """A GCN for each of several channels, sharing the nodes.

    Arguments:
        channels: Number of adjacencies, each with weights of its own.
        inputs: Width of the nodes.
        outputs: Width of each channel's answer.
    """

    def __init__(self, channels: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = math.sqrt(6 / (inputs + outputs))
        self.weight = nn.Parameter(torch.empty(channels, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(channels, 1, outputs))

    def forward(self, h: Tensor, spread: Tensor) -> Tensor:
        """Nodes `(B, N, inputs)` and normalised adjacencies `(B, C, N, N)` to `(B, C, N, outputs)`."""
        return spread @ (h[:, None] @ self.weight) + self.bias


class NodeScore(nn.Module):
    """GDSS's network of the nodes: stacked graph convolutions whose layers are all read.

    Arguments:
        inputs: Channels of the nodes, time included.
        outputs: Channels of the answer.
        hidden: Width of a layer.
        depth: Number of convolutions.
    """

    def __init__(self, inputs: int, outputs: int, hidden: int = 16, depth: int = 2) -> None:
        super().__init__()
        sizes = [inputs] + [hidden] * depth
        self.layers = nn.ModuleList(GraphConvolutions(1, a, b) for a, b in pairwise(sizes))
        width = sum(sizes)
        self.read = mlp([width, 2 * width, 2 * width, outputs])

    def forward(self, h: Tensor, adjacency: Tensor) -> Tensor:
        spread, states = normalised(adjacency[:, None]), [h]
        for layer in self.layers:
            states.append(torch.tanh(layer(states[-1], spread)[:, 0]))
        answer: Tensor = self.read(torch.cat(states, -1))
        return answer


class GraphAttention(nn.Module):
    """Attention between the nodes in every adjacency channel, which makes new channels.

    Arguments:
        nodes: Width of the nodes.
        values: Width of the values of one channel; 0 where nobody reads them.
        channels: Adjacency channels, in and out.
        hidden: Width of queries and keys of one channel.
        heads: Attention heads.
        linears: Linear maps of the MLP that mixes channels.
    """

    def __init__(
        self, nodes: int, values: int, channels: tuple[int, int], hidden: int, heads: int, linears: int
    ) -> None:
        super().__init__()
        self.heads = heads
        self.split = [hidden, hidden, values]
        self.convolve = GraphConvolutions(channels[0], nodes, sum(self.split))
        self.mix = mlp([2 * channels[0]] + [2 * max(channels)] * (linears - 1) + [channels[1]])

    def forward(self, h: Tensor, adjacency: Tensor) -> tuple[Tensor, Tensor]:
        """Nodes `(B, N, F)` and channels `(B, C, N, N)` to values `(B, N, C V)` and new channels `(B, C', N, N)`."""
        q, k, v = self.convolve(h, normalised(adjacency)).split(self.split, -1)
        q, k = (x.unflatten(-1, (self.heads, -1)).transpose(2, 3) for x in (q, k))
        maps = torch.tanh(q @ k.transpose(-1, -2) / math.sqrt(self.split[0])).mean(2)
        both = torch.cat([(maps + maps.transpose(-1, -2)) / 2, adjacency], 1)
        new = self.mix(both.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return v.transpose(1, 2).flatten(2), new + new.transpose(-1, -2)


class EdgeScore(nn.Module):
    """GDSS's network of the edges: powers of the adjacency through layers of graph attention.

    Arguments:
        inputs: Channels of the nodes, time included.
        outputs: Channels of the answer for each pair.
        hidden: Width of the nodes, of queries, keys and values.
        layers: Number of attention layers.
        channels: Adjacency channels at the start (powers), within, and at the end.
        heads: Attention heads.
        linears: Linear maps in the MLPs of a layer.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        hidden: int = 16,
        layers: int = 3,
        channels: tuple[int, int, int] = (2, 8, 4),
        heads: int = 4,
        linears: int = 3,
    ) -> None:
        super().__init__()
        first, within, last = channels
        self.powers = first
        nodes, values = [inputs] + [hidden] * (layers - 1), [hidden] * (layers - 1) + [0]
        counts = [first] + [within] * (layers - 1) + [last]
        sizes = zip(nodes, values, pairwise(counts), strict=True)
        self.layers = nn.ModuleList(GraphAttention(n, v, c, hidden, heads, linears) for n, v, c in sizes)
        mixed = list(pairwise(counts))[: layers - 1]
        self.gather = nn.ModuleList(mlp([a * hidden, 2 * max(a, b), hidden]) for a, b in mixed)
        self.read = mlp([sum(counts), 2 * sum(counts), 2 * sum(counts), outputs])

    def forward(self, h: Tensor, adjacency: Tensor, present: Tensor) -> Tensor:
        """Nodes `(B, N, F)`, adjacency `(B, N, N)`, presence `(B, N, 1)` to the answer for the pairs `(B, P, K)`."""
        powers = [adjacency]
        for _ in range(self.powers - 1):
            powers.append(powers[-1] @ adjacency)
        maps, pair = [torch.stack(powers, 1)], (present * present.transpose(1, 2))[:, None]
        for depth, layer in enumerate(self.layers):
            values, new = layer(h, maps[-1])
            maps.append(new * pair)
            if depth < len(self.gather):
                h = torch.tanh(self.gather[depth](values)) * present
        answer: Tensor = self.read(symmetric.pack(torch.cat(maps, 1).permute(0, 2, 3, 1)))
        return answer


class ScoreNetworks(nn.Module):
    """GDSS's two networks behind the signature of all graph networks.

    Arguments:
        nodes_in: Channels of the nodes of the state.
        nodes_out: Channels of the answer for each node.
        edges_out: Channels of the answer for each pair.
        orders: Bond order that each edge channel stands for; one channel of order 1 for a scalar adjacency.
        hidden: Width of both networks, a multiple of `heads`.
        depth: Convolutions of the node network.
        layers: Attention layers of the edge network.
        channels: Adjacency channels of the edge network at the start, within, and at the end.
        heads: Attention heads of the edge network.
        linears: Linear maps in the MLPs of an attention layer.
        clock: Node channels that carry time, size and conditions; 0 for networks blind to them, as published.
        conditions: Mean and standard deviation of each condition that steers generation.
    """

    orders: Tensor

    def __init__(
        self,
        nodes_in: int,
        nodes_out: int,
        edges_out: int,
        orders: Sequence[float],
        hidden: Count = 16,
        depth: Count = 2,
        layers: Count = 3,
        channels: tuple[int, int, int] = (2, 8, 4),
        heads: Count = 4,
        linears: Count = 3,
        clock: int = 16,
        conditions: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("orders", torch.tensor(tuple(orders), dtype=torch.float32), persistent=False)
        self.clock = Clock(clock, conditions or {}) if clock else None
        self.node_score = NodeScore(nodes_in + clock, nodes_out, hidden, depth)
        self.edge_score = EdgeScore(nodes_in + clock, edges_out, hidden, layers, channels, heads, linears)

    def forward(self, z: State, t: Tensor, cond: Mapping[str, Tensor]) -> State:
        z = z.masked()
        h = z["nodes"]
        present = z.layouts["nodes"].mask(torch.ones_like(h[..., :1]))
        if self.clock is not None:
            clock = self.clock(t, present.sum((1, 2)), cond)[:, None] * present
            h = torch.cat([h, clock], -1)
        adjacency = symmetric.unpack(z["edges"] @ self.orders.to(h), h.shape[1])
        nodes, edges = self.node_score(h, adjacency), self.edge_score(h, adjacency, present)
        return State({"nodes": nodes, "edges": edges}, z.layouts).masked()
