r"""What is measured of one molecule: properties, scaffold, fingerprint.

As MOSES defines them: QED and logP of RDKit, the synthetic accessibility of Ertl and Schuffenhauer, the molecular
weight in Da; the Bemis–Murcko scaffold when it has two rings at least; the Morgan fingerprint of radius 2 with 1024
bits.

References:
    | Molecular Sets (MOSES) (Polykovskiy et al., 2020), https://arxiv.org/abs/1811.12823
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator
from rdkit.Chem.Scaffolds import MurckoScaffold

from geodrift_graphs.molecules.properties import logp, qed, sa, weight

NAMES = ("qed", "sa", "logp", "weight")
BITS = 1024
_RINGS = 2


def properties(molecules: Sequence[Chem.Mol]) -> NDArray[np.float64]:
    """QED, synthetic accessibility, logP and weight (Da), `(n, 4)`."""
    rows = [(qed(molecule), sa(molecule), logp(molecule), weight(molecule)) for molecule in molecules]
    return np.array(rows, np.float64).reshape(-1, len(NAMES))


def scaffolds(molecules: Sequence[Chem.Mol]) -> list[str]:
    """Canonical SMILES of the scaffolds, empty for a molecule with fewer than two rings in it."""
    return [_scaffold(molecule) for molecule in molecules]


def _scaffold(molecule: Chem.Mol) -> str:
    core = MurckoScaffold.GetScaffoldForMol(molecule)  # type: ignore[no-untyped-call]
    return Chem.MolToSmiles(core) if core.GetRingInfo().NumRings() >= _RINGS else ""


def fingerprints(molecules: Sequence[Chem.Mol]) -> NDArray[np.uint8]:
    """Fingerprints with eight bits to a byte, `(n, 128)`."""
    bits = [_generator().GetFingerprintAsNumPy(molecule) for molecule in molecules]
    return np.packbits(np.array(bits, np.uint8).reshape(-1, BITS), axis=1)


@lru_cache(maxsize=1)
def _generator() -> rdFingerprintGenerator.FingerprintGenerator64:
    return rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=BITS)
