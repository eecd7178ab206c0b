"""Codecs: states and objects, data sets in memory, what is learned and how it is written down."""

import json
from dataclasses import replace

import networkx as nx
import pytest
import torch
from rdkit import Chem

from geodrift.errors import InputError
from geodrift.layout import Padded
from geodrift.rng import Streams
from geodrift.spaces.symmetric import size, unpack
from geodrift_graphs.codec import GraphCodec, MoleculeCodec, load
from geodrift_graphs.molecules.vocabulary import sanitised, smiles

TEXTS = ["C", "CC", "C#N", "CC(=O)[O-].[NH4+]", "c1cc[nH]c1", "C[CH2]", "CS(=O)C", "CCO", "CCCCCCO"]
MOLECULES = [Chem.MolFromSmiles(text) for text in TEXTS]
GRAPHS = [
    nx.path_graph(5),
    nx.empty_graph(1),
    nx.star_graph(6),
    nx.disjoint_union(nx.cycle_graph(4), nx.empty_graph(2)),
]


@pytest.fixture(scope="module")
def codec() -> MoleculeCodec:
    return MoleculeCodec.fit(MOLECULES, conditions=("qed", "rings"))


def same(first: nx.Graph, second: nx.Graph) -> bool:
    return set(first) == set(second) and nx.utils.graphs_equal(first, second)


def test_molecules_survive_a_batch(codec: MoleculeCodec) -> None:
    encoded = codec.encode(MOLECULES)
    assert encoded.kept == list(range(len(TEXTS)))
    assert not encoded.refused
    assert encoded.state["nodes"].dtype == encoded.state["edges"].dtype == torch.int64
    back = [sanitised(molecule) for molecule in codec.decode(encoded.state)]
    assert [Chem.MolToSmiles(molecule) for molecule in back if molecule] == [smiles(molecule) for molecule in MOLECULES]


def test_padding_is_a_suffix_of_zeros(codec: MoleculeCodec) -> None:
    state = codec.encode(MOLECULES).state
    for name, lengths in {"nodes": [m.GetNumAtoms() for m in MOLECULES]}.items():
        layout = state.layouts[name]
        assert isinstance(layout, Padded)
        assert layout.lengths.tolist() == lengths
    assert state.layouts["edges"].lengths.tolist() == [size(m.GetNumAtoms()) for m in MOLECULES]
    assert all(torch.equal(state.masked()[name], state[name]) for name in state)


def test_edges_are_the_kekulised_adjacency(codec: MoleculeCodec) -> None:
    state = codec.encode(MOLECULES[4:5]).state
    matrix = unpack(state["edges"], 5)[0]
    kekule = Chem.Mol(MOLECULES[4])
    Chem.Kekulize(kekule, clearAromaticFlags=True)
    assert matrix.tolist() == Chem.GetAdjacencyMatrix(kekule, useBO=True).tolist()


def test_padding_does_not_change_a_molecule(codec: MoleculeCodec) -> None:
    whole = codec.encode(MOLECULES).state
    for index, molecule in enumerate(MOLECULES):
        alone, n = codec.encode([molecule]).state, molecule.GetNumAtoms()
        assert torch.equal(whole["nodes"][index, :n], alone["nodes"][0])
        assert torch.equal(whole["edges"][index, : size(n)], alone["edges"][0])


def test_refused_molecules_are_named(codec: MoleculeCodec) -> None:
    extra = [None, Chem.MolFromSmiles("*C"), MOLECULES[0], Chem.MolFromSmiles("CBr"), Chem.MolFromSmiles("C" * 9)]
    encoded = codec.encode(extra)
    assert encoded.kept == [2]
    assert [(r.index, r.name, r.reason) for r in encoded.refused] == [
        (0, "", "no molecule"),
        (1, "*C", "dummy atom *"),
        (3, "CBr", "atom type Br is not in the vocabulary"),
        (4, "CCCCCCCCC", "9 nodes, more than 7"),
    ]
    with pytest.raises(InputError, match="none of the molecules"):
        codec.encode(extra[:2])


