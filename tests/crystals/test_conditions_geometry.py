"""Space group, crystal family, lattice and sites hold in every sample, whatever the process."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spglib
import torch
from pymatgen.core import Lattice, Structure
from pymatgen.symmetry.groups import SpaceGroup

from geodrift.config import Config
from geodrift.model import Model
from geodrift_crystals import domain
from geodrift_crystals.groups import numbered, operations
from geodrift_crystals.lattice import FAMILIES, Invariant
from geodrift_crystals.processes import processes

STEPS = 4
PRECISE = 0.01  # Å, symprec


@cache
def model(kind: str, given: str = "nothing", lattice: str = "polar", conditions: tuple[str, ...] = ()) -> Model:
    """A model with random weights that are not zero."""
    crystals = [crystal.copy() for crystal in domain.examples()]
    for place, crystal in enumerate(crystals):
        crystal.properties = {"gap": float(place)}
    data = {"given": given, "lattice": lattice, "max_atoms": 12, "conditions": list(conditions)}
    codec = domain.fit(crystals, data)
    codec = replace(codec, sizes=tuple(share or 1e-9 for share in codec.sizes))  # all are known, most are rare
    process = {"kind": kind, **({"steps": STEPS} if kind == "crysbfn" else {})}
    network = {"hidden": 8, "layers": 1, "harmonics": 2}
    config = Config(domain="crystals", process=process, network=network, sample={"steps": STEPS})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        built = Model.build(config, codec)
        for weights in built.denoiser.parameters():
            torch.nn.init.normal_(weights, std=0.3)
    return built


def lattices(samples: list[Structure]) -> torch.Tensor:
    return torch.from_numpy(np.stack([sample.lattice.matrix for sample in samples]))


def found(sample: Structure) -> tuple[Any, Any] | None:
    """The rotations and translations that spglib finds in the cell as it is; none where atoms overlap."""
    cell = (sample.lattice.matrix, sample.frac_coords, [site.specie.Z for site in sample])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = spglib.get_symmetry(cell, symprec=PRECISE)
    return None if table is None else (table["rotations"], table["translations"])


def obeys(sample: Structure, number: int) -> bool:
    """Whether the cell and all atoms are moved to themselves by every operation, to 1e-4."""
    group, frac = operations(number), sample.frac_coords
    kinds = np.array([site.specie.Z for site in sample])
    away = (np.einsum("gab,nb->gna", group.rotations, frac) + group.translations[:, None])[:, :, None] - frac
    miss = np.abs(away - np.rint(away)).max(-1) + 9.0 * (kinds[:, None] != kinds)
    kept = Invariant(torch.from_numpy(group.rotations)).keeps(torch.from_numpy(sample.lattice.matrix.copy()), 1e-5)
    return kept and float(miss.min(-1).max()) < 1e-4


def includes(sample: Structure, number: int) -> bool:
    """Whether spglib finds all operations, so that the space group is this one or a supergroup."""
    table = found(sample)
    assert table is not None
    group = operations(number)
    alike = (table[0][:, None] == group.rotations).all((-1, -2))
    away = table[1][:, None] - group.translations
    return bool((alike & (np.abs(away - np.rint(away)).max(-1) < 0.01)).any(0).all())


@pytest.mark.parametrize("given", ["nothing", "composition"])
@pytest.mark.parametrize("kind", processes.kinds)
def test_a_space_group_holds(kind: str, given: str) -> None:
    asked = [{"space_group": 221.0, "formula": "SrTiO3"}, {"space_group": "Fm-3m", "formula": "NaCl"}]
    asked += [{"space_group": "P2_1/c", "formula": "Na4Cl4"}, {"space_group": 99.0, "formula": "SrTiO3"}]
    for conditions in asked:
        name = conditions["space_group"]
        number = int(name) if isinstance(name, float) else numbered(str(name)) or 0
        samples = model(kind, given).generate(12, **conditions)  # type: ignore[arg-type]
        assert all(obeys(sample, number) for sample in samples)
        assert sum(found(sample) is not None for sample in samples) > 6
        assert all(includes(sample, number) for sample in samples if found(sample) is not None)


@pytest.mark.parametrize("kind", processes.kinds)
def test_a_space_group_holds_for_elements_that_are_generated(kind: str) -> None:
    """Sizes are those that the group allows, and orbits have one element each."""
    samples = model(kind).generate(25, space_group=194.0)
    assert all(obeys(sample, 194) for sample in samples)
    assert {len(sample) for sample in samples} == {2}
    several = model(kind).generate(25, space_group="P-1", chemical_system="Sr-Ti-O", atoms=7.0)
    assert all(obeys(sample, 2) for sample in several)
    assert {(len(sample), sample.chemical_system) for sample in several} == {(7, "O-Sr-Ti")}
    assert len({sample.composition.formula for sample in several}) > 1 or kind != "bayesian-flow"
    spread = model(kind).generate(25, space_group="P4mm", chemical_system="Sr-Ti-O", atoms=5.0)
    assert {sample.chemical_system for sample in spread} == {"O-Sr-Ti"}, "three orbits at least, not four atoms and one"


@pytest.mark.parametrize(
    "asked",
    [{"atoms": 5.0}, {"formula": "SrTiO3"}, {"atoms": 5.0, "chemical_system": "Sr-Ti-O", "neutral": "true"}],
)
def test_atoms_on_the_lines_of_a_space_group_have_room(asked: dict[str, Any]) -> None:
    """No three of five atoms are on one fourfold axis of P4mm, along which they would crowd."""
    samples = model("bayesian-flow").generate(40, space_group=99.0, **asked)
    columns = [
        np.unique(np.round(sample.frac_coords[:, :2] % 1, 4), axis=0, return_counts=True)[1] for sample in samples
    ]
    assert max(map(max, columns)) == 2


def test_orbits_of_a_chemical_system_can_be_neutral() -> None:
    """Six atoms on orbits of four and two, or four and one and one, are never three of each."""
    samples = model("bayesian-flow").generate(
        60, space_group="P4/mmm", chemical_system="Na-Cl", neutral="true", atoms=6
    )
    assert all(obeys(sample, 123) for sample in samples)
    assert {sample.composition.formula for sample in samples} == {"Na3 Cl3"}
    uneven = model("bayesian-flow").generate(20, space_group="Pm-3m", chemical_system="Ti-Cl", neutral="true", atoms=4)
    assert {sample.composition.formula for sample in uneven} == {"Ti1 Cl3"}, "the orbit of three is that of chlorine"


def test_the_cell_is_the_primitive_one() -> None:
    (sample,) = model("bayesian-flow").generate(1, space_group=225.0, formula="NaCl")
    assert sample.lattice.angles == pytest.approx((60, 60, 60), abs=1e-3)
    assert (
        SpaceGroup("Fm-3m").int_number
        == spglib.get_symmetry_dataset((sample.lattice.matrix, sample.frac_coords, [11, 17]), symprec=PRECISE).number
    )


@pytest.mark.parametrize("lattice", ["polar", "parameters", "matrix"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_holds_in_every_representation(family: str, lattice: str) -> None:
    samples = model("bayesian-flow", lattice=lattice).generate(20, crystal_family=family)
    kept = Invariant.of(family)
    assert all(kept.keeps(cell, 1e-5) for cell in lattices(samples))
    free = model("bayesian-flow", lattice=lattice).generate(20)
    assert family == "triclinic" or not any(kept.keeps(cell, 1e-3) for cell in lattices(free))


@pytest.mark.parametrize("kind", processes.kinds)
def test_a_family_holds_on_every_path(kind: str) -> None:
    for sample in model(kind).generate(20, crystal_family="hexagonal"):
        a, b, _ = sample.lattice.abc
        assert a == pytest.approx(b, rel=1e-5)
        assert sample.lattice.angles == pytest.approx((90, 90, 120), abs=1e-3)


@pytest.mark.parametrize("given", ["nothing", "composition"])
@pytest.mark.parametrize("kind", processes.kinds)
def test_a_lattice_and_sites_hold(tmp_path: Path, kind: str, given: str) -> None:
    part = Structure(Lattice.from_parameters(4, 5, 6, 80, 90, 100), ["Ti", "O"], [[0.1, 0.2, 0.95], [1 / 3, 0, 0.5]])
    path = str(tmp_path / "part.cif")
    part.to(filename=path)
    samples = model(kind, given).generate(20, sites=path, lattice=path, formula="SrTiO3")
    assert {sample.composition.formula for sample in samples} == {"Sr1 Ti1 O3"}
    for sample in samples:
        assert [site.specie.symbol for site in sample[:2]] == ["Ti", "O"]
        away = sample.frac_coords[:2] - part.frac_coords
        assert np.abs(away - np.rint(away)).max() < 1e-6
        np.testing.assert_allclose(sample.lattice.parameters, part.lattice.parameters, rtol=1e-6)
    rest = np.stack([sample.frac_coords[2:] for sample in samples])
    assert rest.std(0).min() > 0.01


def test_sites_without_more(tmp_path: Path) -> None:
    """Free atoms come on top; the cell and their elements are the model's."""
    path = str(tmp_path / "part.cif")
    Structure(Lattice.cubic(4), ["Ti", "O"], [[0, 0, 0], [0.5, 0.5, 0]]).to(filename=path)
    samples = model("wrapped-diffusion").generate(30, sites=path)
    assert all([site.specie.symbol for site in sample[:2]] == ["Ti", "O"] for sample in samples)
    assert {len(sample) for sample in samples} == {2, 5}
    system = model("wrapped-diffusion").generate(30, sites=path, chemical_system="Sr-Ti-O", atoms=6.0)
    assert {(len(sample), sample.chemical_system) for sample in system} == {(6, "O-Sr-Ti")}


