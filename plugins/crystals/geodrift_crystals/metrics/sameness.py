r"""Which structures of a set are the same, and which are known from another set.

Structures are compared, with pymatgen's default tolerances, within buckets of equal reduced composition and equal
number of sites in the primitive cell: outside them the matcher finds no two alike. Cells are reduced once, not for
every pair.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from pymatgen.core import Structure

from geodrift.stages import counted
from geodrift_crystals.metrics.address import address, joint
from geodrift_crystals.metrics.matching import SAME, formula
from geodrift_crystals.metrics.store import kept
from geodrift_crystals.metrics.superposition import Cell, largest

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

_BATCH = 64


@dataclass(frozen=True)
class _Bucket:
    """Structures that may be alike: their places in the list given, as given and reduced."""

    places: list[int]
    given: list[Structure]
    reduced: list[Cell]

    @property
    def address(self) -> bytes:
        return joint(*map(address, self.given))


def firsts(structures: Sequence[Structure], jobs: int = 1) -> Flags:
    """Whether each structure, `(n,)`, is the first of its kind; later ones are compared with the first of each kind."""
    first = np.ones(len(structures), bool)
    repeated = _repeated([formula(structure) for structure in structures])
    buckets = [bucket for bucket in _buckets(structures, repeated, jobs).values() if len(bucket.places) > 1]
    work = [bucket.reduced for bucket in buckets]
    rows = kept(f"firsts 2 {SAME}", [bucket.address for bucket in buckets], work, partial(_each, _firsts), jobs, 4)
    for bucket, row in zip(buckets, rows, strict=True):
        first[bucket.places] = row > 0
    return first


def known(structures: Sequence[Structure], others: Sequence[Structure], jobs: int = 1) -> Flags:
    """Whether each structure, `(n,)`, is like one of the others."""
    found = np.zeros(len(structures), bool)
    formulas, theirs = ([formula(structure) for structure in part] for part in (structures, others))
    shared = set(formulas) & set(theirs)
    new = _buckets(structures, [i for i, name in enumerate(formulas) if name in shared], jobs)
    old = _buckets(others, [i for i, name in enumerate(theirs) if name in shared], jobs)
    pairs = [(new[key], old[key]) for key in new if key in old]
    work = [(one.reduced, other.reduced) for one, other in pairs]
    names = [joint(one.address, other.address) for one, other in pairs]
    rows = kept(f"known 2 {SAME}", names, work, partial(_each, _known), jobs, 4)
    for (bucket, _), row in zip(pairs, rows, strict=True):
        found[bucket.places] = row > 0
    return found


def primitive_sites(structures: Sequence[Structure], jobs: int = 1) -> list[int]:
    """The number of sites of each structure's primitive cell, `n`."""
    rows = kept(f"sites {SAME}", list(map(address, structures)), structures, _sites, jobs, _BATCH)
    return [int(row[0]) for row in rows]


def _sites(structures: Sequence[Structure]) -> list[Floats]:
    return [np.array([float(len(cell.kinds))]) for cell in _reduced(structures)]


def _repeated(names: Sequence[str]) -> list[int]:
    counts: defaultdict[str, int] = defaultdict(int)
    for name in names:
        counts[name] += 1
    return [i for i, name in enumerate(names) if counts[name] > 1]


def _buckets(structures: Sequence[Structure], places: Sequence[int], jobs: int) -> dict[tuple[str, int], _Bucket]:
    chosen = [structures[i] for i in places]
    batches = [chosen[start : start + _BATCH] for start in range(0, len(chosen), _BATCH)]
    work = Parallel(n_jobs=jobs, return_as="generator")(delayed(_reduced)(batch) for batch in batches)
    reduced = chain.from_iterable(counted("cells", len(chosen), work))
    found: dict[tuple[str, int], _Bucket] = {}
    for place, given, primitive in zip(places, chosen, reduced, strict=True):
        bucket = found.setdefault((formula(given), len(primitive.kinds)), _Bucket([], [], []))
        bucket.places.append(place)
        bucket.given.append(given)
        bucket.reduced.append(primitive)
    return found


def _reduced(structures: Sequence[Structure]) -> list[Cell]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [Cell.of(structure) for structure in structures]


def _each(function: Callable[[Any], Floats], work: Sequence[Any]) -> list[Floats]:
    return [function(item) for item in work]


def _alike(one: Cell, other: Cell) -> bool:
    return bool(SAME(one, other, largest) <= SAME.site)


def _firsts(cells: Sequence[Cell]) -> Floats:
    kinds: list[Cell] = []
    new = []
    for cell in cells:
        new.append(not any(_alike(kind, cell) for kind in kinds))
        kinds += [cell] if new[-1] else []
    return np.array(new, np.float64)


def _known(pair: tuple[Sequence[Cell], Sequence[Cell]]) -> Floats:
    new, old = pair
    return np.array([any(_alike(other, cell) for other in old) for cell in new], np.float64)
