"""Molecules and graphs as torch-geometric data, and back."""

import networkx as nx
import pytest
import torch
from rdkit import Chem

from geodrift_graphs import convert
from geodrift_graphs.codec import GraphCodec, MoleculeCodec
from geodrift_graphs.generic.packed import Unrepresentable
from geodrift_graphs.molecules.vocabulary import sanitised, smiles

data_module = pytest.importorskip("torch_geometric.data")
Data = data_module.Data

TEXTS = ["C", "CC(=O)[O-].[NH4+]", "c1cc[nH]c1", "C#N", "C[CH2]"]
MOLECULES = [Chem.MolFromSmiles(text) for text in TEXTS]
GRAPHS = [nx.path_graph(5), nx.empty_graph(3), nx.disjoint_union(nx.cycle_graph(4), nx.empty_graph(2))]
CODEC = MoleculeCodec.fit(MOLECULES)


def plain(molecule: Chem.Mol) -> str:
    valid = sanitised(molecule)
    return "" if valid is None else Chem.MolToSmiles(valid)


def test_molecules_survive() -> None:
    made = convert.to_dataset(MOLECULES, CODEC)
    assert made.kept == list(range(5))
    assert all(data.validate(raise_on_error=True) and data.is_undirected() for data in made.results)
    assert [data.num_nodes for data in made.results] == [m.GetNumAtoms() for m in MOLECULES]
    back = convert.molecules(made.results, CODEC.tokens)
    assert list(map(plain, back.results)) == list(map(smiles, MOLECULES))


def test_molecules_batch_as_geometric_data_do() -> None:
    batch = data_module.Batch.from_data_list(convert.to_dataset(MOLECULES, CODEC).results)
    back = convert.molecules(batch.to_data_list(), CODEC.tokens).results
    assert list(map(plain, back)) == list(map(smiles, MOLECULES))


@pytest.mark.parametrize("shape", ["numbers", "column", "one-hot without none"])
def test_classes_are_read_in_any_form(shape: str) -> None:
    data = convert.to_data(MOLECULES[1], CODEC)
    if shape == "one-hot without none":
        data.edge_attr = data.edge_attr[:, 1:]
    else:
        numbers = (-1,) if shape == "numbers" else (-1, 1)
        data.x, data.edge_attr = (v.argmax(1).reshape(numbers) for v in (data.x, data.edge_attr))
    assert plain(convert.molecule(data, CODEC.tokens)) == smiles(MOLECULES[1])


def test_edges_without_a_class_are_single_bonds() -> None:
    data = Data(x=torch.tensor([0, 0, 1]), edge_index=torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]))
    assert plain(convert.molecule(data, ["C", "O"])) == "CCO"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"edge_index": torch.tensor([[0], [1]]), "edge_attr": None}, "directed"),
        ({"edge_index": torch.tensor([[0, 0], [0, 0]])}, "itself"),
        ({"edge_attr": torch.tensor([1, 2])}, "directed"),
        ({"edge_attr": torch.tensor([4, 4])}, "edge_attr"),
        ({"edge_attr": torch.tensor([0, 0])}, "class 0, which is no bond"),
        ({"edge_attr": torch.eye(4)[[0, 0]]}, "class 0, which is no bond"),
        ({"edge_index": torch.tensor([[0, 5], [5, 0]])}, "outside 0 to 1"),
        ({"edge_index": None}, "no edge_index"),
        ({"x": torch.tensor([0, 2])}, "x "),
        ({"x": torch.rand(2, 2)}, "x "),
        ({"x": torch.eye(3)[:2]}, "x "),
        ({"x": None}, "no x"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, torch.Tensor | None], reason: str) -> None:
    good = {"x": torch.tensor([0, 1]), "edge_index": torch.tensor([[0, 1], [1, 0]]), "edge_attr": torch.tensor([1, 1])}
    refused = convert.molecules([Data(num_nodes=2, **{**good, **change})], ["C", "O"]).refused
    assert len(refused) == 1
    assert reason in refused[0].reason


def test_smiles_of_a_dataset_are_read() -> None:
    read = convert.molecules([Data(smiles="CCO"), Data(smiles="C1"), Data(x=torch.zeros(1, 1))])
    assert [Chem.MolToSmiles(molecule) for molecule in read.results] == ["CCO"]
    assert read.kept == [0]
    assert [refusal.index for refusal in read.refused] == [1, 2]


def test_graphs_survive_with_their_isolated_nodes() -> None:
    codec = GraphCodec.fit(GRAPHS)
    made = convert.to_dataset(GRAPHS, codec)
    assert [data.num_nodes for data in made.results] == [5, 3, 6]
    assert made.results[0].x.argmax(1).tolist() == [1, 2, 2, 2, 1]
    back = convert.graphs(made.results).results
    assert all(nx.utils.graphs_equal(*pair) for pair in zip(back, GRAPHS, strict=True))


def test_geometric_graphs_from_networkx_are_understood() -> None:
    from torch_geometric.utils import from_networkx

    for graph in GRAPHS:
        assert nx.utils.graphs_equal(convert.graph(from_networkx(graph)), graph)


def test_a_refused_graph_is_named() -> None:
    with pytest.raises(Unrepresentable, match="directed graph"):
        convert.to_data(nx.DiGraph([(0, 1)]), GraphCodec.fit(GRAPHS))
