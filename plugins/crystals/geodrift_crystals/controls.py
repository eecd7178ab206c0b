r"""Predictors that learn nothing, or next to nothing: what a figure has to pass before it says something.

All of them see the training structures and the composition alone. *Random coordinates*: uniform in a cell guessed by
ridge regression. *Template*: the ideal perovskite in that cell, decorated by the roles that its elements have in the
training set, and *random decoration*, decorated at random; both only where the training set is of that prototype.
*Training structure*: a random one with as many sites, of the same stoichiometry where there is one, its elements
replaced by those asked for in the order of their counts. Sample `i` depends on the seed and on `i` alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pymatgen.core import Lattice, Structure

from geodrift_crystals.lattices import RidgeLattice
from geodrift_crystals.perovskite import SITES, Roles

Predictor = Callable[[Sequence[str], int, np.random.Generator], list[Structure | None]]


@dataclass(frozen=True)
class Controls:
    """What the controls know of a training set.

    Arguments:
        lattice: The regression of its cells.
        roles: Of elements in perovskites; None when it is of another kind.
        pool: Its structures by number of sites and by stoichiometry, None for any.
    """

    lattice: RidgeLattice
    roles: Roles | None
    pool: Mapping[tuple[int, tuple[int, ...] | None], Sequence[Structure]]

    @classmethod
    def fit(cls, training: Sequence[Structure]) -> Controls:
        """The controls of a training set that is not empty."""
        pool: defaultdict[tuple[int, tuple[int, ...] | None], list[Structure]] = defaultdict(list)
        for structure in training:
            names = [element.symbol for element in structure.species]
            pool[len(structure), None].append(structure)
            pool[len(structure), _stoichiometry(names)].append(structure)
        return cls(RidgeLattice.fit(training), Roles.fit(training), dict(pool))

    @property
    def predictors(self) -> Mapping[str, Predictor]:
        """The predictors by name: symbols of the sites, number of samples, random numbers to structures."""
        named: dict[str, Predictor] = {"random coordinates": self._random_coordinates}
        if self.roles is not None:
            named |= {"template": self._template, "random decoration": self._random_decoration}
        return {**named, "training structure": self._training_structure}

    def predict(
        self, name: str, compositions: Sequence[Sequence[str]], k: int, seed: int
    ) -> list[list[Structure | None]]:
        """`k` predictions, None where there is none, for each composition, given as one symbol a site."""
        predictor = self.predictors[name]
        return [predictor(symbols, k, np.random.default_rng([seed, i])) for i, symbols in enumerate(compositions)]

    def _random_coordinates(self, symbols: Sequence[str], k: int, rng: np.random.Generator) -> list[Structure | None]:
        cell = self.lattice(symbols)
        return [Structure(cell, list(symbols), rng.random((len(symbols), 3))) for _ in range(k)]

    def _template(self, symbols: Sequence[str], k: int, rng: np.random.Generator) -> list[Structure | None]:
        if self.roles is None or len(symbols) != len(SITES):
            return [None] * k
        decorations = self.roles.decorations(symbols)
        return [Structure(self._cube(symbols), decorations[i % len(decorations)], SITES) for i in range(k)]

    def _random_decoration(self, symbols: Sequence[str], k: int, rng: np.random.Generator) -> list[Structure | None]:
        if len(symbols) != len(SITES):
            return [None] * k
        return [Structure(self._cube(symbols), _shuffled(symbols, rng), SITES) for _ in range(k)]

    def _training_structure(self, symbols: Sequence[str], k: int, rng: np.random.Generator) -> list[Structure | None]:
        n, stoichiometry = len(symbols), _stoichiometry(symbols)
        pool = self.pool.get((n, stoichiometry)) or self.pool.get((n, None)) or []
        return [_decorated(pool[int(rng.integers(len(pool)))], symbols, rng) if pool else None for _ in range(k)]

    def _cube(self, symbols: Sequence[str]) -> Lattice:
        return Lattice.cubic(self.lattice(symbols).volume ** (1 / 3))


def _stoichiometry(symbols: Sequence[str]) -> tuple[int, ...]:
    return tuple(sorted(Counter(symbols).values()))


def _shuffled(symbols: Sequence[str], rng: np.random.Generator) -> list[str]:
    return [symbols[i] for i in rng.permutation(len(symbols))]


def _decorated(structure: Structure, symbols: Sequence[str], rng: np.random.Generator) -> Structure:
    """The structure with these elements, the rarest in the place of the rarest; equal counts in random order."""
    old = [element.symbol for element in structure.species]
    names = [""] * len(symbols)
    for place, symbol in zip(_by_count(old, rng), _by_count(symbols, rng), strict=True):
        names[place] = symbols[symbol]
    return Structure(structure.lattice, names, structure.frac_coords)


def _by_count(symbols: Sequence[str], rng: np.random.Generator) -> list[int]:
    """Places of the symbols, those of the rarest element first."""
    counts, lot = Counter(symbols), dict(zip(dict.fromkeys(symbols), rng.permutation(len(symbols)), strict=False))
    return sorted(range(len(symbols)), key=lambda place: (counts[symbols[place]], lot[symbols[place]]))
