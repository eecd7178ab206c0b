r"""Records of files of undirected graphs: graph6, GraphML and edge lists in npz."""

from __future__ import annotations

import io
import zipfile
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ElementTree, ParseError

import networkx as nx
import numpy as np
from networkx.readwrite.graphml import GraphMLReader
from numpy.typing import NDArray

from geodrift.contents import contents
from geodrift.errors import InputError
from geodrift_graphs.files.reading import Record
from geodrift_graphs.generic.degrees import check
from geodrift_graphs.generic.packed import MOST_NODES, Unrepresentable

NEEDED = ("n_nodes", "edges", "edge_offset")
Table = dict[str, NDArray[Any]]


def graph6(path: Path) -> list[Record]:
    """One graph a line."""
    lines = enumerate(contents(path).splitlines(), 1)
    filled = ((number, line.strip().removeprefix(b">>graph6<<")) for number, line in lines)
    return [Record(number, _shown(line), {}, partial(_line, line)) for number, line in filled if line]


def graphml(path: Path) -> list[Record]:
    """One or several graphs of an XML file; attributes are read and ignored."""
    try:
        tree = ElementTree(file=io.BytesIO(contents(path)))
        known = GraphMLReader().find_graphml_keys(tree)
    except (ParseError, nx.NetworkXError, KeyError, ValueError) as error:
        raise InputError(f"{path}: not GraphML: {error}") from None
    found = tree.findall(f"{{{GraphMLReader.NS_GRAPHML}}}graph")
    return [Record(n, graph.get("id", ""), {}, partial(_described, graph, *known)) for n, graph in enumerate(found, 1)]


def npz(path: Path) -> list[Record]:
    """Edge lists end to end: those of graph g are `edges[edge_offset[g]:edge_offset[g + 1]]`, its nodes `n_nodes[g]`.

    Other arrays with one value a graph, such as `split`, can be selected on.
    """
    arrays = _arrays(path)
    counts, edges, offset = (arrays[name] for name in NEEDED)
    if counts.size == 0:
        raise InputError(f"{path}: n_nodes is empty: there are no graphs")
    shapes = offset.shape == (len(counts) + 1,) and edges.shape == (int(offset[-1]), 2)
    if not shapes or offset[0] != 0 or (np.diff(offset) < 0).any():
        raise InputError(f"{path}: edges {edges.shape} and edge_offset {offset.shape} do not fit {len(counts)} graphs")
    columns = {name: array for name, array in arrays.items() if name not in NEEDED and array.shape == counts.shape}
    parts = np.split(edges, offset[1:-1])
    return [
        Record(g + 1, f"graph {g}", {name: str(array[g]) for name, array in columns.items()}, partial(_listed, n, part))
        for g, (n, part) in enumerate(zip(counts.tolist(), parts, strict=True))
    ]


def _arrays(path: Path) -> Table:
    try:
        with np.load(io.BytesIO(contents(path)), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, AttributeError, TypeError, zipfile.BadZipFile):
        raise InputError(f"{path}: not an npz file of numbers; write one with numpy.savez") from None
    missing = [name for name in NEEDED if name not in arrays]
    if missing:
        raise InputError(f"{path}: no array {', '.join(missing)}; it has {', '.join(arrays) or 'none'}")
    if any(arrays[name].dtype.kind not in "iu" for name in NEEDED) or arrays["n_nodes"].ndim != 1:
        raise InputError(f"{path}: {', '.join(NEEDED)} must be arrays of whole numbers")
    return arrays


def _listed(nodes: int, edges: NDArray[Any]) -> nx.Graph[Any]:
    if not 0 <= nodes <= MOST_NODES:
        raise Unrepresentable(f"{nodes} nodes; from 1 to {MOST_NODES} can be represented")
    if edges.size and not 0 <= edges.min() <= edges.max() < nodes:
        raise Unrepresentable(f"an edge names a node outside 0 to {nodes - 1}")
    graph: nx.Graph[Any] = nx.empty_graph(nodes)
    graph.add_edges_from(edges.tolist())
    return _checked(graph)


def _described(graph: Element, *known: Any) -> nx.Graph[Any]:
    try:
        return _checked(GraphMLReader().make_graph(graph, *known))
    except (nx.NetworkXError, KeyError, ValueError, TypeError) as error:
        raise Unrepresentable(str(error)) from None


def _line(line: bytes) -> nx.Graph[Any]:
    try:
        return _checked(nx.from_graph6_bytes(line))
    except (nx.NetworkXError, ValueError, IndexError) as error:
        raise Unrepresentable(str(error) if isinstance(error, Unrepresentable) else "not graph6") from None


def _checked(graph: nx.Graph[Any]) -> nx.Graph[Any]:
    check(graph)
    return graph


def _shown(line: bytes) -> str:
    return line[:80].decode("ascii", "replace")
