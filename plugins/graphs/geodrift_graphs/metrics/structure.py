r"""What is measured of one graph: histograms of degrees, clustering and spectrum, and mean orbit counts.

An orbit is a place in a connected graphlet of up to four nodes; there are 15, in Pržulj's order. The clustering of a
node of degree :math:`k` in :math:`\tau` triangles is :math:`2 \tau / k (k - 1)`. The spectrum is that of the normalised
Laplacian; the eigenvalue 2 of a bipartite graph is kept in its last bin, where rounding would lose it.

References:
    | GraphRNN (You et al., 2018), https://arxiv.org/abs/1802.08773
    | Biological network comparison using graphlet degree distribution (Pržulj, 2007)
"""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from orbit_count import node_orbit_counts

Floats = NDArray[np.float64]

ORBITS = 15
CLUSTERING_BINS = 100
_SPECTRAL_BINS = 200
_SPECTRUM = (-1e-5, 2.0)


def degrees(graphs: Sequence[nx.Graph]) -> list[Floats]:
    """Shares of the nodes of each degree, one vector a graph, as long as its largest degree asks."""
    counts = (np.bincount(_adjacency(graph).sum(0).astype(np.int64)) for graph in graphs)
    return [count / count.sum() for count in counts]


def clustering(graphs: Sequence[nx.Graph]) -> list[Floats]:
    """Shares of the nodes in 100 bins of the clustering coefficient."""
    return [_histogram(_clustering(_adjacency(graph)), CLUSTERING_BINS, (0.0, 1.0)) for graph in graphs]


def spectra(graphs: Sequence[nx.Graph]) -> list[Floats]:
    """Shares of the eigenvalues of the normalised Laplacian in 200 bins."""
    values = (np.linalg.eigvalsh(_laplacian(_adjacency(graph))) for graph in graphs)
    return [_histogram(value.clip(*_SPECTRUM), _SPECTRAL_BINS, _SPECTRUM) for value in values]


def orbits(graphs: Sequence[nx.Graph]) -> list[Floats]:
    """Mean over nodes of how often each orbit touches them, 15 a graph."""
    return [_orbits(graph) for graph in graphs]


def _orbits(graph: nx.Graph) -> Floats:
    if graph.number_of_edges() == 0:
        return np.zeros(ORBITS)
    counts: Floats = node_orbit_counts(graph).mean(0)
    return counts


def _adjacency(graph: nx.Graph) -> Floats:
    matrix: Floats = nx.to_numpy_array(graph, weight=None)
    np.fill_diagonal(matrix, 0)
    return matrix


def _clustering(adjacency: Floats) -> Floats:
    degree = adjacency.sum(0)
    twice = ((adjacency @ adjacency) * adjacency).sum(0)
    coefficient: Floats = twice / np.maximum(degree * (degree - 1), 1)
    return coefficient


def _laplacian(adjacency: Floats) -> Floats:
    degree = adjacency.sum(0)
    scale = np.where(degree > 0, 1 / np.sqrt(np.maximum(degree, 1)), 0.0)
    return np.diag((degree > 0).astype(np.float64)) - scale[:, None] * adjacency * scale


def _histogram(values: Floats, bins: int, limits: tuple[float, float]) -> Floats:
    return np.histogram(values, bins=bins, range=limits)[0] / len(values)
