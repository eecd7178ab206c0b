r"""Whether two structures are the same, as pymatgen's StructureMatcher finds it.

The distance of a matched pair is the root mean square displacement over the best map of cells and sites, divided by
:math:`(V/N)^{1/3}`; an unmatched pair has none. Whatever cannot match (another reduced composition, an invalid
structure) is not compared, and distances are kept on disk.

References:
    | Python Materials Genomics (Ong et al., 2013), https://doi.org/10.1016/j.commatsci.2012.10.028
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from geodrift_crystals.metrics.address import address, joint
from geodrift_crystals.metrics.store import kept
from geodrift_crystals.metrics.superposition import Cell, Measure, displacement, root_mean_square
from geodrift_crystals.metrics.validity import structurally_valid

Floats = NDArray[np.float64]
Pair = tuple[Structure, Structure]

_BATCH = 256  # pairs


@dataclass(frozen=True)
class Tolerances:
    """What the matcher forgives.

    Arguments:
        length: Relative difference of cell lengths, `ltol`.
        site: Largest displacement over :math:`(V/N)^{1/3}`, `stol`.
        angle: Difference of cell angles in degrees, `angle_tol`.
    """

    length: float = 0.2
    site: float = 0.3
    angle: float = 5.0

    def __call__(self, one: Cell, other: Cell, measure: Measure = root_mean_square) -> float:
        """How far two primitive cells are apart, NaN where they do not match."""
        try:
            return displacement(one, other, self.length, self.site, self.angle, measure)
        except (ValueError, ArithmeticError, IndexError, np.linalg.LinAlgError):  # a cell too degenerate to compare
            return np.nan

    def __str__(self) -> str:
        version = metadata.version("pymatgen-core")
        return f"StructureMatcher(ltol={self.length}, stol={self.site}, angle_tol={self.angle}), pymatgen {version}"


SAME = Tolerances()  # pymatgen's defaults: uniqueness and novelty
PREDICTION = Tolerances(0.3, 0.5, 10.0)  # of structure prediction


def distances(
    predicted: Sequence[Structure | None], true: Sequence[Structure], tolerances: Tolerances, jobs: int = 1
) -> Floats:
    """The distance of each prediction from its true structure, `(n,)`; NaN where they do not match.

    Arguments:
        predicted: Structures, None where there is none; invalid ones match nothing.
        true: As many structures.
        tolerances: Of the matcher.
        jobs: Number of processes.
    """
    found = np.full(len(true), np.nan)
    known = {id(s): s for s in (*predicted, *true) if s is not None}
    kinds = {key: formula(s) for key, s in known.items()}
    sound = {id(s): structurally_valid(s) for s in {id(s): s for s in predicted}.values()}
    keys = list(zip(map(id, predicted), map(id, true), strict=True))
    places = [i for i, (p, t) in enumerate(keys) if sound[p] and kinds[p] == kinds[t]]
    names = {key: address(known[key]) for key in {key for i in places for key in keys[i]}}
    pairs = [(known[keys[i][0]], true[i]) for i in places]
    joined = [joint(names[p], names[t]) for p, t in (keys[i] for i in places)]
    rows = kept(f"distances 2 {tolerances}", joined, pairs, partial(_distances, tolerances), jobs, _BATCH)
    found[places] = [row[0] for row in rows]
    return found


def formula(structure: Structure) -> str:
    """The reduced formula, the same for structures that can match."""
    return str(structure.composition.element_composition.reduced_formula)


def _distances(tolerances: Tolerances, pairs: Sequence[Pair]) -> list[Floats]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cells = {id(s): s for pair in pairs for s in pair}
        reduced = {key: Cell.of(s) for key, s in cells.items()}
        return [np.array([tolerances(reduced[id(one)], reduced[id(other)])]) for one, other in pairs]
