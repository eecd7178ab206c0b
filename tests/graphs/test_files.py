"""Files: every format reads back, bad records are reported, bad files are one line."""

import gzip
from collections import Counter
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from rdkit import Chem

from geodrift.errors import InputError
from geodrift_graphs.files import read, samples, write
from geodrift_graphs.molecules.vocabulary import sanitised

TEXTS = ["C", "CC(=O)[O-].[NH4+]", "c1cc[nH]c1", "C[N+](=O)[O-]", "CS(C)=O"]
MOLECULES = [Chem.MolFromSmiles(text) for text in TEXTS]
GRAPHS = [nx.path_graph(5), nx.empty_graph(1), nx.disjoint_union(nx.cycle_graph(4), nx.empty_graph(2))]


def canonical(molecules: list[Chem.Mol]) -> list[str]:
    return [Chem.MolToSmiles(molecule) for molecule in molecules]


def same(first: nx.Graph, second: nx.Graph) -> bool:
    return set(first) == set(second) and nx.utils.graphs_equal(first, second)


def saved(path: Path, content: str | bytes) -> Path:
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def npz(path: Path, graphs: list[nx.Graph], **more: list[object]) -> Path:
    edges = np.array([edge for graph in graphs for edge in graph.edges], np.int32).reshape(-1, 2)
    offset = np.cumsum([0, *(graph.number_of_edges() for graph in graphs)])
    np.savez(path, n_nodes=[len(graph) for graph in graphs], edges=edges, edge_offset=offset, **more)
    return path


@pytest.mark.parametrize("name", ["a.smi", "a.smi.gz", "A.SMI"])
def test_smiles_lists_read(tmp_path: Path, name: str) -> None:
    lines = "\n".join(f"{text} name {index}" for index, text in enumerate(TEXTS))
    reading = read(saved(tmp_path / name, f"# a comment\n\n{lines}\n"))
    assert reading.kind == "molecules"
    assert not reading.refused
    assert canonical(reading.objects) == canonical(MOLECULES)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("column", ["smiles", "SMILES"])
def test_tables_read(tmp_path: Path, name: str, column: str) -> None:
    rows = "".join(f'"{index}, of many",{text}\n' for index, text in enumerate(TEXTS))
    reading = read(saved(tmp_path / name, f"\ufeffid,{column}\n{rows}"))
    assert canonical(reading.objects) == canonical(MOLECULES)


def test_bad_lines_are_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    reading = read(saved(tmp_path / "a.smi", "C\n\nC1CC bad ring\nCN(C)(C)(C)C\nnonsense\nCC\n"))
    assert canonical(reading.objects) == ["C", "CC"]
    assert [(refusal.index, refusal.name) for refusal in reading.refused] == [
        (3, "C1CC"),
        (4, "CN(C)(C)(C)C"),
        (5, "nonsense"),
    ]
    reasons = [refusal.reason for refusal in reading.refused]
    assert reasons[0] == reasons[2] == "SMILES does not parse"
    assert "valence" in reasons[1]


def test_bad_rows_of_a_table_are_reported_by_line(tmp_path: Path) -> None:
    reading = read(saved(tmp_path / "a.csv", 'note,smiles\n"two\nlines",C\nx,\ny\nz,C1\nz,CC,more\n'))
    assert canonical(reading.objects) == ["C", "CC"]
    assert [(refusal.index, refusal.reason) for refusal in reading.refused] == [
        (4, "no atoms"),
        (5, "no atoms"),
        (6, "SMILES does not parse"),
    ]


def test_nothing_is_printed_for_bad_molecules(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    read(saved(tmp_path / "a.smi", "C\nC1\nCN(C)(C)(C)C\nc1cccc1\n"))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["a.sdf", "a.sdf.gz"])
def test_sd_files_read(tmp_path: Path, name: str) -> None:
    write(MOLECULES, tmp_path / "out")
    blocks = (tmp_path / "out" / "samples.sdf").read_text().split("$$$$\n")
    blocks[1] = "broken\n\n\nnot a molecule\n"
    blocks[2] += "> <split>\ntest\n\n"
    path = saved(tmp_path / name, "$$$$\n".join(blocks))
    reading = read(path)
    assert canonical(reading.objects) == canonical([m for index, m in enumerate(MOLECULES) if index != 1])
    assert [(refusal.index, refusal.name) for refusal in reading.refused] == [(2, "broken")]
    assert [m.GetProp("_Name") for m in reading.objects] == ["0", "2", "3", "4"]
    assert canonical(read(path, where={"split": "test"}).objects) == ["c1cc[nH]c1"]


def test_graph6_reads(tmp_path: Path) -> None:
    lines = b"".join(nx.to_graph6_bytes(graph, header=index == 0) for index, graph in enumerate(GRAPHS))
    reading = read(saved(tmp_path / "a.g6", lines + b"\nnot graph6\n"))
    assert reading.kind == "graphs"
    assert all(map(same, reading.objects, GRAPHS))
    assert [(refusal.index, refusal.reason) for refusal in reading.refused] == [(5, "not graph6")]


def test_graphml_reads(tmp_path: Path) -> None:
    labelled = nx.relabel_nodes(GRAPHS[2], str)
    nx.write_graphml(labelled, tmp_path / "a.graphml")
    back = read(tmp_path / "a.graphml").objects[0]
    assert set(back) == set(labelled)
    assert nx.utils.edges_equal(back.edges, labelled.edges)


def test_directed_and_looped_graphs_are_refused(tmp_path: Path) -> None:
    for name, graph in {"a": nx.DiGraph([(0, 1)]), "b": nx.Graph([(0, 0)]), "c": nx.Graph([(0, 1)])}.items():
        nx.write_graphml(graph, tmp_path / f"{name}.graphml")
    reading = read(tmp_path)
    assert len(reading.objects) == 1
    assert [refusal.reason for refusal in reading.refused] == ["directed graph", "edge from a node to itself"]
    assert reading.refused[0].name.startswith("a.graphml: ")


