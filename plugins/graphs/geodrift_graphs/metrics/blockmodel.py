r"""Whether a graph comes from a stochastic block model, without graph-tool.

*Inference* minimises the description length of the graph under the microcanonical model with :math:`B` blocks of
:math:`n_r` nodes and :math:`e_{rs}` edges between them,

.. math:: \Sigma = \sum_{r \le s} \ln \binom{m_{rs}}{e_{rs}} + \ln \binom{B (B + 1) / 2 + E - 1}{E}
    + \ln \binom{N - 1}{B - 1} + \ln N! - \sum_r \ln n_r! + \ln N,

where :math:`m_{rs}` is the number of node pairs. Every :math:`B` starts from the leading eigenvectors of the normalised
adjacency, moves all nodes to their likeliest block until none moves, and merges blocks while that shortens the
description; the shortest of all wins. *The test* is SPECTRE's: 2 to 5 blocks of 20 to 40 nodes, and a mean Wald
p-value above 0.9 for the probabilities 0.3 inside and 0.005 between blocks.

References:
    | Nonparametric Bayesian inference of the microcanonical stochastic block model (Peixoto, 2017),
    | https://arxiv.org/abs/1610.02703
    | SPECTRE (Martinkus et al., 2022), https://arxiv.org/abs/2204.01613
"""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from scipy.special import gammaln
from scipy.stats import chi2

Floats = NDArray[np.float64]
Blocks = NDArray[np.int64]

_MOST = 8  # blocks tried; more than 5 fail the test whatever they are
_SWEEPS = 50
_SIZES = (20, 40)
_BLOCKS = (2, 5)
_INSIDE, _BETWEEN = 0.3, 0.005
_LEVEL = 0.9
_TINY = 1e-6  # the reference's guard of empty denominators


def is_block_model(graph: nx.Graph) -> bool:
    """Whether the graph passes the test."""
    adjacency = nx.to_numpy_array(graph, weight=None)
    np.fill_diagonal(adjacency, 0)
    blocks = infer(adjacency)
    sizes = np.bincount(blocks)
    fits = _BLOCKS[0] <= len(sizes) <= _BLOCKS[1] and _SIZES[0] <= sizes.min() and sizes.max() <= _SIZES[1]
    return bool(fits and agreement(adjacency, blocks) > _LEVEL)


def agreement(adjacency: Floats, blocks: Blocks) -> float:
    """The mean p-value of the Wald tests of all pairs of blocks, as SPECTRE computes it (without the factor n)."""
    ends, pairs = _counts(adjacency, blocks)
    expected = np.where(np.eye(len(ends), dtype=bool), _INSIDE, _BETWEEN)
    estimate = ends / (pairs + _TINY)
    wald = (estimate - expected) ** 2 / (estimate * (1 - estimate) + _TINY)
    return float(chi2.sf(np.abs(wald), 1).mean())


def infer(adjacency: Floats) -> Blocks:
    """The block of each node, `(N,)` from 0, that describes the adjacency `(N, N)` in the fewest nats."""
    if len(adjacency) == 0:
        return np.zeros(0, np.int64)
    vectors = _embedding(adjacency)
    found = (_merged(adjacency, _refined(adjacency, _clusters(vectors, count))) for count in range(1, _MOST + 1))
    return min(found, key=lambda blocks: description_length(adjacency, blocks))


def description_length(adjacency: Floats, blocks: Blocks) -> float:
    """The length Σ in nats of the graph and its blocks."""
    ends, pairs = _counts(adjacency, blocks)
    sizes, half = np.bincount(blocks), np.where(np.eye(len(ends), dtype=bool), 0.5, 1.0)
    upper = np.triu_indices(len(ends))
    nodes, count, edges = len(adjacency), len(sizes), adjacency.sum() / 2
    graph = _choose((pairs * half)[upper], (ends * half)[upper]).sum()
    table = _choose(count * (count + 1) / 2 + edges - 1, edges)
    partition = _choose(nodes - 1, count - 1) + gammaln(nodes + 1) - gammaln(sizes + 1).sum() + np.log(nodes)
    return float(graph + table + partition)


def _choose(n: Floats | float, k: Floats | float) -> Floats:
    return np.asarray(gammaln(np.asarray(n) + 1) - gammaln(np.asarray(k) + 1) - gammaln(np.asarray(n) - k + 1))


def _counts(adjacency: Floats, blocks: Blocks) -> tuple[Floats, Floats]:
    """Edge ends between blocks and ordered pairs of nodes, both `(B, B)`; inside a block either counts twice."""
    member = np.eye(blocks.max() + 1)[blocks]
    sizes = member.sum(0)
    return member.T @ adjacency @ member, np.outer(sizes, sizes) - np.diag(sizes)


def _embedding(adjacency: Floats) -> Floats:
    """Leading eigenvectors of the normalised adjacency, `(N, most)`, its degrees lifted by their mean."""
    degree = adjacency.sum(0)
    scale = 1 / np.sqrt(degree + max(degree.mean(), _TINY))
    return np.linalg.eigh(scale[:, None] * adjacency * scale)[1][:, ::-1][:, :_MOST]


def _clusters(vectors: Floats, count: int) -> Blocks:
    leading = vectors[:, :count]
    rows = leading / np.maximum(np.linalg.norm(leading, axis=1, keepdims=True), _TINY)
    start = [0]
    for _ in range(min(count, len(rows)) - 1):  # the farthest node starts the next block
        apart = ((rows[:, None] - rows[start]) ** 2).sum(-1).min(1)
        start.append(int(apart.argmax()))
    return _compact(kmeans2(rows, rows[start], minit="matrix", missing="warn")[1].astype(np.int64))


def _compact(blocks: Blocks) -> Blocks:
    return np.unique(blocks, return_inverse=True)[1]


def _refined(adjacency: Floats, blocks: Blocks) -> Blocks:
    """All nodes moved to their likeliest block, while the description gets shorter."""
    length = description_length(adjacency, blocks)
    for _ in range(_SWEEPS):
        moved = _likeliest(adjacency, blocks)
        shorter = description_length(adjacency, moved)
        if shorter >= length:
            break
        blocks, length = moved, shorter
    return blocks


def _likeliest(adjacency: Floats, blocks: Blocks) -> Blocks:
    ends, pairs = _counts(adjacency, blocks)
    p = (ends + 0.5) / (pairs + 1)
    member = np.eye(len(ends))[blocks]
    joined = adjacency @ member
    others = member.sum(0) - member - joined
    return _compact((joined @ np.log(p) + others @ np.log1p(-p)).argmax(1))


def _merged(adjacency: Floats, blocks: Blocks) -> Blocks:
    """Pairs of blocks merged, the best first, while the description gets shorter."""
    while blocks.max() > 0:
        pairs = itertools.combinations(range(blocks.max() + 1), 2)
        merged = [_refined(adjacency, _compact(np.where(blocks == s, r, blocks))) for r, s in pairs]
        best = min(merged, key=lambda candidate: description_length(adjacency, candidate))
        if description_length(adjacency, best) >= description_length(adjacency, blocks):
            break
        blocks = best
    return blocks
