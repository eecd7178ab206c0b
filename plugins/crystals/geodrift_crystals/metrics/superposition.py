r"""The root mean square displacement of pymatgen's StructureMatcher, over all maps of a pair at once.

The matcher tries every map of one primitive cell onto the other, both at the same volume, and every shift that brings
a site of the rarest element onto one of its kind; assigns sites by the sum of squared distances in the mean cell; and
keeps the smallest root mean square, or largest, of :math:`|d - \langle d \rangle| (N/V)^{1/3}`. A cubic cell has 48
maps: one by one they take pymatgen ten times as long. Both agree to rounding where a pair matches, and on which do.

Of several rarest elements the matcher takes the first, so that its verdict depends on the order of the sites: random
decorations of Perov-5 match 45 % or 60 % of 400 structures. Sites are put in order of electronegativity first, in which
pymatgen reads them from files, so that figures compare with those of the literature and files in any order do.

References:
    | Python Materials Genomics (Ong et al., 2013), https://doi.org/10.1016/j.commatsci.2012.10.028
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Element, Lattice, Structure
from scipy.optimize import linear_sum_assignment

from geodrift_crystals.metrics.maps import maps
from geodrift_crystals.structures import FLATTEST, flatness

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Measure = Callable[[Floats], Floats]
"""Of the displacements of sites, `(..., N)`, what counts, `(...)`."""

_FAR = 1e20  # squared, of sites that must not meet: pymatgen's
_SKEW = 0.5 + 1e-9  # of a reduced basis
_IMAGES = np.array(list(itertools.product((-1.0, 0.0, 1.0), repeat=3)))
_MOST = 2**18  # pairs of sites looked at together


@dataclass(frozen=True)
class Cell:
    """A primitive cell.

    Arguments:
        matrix: Its vectors as rows, Å, `(3, 3)`.
        frac: Fractional positions, `(N, 3)`.
        kinds: A number for each element, `(N,)`.
    """

    matrix: Floats
    frac: Floats
    kinds: NDArray[np.int64]

    @classmethod
    def of(cls, structure: Structure) -> Cell:
        """The Niggli cell of a structure as the matcher finds it, or its own when that is too degenerate to reduce."""
        try:
            if flatness(structure.lattice.matrix) > FLATTEST:
                raise ArithmeticError("a cell too flat to be reduced")
            reduced = _ordered(structure).get_reduced_structure(reduction_algo="niggli")
            whole = math.gcd(*Counter(site.specie.Z for site in reduced).values())
            reduced = reduced.get_primitive_structure() if whole > 1 else reduced  # else no smaller cell can hold it
        except (ValueError, ArithmeticError, IndexError, np.linalg.LinAlgError):
            reduced = structure
        kinds = np.array([site.specie.Z for site in reduced], np.int64)
        return cls(reduced.lattice.matrix, reduced.frac_coords, kinds)

    @property
    def volume(self) -> float:
        return abs(float(np.linalg.det(self.matrix)))


def _ordered(structure: Structure) -> Structure:
    """The structure with its sites by electronegativity, then by symbol."""
    ranks = [_rank(site.specie.symbol) for site in structure]
    order = sorted(range(len(ranks)), key=ranks.__getitem__)
    return structure if order == list(range(len(ranks))) else Structure.from_sites([structure[i] for i in order])


@cache
def _rank(symbol: str) -> tuple[float, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # noble gases have none
        x = float(Element(symbol).X)
    return (x if np.isfinite(x) else np.inf, symbol)


def root_mean_square(lengths: Floats) -> Floats:
    """That of displacements: the distance of predictions."""
    mean: Floats = np.sqrt((lengths**2).mean(-1))
    return mean


def largest(lengths: Floats) -> Floats:
    """The largest displacement: whether two structures are the same."""
    most: Floats = lengths.max(-1)
    return most


def displacement(
    one: Cell, other: Cell, length: float, site: float, angle: float, measure: Measure = root_mean_square
) -> float:
    """The normalised displacement of two cells, NaN where they do not match.

    Arguments:
        one, other: Primitive, Niggli-reduced cells.
        length, site, angle: Tolerances: relative, in :math:`(V/N)^{1/3}`, in degrees.
        measure: Of the displacements of all sites.
    """
    if not np.array_equal(np.sort(one.kinds), np.sort(other.kinds)):
        return np.nan
    ratio = (other.volume / one.volume) ** (1 / 6)
    mine, theirs = one.matrix * ratio, other.matrix / ratio
    bases = maps(mine, theirs, length, angle)
    wrong = other.kinds[:, None] != one.kinds[None]
    rarest = int(wrong.sum(-1).argmax())
    best = np.inf
    for cells in np.array_split(bases, max(1, -(-len(bases) * len(wrong) ** 2 // _MOST))):
        if len(cells):
            best = min(best, _nearest(one.frac @ mine, other.frac, cells, theirs, wrong, rarest, site, measure))
    return best if best < site else np.nan


def _nearest(
    cart: Floats, frac: Floats, cells: Floats, theirs: Floats, wrong: Flags, rarest: int, site: float, measure: Measure
) -> float:
    """The smallest displacement over some maps, `cells` `(M, 3, 3)`, and all shifts."""
    averages = _averages(cells, theirs)
    scale = (len(frac) / np.abs(np.linalg.det(averages))) ** (1 / 3)
    moved = cart @ np.linalg.inv(cells)
    moved = moved - np.floor(moved)
    shifts = moved[:, ~wrong[rarest]] - frac[rarest]
    apart = moved[:, None, None] - (frac + shifts[:, :, None])[:, :, :, None]
    apart = apart - np.round(apart)
    near = (np.abs(apart) <= _reach(averages, scale, site)[:, None, None, None]).all(-1) & ~wrong
    which, shift = np.nonzero(near.any(-1).all(-1))
    if not len(which):
        return np.inf
    lengths = _displaced(averages[which], scale[which], apart[which, shift], wrong, site)
    return float(measure(lengths).min())


def _displaced(averages: Floats, scale: Floats, apart: Floats, wrong: Flags, site: float) -> Floats:
    """Displacements `(S, N)` of some maps and shifts, whose sites are `apart`, fractional, `(S, N, N, 3)`."""
    averages, apart = _reduced(averages, apart)
    near = (np.abs(apart) <= _reach(averages, scale, site)[:, None, None]).all(-1) & ~wrong
    every, costs = np.zeros(apart.shape), np.full(near.shape, _FAR)
    every[near], costs[near] = _shortest(apart[near], averages[np.nonzero(near)[0]])
    columns = np.array([linear_sum_assignment(cost)[1] for cost in costs])
    rows, everywhere = np.arange(len(wrong)), np.arange(len(costs))[:, None]
    steps = every[everywhere, rows, columns]
    lengths = np.linalg.norm(steps - steps.mean(1, keepdims=True), axis=-1) * scale[:, None]
    return np.where(near[everywhere, rows, columns].all(-1, keepdims=True), lengths, np.inf)


def _averages(cells: Floats, theirs: Floats) -> Floats:
    """Cells with the mean lengths and angles of each of the cells, `(M, 3, 3)`, and another one."""
    lengths, cosines = _parameters(np.concatenate([cells, theirs[None]]))
    a, b, c = ((lengths[:-1] + lengths[-1]) / 2).T
    angles = np.arccos(cosines)
    alpha, beta, gamma = ((angles[:-1] + angles[-1]) / 2).T
    turn = np.arccos(np.clip((np.cos(alpha) * np.cos(beta) - np.cos(gamma)) / (np.sin(alpha) * np.sin(beta)), -1, 1))
    none = np.zeros_like(a)
    rows = (
        (a * np.sin(beta), none, a * np.cos(beta)),
        (-b * np.sin(alpha) * np.cos(turn), b * np.sin(alpha) * np.sin(turn), b * np.cos(alpha)),
        (none, none, c),
    )
    found: Floats = np.array(rows).transpose(2, 0, 1)
    return found


def _parameters(cells: Floats) -> tuple[Floats, Floats]:
    """Lengths and cosines of the angles of cells, `(M, 3)` each."""
    lengths = np.linalg.norm(cells, axis=-1)
    after, last = np.roll(cells, -1, 1), np.roll(cells, -2, 1)
    cosines = (after * last).sum(-1) / np.roll(lengths, -1, 1) / np.roll(lengths, -2, 1)
    return lengths, np.clip(cosines, -1, 1)


def _reach(cells: Floats, scale: Floats, site: float) -> Floats:
    """How far sites that match may be apart on each fractional axis, `(M, 3)`: twice the tolerance."""
    found: Floats = np.linalg.norm(np.linalg.inv(cells), axis=1) * (2 * site / scale)[:, None]
    return found


def _reduced(cells: Floats, apart: Floats) -> tuple[Floats, Floats]:
    """Reduced cells, `(S, 3, 3)`, and fractional vectors in them, within half a cell."""
    skew = np.nonzero(~_are_reduced(cells))[0]
    if not len(skew):
        return cells, apart
    cells, apart = cells.copy(), apart.copy()
    for place in skew:
        found = Lattice(cells[place]).get_lll_reduced_lattice().matrix
        moved = apart[place] @ cells[place] @ np.linalg.inv(found)
        cells[place], apart[place] = found, moved - np.round(moved)
    return cells, apart


def _are_reduced(cells: Floats) -> Flags:
    """Whether the reduction of Lenstra, Lenstra and Lovász leaves cells as they are, `(S,)`."""
    a, b, c = cells.transpose(1, 0, 2)
    aa = (a * a).sum(-1)
    ab, ac = (a * b).sum(-1) / aa, (a * c).sum(-1) / aa
    flat = b - ab[:, None] * a
    bb = (flat * flat).sum(-1)
    bc = (flat * c).sum(-1) / bb
    cc = ((c - ac[:, None] * a - bc[:, None] * flat) ** 2).sum(-1)
    small = np.abs(np.stack([ab, ac, bc])).max(0) <= _SKEW
    found: Flags = small & (bb >= (0.75 - ab**2) * aa) & (cc >= (0.75 - bc**2) * bb)
    return found


def _shortest(apart: Floats, cells: Floats) -> tuple[Floats, Floats]:
    """The shortest images of fractional vectors, `(P, 3)`, each in a cell of its own, Å, and their squared lengths."""
    images = (apart[:, None] + _IMAGES) @ cells
    squares = (images**2).sum(-1)
    least = squares.argmin(1)
    rows = np.arange(len(apart))
    return images[rows, least], squares[rows, least]
