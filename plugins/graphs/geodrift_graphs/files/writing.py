r"""Samples as files.

Molecules become `samples.smi` (canonical SMILES and the index of the sample) and `samples.sdf` (with 2-D coordinates).
A sample that is not a molecule goes to `invalid.csv`, with the reason and a SMILES as it was generated, so that no
share is lost. Graphs become `samples.npz` (the layout that is read) and `samples.g6`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdDepictor

from geodrift_graphs.molecules.vocabulary import problem, sanitised

SAMPLES = (("samples.smi", "invalid.csv"), ("samples.npz",))  # what stands for a folder that `write` filled
Valid = list[tuple[int, Chem.Mol]]


def write(objects: Sequence[Any], folder: str | Path) -> list[Path]:
    """Write molecules or graphs, all of one kind, into a folder; the files written."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    if objects and isinstance(objects[0], nx.Graph):
        return [_npz(objects, place / "samples.npz"), _graph6(objects, place / "samples.g6")]
    checked = [(index, molecule, sanitised(molecule)) for index, molecule in enumerate(objects)]
    valid = [(index, copy) for index, _, copy in checked if copy is not None]
    invalid = [(index, molecule) for index, molecule, copy in checked if copy is None]
    return [
        _smi(valid, place / "samples.smi"),
        _sdf(valid, place / "samples.sdf"),
        *_invalid(invalid, place / "invalid.csv"),
    ]


def _smi(valid: Valid, path: Path) -> Path:
    path.write_text("".join(f"{Chem.MolToSmiles(molecule)} {index}\n" for index, molecule in valid), encoding="utf-8")
    return path


def _sdf(valid: Valid, path: Path) -> Path:
    with Chem.SDWriter(str(path)) as writer:
        for index, molecule in valid:
            molecule.SetProp("_Name", str(index))
            rdDepictor.Compute2DCoords(molecule)
            writer.write(molecule)
    return path


def _invalid(invalid: Valid, path: Path) -> list[Path]:
    path.unlink(missing_ok=True)
    if not invalid:
        return []
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["index", "reason", "smiles"])
        writer.writerows([index, *_wrong(molecule)] for index, molecule in invalid)
    return [path]


def _wrong(molecule: Chem.Mol) -> tuple[str, str]:
    """What is wrong, with atoms numbered as in the SMILES, and the SMILES as generated."""
    written = _rough(molecule)
    with rdBase.BlockLogs():
        again: Chem.Mol | None = Chem.MolFromSmiles(written, sanitize=False)
    return problem(molecule if again is None else again), written


def _rough(molecule: Chem.Mol) -> str:
    copy = Chem.Mol(molecule)
    copy.UpdatePropertyCache(strict=False)
    return str(Chem.MolToSmiles(copy))


def _numbered(graphs: Iterable[nx.Graph[Any]]) -> list[nx.Graph[Any]]:
    return [nx.convert_node_labels_to_integers(graph) for graph in graphs]


def _graph6(graphs: Sequence[nx.Graph[Any]], path: Path) -> Path:
    path.write_bytes(b"".join(nx.to_graph6_bytes(graph, header=False) for graph in _numbered(graphs)))
    return path


def _npz(graphs: Sequence[nx.Graph[Any]], path: Path) -> Path:
    lists = [sorted(map(sorted, graph.edges())) for graph in _numbered(graphs)]
    edges = np.array([edge for part in lists for edge in part], np.int32).reshape(-1, 2)
    offset = np.cumsum([0, *map(len, lists)], dtype=np.int64)
    np.savez_compressed(path, n_nodes=np.array(list(map(len, graphs)), np.int32), edges=edges, edge_offset=offset)
    return path
