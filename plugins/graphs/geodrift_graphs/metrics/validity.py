r"""Whether a decoded graph is a molecule.

Three definitions are in use, and they differ by more than the methods that they compare. *Valid* is RDKit's full
sanitisation of the graph as it was generated. *Valid by GDSS's definition* checks valences only
(`SANITIZE_PROPERTIES`), after N, O and S that exceed theirs by one became cations. *Valid after correction* lowers
bonds until valences hold, and is near 1 by construction. None of them asks for one fragment; *connected* does.
A graph without atoms is no molecule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rdkit import Chem, rdBase

from geodrift_graphs.molecules.correct import charge_rule, correct
from geodrift_graphs.molecules.vocabulary import sanitised


@dataclass(frozen=True)
class Verdict:
    """What one decoded graph is.

    Arguments:
        smiles: Canonical SMILES without stereochemistry, None when it is not valid.
        charged: Valid by GDSS's definition.
        corrected: Valid after correction.
        connected: In one fragment, valid or not.
    """

    smiles: str | None
    charged: bool
    corrected: bool
    connected: bool

    @property
    def valid(self) -> bool:
        return self.smiles is not None


def verdicts(molecules: Sequence[Chem.Mol]) -> list[Verdict]:
    """The verdicts on decoded graphs."""
    with rdBase.BlockLogs():
        return [_verdict(molecule) for molecule in molecules]


def _verdict(molecule: Chem.Mol) -> Verdict:
    if molecule.GetNumAtoms() == 0:
        return Verdict(None, False, False, False)
    valid = sanitised(molecule)
    return Verdict(
        smiles=None if valid is None else Chem.MolToSmiles(valid, isomericSmiles=False),
        charged=_keeps_valences(charge_rule(molecule)),
        corrected=_is_molecule(correct(molecule)),
        connected=len(Chem.GetMolFrags(molecule)) == 1,
    )


def _keeps_valences(molecule: Chem.Mol) -> bool:
    flags = Chem.SanitizeFlags
    return Chem.SanitizeMol(Chem.Mol(molecule), flags.SANITIZE_PROPERTIES, catchErrors=True) == flags.SANITIZE_NONE


def _is_molecule(molecule: Chem.Mol | None) -> bool:
    return molecule is not None and molecule.GetNumAtoms() > 0 and sanitised(molecule) is not None
