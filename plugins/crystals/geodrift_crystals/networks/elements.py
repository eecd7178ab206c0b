"""What the periodic table says of an element, as numbers a network can compare."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import torch
from pymatgen.core import Element
from torch import Tensor

PROPERTIES: dict[str, Callable[[Element], float | None]] = {
    "group": lambda element: element.group,
    "row": lambda element: element.row,
    "place in Mendeleev's order": lambda element: element.mendeleev_no,
    "electronegativity": lambda element: None if element.is_noble_gas else element.X,
    "atomic radius": lambda element: element.atomic_radius,
    "lowest oxidation state": lambda element: element.min_oxidation_state,
    "highest oxidation state": lambda element: element.max_oxidation_state,
}


@cache
def _table() -> tuple[list[str], Tensor]:
    elements = [Element.from_Z(z) for z in range(1, 104)]
    rows = [[_number(read(element)) for read in PROPERTIES.values()] for element in elements]
    values = torch.tensor(rows, dtype=torch.float64)
    known = ~torch.isnan(values)
    mean = torch.nanmean(values, 0)
    spread = torch.sqrt(torch.nanmean(torch.square(values - mean), 0))
    standard = torch.where(known, (values - mean) / spread, 0.0)
    return [element.symbol for element in elements], standard


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def descriptors(elements: Sequence[str]) -> Tensor:
    """The properties of elements, standardised over the periodic table, `(K, P)`; zero where one is not known."""
    symbols, table = _table()
    return table[[symbols.index(symbol) for symbol in elements]].to(torch.get_default_dtype())
