r"""The root mean square displacement of pymatgen's StructureMatcher, over all maps of a pair at once.

The matcher tries every map of one primitive cell onto the other, both at the same volume, and every shift that brings
a site of the rarest element onto one of its kind; assigns sites by the sum of squared distances in the mean cell; and
keeps the smallest root mean square, or largest, of :math:`|d - \langle d \rangle| (N/V)^{1/3}`. A cubic cell has 48
maps: one by one they take pymatgen ten times as long. Both agree to rounding where a pair matches, and on which do.

References:
    | Python Materials Genomics (Ong et al., 2013), https://doi.org/10.1016/j.commatsci.2012.10.028
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure
from scipy.optimize import linear_sum_assignment

from geodrift_crystals.structures import FLATTEST, flatness

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Measure = Callable[[Floats], Floats]
"""Of the displacements of sites, `(..., N)`, what counts, `(...)`."""

_FAR = 1e20  # squared, of sites that must not meet: pymatgen's
_SKEW = 0.5 + 1e-9  # of a reduced basis
_IMAGES = np.array(list(itertools.product((-1.0, 0.0, 1.0), repeat=3)))
_MOST = 2**18  # pairs of sites looked at together
_POINTS = 2**18  # of a lattice that are looked at


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
            reduced = structure.get_reduced_structure(reduction_algo="niggli")
            whole = math.gcd(*Counter(site.specie.Z for site in reduced).values())
            reduced = reduced.get_primitive_structure() if whole > 1 else reduced  # else no smaller cell can hold it
        except (ValueError, ArithmeticError, IndexError, np.linalg.LinAlgError):
            reduced = structure
        kinds = np.array([site.specie.Z for site in reduced], np.int64)
        return cls(reduced.lattice.matrix, reduced.frac_coords, kinds)

    @property
    def volume(self) -> float:
        return abs(float(np.linalg.det(self.matrix)))


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
    maps = _maps(mine, theirs, length, angle)
    wrong = other.kinds[:, None] != one.kinds[None]
    rarest = int(wrong.sum(-1).argmax())
    best = np.inf
    for cells in np.array_split(maps, max(1, -(-len(maps) * len(wrong) ** 2 // _MOST))):
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


def _maps(mine: Floats, theirs: Floats, length: float, angle: float) -> Floats:
    """Bases of one lattice, `(M, 3, 3)`, that are like the basis of the other and span the same volume.

    Raises:
        ArithmeticError: When the lattice is so flat that its vectors are too many.
    """
    lengths = np.linalg.norm(theirs, axis=1)
    whole = _whole(lengths.max() * (1 + length) * np.linalg.norm(np.linalg.inv(mine), axis=0))
    points = whole @ mine
    sizes = np.linalg.norm(points, axis=1)
    a, b, c = (np.nonzero(np.abs(sizes / size - 1) <= length)[0] for size in lengths)
    ab = _alike(points, sizes, a, b, _angle(theirs[0], theirs[1]), angle)
    bc = _alike(points, sizes, b, c, _angle(theirs[1], theirs[2]), angle)
    ac = _alike(points, sizes, a, c, _angle(theirs[0], theirs[2]), angle)
    pairs = [np.nonzero(ab[i][:, None] & bc & ac[i]) for i in range(len(a))]
    chosen = np.array([(a[i], b[j], c[k]) for i, found in enumerate(pairs) for j, k in zip(*found, strict=True)])
    chosen = chosen.reshape(-1, 3).astype(int)
    found: Floats = points[chosen[np.abs(np.abs(np.linalg.det(whole[chosen])) - 1) < 0.5]]
    return found


def _whole(reach: Floats) -> Floats:
    """Whole numbers up to these on three axes, `(P, 3)`."""
    most = np.floor(reach + 1e-9)
    if np.prod(2 * most + 1) > _POINTS:
        raise ArithmeticError("a lattice too flat to be compared")
    axes = [np.arange(-n, n + 1) for n in most]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)


def _alike(points: Floats, sizes: Floats, one: Any, other: Any, wanted: float, angle: float) -> Flags:
    """Whether pairs of vectors have about the angle that is wanted, degrees."""
    cosines = points[one] @ points[other].T / sizes[one][:, None] / sizes[other]
    found: Flags = np.abs(np.degrees(np.arccos(np.clip(cosines, -1, 1))) - wanted) < angle
    return found


def _angle(one: Floats, other: Floats) -> float:
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


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
