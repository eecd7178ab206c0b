"""Space groups: operations, positions, placements and orbits against tables, brute force and spglib."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import spglib
import torch

from geodrift.layout import Ragged
from geodrift_crystals.groups import Orbits, Position, family, numbered, operations, positions, symbol
from geodrift_crystals.groups.examples import orbit
from geodrift_crystals.groups.operations import primitive
from geodrift_crystals.groups.placements import placements
from geodrift_crystals.groups.room import room
from geodrift_crystals.lattice import FAMILIES, Invariant, Polar, project

SOME = (1, 2, 5, 12, 14, 47, 62, 74, 122, 139, 141, 148, 160, 166, 186, 194, 205, 216, 221, 225, 227, 229, 230)


@pytest.mark.parametrize("number", SOME)
def test_operations_are_a_group_with_integers(number: int) -> None:
    group = operations(number)
    keys = {tuple(w.ravel().tolist()): v for w, v in zip(group.rotations, group.translations, strict=True)}
    assert len(keys) == len(group.rotations)
    for one, other in product(range(len(keys)), repeat=2):
        w = group.rotations[one] @ group.rotations[other]
        v = group.rotations[one] @ group.translations[other] + group.translations[one] - keys[tuple(w.ravel().tolist())]
        np.testing.assert_allclose(v, np.rint(v), atol=1e-9)


@pytest.mark.parametrize("number", SOME)
def test_spglib_finds_the_group_of_an_example(number: int) -> None:
    """A general orbit, in a lattice that is kept by no more than it must, has this very space group."""
    rotations = torch.from_numpy(operations(number).rotations)
    start = torch.tensor([[[4.1, 0.3, -0.2], [0.5, 5.3, 0.4], [-0.6, 0.2, 6.7]]], dtype=torch.float64)
    lattice = Invariant(rotations)(start)[0].numpy()
    points = np.concatenate([orbit(number, len(positions(number)) - 1, which) for which in (0, 1)])
    kinds = np.repeat([1, 2], len(points) // 2)
    assert spglib.get_symmetry_dataset((lattice, points, kinds), symprec=1e-4).number == number


def test_positions_are_those_of_the_tables() -> None:
    known = {
        2: [1] * 8 + [2],
        62: [4, 4, 4, 8],
        194: [2, 2, 2, 2, 6, 4, 4, 6, 12, 12, 12, 24],
        221: [1, 1, 3, 3, 6, 6, 8, 12, 12, 12, 24, 24, 24, 48],
        225: [1, 1, 2, 6, 6, 8, 12, 12, 12, 24, 24, 48],
        227: [2, 2, 4, 4, 8, 12, 24, 24, 48],
    }
    assert {number: sorted(p.multiplicity for p in positions(number)) for number in known} == {
        number: sorted(sizes) for number, sizes in known.items()
    }
    assert [p.rank for p in positions(62)] == [0, 0, 2, 3]


@pytest.mark.slow
def test_all_groups_have_1731_positions() -> None:
    assert sum(len(positions(number)) for number in range(1, 231)) == 1731


def test_names_and_families() -> None:
    assert [numbered(name) for name in ("Fm-3m", "P2_1/c", "P21/c", "P2_1/n", "R -3 m", "Pm-3m", "Fm3m!")] == [
        *(225, 14, 14, 14, 166, 221),
        None,
    ]
    assert [symbol(number) for number in (1, 166, 225)] == ["P1", "R-3m", "Fm-3m"]
    assert [family(number) for number in (2, 3, 16, 75, 143, 194, 195, 230)] == [
        *("triclinic", "monoclinic", "orthorhombic", "tetragonal", "hexagonal", "hexagonal", "cubic", "cubic")
    ]


@pytest.mark.parametrize(("number", "counts"), [(2, (2, 3)), (221, (1, 1, 3)), (25, (2, 2)), (225, (2,)), (47, (3, 1))])
@pytest.mark.parametrize("least", [0, 2])
def test_placements_are_all_there_are(number: int, counts: tuple[int, ...], least: int) -> None:
    sites = positions(number)
    limits = [(sum(counts) // p.multiplicity if p.rank else 1) for p in sites]
    ways = set()
    slots = [place for place, limit in enumerate(limits) for _ in range(limit)]
    for chosen in product((None, *range(len(counts))), repeat=len(slots)) if len(slots) < 12 else ():
        orbits = tuple(sorted((place, kind) for place, kind in zip(slots, chosen, strict=True) if kind is not None))
        filled = [sum(sites[p].multiplicity for p, k in orbits if k == kind) for kind in range(len(counts))]
        if tuple(filled) == counts and len(orbits) >= least:
            ways.add(orbits)
    found = placements(number, counts, least)
    drawn = {tuple(sorted(found.at(rank))) for rank in range(found.total)}
    assert len(drawn) == found.total
    assert not ways or drawn == ways
    for orbits in drawn:
        assert all(limits[p] > 1 or sites[p].rank or sum(q == p for q, _ in orbits) == 1 for p, _ in orbits)


@pytest.mark.parametrize(
    ("number", "places", "known"),
    [
        (221, [(0, 0, 0)], 1),  # simple cubic
        (229, [(0, 0, 0)], 3**0.5 / 2 * 2 ** (1 / 3)),
        (225, [(0, 0, 0)], 2 ** (1 / 6)),
        (227, [(0, 0, 0)], 3**0.5 / 4 * 8 ** (1 / 3)),  # diamond
        (221, [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)], 5 ** (1 / 3) / 2),  # a perovskite
        (194, [(1 / 3, 2 / 3, 0.25)], (1 / 3 + 1 / 4) ** 0.5 / (3**0.5 / 4) ** (1 / 3)),  # close packed, of c = a
    ],
)
def test_the_room_of_known_lattices(number: int, places: list[tuple[float, ...]], known: float) -> None:
    group, centring = operations(number), np.linalg.inv(primitive(number).T)

    def includes(position: Position, point: np.ndarray) -> bool:
        away = group.images(position.point) - point
        return position.rank == 0 and bool(np.abs(away - np.rint(away)).max(1).min() < 1e-6)

    chosen = [
        next(place for place, position in enumerate(positions(number)) if includes(position, centring @ point))
        for point in places
    ]
    assert room(number, tuple(chosen)) == pytest.approx(known)


def test_the_room_of_atoms_on_one_line() -> None:
    """No more than the even spacing gives, and no less than 0.4 of it."""
    line = next(place for place, p in enumerate(positions(99)) if p.rank == 1 and p.multiplicity == 1)
    for count in range(1, 7):
        even = count ** (1 / 3) / count
        assert even / 2.5 < room(99, (line,) * count) < even + 1e-9


@pytest.mark.parametrize("number", SOME)
def test_atoms_of_an_example_have_no_more_room_than_is_between_them(number: int) -> None:
    """Of a single orbit: the room is the least distance of the best of its points."""
    basis = primitive(number) @ (
        [[1, 0, 0], [-0.5, 0.75**0.5, 0], [0, 0, 1]] if family(number) == "hexagonal" else np.eye(3)
    )
    near = np.array(list(product((-2, -1, 0, 1, 2), repeat=3)))
    for place, position in enumerate(positions(number)):
        best = 0.0
        for which in range(16 if position.rank else 1):
            points = orbit(number, place, which)
            away = np.linalg.norm((points[:, None, None] - points[None, :, None] + near) @ basis, axis=-1)
            best = max(best, float(away[away > 1e-6].min()))
        scale = (abs(np.linalg.det(basis)) / position.multiplicity) ** (1 / 3)
        assert room(number, (place,)) == pytest.approx(best / scale, rel=1e-6)


def batch(number: int) -> tuple[torch.Tensor, Ragged]:
    """Two cells: an orbit of each position of up to 12 points, and two general ones."""
    sites = positions(number)
    first = [orbit(number, place, 0) for place, p in enumerate(sites) if p.multiplicity <= 12]
    second = [orbit(number, len(sites) - 1, which) for which in (1, 2)]
    cells = [np.concatenate(part) if part else np.zeros((0, 3)) for part in (first, second)]
    frac = torch.from_numpy(np.concatenate(cells)).float()
    return frac, Ragged.of(torch.tensor([len(cell) for cell in cells]))


def wrapped(away: torch.Tensor) -> float:
    """The largest of these numbers modulo one."""
    return float((away - away.round()).abs().max())


def broken(number: int, frac: torch.Tensor, layout: Ragged) -> float:
    """How far operations move atoms from all atoms of their cell."""
    group, worst = operations(number), 0.0
    for cell in range(layout.count):
        own = frac[layout.index == cell].double().numpy()
        if len(own):
            images = np.einsum("gab,nb->gna", group.rotations, own) + group.translations[:, None]
            away = images[:, :, None] - own
            worst = max(worst, float(np.abs(away - np.rint(away)).max(-1).min(-1).max()))
    return worst


@pytest.mark.parametrize("number", SOME)
def test_orbits_obey_every_operation(number: int) -> None:
    frac, layout = batch(number)
    orbits = Orbits.of(operations(number), frac, layout)
    assert wrapped(orbits(frac) - frac) < 1e-5
    anything = torch.rand(len(frac), 3, generator=torch.Generator().manual_seed(number))
    found = orbits(anything)
    assert broken(number, found, layout) < 1e-5
    assert broken(number, anything, layout) > 0.01 or number == 1
    assert wrapped(orbits(found) - found) < 1e-5
    assert float(found.min()) >= 0
    assert float(found.max()) < 1


def test_orbits_take_the_mean_of_what_is_expected() -> None:
    """Near to an arrangement that obeys, the nearest one is found, across the edges of the cell too."""
    frac, layout = batch(225)
    orbits = Orbits.of(operations(225), frac, layout)
    noise = 0.01 * torch.randn(frac.shape, generator=torch.Generator().manual_seed(0))
    away = orbits((frac + noise) % 1) - frac
    assert float((away - away.round()).abs().max()) < 0.04
    general = layout.index == 1
    assert float((away - away.round())[general].norm()) < 0.35 * float(noise[general].norm())


def test_fixed_coordinates_are_those_of_the_example() -> None:
    frac, layout = batch(194)
    orbits = Orbits.of(operations(194), frac, layout)
    found = orbits(torch.rand(len(frac), 3, generator=torch.Generator().manual_seed(1)))
    away = (found - frac)[orbits.fixed]
    assert 10 < len(away) < 3 * len(frac)
    assert wrapped(away) < 1e-5


@pytest.mark.parametrize("name", FAMILIES)
def test_invariant_lattices_are_those_of_the_family(name: str) -> None:
    kept = Invariant.of(name)
    numbers = torch.randn(50, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    atoms = torch.ones(50)
    members = Polar().lattice(project(numbers, FAMILIES[name]), atoms)
    torch.testing.assert_close(kept(members), members, rtol=1e-7, atol=1e-7)
    found = kept(Polar().lattice(numbers, atoms))
    again = Polar().numbers(found, atoms)
    torch.testing.assert_close(project(again, FAMILIES[name]), again, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(torch.linalg.det(found), torch.linalg.det(Polar().lattice(numbers, atoms)))
    assert len(kept.rotations) == dict(zip(FAMILIES, (2, 4, 8, 16, 12, 24, 48), strict=True))[name]


def test_a_lattice_is_turned_with_what_it_is_made_of() -> None:
    kept = Invariant(torch.from_numpy(operations(225).rotations))
    rng = torch.Generator().manual_seed(3)
    lattice = 4 * torch.eye(3) + torch.randn(5, 3, 3, generator=rng, dtype=torch.float64)
    turn, _ = torch.linalg.qr(torch.randn(5, 3, 3, generator=rng, dtype=torch.float64))
    torch.testing.assert_close(kept(lattice @ turn), kept(lattice) @ turn)
    assert all(kept.keeps(one, 1e-9) for one in kept(lattice))
    assert not any(kept.keeps(one, 1e-3) for one in lattice)
