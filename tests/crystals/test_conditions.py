"""Formula, chemical system and number of atoms: understood or refused in one line, and held in every sample."""

from collections.abc import Callable

import pytest
import torch
from pymatgen.core import Structure

from geodrift.errors import InputError
from geodrift.generation import Request
from geodrift.model import Model
from geodrift.rng import Streams
from geodrift.testing.states import assert_same
from geodrift_crystals import domain
from geodrift_crystals.codec import CrystalCodec

Make = Callable[[CrystalCodec], Model]
Fit = Callable[..., CrystalCodec]


@pytest.fixture
def free(crystals: list[Structure], model: Make, roomy: Fit) -> Model:
    """A model that generates the elements too."""
    return model(roomy(crystals))


@pytest.fixture
def told(crystals: list[Structure], model: Make, roomy: Fit) -> Model:
    """A model that is told the composition."""
    return model(roomy(crystals, given="composition"))


@pytest.fixture(params=["free", "told"])
def either(request: pytest.FixtureRequest) -> Model:
    found: Model = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("text", ["SrTiO3", "Sr1Ti1O3", "Ti O3 Sr", "SrTi(O)3", "TiSrO3"])
def test_a_formula_holds(either: Model, text: str) -> None:
    found = either.generate(20, steps=4, formula=text)
    assert {crystal.composition.formula for crystal in found} == {"Sr1 Ti1 O3"}


def test_a_formula_is_that_of_the_cell(either: Model) -> None:
    assert {c.composition.formula for c in either.generate(5, steps=4, formula="Sr2Ti2O6")} == {"Sr2 Ti2 O6"}
    assert {c.composition.formula for c in either.generate(5, steps=4, formula="SrTiO3", atoms=10)} == {"Sr2 Ti2 O6"}


def test_a_formula_that_reads_as_a_number(free: Model, crystals: list[Structure]) -> None:
    assert {c.composition.formula for c in free.generate(3, steps=2, formula="NaN")} == {"Na1 N1"}


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_a_chemical_system_holds(free: Model, steps: int) -> None:
    found = free.generate(60, steps=steps, chemical_system="O-Si-C")
    assert {crystal.chemical_system for crystal in found} == {"C-O-Si"}
    assert {len(crystal) for crystal in found} == {5}  # two atoms are too few
    assert len({crystal.composition.formula for crystal in found}) > 5


def test_a_number_of_atoms_holds(free: Model) -> None:
    assert {len(crystal) for crystal in free.generate(10, steps=2, atoms=7)} == {7}
    assert {len(c) for c in free.generate(10, steps=2, atoms=3, chemical_system="Na-Cl")} == {3}


def test_compositions_that_are_not_asked_for_are_those_of_the_data(told: Model, crystals: list[Structure]) -> None:
    formulas = {crystal.composition.reduced_formula for crystal in crystals}
    found = told.generate(200, steps=1)
    assert {crystal.composition.reduced_formula for crystal in found} == formulas
    asked = told.generate(9, steps=1, atoms=5, chemical_system="O-Sr-Ti")
    assert {crystal.composition.formula for crystal in asked} == {"Sr1 Ti1 O3"}


def test_samples_do_not_depend_on_their_batch(either: Model) -> None:
    def drawn(numbers: range) -> object:
        return either.draw(numbers, 3, either.config.sample, {})

    whole = either.codec.decode(drawn(range(8)))
    parts = [c for start in (0, 3, 6) for c in either.codec.decode(drawn(range(start, min(start + 3, 8))))]
    for one, other in zip(whole, parts, strict=True):
        assert one.composition == other.composition
        assert_same(*(torch.from_numpy(c.frac_coords) for c in (one, other)), atol=1e-5)


