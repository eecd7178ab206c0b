"""Corrections of molecules and their properties, against RDKit."""

from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import RDConfig

from geodrift.errors import InputError
from geodrift_graphs.generic.packed import Packed
from geodrift_graphs.molecules.correct import charge_rule, correct
from geodrift_graphs.molecules.properties import PROPERTIES, measure, table
from geodrift_graphs.molecules.vocabulary import Vocabulary, sanitised


def test_charge_rule_makes_cations_of_nitrogen_and_oxygen_alone() -> None:
    for text, charges in {"CN(C)(C)C": [1], "CO(C)C": [1], "CN(C)(C)(C)C": [0], "CF(C)": [0], "CC": [0]}.items():
        ruled = charge_rule(Chem.MolFromSmiles(text, sanitize=False))
        assert [ruled.GetAtomWithIdx(1).GetFormalCharge()] == charges, text


@pytest.mark.parametrize(
    ("text", "corrected"),
    [
        ("CN(C)(C)C", "C[N+](C)(C)C"),  # the charge is enough
        ("CC(C)(C)(=C)C", None),  # whichever bond goes, the rest is a molecule
        ("C=F", "CF"),
        ("C#O=C", None),
        ("CCC.CCl=C", "CCC"),  # the larger of two fragments
        ("[Cl].CC", "CC"),  # by atoms, not by the length of its SMILES
        ("CC", "CC"),
    ],
)
def test_correction_makes_a_molecule(text: str, corrected: str | None) -> None:
    molecule = Chem.MolFromSmiles(text, sanitize=False)
    before = Chem.MolToSmiles(molecule)
    mended = correct(molecule)
    assert mended is not None
    assert Chem.MolToSmiles(molecule) == before
    assert len(Chem.GetMolFrags(mended)) == 1
    assert corrected is None or Chem.MolToSmiles(mended) == corrected


def test_correction_always_ends_in_a_molecule() -> None:
    rng, vocabulary = np.random.default_rng(0), Vocabulary(("C", "N", "O", "F", "N+", "O-", "CH2"))
    for n in range(1, 12):
        nodes = rng.integers(0, 7, n).astype(np.int8)
        edges = rng.integers(0, 4, n * (n - 1) // 2).astype(np.int8)
        mended = correct(vocabulary.decode(Packed(nodes, edges)))
        assert mended is not None
        assert sanitised(mended) is not None


def test_properties_agree_with_rdkit() -> None:
    aspirin = Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)O")
    values = {name: of(aspirin) for name, of in PROPERTIES.items() if name != "sa"}
    expected = {"qed": 0.550, "logp": 1.310, "weight": 180.159, "tpsa": 63.60, "rings": 1.0}
    assert values == pytest.approx(expected, abs=2e-3)
    assert table([aspirin] * 3, ["rings", "qed"], jobs=1) == {"rings": [1.0] * 3, "qed": [values["qed"]] * 3}


@pytest.mark.skipif(not Path(RDConfig.RDContribDir, "SA_Score").exists(), reason="this RDKit has no Contrib/SA_Score")
def test_synthetic_accessibility_orders_molecules() -> None:
    easy, hard = (Chem.MolFromSmiles(text) for text in ("CCO", "C1CC2CC3CC1C1(C2)CCC31"))
    assert 1 <= measure("sa")(easy) < measure("sa")(hard) <= 10


def test_an_unknown_property_names_the_nearest() -> None:
    with pytest.raises(InputError, match='did you mean "logp"'):
        measure("logP")