def test_fit_learns_shares(codec: MoleculeCodec) -> None:
    atoms = sum(molecule.GetNumAtoms() for molecule in MOLECULES)
    pairs = sum(size(molecule.GetNumAtoms()) for molecule in MOLECULES)
    assert codec.tokens[0] == "C"
    assert set(codec.tokens) == {"C", "N", "O", "S", "O-", "N+", "CH2"}
    assert codec.max_nodes == 7
    assert codec.sizes == pytest.approx([0, 1 / 9, 3 / 9, 1 / 9, 1 / 9, 2 / 9, 0, 1 / 9])
    assert codec.node_marginals[codec.tokens.index("S")] == pytest.approx(1 / atoms)
    assert codec.edge_marginals[3] == pytest.approx(1 / pairs)
    assert codec.scales["rings"] == pytest.approx((1 / 9, (1 / 9 - 1 / 81) ** 0.5))


def test_rare_atoms_and_large_molecules_can_be_left_out() -> None:
    codec = MoleculeCodec.fit(MOLECULES, max_nodes=5, min_count=2)
    assert set(codec.tokens) == {"C", "N", "O"}
    assert codec.max_nodes == 5
    kept = codec.encode(MOLECULES).kept
    assert [TEXTS[index] for index in kept] == ["C", "CC", "C#N", "c1cc[nH]c1", "CCO"]
    assert codec.sizes == pytest.approx([0, 1 / 5, 2 / 5, 1 / 5, 0, 1 / 5])


def test_arrays_are_small_and_carry_conditions(codec: MoleculeCodec) -> None:
    compact = codec.compact([MOLECULES[3], None, MOLECULES[4]])
    assert compact.kept == [0, 2]
    assert {name: (tuple(a.shape), a.dtype) for name, a in compact.arrays.items()} == {
        "nodes": ((2, 5), torch.int8),
        "edges": ((2, 10), torch.int8),
        "sizes": ((2,), torch.int64),
        "qed": ((2,), torch.float32),
        "rings": ((2,), torch.float32),
    }
    assert compact.arrays["rings"].tolist() == [0, 1]


def test_batches_are_cropped_to_their_largest(codec: MoleculeCodec) -> None:
    arrays = codec.arrays(MOLECULES)
    index = torch.tensor([2, 0, 7])
    state, cond = codec.batch(arrays, index)
    expected = codec.encode([MOLECULES[i] for i in index.tolist()]).state
    assert state["nodes"].shape == (3, 3)
    assert state["edges"].shape == (3, 3)
    for name in state:
        assert torch.equal(state[name], expected[name])
        assert torch.equal(state.layouts[name].lengths, expected.layouts[name].lengths)
    assert torch.equal(cond["qed"], arrays["qed"][index])
    assert set(cond) == {"qed", "rings"}


def test_a_batch_of_single_atoms_has_no_pairs(codec: MoleculeCodec) -> None:
    state, _ = codec.batch(codec.arrays(MOLECULES), torch.tensor([0]))
    assert state["edges"].shape == (1, 0)
    assert Chem.MolToSmiles(codec.decode(state)[0]) == "C"


def test_template_has_the_shapes_to_generate(codec: MoleculeCodec) -> None:
    template = codec.template(torch.tensor([2, 5]))
    assert template["nodes"].tolist() == [[0] * 5] * 2
    assert template["edges"].tolist() == [[0] * 10] * 2
    assert template.layouts["edges"].lengths.tolist() == [1, 10]
    assert [m.GetNumAtoms() for m in codec.decode(template)] == [2, 5]


