r"""Cells guessed from compositions by ridge regression: what a linear model knows about sizes.

The logarithm of the Gram matrix :math:`G = L L^T` of a reduced cell, over :math:`N^{2/3}`, has six numbers and any six
give a cell. They are regressed on the fractions of the elements, with a penalty on the slopes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure

Floats = NDArray[np.float64]

_PENALTY = 0.05
_UPPER = np.triu_indices(3)


@dataclass(frozen=True)
class RidgeLattice:
    """A regression of cells.

    Arguments:
        elements: Symbols that were seen.
        slopes: Of the six numbers, `(len(elements), 6)`.
        mean: The six numbers where all fractions are at their means, `(6,)`.
        centre: Mean fractions, `(len(elements),)`.
    """

    elements: tuple[str, ...]
    slopes: Floats
    mean: Floats
    centre: Floats

    @classmethod
    def fit(cls, structures: Sequence[Structure]) -> RidgeLattice:
        """The regression of these structures' reduced cells."""
        symbols = [_symbols(structure) for structure in structures]
        elements = tuple(sorted({symbol for names in symbols for symbol in names}))
        x = np.array([_fractions(names, elements) for names in symbols])
        y = np.array([_logarithm(structure) for structure in structures])
        centre, mean = x.mean(0), y.mean(0)
        normal = (x - centre).T @ (x - centre) + _PENALTY * np.eye(len(elements))
        return cls(elements, np.linalg.solve(normal, (x - centre).T @ (y - mean)), mean, centre)

    def __call__(self, symbols: Sequence[str]) -> Lattice:
        """The cell of a composition, one symbol a site; an unknown element changes nothing."""
        numbers = self.mean + (_fractions(symbols, self.elements) - self.centre) @ self.slopes
        logarithm = np.zeros((3, 3))
        logarithm[_UPPER] = numbers
        logarithm = logarithm + np.triu(logarithm, 1).T
        values, vectors = np.linalg.eigh(logarithm)
        gram = (vectors * np.exp(values)) @ vectors.T * len(symbols) ** (2 / 3)
        return Lattice(np.linalg.cholesky(gram))


def _symbols(structure: Structure) -> list[str]:
    return [element.symbol for element in structure.species]


def _fractions(symbols: Sequence[str], elements: tuple[str, ...]) -> Floats:
    counts = Counter(symbols)
    return np.array([counts[element] for element in elements]) / len(symbols)


def _logarithm(structure: Structure) -> Floats:
    """The six numbers of a structure's cell, reduced."""
    cell = _reduced(structure.lattice).matrix
    values, vectors = np.linalg.eigh(cell @ cell.T / len(structure) ** (2 / 3))
    return np.array(((vectors * np.log(values)) @ vectors.T)[_UPPER])


def _reduced(lattice: Lattice) -> Lattice:
    try:
        reduced: Lattice = lattice.get_niggli_reduced_lattice()
    except (ValueError, ArithmeticError, np.linalg.LinAlgError):
        return lattice
    return reduced
