r"""What a codec learns from its training crystals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from pymatgen.core import Element, Structure

from geodrift.errors import InputError
from geodrift_crystals.structures import symbols

MOST_COMPOSITIONS = 8192
"""Compositions that a codec remembers; of more, these many, evenly spaced in the order of their formulas."""


def elements(crystals: Iterable[Structure]) -> tuple[str, ...]:
    """The elements of the crystals, by atomic number."""
    found = {name for crystal in crystals for name in symbols(crystal)}
    return tuple(sorted(found, key=lambda name: Element(name).Z))


def shares(crystals: Iterable[Structure], known: Sequence[str]) -> tuple[float, ...]:
    """The share of each element among all atoms."""
    counts = Counter(name for crystal in crystals for name in symbols(crystal))
    return tuple(counts[name] / counts.total() for name in known)


def size_law(crystals: Sequence[Structure], most: int | None) -> tuple[float, ...]:
    """The probability of each number of atoms, from 0 to the largest."""
    counts = np.bincount([len(crystal) for crystal in crystals], minlength=(most or 0) + 1)
    return tuple((counts / counts.sum()).tolist())


def compositions(crystals: Iterable[Structure]) -> dict[str, int]:
    """How many crystals have each formula of a cell."""
    found = Counter(crystal.composition.formula.replace(" ", "") for crystal in crystals)
    names = sorted(found)
    places = np.linspace(0, len(names) - 1, min(len(names), MOST_COMPOSITIONS)).round().astype(int)
    return {names[place]: found[names[place]] for place in places.tolist()}


def scale(name: str, crystals: Sequence[Structure]) -> tuple[float, float]:
    """Mean and standard deviation of a property where it is known.

    Raises:
        InputError: When it is a number in no crystal.
    """
    values = properties(name, crystals)
    finite = values[np.isfinite(values)]
    if not len(finite):
        names = {key for crystal in crystals for key, value in crystal.properties.items() if isinstance(value, float)}
        raise InputError(
            f'data.conditions: no numbers "{name}" in the data; there are {", ".join(sorted(names)) or "none"}'
        )
    return float(finite.mean()), float(finite.std())


def properties(name: str, crystals: Sequence[Structure]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A property of each crystal, not a number where it is not known."""
    values = (crystal.properties.get(name) for crystal in crystals)
    return np.array([value if isinstance(value, int | float) else np.nan for value in values], np.float64)
