r"""Graphs as pictures.

Nodes are placed by stress majorisation: the positions that minimise
:math:`\sum_{i<j} d_{ij}^{-2} (|x_i - x_j| - d_{ij})^2` for the path lengths :math:`d`, the energy of Kamada and Kawai.
One step is :math:`X \leftarrow V^+ B(X) X`, which never increases it; the start is classical scaling of :math:`d`.
Nodes in different pieces are a little over half as far apart as the most distant nodes in one piece.

References:
    | Graph Drawing by Stress Majorization (Gansner, Koren, North, 2004)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components, shortest_path
from scipy.spatial.distance import cdist

from geodrift_graphs.report.elements import TILE, Tile

Floats = NDArray[np.float64]

_STEPS = 60
_MARGIN = 14  # px around the nodes


def tiles(graphs: Sequence[nx.Graph[Any]]) -> list[Tile]:
    """The pictures of graphs; the largest piece has a colour of its own."""
    return [_tile(nx.to_numpy_array(graph, weight=None) if len(graph) else np.zeros((0, 0))) for graph in graphs]


def layout(adjacency: Floats) -> Floats:
    """Positions `(n, 2)` of the nodes of an adjacency matrix `(n, n)`, the longer side horizontal."""
    distance = _distances(adjacency)
    n = len(distance)
    weight = 1 / np.maximum(distance, 1) ** 2 * (1 - np.eye(n))
    wanted = weight * distance
    inverse = np.linalg.pinv(np.diag(weight.sum(0)) - weight, hermitian=True)
    x = _scaling(distance) + np.random.default_rng(0).normal(size=(n, 2)) * 0.05  # parts twins
    for _ in range(_STEPS):
        pull = wanted / np.maximum(cdist(x, x), 1e-9)
        x = inverse @ (pull.sum(0)[:, None] * x - pull @ x)
    x = x - x.mean(0)
    rotated: Floats = x @ np.linalg.svd(x, full_matrices=False)[2].T
    return rotated


def _distances(adjacency: Floats) -> Floats:
    distance: Floats = shortest_path(adjacency, unweighted=True)
    finite = np.isfinite(distance)
    return np.where(finite, distance, 0.6 * distance[finite].max(initial=0) + 1)


def _scaling(distance: Floats) -> Floats:
    """Classical scaling: the two leading axes of the doubly centred squares."""
    centred = distance**2 - (distance**2).mean(0)
    values, vectors = np.linalg.eigh(-0.5 * (centred - centred.mean(1, keepdims=True)))
    axes: Floats = vectors[:, -2:] * np.sqrt(np.maximum(values[-2:], 0))
    return np.pad(axes, ((0, 0), (0, 2 - axes.shape[1])))


def _tile(adjacency: Floats) -> Tile:
    if len(adjacency) == 0:
        return Tile("", good=False)
    places = _fitted(layout(adjacency) if len(adjacency) > 1 else np.zeros((1, 2)))
    pieces, piece = connected_components(adjacency, directed=False)
    main = piece == np.bincount(piece).argmax()
    edges = "".join(f"M{_at(places[i])}L{_at(places[j])}" for i, j in np.argwhere(np.triu(adjacency, 1)))
    size = float(np.clip(36 / np.sqrt(len(adjacency)), 3, 9))
    lines = f'<path d="{edges}" fill="none" stroke="var(--ink)" stroke-opacity=".45"/>'
    others = "" if main.all() else _dots(places[~main], "--alert", size)
    return Tile(lines + _dots(places[main], "--accent", size) + others, good=pieces == 1)


def _dots(places: Floats, colour: str, size: float) -> str:
    """Points are lines of no length with round ends."""
    points = "".join(f"M{_at(place)}h0" for place in places)
    return f'<path d="{points}" stroke="var({colour})" stroke-width="{size:.1f}" stroke-linecap="round"/>'


def _fitted(x: Floats) -> Floats:
    """Positions in the frame of a tile."""
    frame, low, high = np.array(TILE, np.float64), x.min(0), x.max(0)
    scale = ((frame - 2 * _MARGIN) / np.maximum(high - low, 1e-3)).min()
    fitted: Floats = (x - (low + high) / 2) * min(scale, 40) + frame / 2
    return fitted


def _at(place: Floats) -> str:
    return f"{place[0]:.1f} {place[1]:.1f}"
