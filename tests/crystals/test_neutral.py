"""Neutral compositions: the exact conditional law, no violation on any path, and what cannot be neutral is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import product

import pytest
import torch
from pymatgen.core import Composition, Lattice, Structure

from geodrift.config import Config
from geodrift.errors import InputError
from geodrift.layout import Ragged
from geodrift.model import Model
from geodrift.prediction import Belief
from geodrift.rng import Streams
from geodrift_crystals import domain
from geodrift_crystals.codec import CrystalCodec
from geodrift_crystals.conditions.neutral import Together
from geodrift_crystals.metrics.charges import plausible
from geodrift_crystals.processes import processes

Fit = Callable[..., CrystalCodec]

ELEMENTS = ("O", "Na", "Cl", "Fe")


def neutral(names: tuple[str, ...]) -> bool:
    return plausible(Composition.from_dict(Counter(names)))


def belief(seed: int, cells: int, spread: float) -> torch.Tensor:
    """The same law of three atoms for each of many cells, `(3 cells, 4)`."""
    logits = spread * torch.randn(3, len(ELEMENTS), generator=torch.Generator().manual_seed(seed))
    return torch.log_softmax(logits, -1).repeat(cells, 1)


@pytest.mark.parametrize("spread", [0.5, 2.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_law_is_the_conditional_one(seed: int, spread: float) -> None:
    """Three atoms of four elements, against all 64 compositions."""
    cells = 20_000
    layout = Ragged.of(torch.full((cells,), 3))
    log_probs = belief(seed, cells, spread)
    drawn = Together(ELEMENTS, layout, torch.arange(3 * cells), True)(Belief(log_probs), Streams.of(seed, cells))
    chances = {
        kinds: float(log_probs[:3].gather(1, torch.tensor(kinds)[:, None]).sum().exp())
        for kinds in product(range(4), repeat=3)
        if neutral(tuple(ELEMENTS[kind] for kind in kinds))
    }
    assert 2 < len(chances) < 60
    shares = Counter(map(tuple, drawn.reshape(cells, 3).tolist()))
    assert shares.keys() <= chances.keys()
    total = sum(chances.values())
    expected = {kinds: cells * chance / total for kinds, chance in chances.items()}
    distance = sum(abs(shares[kinds] - count) for kinds, count in expected.items()) / (2 * cells)
    assert distance < 0.02
    large = {kinds: count for kinds, count in expected.items() if count > 20}
    square = sum((shares[kinds] - count) ** 2 / count for kinds, count in large.items())
    assert square < 2.2 * len(large) + 12


def test_atoms_of_an_orbit_have_one_element_by_all_their_beliefs() -> None:
    cells = 20_000
    layout = Ragged.of(torch.full((cells,), 3))
    units = torch.tensor([0, 1, 1]).repeat(cells) + 2 * torch.arange(cells).repeat_interleave(3)
    log_probs = belief(3, cells, 1.0)
    drawn = Together(ELEMENTS, layout, units, False)(Belief(log_probs), Streams.of(0, cells)).reshape(cells, 3)
    assert torch.equal(drawn[:, 1], drawn[:, 2])
    shares = torch.bincount(drawn[:, 1], minlength=4) / cells
    torch.testing.assert_close(shares, torch.softmax(log_probs[1] + log_probs[2], -1), atol=0.02, rtol=0)


def test_a_belief_without_hope_is_softened() -> None:
    """Surer than one in ten billion of three iron atoms and an oxygen, which has no charge that cancels."""
    layout = Ragged.of(torch.tensor([4, 4]))
    sure = torch.full((8, 4), -30.0)
    sure[[0, 1, 2, 4, 5, 6], 3] = 0.0
    sure[[3, 7], 0] = 0.0
    names = [ELEMENTS[kind] for kind in sure.argmax(-1).tolist()]
    assert neutral(("Fe", "Fe", "O", "O", "O"))
    drawn = Together(ELEMENTS, layout, torch.arange(8), True)(Belief(torch.log_softmax(sure, -1)), Streams.of(0, 2))
    assert names[:4] == ["Fe", "Fe", "Fe", "O"]
    assert all(neutral(tuple(ELEMENTS[kind] for kind in part.tolist())) for part in drawn.split(4))


def test_what_cannot_be_neutral_is_refused() -> None:
    layout = Ragged.of(torch.tensor([3]))
    only = torch.full((3, 4), -torch.inf)
    only[:2, 1], only[2, 2] = 0.0, 0.0  # Na2Cl
    with pytest.raises(InputError, match="no neutral composition of 3 atoms was found"):
        Together(ELEMENTS, layout, torch.arange(3), True)(Belief(only), Streams.of(0, 1))


def test_a_draw_does_not_depend_on_its_batch() -> None:
    log_probs, layout = belief(1, 40, 1.5), Ragged.of(torch.full((40,), 3))
    whole = Together(ELEMENTS, layout, torch.arange(120), True)(Belief(log_probs), Streams.of(4, 40))
    few = Ragged.of(torch.full((7,), 3))
    part = Together(ELEMENTS, few, torch.arange(21), True)(Belief(log_probs[:21]), Streams.of(4, 7))
    assert torch.equal(whole[:21], part)


def built(kind: str, given: str, codec: CrystalCodec) -> Model:
    process = {"kind": kind, **({"steps": 5} if kind == "crysbfn" else {})}
    network = {"hidden": 8, "layers": 1, "harmonics": 2}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Model.build(
            Config(domain="crystals", process=process, network=network, sample={"steps": 5, "batch_size": 128}), codec
        )


@pytest.mark.parametrize("given", ["nothing", "composition"])
@pytest.mark.parametrize("kind", processes.kinds)
def test_no_violation_in_hundreds_of_samples(kind: str, given: str, crystals: list[Structure], roomy: Fit) -> None:
    """Of a network with random weights: neutral compositions, formulas, chemical systems, numbers of atoms."""
    charged = Structure(Lattice.cubic(4), ["Na", "Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5]])
    model = built(kind, given, roomy([*domain.examples(), *crystals, *[charged] * 3], given=given))
    assert not all(plausible(sample.composition) for sample in model.generate(300))
    neutrals = model.generate(300, neutral="true")
    assert all(plausible(sample.composition) for sample in neutrals)
    assert len({sample.composition.formula for sample in neutrals}) > 3
    formulas = model.generate(200, formula="SrTiO3", atoms=10.0)
    assert {sample.composition.formula for sample in formulas} == {"Sr2 Ti2 O6"}
    assert {sample.composition.formula for sample in model.generate(50, formula="SrTiO3")} == {"Sr1 Ti1 O3"}
    systems = model.generate(200, chemical_system="O-Sr-Ti")
    assert {sample.chemical_system for sample in systems} == {"O-Sr-Ti"}
    assert {len(sample) for sample in model.generate(200, atoms=5.0)} == {5}
    if given == "nothing":
        both = model.generate(100, neutral="true", chemical_system="Na-Cl-O", atoms=6.0)
        assert all(plausible(s.composition) and s.chemical_system == "Cl-Na-O" and len(s) == 6 for s in both)


def test_sizes_are_those_that_can_be_neutral(crystals: list[Structure], roomy: Fit) -> None:
    """Two elements of one charge each need as many atoms of both."""
    model = built("riemannian-flow", "nothing", roomy(crystals))
    assert {len(sample) for sample in model.generate(40, neutral="true", chemical_system="Na-Cl")} == {2}
    with pytest.raises(InputError, match=r"condition neutral=true: its elements can make no cell of 5 atoms"):
        model.generate(1, neutral="true", chemical_system="Na-Cl", atoms=5.0)
