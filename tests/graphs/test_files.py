"""Files: every format reads back, bad records are reported, bad files are one line."""

import csv
import gzip
from collections import Counter
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from rdkit import Chem

from geodrift.errors import InputError
from geodrift_graphs.files import read, samples, write
from geodrift_graphs.molecules.vocabulary import Vocabulary, sanitised

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


def test_an_invalid_sample_is_named_by_the_atoms_of_its_smiles(tmp_path: Path) -> None:
    molecule = Chem.MolFromSmiles("N(C)(C)(C)CO", sanitize=False)
    write([Chem.RenumberAtoms(molecule, [5, 4, 3, 2, 1, 0])], tmp_path)
    _, line = (tmp_path / "invalid.csv").read_text().splitlines()
    smiles, place = line.rpartition(",")[2], int(line.partition("atom # ")[2].split()[0])
    assert Chem.MolFromSmiles(smiles, sanitize=False).GetAtomWithIdx(place).GetSymbol() == "N"


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


WRONG = {
    "missing.smi": (None, {}, "no such file"),
    "empty.smi": ("", {}, "file is empty"),
    "blank.csv": ("\n \n", {}, "file is empty"),
    "bad.smi": ("C1\nnonsense\n", {}, "none of 2 records can be read; the first: 1: C1: SMILES does not parse"),
    "comments.smi": ("# only\n", {}, "no records"),
    "header.csv": ("smiles\n", {}, "no records"),
    "quote.csv": ('"smiles\n', {}, "line 1: unexpected end of data"),
    "where.smi": ("C\n", 5, "where: a table of columns and values, not 5"),
    "column.csv": ("smile,id\nC,1\n", {}, r'no column "smiles" \(did you mean "smile"\?\); available: id, smile'),
    "format.txt": ("C\n", {}, "unknown format"),
    "where.csv": ("smiles,test\nC,1\n", {"tets": "0"}, r'no column "tets" \(did you mean "test"\?\)'),
    "value.csv": ("smiles,test\nC,1\n", {"test": "0"}, "where.test=0 matches no record; values there: 1"),
    "rows.smi": ("C\n", {"rows": "first"}, '"first" is not a range'),
    "binary.smi": (b"C\n\xff\xfe\x00", {}, "not a text file"),
    "plain.csv.gz": (b"", {}, "empty"),
    "a.npz": ("hello", {}, "not an npz file"),
    "a.graphml": ("<graphml", {}, "not GraphML"),
    "a.sdf": ("nothing\n", {}, "no records"),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_files_are_one_clear_line(tmp_path: Path, name: str) -> None:
    content, where, message = WRONG[name]
    path = tmp_path / name if content is None else saved(tmp_path / name, content)
    with pytest.raises(InputError, match=message) as caught:
        read(path, where)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value) or "rows" in str(caught.value)


def test_a_truncated_gzip_is_an_input_error(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.csv.gz", "smiles\n" + "C\n" * 1000)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match="cannot be read"):
        read(path)


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    saved(tmp_path / "molecules.smi", "C")
    with pytest.raises(InputError, match=r"did you mean molecules\.smi"):
        read(tmp_path / "molecule.smi")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"edges": [[0, 1]]}, "no array n_nodes, edge_offset; it has edges"),
        ({"n_nodes": [2], "edges": [[0, 1]], "edge_offset": [0, 2]}, "do not fit 1 graphs"),
        ({"n_nodes": [2], "edges": [[0, 1]], "edge_offset": 1}, "do not fit 1 graphs"),
        ({"n_nodes": [2], "edges": [[0, 1]], "edge_offset": [[0, 1]]}, "do not fit 1 graphs"),
        ({"n_nodes": np.zeros(0, int), "edges": np.zeros((0, 2), int), "edge_offset": [0]}, "there are no graphs"),
        ({"n_nodes": [-3], "edges": np.zeros((0, 2), int), "edge_offset": [0, 0]}, "-3 nodes; from 1 to 2048"),
        ({"n_nodes": [10**9], "edges": np.zeros((0, 2), int), "edge_offset": [0, 0]}, "1000000000 nodes; from 1"),
        ({"n_nodes": [2.0], "edges": [[0, 1]], "edge_offset": [0, 1]}, "whole numbers"),
        ({"n_nodes": np.array([{}]), "edges": [[0, 1]], "edge_offset": [0, 1]}, "not an npz file of numbers"),
    ],
)
def test_damaged_edge_lists_are_input_errors(tmp_path: Path, arrays: dict[str, object], message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=message):
        read(tmp_path / "a.npz")


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


def test_an_empty_folder_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file that can be read"):
        read(tmp_path)


def test_written_molecules_are_all_accounted_for(tmp_path: Path) -> None:
    vocabulary = Vocabulary(("C", "F"))
    graph = vocabulary.encode(Chem.MolFromSmiles("CF"))
    invalid = vocabulary.decode(graph._replace(edges=graph.edges * 3))
    paths = write([*MOLECULES[:2], invalid, *MOLECULES[2:]], tmp_path)
    assert [path.name for path in paths] == ["samples.smi", "samples.sdf", "invalid.csv"]
    reading = read(tmp_path)
    assert canonical(reading.objects) == canonical(MOLECULES)
    assert len(reading.refused) == 1
    names = [line.split()[1] for line in paths[0].read_text().splitlines()]
    assert names == ["0", "1", "3", "4", "5"]
    with paths[2].open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["index"], row["smiles"]) for row in rows] == [("2", "C#F")]
    assert "valence" in rows[0]["reason"]
    drawn = read(paths[1]).objects
    assert canonical(drawn) == canonical(MOLECULES)
    assert all(molecule.GetNumConformers() == 1 for molecule in drawn)


def test_a_second_writing_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    vocabulary = Vocabulary(("F",))
    graph = vocabulary.encode(Chem.MolFromSmiles("FF"))
    write([vocabulary.decode(graph._replace(edges=graph.edges * 2)), *MOLECULES], tmp_path)
    write(MOLECULES, tmp_path)
    assert not read(tmp_path).refused


def test_written_graphs_read_back(tmp_path: Path) -> None:
    named = nx.Graph([("b", "a"), ("a", "c")])
    paths = write([*GRAPHS, named], tmp_path)
    assert [path.name for path in paths] == ["samples.npz", "samples.g6"]
    for path in (*paths, tmp_path):
        back = read(path).objects
        assert all(map(same, back, GRAPHS))
        assert nx.is_isomorphic(back[-1], named)


def test_nothing_to_write_is_empty_files(tmp_path: Path) -> None:
    assert all(path.read_bytes() == b"" for path in write([], tmp_path))


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
