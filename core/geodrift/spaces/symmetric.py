r"""Symmetric matrices with a zero diagonal, kept as their independent entries.

The adjacency of an undirected graph on :math:`n` nodes has :math:`P = n (n - 1) / 2` free entries. They are stored
column by column, the pair :math:`(i, j)`, :math:`i < j`, at index :math:`j (j - 1) / 2 + i`. In these coordinates
noise needs no symmetrising, a loss or a log-probability counts each edge once, and a smaller graph is a prefix of a
larger one, so that padding never moves an entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from geodrift.spaces.space import Space


def size(nodes: int) -> int:
    """The number of unordered pairs of this many nodes."""
    return nodes * (nodes - 1) // 2


@lru_cache(maxsize=256)
def pairs(nodes: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """The nodes `i < j` of every pair, two index tensors `(P,)`, in packed order."""
    j, i = torch.tril_indices(nodes, nodes, offset=-1, device=device)
    return i, j


@lru_cache(maxsize=256)
def positions(nodes: int, device: torch.device | str = "cpu") -> Tensor:
    """The packed index of every entry of the matrix, `(N, N)`; the diagonal points one past the last pair, to `P`."""
    i, j = pairs(nodes, device)
    table = torch.full((nodes, nodes), size(nodes), dtype=torch.int64, device=device)
    table[i, j] = table[j, i] = torch.arange(size(nodes), device=device)
    return table


def pack(matrix: Tensor) -> Tensor:
    """The free entries `(B, P, ...)` of matrices `(B, N, N, ...)`: the part above the diagonal."""
    i, j = pairs(matrix.shape[1], matrix.device)
    return matrix[:, i, j]


def unpack(packed: Tensor, nodes: int) -> Tensor:
    """The symmetric matrices `(B, N, N, ...)` with a zero diagonal that have these entries `(B, P, ...)`."""
    padded = torch.cat([packed, packed.new_zeros(packed.shape[0], 1, *packed.shape[2:])], 1)
    table = positions(nodes, packed.device)
    entries = padded.index_select(1, table.flatten())
    return entries.reshape(packed.shape[0], nodes, nodes, *packed.shape[2:])


@dataclass(frozen=True)
class Symmetric(Space[Tensor]):
    """Symmetric matrices with a zero diagonal, `(B, N, N, ...)`, for parts that want whole matrices."""

    embedded = True

    def project(self, z: Tensor) -> Tensor:
        return unpack(pack((z + z.transpose(1, 2)) / 2), z.shape[1])

    def tangent(self, z: Tensor, v: Tensor) -> Tensor:
        return self.project(v)

    def exp(self, z: Tensor, v: Tensor) -> Tensor:
        return z + v

    def log(self, z: Tensor, y: Tensor) -> Tensor:
        return y - z
