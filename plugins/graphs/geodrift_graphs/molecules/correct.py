r"""Repairing valences: the two steps of the MoFlow and GDSS protocol, independent of the order of atoms and bonds.

`charge_rule` turns a neutral N, O or S with one bond too many into a cation; GDSS calls valid what passes afterwards.
`correct` then lowers bonds of atoms that still have too many, the highest order first, until none has, and keeps the
largest fragment. What is repaired has to be reported apart from what came out valid.

References:
    | MoFlow: An Invertible Flow Model for Generating Molecular Graphs (Zang, Wang, 2020), https://arxiv.org/abs/2006.10137
    | Score-based Generative Modeling of Graphs via the System of SDEs (Jo et al., 2022), https://arxiv.org/abs/2202.02514
"""

from __future__ import annotations

from rdkit import Chem, rdBase

from geodrift_graphs.molecules.vocabulary import BONDS, sanitised

_VALENCE = {7: 3, 8: 2, 16: 2}  # of the neutral atoms that may become cations


def charge_rule(molecule: Chem.Mol) -> Chem.Mol:
    """A copy in which each neutral N, O or S that exceeds its valence by one has the charge +1."""
    copy = Chem.RWMol(molecule)
    for index in overvalent(copy):
        atom = copy.GetAtomWithIdx(index)
        excess = atom.GetValence(Chem.ValenceType.EXPLICIT) - _VALENCE.get(atom.GetAtomicNum(), 0)
        if atom.GetAtomicNum() in _VALENCE and atom.GetFormalCharge() == 0 and excess == 1:
            atom.SetFormalCharge(1)
    return copy.GetMol()


def correct(molecule: Chem.Mol) -> Chem.Mol | None:
    """The largest fragment after repair, sanitised; None when lowering bonds does not make a molecule."""
    copy = Chem.RWMol(charge_rule(molecule))
    while wrong := overvalent(copy):
        if not _lower(copy, wrong[0]):
            return None
    fragments = Chem.GetMolFrags(copy, asMols=True, sanitizeFrags=False)
    return sanitised(max(fragments, key=lambda fragment: fragment.GetNumAtoms(), default=copy))


def overvalent(molecule: Chem.Mol) -> list[int]:
    """The atoms with more bonds than RDKit allows, ascending."""
    molecule.UpdatePropertyCache(strict=False)
    with rdBase.BlockLogs():
        problems = Chem.DetectChemistryProblems(molecule)
    return sorted(error.GetAtomIdx() for error in problems if error.GetType() == "AtomValenceException")


def _lower(molecule: Chem.RWMol, index: int) -> bool:
    """Lower the highest bond of an atom by one; False when it has none."""
    bonds = molecule.GetAtomWithIdx(index).GetBonds()
    highest = max(bonds, key=lambda bond: (bond.GetBondTypeAsDouble(), -bond.GetOtherAtomIdx(index)), default=None)
    if highest is None:
        return False
    order = int(highest.GetBondTypeAsDouble())
    if order > 1:
        highest.SetBondType(BONDS[order - 1])
    else:
        molecule.RemoveBond(highest.GetBeginAtomIdx(), highest.GetEndAtomIdx())
    return True
