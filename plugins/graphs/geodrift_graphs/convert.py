r"""Our molecules and graphs as those of torch-geometric and networkx, and back.

A `Data` holds every edge in both directions, `edge_index` `(2, 2E)`; node and edge classes are one-hot rows, `x`
`(n, K)` and `edge_attr` `(2E, K)` (column 0, no bond, is never set). Reading also takes class numbers, `(n,)` or
`(n, 1)`, and bond types single, double, triple without the column for no bond; datasets that number bonds otherwise,
such as with an aromatic type, are read through their `smiles`. Isolated nodes survive through `num_nodes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import torch
from rdkit import Chem, rdBase
from torch import Tensor
from torch.nn.functional import one_hot

from geodrift_graphs.generic.codec import Codec, Native
from geodrift_graphs.generic.degrees import build
from geodrift_graphs.generic.packed import Classes, Packed, Sifted, Unrepresentable, sift
from geodrift_graphs.molecules.vocabulary import BONDS, Vocabulary

if TYPE_CHECKING:
    from torch_geometric.data import Data


def to_data(thing: Native, codec: Codec[Native]) -> Data:
    """A molecule or graph as `Data`, with the classes of a codec.

    Raises:
        Unrepresentable: With the reason.
    """
    from torch_geometric.data import Data

    graph = codec.pack(thing)
    links = torch.tensor(graph.links(), dtype=torch.int64).reshape(-1, 3)
    ends = torch.cat([links[:, :2], links[:, :2].flip(1)]).T.contiguous()
    kinds = one_hot(links[:, 2].repeat(2), codec.edge_classes).float()
    nodes = one_hot(torch.from_numpy(graph.nodes).to(torch.int64), codec.node_classes).float()
    return Data(x=nodes, edge_index=ends, edge_attr=kinds, num_nodes=len(nodes))


def to_dataset(things: Iterable[Native], codec: Codec[Native]) -> Sifted[Data]:
    """Every molecule or graph as `Data`."""
    return sift(things, lambda thing: to_data(thing, codec), codec.name)


def molecule(data: Data, tokens: Sequence[str]) -> Chem.Mol:
    """The molecule of a `Data`, not sanitised, whose node classes are these atom tokens.

    Raises:
        Unrepresentable: When the shapes do not fit, or an edge has no reverse.
    """
    nodes = _classes(data.x, len(tokens), "x")
    return Vocabulary(tuple(tokens)).decode(Packed(nodes, _edges(data, len(BONDS))))


def graph(data: Data) -> nx.Graph[Any]:
    """The networkx graph of a `Data`; features are ignored.

    Raises:
        Unrepresentable: When an edge has no reverse, or joins a node to itself.
    """
    return build(Packed(np.zeros(data.num_nodes, np.int8), _edges(data, 2, features=False)))


def molecules(dataset: Iterable[Data], tokens: Sequence[str] | None = None) -> Sifted[Chem.Mol]:
    """The molecules of a dataset: from `smiles`, which QM9, ZINC and MoleculeNet carry, or from atom tokens."""
    read = _from_smiles if tokens is None else lambda data: molecule(data, tokens)
    return sift(dataset, read, lambda data: str(data.get("smiles") or data))


def graphs(dataset: Iterable[Data]) -> Sifted[nx.Graph[Any]]:
    """The networkx graphs of a dataset."""
    return sift(dataset, graph, str)


def _from_smiles(data: Data) -> Chem.Mol:
    if data.get("smiles") is None:
        raise Unrepresentable("no smiles; name the atom types of its node classes")
    with rdBase.BlockLogs():
        found = Chem.MolFromSmiles(data.smiles)
    if found is None:
        raise Unrepresentable("SMILES does not parse")
    return found


def _edges(data: Data, classes: int, features: bool = True) -> Classes:
    """The packed edges: every edge must be there in both directions, with the same class."""
    if data.edge_index is None:
        raise Unrepresentable("no edge_index")
    i, j = data.edge_index.cpu().numpy()
    n, given = data.num_nodes, data.edge_attr if features else None
    if (i == j).any():
        raise Unrepresentable("edge from a node to itself")
    if len(i) and not 0 <= min(i.min(), j.min()) <= max(i.max(), j.max()) < n:
        raise Unrepresentable(f"an edge names a node outside 0 to {n - 1}")
    kinds = np.ones(len(i), np.int8) if given is None else _classes(given, classes, "edge_attr", missing=1)
    if (kinds == 0).any():
        raise Unrepresentable("an edge of class 0, which is no bond; bond classes are none, single, double, triple")
    matrix = np.zeros((n, n), np.int8)
    matrix[i, j] = kinds
    if (matrix != matrix.T).any():
        raise Unrepresentable("edges are directed; torch_geometric.utils.to_undirected adds their reverse")
    columns, rows = np.tril_indices(n, -1)
    packed: Classes = matrix[rows, columns]
    return packed


def _classes(given: Tensor | None, classes: int, name: str, missing: int = 0) -> Classes:
    """Class numbers from numbers or one-hot rows; `missing` leading classes may have no column."""
    if given is None:
        raise Unrepresentable(f"no {name}")
    values = given.cpu()
    if values.ndim == 1 or values.shape[1] == 1:
        numbers = values.reshape(-1).to(torch.int64)
        fits = bool(((numbers >= 0) & (numbers < classes) & (numbers == values.reshape(-1))).all())
    else:
        absent = classes - values.shape[1]
        numbers = values.argmax(1) + absent
        fits = 0 <= absent <= missing and bool(((values != 0).sum(1) == 1).all())
    if not fits:
        raise Unrepresentable(f"{name} {tuple(given.shape)} are neither classes 0 to {classes - 1} nor one-hot rows")
    return numbers.to(torch.int8).numpy()
