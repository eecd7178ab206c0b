r"""Whether a composition is plausible, by SMACT's rule.

A single element is valid, and so is a mixture of metals. Any other composition :math:`\prod_e e_{n_e}` needs an
oxidation state :math:`q_e` of each element with :math:`\sum_e n_e q_e = 0`, in which every anion is more
electronegative than every cation (Pauling's test; a missing electronegativity fails it). SMACT tries all
combinations, whose number grows exponentially with that of the elements; here the reachable sums are kept instead, once
for each electronegativity that may separate cations from anions. The verdicts are the same.

Which oxidation states an element has depends on the *table*, and the default of SMACT has changed: figures compare
within one table only. `smact14` is that of the literature since CDVAE.

References:
    | Computational Screening of All Stoichiometric Inorganic Materials (Davies et al., 2016),
    | https://doi.org/10.1016/j.chempr.2016.09.010
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import metadata

import smact
from pymatgen.core import Composition

TABLES: Mapping[str, str] = {
    "smact14": "oxidation_states_smact14",
    "icsd16": "oxidation_states_icsd16",
    "icsd24": "oxidation_states_icsd24",
    "pymatgen_sp": "oxidation_states_sp",
    "wiki": "oxidation_states_wiki",
}
_METALS = frozenset(smact.metals)


def plausible(composition: Composition, table: str = "smact14") -> bool:
    """Whether the rule accepts this composition with the oxidation states of a table, a key of `TABLES`."""
    counts = composition.element_composition.get_el_amt_dict()
    numbers = {symbol: round(count) for symbol, count in sorted(counts.items()) if round(count) > 0}
    divisor = math.gcd(*numbers.values()) if numbers else 1
    return _plausible(tuple((symbol, count // divisor) for symbol, count in numbers.items()), table)


def described(table: str) -> str:
    """The rule in a few words."""
    return f"SMACT {metadata.version('smact')}, oxidation states {table}"


@cache
def _plausible(counts: tuple[tuple[str, int], ...], table: str) -> bool:
    symbols = {symbol for symbol, _ in counts}
    if len(symbols) < 2 or symbols <= _METALS:
        return len(symbols) > 0
    elements = [_element(symbol, table) for symbol in (symbol for symbol, _ in counts)]
    electronegativities = [x for x, _ in elements if x is not None]
    if len(electronegativities) < len(elements) or not all(states for _, states in elements):
        return False
    amounts = [count for _, count in counts]
    states = [charges for _, charges in elements]
    return any(_neutral(amounts, states, electronegativities, cut) for cut in {*electronegativities, math.inf})


def _neutral(
    amounts: Sequence[int], states: Sequence[Sequence[int]], electronegativities: Sequence[float], cut: float
) -> bool:
    """Whether charges can cancel when the elements from `cut` on may be anions and the others cations."""
    sums = {0}
    for amount, charges, x in zip(amounts, states, electronegativities, strict=True):
        allowed = [q for q in charges if (q <= 0 if x >= cut else q >= 0)]
        sums = {total + amount * q for total in sums for q in allowed}
    return 0 in sums


@cache
def _element(symbol: str, table: str) -> tuple[float | None, tuple[int, ...]]:
    """Pauling's electronegativity and the oxidation states of an element; none of one that SMACT does not know."""
    try:
        element = smact.Element(symbol)
    except (NameError, KeyError):
        return None, ()
    return element.pauling_eneg, tuple(getattr(element, TABLES[table]) or ())
