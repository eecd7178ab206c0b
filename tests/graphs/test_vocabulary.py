"""Molecules survive encoding, whatever they are made of; what cannot is refused by name."""

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from geodrift.errors import InputError
from geodrift_graphs.generic.packed import Packed, Unrepresentable
from geodrift_graphs.molecules.atoms import atom, token
from geodrift_graphs.molecules.vocabulary import Vocabulary, parse, problem, sanitised, smiles

MOLECULES = {
    "methane": "C",
    "ammonium": "[NH4+]",
    "single ion": "[Na+]",
    "sodium atom, a radical": "[Na]",
    "salt": "[Na+].CC(=O)[O-]",
    "salt of a drug": "Cl.CCN(CC)CC",
    "zwitterion": "C[NH2+]CC(=O)[O-]",
    "aromatic N-H": "c1cc[nH]c1",
    "charged aromatic": "[O-][n+]1ccccc1",
    "aromatic anion": "c1cc[cH-]c1",
    "imidazolium": "Cn1cc[nH+]c1",
    "fused": "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
    "thiophene": "Cc1cccs1",
    "sulfoxide": "CS(=O)C",
    "sulfonamide": "CS(=O)(=O)N",
    "sulfoxide with charges": "C[S+]([O-])C",
    "azide": "CN=[N+]=[N-]",
    "nitro": "C[N+](=O)[O-]",
    "isocyanide": "C[N+]#[C-]",
    "carbon monoxide": "[C-]#[O+]",
    "phosphate": "COP(=O)(O)O",
    "phosphorane": "C[PH2](C)C",
    "perchlorate": "[O-][Cl+3]([O-])([O-])[O-]",
    "hexafluorophosphate": "F[P-](F)(F)(F)(F)F",
    "boron hydride": "[BH4-]",
    "methyl radical": "[CH3]",
    "ethyl radical": "C[CH2]",
    "nitroxide": "CC1(C)CCCC(C)(C)N1[O]",
    "carbene": "[CH2]",
    "nitric oxide": "[N]=O",
    "dication": "[Fe+2]",
}
STRIPPED = {
    "[13CH4]": "C",
    "[2H]C([2H])([2H])O": "CO",
    "C[C@H](N)C(=O)O": "CC(N)C(=O)O",
    "F/C=C/F": "FC=CF",
    "[H]/N=C/C": "CC=N",
    "[CH3:1][OH:2]": "CO",
}
REFUSED = {
    "*C": "dummy atom",
    "[NH3]->[Cu]": "dative bond",
    "[H][H]": "hydrogen that is not on a heavy atom",
    "[H-].[Na+]": "hydrogen that is not on a heavy atom",
    "C~C": "unspecified bond",
    "C$C": "quadruple bond",
    "": "no atoms",
}


def returned(molecule: Chem.Mol) -> Chem.Mol | None:
    vocabulary = Vocabulary(tuple(dict.fromkeys(parse(molecule)[0])))
    return sanitised(vocabulary.decode(vocabulary.encode(molecule)))


