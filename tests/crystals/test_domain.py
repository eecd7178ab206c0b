"""The domain keeps the core's laws of files, codecs and sampling, and says what it cannot build."""

from collections.abc import Callable

import pytest
from pymatgen.core import Lattice, Structure

from geodrift.errors import InputError
from geodrift.model import Model
from geodrift.testing import domain as laws
from geodrift.testing.subject import Subject
from geodrift_crystals import domain
from geodrift_crystals.codec import CrystalCodec
from geodrift_crystals.spacegroup import space_group

LAWS = (laws.write_read, laws.encode_decode, laws.codec_stored, laws.batch_mates, laws.layouts, laws.sampling)


@pytest.mark.parametrize("given", ["nothing", "composition"])
@pytest.mark.parametrize("law", LAWS)
def test_laws(law: Callable[[Subject], None], given: str, model: Callable[[CrystalCodec], Model]) -> None:
    objects = domain.examples()
    codec = domain.fit(objects, {"given": given})
    law(Subject(domain, objects, codec.compact(objects).arrays, model(codec)))


def test_examples_are_what_they_are_called() -> None:
    groups = [space_group(crystal).symbol for crystal in domain.examples()]
    assert groups == ["Fm-3m", "Pm-3m", "Pm-3m", "F-43m", "Fd-3m"]
    formulas = [crystal.composition.reduced_formula for crystal in domain.examples()]
    assert formulas == ["NaCl", "CsCl", "SrTiO3", "ZnS", "C"]


def test_what_is_the_same() -> None:
    salt, caesium = domain.examples()[:2]
    moved = Structure(salt.lattice, salt.species[::-1], (salt.frac_coords[::-1] + 0.3) % 1)
    larger = Structure(Lattice.cubic(6.0), salt.species, salt.frac_coords)
    pushed = salt.copy()
    pushed.translate_sites([0], [0.06, 0, 0])
    assert domain.same(salt, moved)
    assert domain.same(salt, salt.get_primitive_structure())
    assert not any(domain.same(salt, other) for other in (caesium, larger, pushed))


def test_options_of_reading_are_not_those_of_the_codec() -> None:
    codec = domain.fit(domain.examples(), {"where": {"split": "train"}, "lattice": "matrix"})
    assert codec.lattice.kind == "matrix"


def test_parts_that_do_not_exist(model: Callable[[CrystalCodec], Model]) -> None:
    codec = domain.fit(domain.examples(), {})
    with pytest.raises(InputError, match='no process "crysbfn-2"'):
        domain.process({"kind": "crysbfn-2"}, codec)
    with pytest.raises(InputError, match='no network "nothing"'):
        domain.network({"kind": "nothing"}, codec, model(codec).denoiser.process)  # type: ignore[arg-type]
