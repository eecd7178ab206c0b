"""What the report says of generated graphs without labels: drawings, and the distributions of their structure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import networkx as nx
import numpy as np

from geodrift_graphs.report import drawing
from geodrift_graphs.report.elements import card, grid, part, section
from geodrift_graphs.report.histogram import Floats, histograms

DRAWN = 48
MEASURED = 1000  # graphs that histograms are made from, evenly spaced in the list
_NAMES = ("Degree of a node", "Clustering of a node", "Nodes", "Edges")


def graphs(samples: Sequence[nx.Graph[Any]], reference: Sequence[nx.Graph[Any]]) -> tuple[str, str]:
    """The pictures, and the distributions."""
    charts = histograms(_NAMES, _columns(samples), _columns(reference))
    return _pictures(samples), section("Structure", charts) if charts else ""


def _pictures(samples: Sequence[nx.Graph[Any]]) -> str:
    whole = sum(_pieces(graph) == 1 for graph in samples)
    counts = f"{len(samples):,} samples, {whole:,} connected ({part(whole, len(samples))}). "
    shown = samples[:DRAWN]
    about = f"Drawn are the first {len(shown)}, as they came. " if len(shown) < len(samples) else ""
    tiles = drawing.tiles(shown)
    dashed = "" if all(tile.good for tile in tiles) else "A dashed frame is around graphs that are not connected."
    cards = [
        card(tile, f"Graph {index}: {_size(graph)}", f"{index}", _size(graph))
        for index, (graph, tile) in enumerate(zip(shown, tiles, strict=True))
    ]
    return section("Samples", f"<p>{counts}{about}{dashed}</p>", grid("tiles", cards))


def _size(graph: nx.Graph[Any]) -> str:
    pieces = _pieces(graph)
    text = f"{len(graph)} nodes, {graph.number_of_edges()} edges"
    return text if pieces == 1 else f"{text}, {pieces} pieces"


def _pieces(graph: nx.Graph[Any]) -> int:
    return int(nx.number_connected_components(graph))


def _columns(graphs: Sequence[nx.Graph[Any]]) -> list[Floats]:
    some = graphs[:: max(1, -(-len(graphs) // MEASURED))]
    values = (
        [degree for graph in some for _, degree in graph.degree()],
        [value for graph in some for value in nx.clustering(graph).values()],
        [len(graph) for graph in some],
        [graph.number_of_edges() for graph in some],
    )
    return [np.array(column, np.float64) for column in values]
