r"""Which graphs are the same graph.

Weisfeiler–Leman colours, refined until their number stops growing, give every graph a hash that isomorphic graphs
share. Only graphs with equal hashes are compared, by VF2 with the colours as node labels, which leaves it little to
search.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from geodrift_graphs.metrics.hashing import Hashes, mix


@dataclass(frozen=True)
class Coloured:
    """A graph with the stable colour of each node as its attribute `colour`, and the hash of the whole."""

    graph: nx.Graph
    hash: int

    @classmethod
    def of(cls, graph: nx.Graph) -> Coloured:
        """A copy of `graph` with colours."""
        copy = nx.convert_node_labels_to_integers(graph)
        ends = np.array(copy.edges, np.int64).reshape(-1, 2).T
        colours = _refined(len(copy), np.concatenate([ends, ends[::-1]], 1))
        nx.set_node_attributes(copy, dict(enumerate(colours.tolist())), "colour")
        return cls(copy, hash((len(copy), copy.number_of_edges(), *sorted(colours.tolist()))))

    def same(self, other: Coloured) -> bool:
        """Whether the graphs are isomorphic."""
        if self.hash != other.hash:
            return False
        return bool(nx.is_isomorphic(self.graph, other.graph, node_match=_match))


def classes(graphs: Sequence[Coloured]) -> list[int]:
    """For each graph the index of the first that is isomorphic to it."""
    kept: dict[int, list[int]] = defaultdict(list)
    found = []
    for index, graph in enumerate(graphs):
        bucket = kept[graph.hash]
        first = next((other for other in bucket if graph.same(graphs[other])), index)
        if first == index:
            bucket.append(index)
        found.append(first)
    return found


def known(graphs: Sequence[Coloured], others: Sequence[Coloured]) -> list[bool]:
    """Whether each graph is isomorphic to one of the others."""
    buckets: dict[int, list[Coloured]] = defaultdict(list)
    for other in others:
        buckets[other.hash].append(other)
    return [any(graph.same(other) for other in buckets[graph.hash]) for graph in graphs]


def _match(one: dict[str, int], other: dict[str, int]) -> bool:
    return one["colour"] == other["colour"]


def _refined(nodes: int, arcs: NDArray[np.int64]) -> Hashes:
    colours, count = np.zeros(nodes, np.uint64), 0
    while (distinct := len(np.unique(colours))) > count:
        count = distinct
        received = np.zeros(nodes, np.uint64)
        np.add.at(received, arcs[0], mix(colours[arcs[1]]))
        colours = mix(colours + mix(received))
    return colours
