"""What the report says of generated graphs without labels: drawings, and the distributions of their structure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import networkx as nx
import numpy as np

from geodrift.report.histogram import Values, histograms
from geodrift.report.parts import part, section
from geodrift_graphs.report import drawing
from geodrift_graphs.report.elements import card, tiles

DRAWN = 48
_USUAL = 40  # nodes that a small picture has room for
MEASURED = 1000  # graphs that histograms are made from, evenly spaced in the list
_NAMES = ("Degree of a node", "Clustering of a node", "Triangles", "Density", "Nodes", "Edges")
_KINDS = (np.int64, np.float64, np.int64, np.float64, np.int64, np.int64)


def graphs(samples: Sequence[nx.Graph[Any]], reference: Sequence[nx.Graph[Any]]) -> tuple[str, str]:
    """The pictures, and the distributions."""
    some, real = _spaced(samples), _spaced(reference)
    charts = histograms(_NAMES, _columns(some), _columns(real), (len(some), len(real)))
    return _pictures(samples), section("Structure", charts) if charts else ""


def _pictures(samples: Sequence[nx.Graph[Any]]) -> str:
    whole = sum(_pieces(graph) == 1 for graph in samples)
    counts = f"{len(samples):,} samples, {whole:,} connected ({part(whole, len(samples))}). "
    shown = samples[:DRAWN]
    about = f"Drawn are the first {len(shown)}, as they came. " if len(shown) < len(samples) else ""
    pictures = drawing.tiles(shown)
    dashed = "" if all(tile.good for tile in pictures) else "A dashed frame is around graphs that are not connected."
    cards = [
        card(tile, f"Graph {index}: {_size(graph)}", f"{index}", _size(graph))
        for index, (graph, tile) in enumerate(zip(shown, pictures, strict=True))
    ]
    return section("Samples", f"<p>{counts}{about}{dashed}</p>", tiles(cards, list(map(len, shown)), _USUAL))


def _size(graph: nx.Graph[Any]) -> str:
    pieces = _pieces(graph)
    text = f"nodes {len(graph)}, edges {graph.number_of_edges()}"
    return text if pieces == 1 else f"{text}, {pieces} pieces"


def _pieces(graph: nx.Graph[Any]) -> int:
    return int(nx.number_connected_components(graph))


def _spaced(graphs: Sequence[nx.Graph[Any]]) -> Sequence[nx.Graph[Any]]:
    return graphs[:: max(1, -(-len(graphs) // MEASURED))]


def _columns(graphs: Sequence[nx.Graph[Any]]) -> list[Values]:
    values = (
        [degree for graph in graphs for _, degree in graph.degree()],
        [value for graph in graphs for value in nx.clustering(graph).values()],
        [sum(nx.triangles(graph).values()) // 3 for graph in graphs],
        [nx.density(graph) for graph in graphs],
        [len(graph) for graph in graphs],
        [graph.number_of_edges() for graph in graphs],
    )
    return [np.array(column, kind) for column, kind in zip(values, _KINDS, strict=True)]
