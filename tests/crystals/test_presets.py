"""The presets that ship: their weights fit their configs, and what they predict are crystals."""

from __future__ import annotations

import pytest
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from geodrift.checkpoint import Checkpoint
from geodrift.config import resolve
from geodrift.errors import InputError
from geodrift.model import Model
from geodrift.presets import load, settings
from geodrift_crystals import domain
from geodrift_crystals.metrics.validity import structurally_valid

NAME = "crystals/perov-csp"
CUBIC = 221
EDGE = 3.9  # of strontium titanate in Å
LARGEST = 8_000_000


@pytest.fixture(scope="module")
def model() -> Model:
    return load(NAME)


@pytest.fixture(scope="module")
def titanates(model: Model) -> list[Structure]:
    return list(model.generate(16, seed=0, formula="SrTiO3"))


@pytest.mark.parametrize("name", domain.presets())
def test_the_weights_were_trained_as_the_config_says(name: str) -> None:
    folder = domain.presets()[name]
    written = Checkpoint.open(folder).manifest.config
    assert settings(f"crystals/{name}").model_dump() == resolve(written, name).model_dump()
    assert (folder / "model.safetensors").stat().st_size <= LARGEST


def test_a_formula_becomes_perovskites(titanates: list[Structure]) -> None:
    assert all(crystal.composition.reduced_formula == "SrTiO3" for crystal in titanates)
    assert all(structurally_valid(crystal) for crystal in titanates)
    cubic = [c for c in titanates if SpacegroupAnalyzer(c, symprec=0.1).get_space_group_number() == CUBIC]
    assert len(cubic) >= len(titanates) / 2
    assert any(abs(crystal.volume ** (1 / 3) - EDGE) < 0.1 for crystal in cubic)


def test_a_sample_does_not_depend_on_the_batch_size(model: Model, titanates: list[Structure]) -> None:
    small = model.config.sample.model_copy(update={"batch_size": 5})
    chunks = model.stream(range(16), seed=0, settings=small, conditions={"formula": "SrTiO3"})
    again = [crystal for chunk in chunks for crystal in chunk.objects]
    for one, other in zip(again, titanates, strict=True):
        apart = one.frac_coords - other.frac_coords
        assert abs(apart - apart.round()).max() < 1e-4  # sums of single precision in another order


def test_new_perovskites() -> None:
    """Nearly all are crystals of neutral compositions, all kinds of them, in cells as in the data."""
    found = load("crystals/perov").generate(64, seed=0)
    figures = domain.glance(found)
    assert figures["struct_valid"] >= 0.93
    assert figures["comp_valid"] >= 0.9
    assert len({crystal.composition.formula for crystal in found}) > 48
    assert all(len(crystal) == 5 and 3 < crystal.volume ** (1 / 3) < 6 for crystal in found)


def test_new_perovskites_of_a_space_group() -> None:
    found = load("crystals/perov").generate(8, seed=0, space_group=str(CUBIC))
    assert all(SpacegroupAnalyzer(c, symprec=0.01).get_space_group_number() == CUBIC for c in found)


@pytest.mark.parametrize("formula", ["Sr2Ti2O6", "Sr2TiOXx", "UO2"])
def test_what_the_preset_cannot_make_is_refused(model: Model, formula: str) -> None:
    with pytest.raises(InputError):
        model.generate(1, formula=formula)
