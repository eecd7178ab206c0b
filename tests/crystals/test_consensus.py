"""The choice among drafts: the medoid under pymatgen's own matcher, never a known structure or a broken one."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure

from geodrift_crystals.consensus import choose
from geodrift_crystals.structures import failed

FACES = [[0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]


def perovskite(corner: str = "Sr", centre: str = "Ti", moved: float = 0.0, edge: float = 3.9) -> Structure:
    places = np.array([[0, 0, 0], [0.5, 0.5, 0.5 + moved], *FACES])
    return Structure(Lattice.cubic(edge), [corner, centre, "O", "O", "O"], places)


def turned(moved: float) -> Structure:
    """The other form, with strontium in the octahedra."""
    return perovskite("Ti", "Sr", moved)


@pytest.fixture
def drafts() -> list[Structure]:
    return [turned(0.0), perovskite(moved=0.08), perovskite(moved=0.02), turned(0.12), perovskite(moved=-0.01)]


def test_the_choice_is_the_medoid(drafts: list[Structure]) -> None:
    matcher = StructureMatcher(ltol=0.3, stol=0.5, angle_tol=10)
    found = [[matcher.get_rms_dist(one, other) for other in drafts] for one in drafts]
    sums = np.array([[0.5 if pair is None else pair[0] for pair in row] for row in found]).sum(1)
    assert choose([drafts]) == [int(sums.argmin())] == [2]


def test_groups_are_judged_apart(drafts: list[Structure]) -> None:
    groups = [[perovskite()], drafts, [turned(0.1), turned(0.0), turned(0.01)], drafts[::-1]]
    assert choose(groups) == [0, 2, 2, 2]


def test_known_structures_are_passed_over(drafts: list[Structure]) -> None:
    assert choose([drafts], [perovskite(edge=4.0)]) == [0]
    assert choose([drafts, drafts[:1]], [turned(0.0)]) == [2, 0], "where nothing else is left, a known one is kept"
    assert choose([drafts], [perovskite(), turned(0.0)]) == [2]
    assert choose([drafts], [perovskite("Ca")]) == [2]


@pytest.mark.parametrize("known", [[], [perovskite()]])
def test_broken_drafts_are_never_chosen(known: list[Structure]) -> None:
    broken = failed(["Sr", "Ti", "O", "O", "O"], "numbers that are not finite")
    squeezed = perovskite(edge=0.5)
    for one, other in product((broken, squeezed), repeat=2):
        assert choose([[one, turned(0.0), turned(0.02), other]], known)[0] in (1, 2)


def test_a_broken_draft_is_worse_than_one_that_agrees_with_none() -> None:
    """Also of different compositions, and than a known one; of broken ones the first."""
    broken, whole = perovskite(edge=0.5), perovskite("Ca")
    assert choose([[broken, perovskite(), whole], [broken, whole]]) == [1, 1]
    assert choose([[broken, whole], [broken, broken]], [whole]) == [1, 0]


def test_any_order_gives_the_same_crystal(drafts: list[Structure]) -> None:
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(drafts))
        assert order[choose([[drafts[i] for i in order]])[0]] == 2
