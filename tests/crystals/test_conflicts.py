"""Conditions that exclude each other, or cannot be understood: one line each, by the command line too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pymatgen.core import Lattice, Structure

from geodrift.errors import InputError
from geodrift.generation import Request
from geodrift.model import Model
from geodrift.testing.command import Result
from geodrift_crystals import domain
from geodrift_crystals.codec import CrystalCodec

CUBE, BOX = "4,4,4,90,90,90", "3,4,5,90,90,90"
REFUSED = {
    "crystal_family=cubical": 'no crystal family "cubical" (did you mean "cubic"?); available: cubic, hexagonal, mono',
    "space_group=0": "condition space_group=0: no space group; write a number from 1 to 230, or a symbol like Pm-3m",
    "space_group=231": "condition space_group=231: no space group",
    "space_group=2.5": "condition space_group=2.5: no space group",
    "space_group=Pm-4m": "condition space_group=Pm-4m: no space group",
    "lattice=3,4,5": "condition lattice=3,4,5: not six numbers; write a,b,c,alpha,beta,gamma in Å and degrees",
    "lattice=3,4,5,90,90,-90": "condition lattice=3,4,5,90,90,-90: lengths are above 0 Å and angles between 0 and 180",
    "lattice=0,4,5,90,90,90": "condition lattice=0,4,5,90,90,90: lengths are above 0 Å",
    "lattice=3,4,5,170,90,90": None,
    "lattice=3,4,5,30,90,150": "condition lattice=3,4,5,30,90,150: no cell has these angles and a volume",
    "lattice=nowhere.cif": "condition lattice=nowhere.cif: no such file",
    "sites=nowhere.cif": "condition sites=nowhere.cif: no such file",
    "sites={uranium}": "condition sites={uranium}: no U in the data that this model learned from",
    "sites={two}": "condition sites={two}: 2 crystals; give a file of one",
    "sites={broken}": "condition sites={broken}: none of 1 records can be read",
    "neutral=perhaps": "condition neutral=perhaps: write neutral=true, or leave it out",
    "neutral=false": "condition neutral=false: write neutral=true, or leave it out",
    f"crystal_family=cubic lattice={BOX}": f"conditions crystal_family=cubic and lattice={BOX}: not a lattice in",
    f"space_group=221 lattice={BOX}": f"conditions space_group=Pm-3m and lattice={BOX}: not a lattice of its pri",
    f"space_group=225 lattice={CUBE}": f"conditions space_group=Fm-3m and lattice={CUBE}: not a lattice of its p",
    f"space_group=221 lattice={CUBE}": None,
    f"crystal_family=tetragonal lattice={CUBE}": None,
    "crystal_family=cubic space_group=P-1": "conditions crystal_family=cubic and space_group=P-1: P-1 is triclinic",
    "crystal_family=rhombohedral space_group=R-3m": None,
    "crystal_family=rhombohedral space_group=P6/mmm": "conditions crystal_family=rhombohedral and space_group=P6",
    "space_group=Pm-3m sites={part}": "conditions sites and space_group=Pm-3m: sites need not obey it; ask for o",
    "space_group=Pm-3m formula=SrTiO2": "conditions space_group=Pm-3m and formula=SrTiO2: its positions hold no",
    "space_group=Pm-3m formula=SrTiO3": None,
    "space_group=Pm-3m formula=SrTiO3 atoms=10": "conditions space_group=Pm-3m and formula=SrTiO3: its positions",
    "space_group=P4_12_12 atoms=3": "condition space_group=P4_12_12: its positions hold no cell of 3 atoms that",
    "space_group=Pm-3m chemical_system=Sr-Ti-O atoms=3": "condition space_group=Pm-3m: its positions hold no cell of 3",
    "sites={part} formula=NaCl": "conditions sites and formula=NaCl: the sites are TiO, more than NaCl",
    "sites={part} formula=SrTiO3": None,
    "sites={part} atoms=1": "condition sites: 2 sites, more than the 1 atoms of a cell",
    "sites={part} chemical_system=Na-Cl": "conditions sites and chemical_system=Na-Cl: the sites have O-Ti too",
    "sites={part} chemical_system=Sr-Ti-O atoms=2": "condition chemical_system=O-Ti-Sr: more elements than the 2",
    "neutral=true formula=Na2Cl": "conditions formula=Na2Cl and neutral=true: its charges cannot cancel",
    "neutral=true formula=NaCl": None,
    "neutral=true chemical_system=Na-Cl atoms=3": "condition neutral=true: its elements can make no cell of 3 atoms",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files that conditions may name."""
    folder = tmp_path_factory.mktemp("files")
    found = {name: folder / f"{name}.cif" for name in ("uranium", "part", "two", "broken")}
    uranium = Structure(Lattice.cubic(4), ["U"], [[0, 0, 0]])
    uranium.to(filename=str(found["uranium"]))
    Structure(Lattice.cubic(4), ["Ti", "O"], [[0, 0, 0], [0.5, 0.5, 0]]).to(filename=str(found["part"]))
    found["two"].write_text(found["part"].read_text() * 2)
    found["broken"].write_text("data_x\nloop_\n_atom_site_label\nX\n")
    return {name: str(path) for name, path in found.items()}