def test_a_bad_graph_leaves_the_others_of_its_file_alone(tmp_path: Path) -> None:
    body = '<node id="a"/><node id="b"/><edge source="a" target="b"/>'
    twice = body + '<edge source="a" target="b"/>'
    kinds = [("undirected", body), ("undirected", twice), ("directed", body), ("undirected", body)]
    graphs = "".join(f'<graph id="g{n}" edgedefault="{kind}">{text}</graph>' for n, (kind, text) in enumerate(kinds))
    page = f'<graphml xmlns="http://graphml.graphdrawing.org/xmlns">{graphs}</graphml>'
    reading = read(saved(tmp_path / "a.graphml", page))
    assert len(reading.objects) == 2
    assert [(refusal.index, refusal.name) for refusal in reading.refused] == [(2, "g1"), (3, "g2")]
    assert [refusal.reason for refusal in reading.refused] == ["graph with parallel edges", "directed graph"]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_lines_end_in_any_way(tmp_path: Path, ends: str) -> None:
    assert len(read(saved(tmp_path / "a.smi", ends.join(["SMILES name", "C x\u2028y", "CC", ""]))).objects) == 2
    reading = read(saved(tmp_path / "a.csv", ends.join(["", "smiles,id", "C,1", "", "C1,2", ""])))
    assert len(reading.objects) == 1
    assert reading.refused[0].index == 5


def test_samples_count_what_is_not_valid_in_any_format(tmp_path: Path) -> None:
    block = "\n     RDKit          2D\n\n  2  1  0  0  0  0  0  0  0  0999 V2000\n"
    block += "".join(f"    0.0000    0.0000    0.0000 {s}   0  0\n" for s in "FF")
    good, bad = f"{block}  1  2  1  0\nM  END\n$$$$\n", f"{block}  1  2  3  0\nM  END\n$$$$\n"
    found = samples(saved(tmp_path / "a.sdf", good + bad + "rubbish\n$$$$\n"))
    assert [molecule.GetNumAtoms() for molecule in found] == [2, 2, 0]
    assert [sanitised(molecule) is not None for molecule in found[:2]] == [True, False]
    assert len(samples(saved(tmp_path / "a.smi", "smiles\nC\nC1\n"))) == 2
    with pytest.raises(InputError, match="file is empty"):
        samples(saved(tmp_path / "b.smi", ""))


def test_edge_lists_read(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", GRAPHS, split=["train", "test", "train"])
    assert all(map(same, read(path).objects, GRAPHS))
    assert all(map(same, read(path, where={"split": "train"}).objects, GRAPHS[::2]))


def test_edges_to_nowhere_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, n_nodes=[2, 2], edges=[[0, 1], [0, 2]], edge_offset=[0, 1, 2])
    reading = read(path)
    assert len(reading.objects) == 1
    assert reading.refused[0].reason == "an edge names a node outside 0 to 1"


@pytest.mark.parametrize(("rows", "left"), [("2:", 3), (":2", 2), ("1:3", 2), (":", 5), ("3:99", 2)])
def test_rows_select_a_range_of_any_format(tmp_path: Path, rows: str, left: int) -> None:
    path = saved(tmp_path / "a.smi", "\n".join(TEXTS))
    expected = canonical(MOLECULES)[slice(*(int(bound) if bound else None for bound in rows.split(":")))]
    assert len(expected) == left
    assert canonical(read(path, where={"rows": rows}).objects) == expected


def test_columns_select(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.csv", "smiles,test,flag\nC,0,0\nCC,1,0\nCCC,0,1\nCCCC,0,0\nC1,1,1\n")
    assert canonical(read(path, where={"test": "0", "flag": "0"}).objects) == ["C", "CCCC"]
    assert canonical(read(path, where={"test": "0", "rows": "1:"}).objects) == ["CCC", "CCCC"]


def test_folders_hold_one_kind(tmp_path: Path) -> None:
    saved(tmp_path / "a.smi", "C\nCC\n")
    saved(tmp_path / "b.csv", "smiles\nC1\nCCC\n")
    saved(tmp_path / "notes.txt", "not read")
    reading = read(tmp_path)
    assert canonical(reading.objects) == ["C", "CC", "CCC"]
    assert [(refusal.index, refusal.name) for refusal in reading.refused] == [(2, "b.csv: C1")]
    npz(tmp_path / "c.npz", GRAPHS)
    with pytest.raises(InputError, match=r"holds molecules \(b.csv\) and graphs \(c.npz\)"):
        read(tmp_path)


def test_community_graphs_and_their_test_split(shared_data: Path) -> None:
    path = shared_data / "graphs" / "community_small.npz"
    assert [len(read(path, where={"rows": rows}).objects) for rows in (":20", "20:")] == [20, 80]
    with pytest.raises(InputError, match="values there: all"):
        read(path, where={"split": "train"})


def test_planar_graphs_and_their_split(shared_data: Path) -> None:
    path = shared_data / "graphs" / "planar.npz"
    counts = {split: len(read(path, where={"split": split}).objects) for split in ("train", "val", "test")}
    assert counts == {"train": 128, "val": 32, "test": 40}


def test_qm9_test_molecules(shared_data: Path) -> None:
    path = shared_data / "graphs" / "qm9_smiles.csv.gz"
    reading = read(path, where={"test_gdb": "1", "uncharacterized": "0"})
    assert len(reading.objects) == 13_082
    assert Counter(refusal.reason for refusal in reading.refused) == {}