def test_sizes_follow_the_histogram_and_belong_to_samples(codec: MoleculeCodec) -> None:
    drawn = codec.draw_sizes(Streams.of(0, 20_000))
    shares = torch.bincount(drawn, minlength=8) / len(drawn)
    torch.testing.assert_close(shares, torch.tensor(codec.sizes), atol=0.015, rtol=0)
    assert drawn.min() >= 1
    assert torch.equal(codec.draw_sizes(Streams.of(0, torch.arange(5, 9))), drawn[5:9])


@pytest.mark.parametrize("node_features", ["degree", "none"])
def test_graphs_survive_a_batch(node_features: str) -> None:
    codec = GraphCodec.fit(GRAPHS, node_features=node_features)
    state = codec.encode(GRAPHS).state
    assert codec.node_classes == (7 if node_features == "degree" else 1)
    assert (codec.edge_classes, codec.orders) == (2, (0.0, 1.0))
    assert all(map(same, codec.decode(state), GRAPHS))
    degrees = unpack(state["edges"], 7).sum(-1)
    assert torch.equal(state["nodes"], degrees if node_features == "degree" else degrees * 0)


def test_degrees_are_clipped_to_those_of_training() -> None:
    codec = GraphCodec.fit([nx.path_graph(8)])
    star = nx.star_graph(5)
    state = codec.encode([star]).state
    assert state["nodes"].tolist() == [[2, 1, 1, 1, 1, 1]]
    assert same(codec.decode(state)[0], star)


def test_graphs_with_named_nodes_are_numbered() -> None:
    graph = nx.Graph([("a", "c"), ("c", "b")])
    back = GraphCodec.fit(GRAPHS).decode(GraphCodec.fit(GRAPHS).encode([graph]).state)[0]
    assert sorted(back.edges) == [(0, 1), (1, 2)]


def test_what_is_no_simple_graph_is_refused() -> None:
    wrong = [nx.DiGraph([(0, 1)]), nx.MultiGraph([(0, 1)]), nx.Graph([(0, 0)]), nx.Graph(), nx.path_graph(20)]
    encoded = GraphCodec.fit(GRAPHS).encode([*wrong, nx.path_graph(2)])
    reasons = ["directed graph", "graph with parallel edges", "edge from a node to itself", "no nodes"]
    assert [refusal.reason for refusal in encoded.refused] == [*reasons, "20 nodes, more than 7"]
    assert encoded.kept == [5]


def test_unknown_node_features_are_an_input_error() -> None:
    with pytest.raises(InputError, match="degree"):
        GraphCodec.fit(GRAPHS, node_features="degre")


def test_codecs_are_json(codec: MoleculeCodec) -> None:
    for one in (codec, GraphCodec.fit(GRAPHS)):
        text = json.dumps(one.dump(), allow_nan=False)
        assert load(json.loads(text)) == one
        assert type(one).load(json.loads(text)) == one


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokens": ["C", "Qq"]}, "Qq"),
        ({"tokens": ["C"]}, "node_marginals must be 1 shares"),
        ({"sizes": [0.5, 0.5]}, "sizes must be 8 shares"),
        ({"edge_marginals": [1.5, -0.5, 0.0, 0.0]}, "edge_marginals"),
        ({"max_nodes": "many"}, "codec.max_nodes"),
        ({"scales": {"qed": [0.5, float("nan")]}}, "codec.scales.qed"),
        ({"surprise": 1}, "codec.surprise"),
        ({"kind": "crystals"}, 'no kind of codec "crystals"'),
    ],
)
def test_damaged_codecs_are_input_errors(codec: MoleculeCodec, change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load({**codec.dump(), **change})
    assert "\n" not in str(caught.value)


def test_a_missing_value_is_an_input_error(codec: MoleculeCodec) -> None:
    with pytest.raises(InputError, match=r"codec\.tokens"):
        load({name: value for name, value in codec.dump().items() if name != "tokens"})


def test_codecs_are_frozen(codec: MoleculeCodec) -> None:
    assert replace(codec) == codec
    with pytest.raises(AttributeError):
        codec.max_nodes = 3  # type: ignore[misc]
