r"""Atom types as tokens: element, formal charge and, only where needed, the number of hydrogens.

`C`, `N+` and `O-` carry as many hydrogens as RDKit's implicit valence model gives an atom of this element and charge
with its bonds in the Kekulé structure. An atom that has another number says so: `CH2` is the end of an ethyl radical,
`CH0` a carbene, and RDKit infers the unpaired electrons of both from what the valence misses. What the model implies
depends on element, charge and bond orders alone; RDKit itself is asked, once for each combination.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rdkit import Chem

from geodrift.errors import InputError
from geodrift_graphs.generic.packed import Unrepresentable

_TOKEN = re.compile(r"(?P<symbol>[A-Z][a-z]?)(?P<hydrogens>H\d*)?(?P<charge>[+-]\d*)?")
_ELEMENTS = Chem.GetPeriodicTable()


def atom(token: str) -> Chem.Atom:
    """The atom that a token names.

    Raises:
        InputError: When the token names none.
    """
    parts = _TOKEN.fullmatch(token)
    if parts is None or not _is_element(parts["symbol"]):
        raise InputError(f'"{token}" is not an atom type; write element, hydrogens, charge: "C", "N+", "CH2", "O-"')
    charge, hydrogens = parts["charge"], parts["hydrogens"]
    built = Chem.Atom(parts["symbol"])
    if charge:
        built.SetFormalCharge(int(charge + "1" if len(charge) == 1 else charge))
    if hydrogens:
        built.SetNoImplicit(True)
        built.SetNumExplicitHs(int(hydrogens[1:] or 1))
    return built


@lru_cache(maxsize=4096)
def token(number: int, charge: int, hydrogens: int, electrons: int, valence: int) -> str:
    """The token of an atom.

    Arguments:
        number: Atomic number.
        charge: Formal charge, in elementary charges.
        hydrogens: Hydrogens on the atom.
        electrons: Unpaired electrons.
        valence: Sum of its bond orders to heavy atoms.

    Raises:
        Unrepresentable: When no token decodes to this atom.
    """
    symbol = _ELEMENTS.GetElementSymbol(number)
    sign = {0: "", 1: "+", -1: "-"}.get(charge, f"{charge:+d}")
    if electrons == 0 and hydrogens == _implied(number, charge, valence):
        return symbol + sign
    if electrons != _unpaired(number, charge, valence + hydrogens):
        raise Unrepresentable(f"{electrons} unpaired electrons on {symbol}{sign} with {hydrogens} hydrogens")
    return f"{symbol}H{'' if hydrogens == 1 else hydrogens}{sign}"


def _is_element(symbol: str) -> bool:
    return any(_ELEMENTS.GetElementSymbol(number) == symbol for number in range(2, 119))


def _lone(number: int, charge: int, occupied: int, fixed: bool) -> Chem.Mol:
    built = Chem.Atom(number)
    built.SetFormalCharge(charge)
    built.SetNumExplicitHs(occupied)
    built.SetNoImplicit(fixed)
    molecule = Chem.RWMol()
    molecule.AddAtom(built)
    molecule.UpdatePropertyCache(strict=False)
    return molecule


def _implied(number: int, charge: int, valence: int) -> int:
    hydrogens: int = _lone(number, charge, valence, fixed=False).GetAtomWithIdx(0).GetNumImplicitHs()
    return hydrogens


def _unpaired(number: int, charge: int, occupied: int) -> int:
    molecule = _lone(number, charge, occupied, fixed=True)
    Chem.AssignRadicals(molecule)
    electrons: int = molecule.GetAtomWithIdx(0).GetNumRadicalElectrons()
    return electrons
