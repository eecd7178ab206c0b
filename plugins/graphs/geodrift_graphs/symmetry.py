r"""The symmetry of graphs: the order of the nodes means nothing."""

from __future__ import annotations

import torch
from torch import Tensor

from geodrift.domain import Symmetry
from geodrift.layout import Padded, trailing
from geodrift.rng import Streams
from geodrift.spaces.symmetric import pack, unpack
from geodrift.state import State


def permuted(state: State, rng: Streams) -> State:
    """The graphs with their nodes in another order, one for each stream; padding stays at the end."""
    layout = state.layouts["nodes"]
    if not isinstance(layout, Padded):
        raise TypeError("a batch of graphs is padded")
    order = torch.where(layout.present, rng.uniform(layout.present), 2.0).argsort(1)
    matrix = unpack(state["edges"], order.shape[1])
    for axis in (1, 2):
        matrix = _taken(matrix, order, axis)
    return state.replace({"nodes": _taken(state["nodes"], order, 1), "edges": pack(matrix)})


def _taken(z: Tensor, order: Tensor, axis: int) -> Tensor:
    """Entries of `z` along an axis, in the order of each sample, `(B, N)`."""
    lead = order.shape[:1] + (1,) * (axis - 1) + order.shape[1:]
    return z.gather(axis, trailing(order.reshape(lead), z).expand(z.shape))


PERMUTATION = Symmetry(permuted, permuted)