@pytest.fixture
def free(
    crystals: list[Structure], model: Callable[[CrystalCodec], Model], roomy: Callable[..., CrystalCodec]
) -> Model:
    return model(roomy(crystals))


@pytest.mark.parametrize("asked", REFUSED)
def test_conflicts_are_one_line(free: Model, files: dict[str, str], asked: str) -> None:
    values = dict(part.split("=") for part in asked.format(**files).split())
    numbers = {name: float(value) if value.isdigit() else value for name, value in values.items()}
    request = Request(free, "test", 2, conditions=numbers)
    line = REFUSED[asked]
    if line is None:
        request.check()
        return
    with pytest.raises(InputError) as caught:
        request.check()
    assert str(caught.value).startswith(line.format(**files))
    assert "\n" not in str(caught.value)


def test_a_model_of_compositions_has_those_of_its_data(
    crystals: list[Structure], model: Callable[[CrystalCodec], Model], files: dict[str, str]
) -> None:
    told = model(domain.fit(crystals, {"given": "composition", "max_atoms": 12}))
    for conditions, line in (
        ({"sites": files["part"], "atoms": 2.0}, "condition atoms=2, sites=TiO: no composition of the training data"),
        (
            {"space_group": 96.0, "atoms": 2.0},
            "condition atoms=2, space_group=P4_32_12: no composition of the training",
        ),
    ):
        with pytest.raises(InputError, match=line):
            Request(told, "test", 2, conditions=conditions).check()  # type: ignore[arg-type]
    found = told.generate(20, steps=2, space_group=221.0)
    assert {crystal.composition.reduced_formula for crystal in found} <= {"CsCl", "SrTiO3", "NaCl", "ZnS", "C", "FeO"}
    with_sites = told.generate(20, steps=2, sites=files["part"])
    assert {crystal.composition.reduced_formula for crystal in with_sites} == {"SrTiO3"}


def test_conditions_by_the_command_line(tmp_path: Path, generate: Callable[..., Result], files: dict[str, str]) -> None:
    result = generate("--condition", "crystal_family=cubic", "--condition", f"lattice={BOX}", "-n", 2)
    assert (result.code, result.output) == (2, "")
    assert (
        result.errors
        == f"geodrift: conditions crystal_family=cubic and lattice={BOX}: not a lattice in the usual axes\n"
    )
    assert not (tmp_path / "out").exists()
    asked = ("space_group=Pm-3m", "formula=SrTiO3", "neutral=true", f"lattice={CUBE}")
    result = generate(*(part for text in asked for part in ("--condition", text)), "-n", 4, "--json")
    assert result.code == 0, result.errors
    assert result.document["conditions"]["space_group"] == "Pm-3m"
    found = domain.samples(tmp_path / "out")
    assert [crystal.composition.formula for crystal in found] == ["Sr1 Ti1 O3"] * 4
    assert all(crystal.lattice.parameters == pytest.approx((4, 4, 4, 90, 90, 90), abs=1e-4) for crystal in found)


def test_conditions_of_files_by_the_command_line(
    tmp_path: Path, generate: Callable[..., Result], files: dict[str, str]
) -> None:
    asked = (f"sites={files['part']}", f"lattice={files['part']}", "formula=SrTiO3")
    result = generate(*(part for text in asked for part in ("--condition", text)), "-n", 2)
    assert result.code == 0, result.errors
    assert len(domain.samples(tmp_path / "out")) == 2


def test_conditions_that_differ_between_samples_are_refused(free: Model) -> None:
    asked = {"space_group": free.codec.ask("space_group", 221.0).expand(2).clone()}
    asked["space_group"][1] = 225
    from geodrift.rng import Streams

    with pytest.raises(InputError, match="condition space_group: one value for all samples of a run"):
        free.codec.blank(Streams.of(0, 2), asked)
