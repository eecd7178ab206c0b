r"""Graphs without chemistry as states: degree classes and edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, Self

import networkx as nx
from torch import Tensor

from geodrift.errors import InputError
from geodrift.registry import Count
from geodrift_graphs.generic.codec import Codec
from geodrift_graphs.generic.degrees import build, name, pack
from geodrift_graphs.generic.packed import MOST_CLASSES, Packed, sift
from geodrift_graphs.generic.statistics import statistics

NodeFeatures = Literal["degree", "none"]


@dataclass(frozen=True, kw_only=True)
class GraphCodec(Codec["nx.Graph[object]"]):
    """The codec of undirected simple graphs.

    Arguments:
        max_degree: The last node class, to which higher degrees are clipped; 0 gives every node the same class.
    """

    kind: Literal["graphs"] = "graphs"
    max_degree: int

    @classmethod
    def fit(
        cls,
        graphs: Sequence[nx.Graph[object]],
        max_nodes: Count | None = None,
        node_features: NodeFeatures = "degree",
    ) -> Self:
        """The codec of these graphs.

        Arguments:
            graphs: Training graphs; those that cannot be represented are passed over.
            max_nodes: Largest number of nodes, by default that of the largest graph.
            node_features: What node classes stand for: the degree, or nothing.
        """
        if node_features not in ("degree", "none"):
            raise InputError(f'node_features: "{node_features}" is none of "degree", "none"')
        most = MOST_CLASSES - 1 if node_features == "degree" else 0
        packed = sift(graphs, partial(pack, most=most), name).results
        fitting = [graph for graph in packed if max_nodes is None or len(graph.nodes) <= max_nodes]
        largest = max((int(graph.nodes.max()) for graph in fitting), default=0)
        return cls(max_degree=largest, **statistics(fitting, largest + 1, 2, max_nodes))

    @property
    def node_classes(self) -> int:
        return self.max_degree + 1

    @property
    def orders(self) -> tuple[float, ...]:
        return (0.0, 1.0)

    def pack(self, thing: nx.Graph[object]) -> Packed:
        return pack(thing, self.max_degree)

    def unpack(self, graph: Packed) -> nx.Graph[object]:
        return build(graph)

    def name(self, thing: nx.Graph[object]) -> str:
        return name(thing)

    def conditions(self, things: Sequence[nx.Graph[object]], jobs: int = 1) -> dict[str, Tensor]:
        return {}