REFUSED = {
    "formula=hello": "condition formula=hello: not a formula; write it as SrTiO3",
    "formula=SrTiO3!": "condition formula=SrTiO3!: not a formula; write it as SrTiO3",
    "formula=": "condition formula=: not a formula",
    "formula=Sr(TiO3": "condition formula=Sr(TiO3: not a formula",
    "formula=SrTiO2.5": "condition formula=SrTiO2.5: parts of atoms; give whole numbers of the atoms in a cell",
    "formula=SrUO3": "condition formula=SrUO3: no U in the data that this model learned from; it knows C, N, O, Na,",
    "formula=XxO": "condition formula=XxO: no Xx in the data",
    "formula=Sr5Ti5O15": "condition formula=Sr5Ti5O15: 25 atoms; the cells that this model learned from have 1 to 12",
    "formula=Sr9999TiO": "condition formula=Sr9999TiO: 10001 atoms; a cell may have up to 500",
    "formula=3": "condition formula=3.0: not a formula",
    "chemical_system=Sr-Ti-Xx": "condition chemical_system=Sr-Ti-Xx: not a list of elements; write it as Sr-Ti-O",
    "chemical_system=Sr-U": "condition chemical_system=Sr-U: no U in the data",
    "chemical_system=SrTiO3": "condition chemical_system=SrTiO3: not a list of elements",
    "atoms=13": "condition atoms=13; the cells that this model learned from have 1 to 12",
    "atoms=2.5": "condition atoms=2.5; the cells that this model learned from have 1 to 12",
    "atoms=many": "condition atoms=many: not a number",
    "formla=SrTiO3": 'no condition "formla" (did you mean "formula"?); available: atoms, chemical_system, ',
    "formula=SrTiO3 atoms=7": "conditions formula=SrTiO3 and atoms=7: not a multiple of its 5 atoms",
    "formula=SrTiO3 chemical_system=Sr-O": "conditions formula=SrTiO3 and chemical_system=O-Sr: not the same elements",
    "atoms=2 chemical_system=Sr-Ti-O": "condition chemical_system=O-Ti-Sr: more elements than the 2 atoms of a cell",
}


@pytest.mark.parametrize("asked", REFUSED)
def test_what_cannot_be_had_is_one_clear_line(free: Model, asked: str) -> None:
    values = dict(part.split("=") for part in asked.split())
    conditions = {name: float(value) if value.isdigit() else value for name, value in values.items()}
    request = Request(free, "test", 2, conditions=conditions)
    with pytest.raises(InputError) as caught:
        request.check()
    assert str(caught.value).startswith(REFUSED[asked])
    assert "\n" not in str(caught.value)


def test_a_model_of_compositions_refuses_what_the_data_lack(told: Model) -> None:
    for conditions, message in (
        ({"atoms": 7.0}, "condition atoms=7: no composition of the training data has that; ask for a formula"),
        ({"atoms": 2.0, "chemical_system": "Na-O"}, "condition atoms=2, chemical_system=O-Na: no composition"),
    ):
        with pytest.raises(InputError, match=message):
            Request(told, "test", 2, conditions=conditions).check()  # type: ignore[arg-type]


@pytest.mark.parametrize("given", ["nothing", "composition"])
def test_numbers_of_atoms_are_those_of_the_data(crystals: list[Structure], model: Make, given: str) -> None:
    """Not those between, nor those that `max_atoms` would let in."""
    made = model(domain.fit(crystals, {"given": given, "max_atoms": 12}))
    known = "the cells that this model learned from have 2, 5"
    for conditions, said in (
        ({"formula": "SrTiO"}, f"condition formula=SrTiO: 3 atoms; {known}"),
        ({"formula": "SrTiO3", "atoms": 10.0}, f"condition formula=SrTiO3: 10 atoms; {known}"),
        ({"atoms": 3.0}, f"condition atoms=3; {known}"),
        ({"atoms": 2.0, "formula": "NaCl"}, None),
    ):
        request = Request(made, "test", 2, conditions=conditions)  # type: ignore[arg-type]
        if said is None:
            request.check()
            continue
        with pytest.raises(InputError) as caught:
            request.check()
        assert str(caught.value) == said


def test_an_unknown_format_is_refused_before_anything_is_generated(free: Model) -> None:
    Request(free, "test", 2, formats=("ase",)).check()
    with pytest.raises(InputError, match=r'no format "parqet" \(did you mean "parquet"\?\)'):
        Request(free, "test", 2, formats=("parqet",)).check()


def test_the_law_of_the_number_of_atoms_is_that_of_the_data(free: Model) -> None:
    state = free.codec.blank(Streams.of(0, 4000), {})
    atoms = state.layouts["frac"].sum(torch.ones(len(state["frac"])))
    share = float((atoms == 2).double().mean())
    assert share == pytest.approx(5 / 12, abs=0.03)
