r"""The neighbourhood subgraph pairwise distance kernel of labelled graphs, as vectors.

A feature is a pair of atoms at distance :math:`d` together with their neighbourhoods of radius :math:`r`, both from 0
to 4 bonds; a second feature names the neighbourhood of one of them alone. The features of each :math:`(r, d)` that
occur form a block of unit norm, and the whole vector has unit norm. The neighbourhood of a node is the sequence, by
distance, of the multisets of the atoms (label, degree) and bonds (label) there. Where EDeN, whose
`vectorize(complexity=4)` this is, hashes features into 2¹⁶ buckets with Python's salted `hash`, so that its values
differ from process to process in the third digit, features here keep 64 bits, and no two of them meet.

References:
    | Fast Neighborhood Subgraph Pairwise Distance Kernel (Costa, De Grave, 2010)
    | https://github.com/fabriziocosta/EDeN
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from geodrift_graphs.metrics.embedding import Features
from geodrift_graphs.metrics.hashing import Hashes, mix

COMPLEXITY = 4


def features(molecules: Sequence[Chem.Mol]) -> Features:
    """The features of sanitised molecules: atoms labelled by element, bonds by whole order (aromatic is 1)."""
    return vectors(*_arrays(molecules))


def vectors(nodes: NDArray[np.int64], edges: NDArray[np.int64]) -> Features:
    """The features of labelled graphs.

    Arguments:
        nodes: Label of each node, `(B, N)`, 0 where there is none.
        edges: Label of each edge, `(B, N, N)`, symmetric, 0 where there is none.
    """
    apart = _distances(edges > 0, COMPLEXITY)
    neighbourhood, exists = _neighbourhoods(nodes, edges, apart)
    blocks = [
        _pairs(neighbourhood[:, :, r], exists[:, :, r], apart == d, 16 * r + d)
        for d in range(COMPLEXITY + 1)
        for r in range(COMPLEXITY + 1)
    ]
    return _normalised(blocks, len(nodes))


def _arrays(molecules: Sequence[Chem.Mol]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    most = max((molecule.GetNumAtoms() for molecule in molecules), default=0)
    nodes = np.zeros((len(molecules), most), np.int64)
    edges = np.zeros((len(molecules), most, most), np.int64)
    for index, molecule in enumerate(molecules):
        size = molecule.GetNumAtoms()
        nodes[index, :size] = [atom.GetAtomicNum() for atom in molecule.GetAtoms()]
        edges[index, :size, :size] = Chem.GetAdjacencyMatrix(molecule, useBO=True)
    return nodes, edges


def _distances(adjacent: NDArray[np.bool_], longest: int) -> NDArray[np.int8]:
    """Numbers of bonds between nodes, `(B, N, N)`, −1 where there are more than `longest`."""
    step = adjacent.astype(np.float32)
    apart = np.where(np.eye(adjacent.shape[1], dtype=bool), 0, np.full(adjacent.shape, -1)).astype(np.int8)
    for d in range(1, longest + 1):
        apart[(apart < 0) & ((apart == d - 1).astype(np.float32) @ step > 0)] = d
    return apart


def _neighbourhoods(
    nodes: NDArray[np.int64], edges: NDArray[np.int64], apart: NDArray[np.int8]
) -> tuple[Hashes, NDArray[np.bool_]]:
    """Hash of the neighbourhood of every radius, `(B, N, R)`, and whether a node has one that large."""
    degree = (edges > 0).sum(-1)
    atom = mix(np.asarray(nodes * 1024 + degree, np.uint64))
    i, j = np.triu_indices(nodes.shape[1], 1)
    label = edges[:, i, j]
    bond = np.where(label > 0, mix(mix(np.asarray(label, np.uint64))), np.uint64(0))
    near, far = np.minimum(apart[:, :, i], apart[:, :, j]), np.maximum(apart[:, :, i], apart[:, :, j])
    near = np.where(near < 0, far, near)  # only one end may be within reach
    hashes, exists = [], []
    running = np.zeros(nodes.shape, np.uint64)
    for r in range(COMPLEXITY + 1):
        if r > 0:
            running = mix(running + np.where(near == r - 1, bond[:, None], np.uint64(0)).sum(-1, dtype=np.uint64))
        running = mix(running + np.where(apart == r, atom[:, None], np.uint64(0)).sum(-1, dtype=np.uint64))
        hashes.append(running)
        exists.append((apart == r).any(-1) & (nodes > 0))
    return np.stack(hashes, -1), np.stack(exists, -1)


def _pairs(hashes: Hashes, exists: NDArray[np.bool_], pair: NDArray[np.bool_], salt: int) -> Features:
    """One block: the features of all ordered pairs `(B, N, N)` that hold, counted and scaled to unit norm."""
    sample, v, u = np.nonzero(pair & exists[:, :, None] & exists[:, None, :])
    one, other = hashes[sample, v], hashes[sample, u]
    low, high = np.minimum(one, other), np.maximum(one, other)
    whole = mix(mix(mix(low) + high) + np.uint64(2 * salt))
    half = mix(other + np.uint64(2 * salt + 1))
    return _counted(np.concatenate([sample, sample]), np.concatenate([whole, half]), len(hashes))


def _counted(sample: NDArray[np.int64], feature: Hashes, n: int) -> Features:
    order = np.lexsort((feature, sample))
    sample, feature = sample[order], feature[order]
    first = np.flatnonzero(np.r_[True, (np.diff(sample) != 0) | (feature[1:] != feature[:-1])][: len(sample)])
    count = np.diff(np.r_[first, len(sample)]).astype(np.float64)
    sample, feature = sample[first], feature[first]
    norm = np.sqrt(np.bincount(sample, count**2, n))
    return Features(sample, feature, count / norm[sample], n)


def _normalised(blocks: Sequence[Features], n: int) -> Features:
    sample = np.concatenate([block.sample for block in blocks])
    order = np.argsort(sample, kind="stable")
    value = np.concatenate([block.value for block in blocks])[order]
    feature = np.concatenate([block.feature for block in blocks])[order]
    sample = sample[order]
    norm = np.sqrt(np.bincount(sample, value**2, n))
    return Features(sample, feature, value / norm[sample], n)
