r"""Whether two structures are the same, by pymatgen's StructureMatcher.

The distance of a matched pair is the root mean square displacement over the best map of cells and sites, divided by
:math:`(V/N)^{1/3}`; an unmatched pair has none. Whatever cannot match (another reduced composition, an invalid
structure) never reaches the matcher, and its distances are kept on disk.

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
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

from geodrift_crystals.metrics.address import address, joint
from geodrift_crystals.metrics.store import kept
from geodrift_crystals.metrics.validity import structurally_valid

Floats = NDArray[np.float64]
Pair = tuple[Structure, Structure]


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

    @property
    def matcher(self) -> StructureMatcher:
        return StructureMatcher(ltol=self.length, stol=self.site, angle_tol=self.angle)

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
    places = [i for i, (p, t) in enumerate(zip(predicted, true, strict=True)) if _comparable(p, t)]
    pairs = [(predicted[i], true[i]) for i in places]
    names = [joint(*map(address, pair)) for pair in pairs]  # type: ignore[arg-type]
    rows = kept(f"distances {tolerances}", names, pairs, partial(_distances, tolerances), jobs)
    found[places] = [row[0] for row in rows]
    return found


def _comparable(one: Structure | None, other: Structure) -> bool:
    return one is not None and formula(one) == formula(other) and structurally_valid(one)


def formula(structure: Structure) -> str:
    """The reduced formula, the same for structures that can match."""
    return str(structure.composition.element_composition.reduced_formula)


def _distances(tolerances: Tolerances, pairs: Sequence[Pair]) -> list[Floats]:
    matcher = tolerances.matcher
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [np.array([_distance(matcher, *pair)]) for pair in pairs]


def _distance(matcher: StructureMatcher, one: Structure, other: Structure) -> float:
    try:
        found = matcher.get_rms_dist(one, other)
    except (ValueError, ArithmeticError, IndexError, np.linalg.LinAlgError):  # a cell too degenerate to reduce
        return np.nan
    return np.nan if found is None else float(found[0])
