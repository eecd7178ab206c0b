"""The space group of a crystal, however it is asked for."""

import subprocess
import sys

import pytest
from pymatgen.core import Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from geodrift_crystals.domain import domain
from geodrift_crystals.metrics.symmetry import orbits, space_groups
from geodrift_crystals.spacegroup import SYMPREC, space_group

NONE = ("?", 0)
CUBE = Lattice.cubic(3.0)


@pytest.mark.parametrize("crystal", domain.examples(), ids=lambda crystal: crystal.formula)
def test_files_and_figures_name_the_group_of_pymatgen(crystal: Structure) -> None:
    found = SpacegroupAnalyzer(crystal, SYMPREC)
    assert space_group(crystal) == (found.get_space_group_symbol(), found.get_space_group_number())
    assert space_groups([crystal], SYMPREC).tolist() == [found.get_space_group_number()]


def test_a_crystal_that_changes_has_another_group() -> None:
    crystal = Structure(CUBE, ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert space_group(crystal).number == 221
    crystal.translate_sites([1], [0, 0, 0.1])
    assert space_group(crystal).number == 99
    crystal.replace(1, "Cs", [0.5, 0.5, 0.5])
    assert space_group(crystal).number == 229
    crystal.lattice = Lattice.tetragonal(3.0, 5.0)
    assert space_group(crystal).number == 139


@pytest.mark.parametrize(
    "crystal",
    [
        Structure(CUBE, [], []),
        Structure(CUBE, ["Na", "Na"], [[0, 0, 0], [0, 0, 0]]),
        Structure(Lattice([[1, 0, 0], [1, 0, 0], [0, 0, 1]]), ["Na"], [[0, 0, 0]]),
        Structure(CUBE, ["Na"], [[float("nan"), 0, 0]]),
        Structure(Lattice([[float("inf"), 0, 0], [0, 3, 0], [0, 0, 3]]), ["Na"], [[0, 0, 0]]),
    ],
    ids=["no atoms", "two on one place", "flat", "a place that is no number", "endless"],
)
def test_what_has_no_space_group(crystal: Structure) -> None:
    assert space_group(crystal) == NONE
    assert orbits(crystal, SYMPREC) == (list(range(len(crystal))), [1] * len(crystal))


def test_writing_and_generating_import_no_trainer_and_no_vasp() -> None:
    script = "import sys, geodrift.ranks, geodrift_crystals.files; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"lightning_fabric", "pymatgen.io.vasp"} & set(found.stdout.split())
