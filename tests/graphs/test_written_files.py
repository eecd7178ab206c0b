"""What is written: every sample is accounted for, and what is written reads back."""

import csv
from pathlib import Path

import networkx as nx
from rdkit import Chem

from geodrift_graphs.files import read, write
from geodrift_graphs.molecules.vocabulary import Vocabulary

TEXTS = ["C", "CC(=O)[O-].[NH4+]", "c1cc[nH]c1", "C[N+](=O)[O-]", "CS(C)=O"]
MOLECULES = [Chem.MolFromSmiles(text) for text in TEXTS]
GRAPHS = [nx.path_graph(5), nx.empty_graph(1), nx.disjoint_union(nx.cycle_graph(4), nx.empty_graph(2))]


def canonical(molecules: list[Chem.Mol]) -> list[str]:
    return [Chem.MolToSmiles(molecule) for molecule in molecules]


def same(first: nx.Graph, second: nx.Graph) -> bool:
    return set(first) == set(second) and nx.utils.graphs_equal(first, second)


def test_an_invalid_sample_is_named_by_the_atoms_of_its_smiles(tmp_path: Path) -> None:
    molecule = Chem.MolFromSmiles("N(C)(C)(C)CO", sanitize=False)
    write([Chem.RenumberAtoms(molecule, [5, 4, 3, 2, 1, 0])], tmp_path)
    _, line = (tmp_path / "invalid.csv").read_text().splitlines()
    smiles, place = line.rpartition(",")[2], int(line.partition("atom # ")[2].split()[0])
    assert Chem.MolFromSmiles(smiles, sanitize=False).GetAtomWithIdx(place).GetSymbol() == "N"


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
