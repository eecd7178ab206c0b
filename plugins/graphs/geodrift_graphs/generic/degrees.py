r"""Graphs without chemistry as packed arrays: nodes by their degree, edges 0 or 1.

A node's class is its degree, clipped to the largest degree of the training graphs, as GDSS has it; decoding reads the
edges alone, so that a class that disagrees with them costs nothing. Isolated nodes stay.

References:
    | Score-based Generative Modeling of Graphs via the System of SDEs (Jo et al., 2022), https://arxiv.org/abs/2202.02514
"""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np

from geodrift_graphs.generic.packed import MOST_NODES, Packed, Unrepresentable


def pack(graph: nx.Graph[Any], most: int) -> Packed:
    """The degrees, at most `most`, and the edges; nodes in the order of the graph.

    Raises:
        Unrepresentable: For what is not an undirected simple graph.
    """
    check(graph)
    place = {node: index for index, node in enumerate(graph)}
    ends = np.array([(place[u], place[v]) for u, v in graph.edges()], np.int64).reshape(-1, 2)
    i, j = ends.min(1), ends.max(1)
    edges = np.zeros(len(graph) * (len(graph) - 1) // 2, np.int8)
    edges[j * (j - 1) // 2 + i] = 1
    degrees = np.bincount(ends.ravel(), minlength=len(graph)).clip(max=most)
    return Packed(degrees.astype(np.int8), edges)


def build(graph: Packed) -> nx.Graph[Any]:
    """The graph with these edges; its nodes are 0, 1, ..."""
    built: nx.Graph[Any] = nx.empty_graph(len(graph.nodes))
    built.add_edges_from((i, j) for i, j, _ in graph.links())
    return built


def name(graph: nx.Graph[Any]) -> str:
    """The name of a graph, or its numbers of nodes and edges."""
    return str(graph.name or f"{graph.number_of_nodes()} nodes, {graph.number_of_edges()} edges")


def check(graph: nx.Graph[Any]) -> None:
    """Raise `Unrepresentable`, with the reason, for what is not an undirected simple graph."""
    reasons = {
        "directed graph": graph.is_directed(),
        "graph with parallel edges": graph.is_multigraph(),
        "no nodes": not len(graph),
        f"more than {MOST_NODES} nodes": len(graph) > MOST_NODES,
        "edge from a node to itself": nx.number_of_selfloops(graph) > 0,
    }
    for reason, holds in reasons.items():
        if holds:
            raise Unrepresentable(reason)
