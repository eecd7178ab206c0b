r"""Molecules as graphs of heavy atoms, and back.

A node is an atom token (`geodrift_graphs.molecules.atoms`), an edge class the order of the bond in a Kekulé structure,
0 to 3. Charges, hydrogens, radicals, salts and single atoms survive. Stereochemistry, isotopes, atom maps and names are
not represented: `plain` is the molecule without them, and a round trip is lossless when the canonical SMILES of
`plain` before and of `sanitised` after agree.

Decoding does not sanitise: whether a graph is a molecule is a result to be measured, not a matter of reading it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from rdkit import Chem, rdBase

from geodrift.errors import InputError
from geodrift_graphs.generic.packed import MOST_CLASSES, MOST_NODES, Classes, Packed, Unrepresentable
from geodrift_graphs.molecules.atoms import atom, token

BONDS = (Chem.BondType.ZERO, Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE)
_REMOVED = ("removeIsotopes", "removeDefiningBondStereo", "removeMapped", "removeWithWedgedBond", "removeHydrides")
_HYDROGENS = {**dict.fromkeys(_REMOVED, True), "showWarnings": False}
_ORDER = {kind: order for order, kind in enumerate(BONDS) if order}


@dataclass(frozen=True)
class Vocabulary:
    """The atom tokens that a model knows.

    Arguments:
        tokens: Token of each node class, at most 127.
    """

    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 0 < len(self.tokens) <= MOST_CLASSES or len(set(self.tokens)) < len(self.tokens):
            raise InputError(f"atom types: {len(self.tokens)} given; needed are 1 to {MOST_CLASSES}, none twice")
        _ = self._atoms

    @cached_property
    def _atoms(self) -> list[Chem.Atom]:
        return [atom(token) for token in self.tokens]

    @cached_property
    def _index(self) -> dict[str, int]:
        return {token: index for index, token in enumerate(self.tokens)}

    def encode(self, molecule: Chem.Mol) -> Packed:
        """The classes of atoms and bonds.

        Raises:
            Unrepresentable: With the reason, for example an atom type that the vocabulary lacks.
        """
        return self.index(parse(molecule))

    def index(self, parts: tuple[Sequence[str], Classes]) -> Packed:
        """The classes of tokens and bonds that `parse` gave."""
        tokens, edges = parts
        try:
            return Packed(np.array([self._index[token] for token in tokens], np.int8), edges)
        except KeyError as error:
            raise Unrepresentable(f"atom type {error.args[0]} is not in the vocabulary") from None

    def decode(self, graph: Packed) -> Chem.Mol:
        """The molecule of these classes, not sanitised."""
        molecule = Chem.RWMol()
        for node in graph.nodes.tolist():
            molecule.AddAtom(self._atoms[node])
        for i, j, order in graph.links():
            molecule.AddBond(i, j, BONDS[order])
        return molecule.GetMol()


def parse(molecule: Chem.Mol | None) -> tuple[list[str], Classes]:
    """The tokens of the heavy atoms, and the bond orders of all pairs in packed order.

    Raises:
        Unrepresentable: With the reason.
    """
    kekule = _kekulised(_heavy(_checked(molecule)))
    count = kekule.GetNumAtoms()
    edges, valence = np.zeros(count * (count - 1) // 2, np.int8), [0] * count
    for bond in map(kekule.GetBondWithIdx, range(kekule.GetNumBonds())):  # GetBonds() takes twice the time
        order = _ORDER.get(bond.GetBondType())
        if order is None:
            raise Unrepresentable(f"{bond.GetBondType().name.lower()} bond")
        i, j = sorted((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()))
        edges[j * (j - 1) // 2 + i] = order
        valence[i] += order
        valence[j] += order
    return [_token(kekule.GetAtomWithIdx(index), bonds) for index, bonds in enumerate(valence)], edges


def plain(molecule: Chem.Mol) -> Chem.Mol:
    """A copy without what graphs do not represent: stereochemistry, isotopes, atom maps, explicit hydrogens."""
    copy = _without_hydrogens(molecule)
    Chem.RemoveStereochemistry(copy)
    for node in copy.GetAtoms():
        node.SetIsotope(0)
        node.SetAtomMapNum(0)
    return copy


def smiles(molecule: Chem.Mol) -> str:
    """Canonical SMILES of the plain molecule."""
    text: str = Chem.MolToSmiles(plain(molecule))
    return text


def sanitised(molecule: Chem.Mol) -> Chem.Mol | None:
    """A copy after RDKit's full sanitisation, or None when that fails: the molecule is not valid."""
    copy = Chem.Mol(molecule)
    with rdBase.BlockLogs():
        failed = Chem.SanitizeMol(copy, catchErrors=True)
    return copy if failed == Chem.SanitizeFlags.SANITIZE_NONE else None


def problem(molecule: Chem.Mol) -> str:
    """The first reason why RDKit's sanitisation fails, empty when it does not."""
    try:
        with rdBase.BlockLogs():
            problems: Iterable[Exception] = Chem.DetectChemistryProblems(molecule)
    except RuntimeError:  # a broken record of stereochemistry is beyond RDKit itself
        return ""
    return next((error.Message() for error in problems), "")  # type: ignore[attr-defined]


def _checked(molecule: Chem.Mol | None) -> Chem.Mol:
    if molecule is None or molecule.GetNumAtoms() == 0:
        raise Unrepresentable("no molecule" if molecule is None else "no atoms")
    if molecule.GetNumHeavyAtoms() > MOST_NODES:
        raise Unrepresentable(f"more than {MOST_NODES} heavy atoms")
    if not molecule.NeedsUpdatePropertyCache():
        return molecule
    valid = sanitised(molecule)
    if valid is None:
        raise Unrepresentable(f"not a valid molecule: {problem(molecule)}")
    return valid


def _heavy(molecule: Chem.Mol) -> Chem.Mol:
    only_heavy = molecule.GetNumHeavyAtoms() == molecule.GetNumAtoms()
    return Chem.Mol(molecule) if only_heavy else _without_hydrogens(molecule)


def _without_hydrogens(molecule: Chem.Mol) -> Chem.Mol:
    rules = Chem.RemoveHsParameters()
    for rule, holds in _HYDROGENS.items():
        setattr(rules, rule, holds)
    return Chem.RemoveHs(molecule, rules)


def _kekulised(molecule: Chem.Mol) -> Chem.Mol:
    try:
        with rdBase.BlockLogs():
            Chem.Kekulize(molecule, clearAromaticFlags=True)
    except Chem.KekulizeException:
        raise Unrepresentable("no Kekulé structure") from None
    return molecule


def _token(node: Chem.Atom, valence: int) -> str:
    number = node.GetAtomicNum()
    if number == 0:
        raise Unrepresentable("dummy atom *")
    if number == 1:
        raise Unrepresentable("hydrogen that is not on a heavy atom")
    if node.HasQuery():
        raise Unrepresentable(f"query atom {node.GetSmarts()}")
    return token(number, node.GetFormalCharge(), node.GetTotalNumHs(), node.GetNumRadicalElectrons(), valence)