def rows(path: Path, count: int) -> list[Chem.Mol]:
    with gzip.open(path, "rt") as file:
        texts = [row["smiles"] for row in csv.DictReader(file)]
    return [Chem.MolFromSmiles(text) for text in texts[:: len(texts) // count]]


@pytest.mark.parametrize("text", MOLECULES.values(), ids=MOLECULES.keys())
def test_round_trip_is_lossless(text: str) -> None:
    molecule = Chem.MolFromSmiles(text)
    back = returned(molecule)
    assert back is not None
    assert Chem.MolToSmiles(back) == smiles(molecule) == Chem.MolToSmiles(Chem.MolFromSmiles(text))
    assert [a.GetNumRadicalElectrons() for a in back.GetAtoms()] == [
        a.GetNumRadicalElectrons() for a in molecule.GetAtoms()
    ]


@pytest.mark.parametrize(("text", "left"), STRIPPED.items())
def test_what_is_not_represented_is_dropped(text: str, left: str) -> None:
    back = returned(Chem.MolFromSmiles(text))
    assert back is not None
    assert Chem.MolToSmiles(back) == smiles(Chem.MolFromSmiles(text)) == left


@pytest.mark.parametrize(("text", "reason"), REFUSED.items())
def test_the_rest_is_refused_by_name(text: str, reason: str) -> None:
    with pytest.raises(Unrepresentable, match=reason):
        parse(Chem.MolFromSmiles(text, sanitize="~" not in text))


def test_radicals_that_valence_does_not_imply_are_refused() -> None:
    molecule = Chem.MolFromSmiles("C[O]")
    molecule.GetAtomWithIdx(1).SetNumRadicalElectrons(0)
    molecule.UpdatePropertyCache()
    with pytest.raises(Unrepresentable, match="0 unpaired electrons on O with 0 hydrogens"):
        parse(molecule)


def test_the_input_is_not_changed() -> None:
    molecule = Chem.AddHs(Chem.MolFromSmiles("c1ccccc1[C@H](N)O"))
    before = molecule.ToBinary()
    parse(molecule)
    assert molecule.ToBinary() == before


def test_explicit_hydrogens_become_implicit() -> None:
    molecule = Chem.MolFromSmiles("C[NH2+]CC(=O)[O-]")
    assert parse(Chem.AddHs(molecule))[0] == parse(molecule)[0]


@pytest.mark.parametrize("text", ["Cn1c(=O)c2c(ncn2C)n(C)c1=O", "C[N+](=O)[O-].[CH2]CN=[N+]=[N-]"])
def test_the_order_of_atoms_does_not_matter(text: str) -> None:
    molecule, rng = Chem.MolFromSmiles(text), np.random.default_rng(0)
    for _ in range(10):
        shuffled = Chem.RenumberAtoms(molecule, rng.permutation(molecule.GetNumAtoms()).tolist())
        back = returned(shuffled)
        assert back is not None
        assert Chem.MolToSmiles(back) == smiles(molecule)


def test_hydrogens_are_written_only_where_the_valence_model_fails() -> None:
    assert token(6, 0, 2, 0, 2) == "C"
    assert token(6, 0, 2, 1, 1) == "CH2"
    assert token(7, 1, 4, 0, 0) == "N+"
    assert token(8, -1, 0, 0, 1) == "O-"
    assert token(6, 0, 0, 2, 2) == "CH0"
    assert token(26, 2, 0, 0, 0) == "Fe+2"
    assert token(6, 0, 1, 1, 2) == "CH"


@pytest.mark.parametrize("text", ["C", "Cl", "N+", "O-", "Fe+2", "CH", "CH0", "NH3+", "BrH2-2", "Ho", "Hg"])
def test_tokens_name_atoms(text: str) -> None:
    built = atom(text)
    parts = text.replace(built.GetSymbol(), "", 1)
    assert built.GetNoImplicit() == parts.startswith("H")
    assert (built.GetFormalCharge() != 0) == ("+" in text or "-" in text)


@pytest.mark.parametrize("text", ["", "c", "H", "Qq", "C++", "C1", "CH2 "])
def test_what_is_no_token_is_an_input_error(text: str) -> None:
    with pytest.raises(InputError, match="is not an atom type"):
        Vocabulary((text,))


def test_decoding_leaves_invalid_molecules_to_be_counted() -> None:
    vocabulary = Vocabulary(("C", "F"))
    graph = vocabulary.encode(Chem.MolFromSmiles("CF"))
    broken = vocabulary.decode(graph._replace(edges=graph.edges + 1))
    assert broken.GetNumAtoms() == 2
    assert sanitised(broken) is None
    assert "greater than permitted" in problem(broken)


@pytest.mark.parametrize(("file", "share"), [("qm9_smiles", 0.999), ("zinc250k", 0.995)])
def test_data_sets_are_lossless(shared_data: Path, file: str, share: float) -> None:
    molecules = rows(shared_data / "graphs" / f"{file}.csv.gz", 2000)
    backs = [returned(molecule) for molecule in molecules]
    same = [back is not None and Chem.MolToSmiles(back) == smiles(m) for m, back in zip(molecules, backs, strict=True)]
    assert np.mean(same) >= share


def test_whatever_graph_is_a_molecule_encodes_back() -> None:
    rng, valid = np.random.default_rng(0), 0
    known = (
        "C",
        "N",
        "O",
        "F",
        "S",
        "P",
        "B",
        "Cl",
        "N+",
        "O-",
        "C-",
        "S+",
        "P+",
        "CH2",
        "CH0",
        "NH",
        "OH0",
        "SH3",
        "Na+",
    )
    vocabulary = Vocabulary(known)
    for _ in range(500):
        n = int(rng.integers(1, 8))
        edges = rng.choice(4, n * (n - 1) // 2, p=[0.65, 0.25, 0.08, 0.02]).astype(np.int8)
        molecule = sanitised(vocabulary.decode(Packed(rng.integers(0, len(known), n).astype(np.int8), edges)))
        if molecule is None or any(bond.GetBondType() == Chem.BondType.DATIVE for bond in molecule.GetBonds()):
            continue
        back, valid = returned(molecule), valid + 1
        assert back is not None
        assert Chem.MolToSmiles(back) == Chem.MolToSmiles(molecule)
    assert valid > 100