@pytest.mark.parametrize("given", ["nothing", "composition"])
def test_samples_do_not_depend_on_their_batch(given: str) -> None:
    asked = {"space_group": 2.0, "neutral": "true"}
    one = model("wrapped-diffusion", given)
    chosen = one.config.sample.model_copy(update={"batch_size": 3})
    whole = [s for chunk in one.stream(range(8), conditions=asked) for s in chunk.objects]
    parts = [s for chunk in one.stream(range(8), conditions=asked, settings=chosen) for s in chunk.objects]
    for first, second in zip(whole, parts, strict=True):
        assert first.composition == second.composition
        away = first.frac_coords - second.frac_coords
        assert np.abs(away - np.rint(away)).max() < 1e-4


def test_conditions_go_with_guidance() -> None:
    """A property steers, and conditions hold nevertheless."""
    guided = model("bayesian-flow", conditions=("gap",))
    chosen = guided.config.sample.model_copy(update={"guidance": 2.0})
    asked = {"gap": 3.0, "space_group": 221.0, "formula": "SrTiO3"}
    samples, plain = (
        [s for chunk in guided.stream(range(10), conditions=wanted, settings=chosen) for s in chunk.objects]
        for wanted in (asked, {**asked, "gap": 0.0})
    )
    assert all(obeys(sample, 221) for sample in [*samples, *plain])
    assert any(a.volume != pytest.approx(b.volume, rel=1e-6) for a, b in zip(samples, plain, strict=True))
