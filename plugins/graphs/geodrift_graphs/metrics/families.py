"""Families of graphs by what makes a graph one of them; the empty graph is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import networkx as nx

from geodrift_graphs.metrics.blockmodel import is_block_model


def connected(graph: nx.Graph) -> bool:
    """In one piece."""
    return len(graph) > 0 and bool(nx.is_connected(graph))


def planar(graph: nx.Graph) -> bool:
    """Connected, and drawable without crossings."""
    return connected(graph) and bool(nx.check_planarity(graph)[0])


def tree(graph: nx.Graph) -> bool:
    """Connected, without a cycle."""
    return len(graph) > 0 and bool(nx.is_tree(graph))


def lobster(graph: nx.Graph) -> bool:
    """A tree that is a path once its leaves are stripped twice."""
    if not tree(graph):
        return False
    core = _stripped(_stripped(graph))
    return all(degree <= 2 for _, degree in core.degree)


def block_model(graph: nx.Graph) -> bool:
    """From SPECTRE's stochastic block model."""
    return len(graph) > 0 and is_block_model(graph)


def _stripped(graph: nx.Graph) -> nx.Graph:
    return graph.subgraph([node for node, degree in graph.degree if degree > 1])


FAMILIES: Mapping[str, Callable[[nx.Graph], bool]] = MappingProxyType(
    {"planar": planar, "tree": tree, "lobster": lobster, "sbm": block_model}
)
