"""Symmetries of the networks: order of the atoms, choice of the origin; and what they cost."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from geodrift.layout import Ragged
from geodrift.state import State
from geodrift.testing import assert_same
from geodrift_crystals.networks.edges import Edges
from geodrift_crystals.networks.elements import PROPERTIES, descriptors
from geodrift_crystals.networks.fourier import Harmonics
from geodrift_crystals.networks.message_passing import MessagePassing

SIZES = torch.tensor([3, 1, 4])
LAYOUT = Ragged.of(SIZES)
ELEMENTS = ("O", "Ti", "Sr", "Ba")  # and a mask


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def network(seen: int, asked: int) -> MessagePassing:
    """With no weight at zero, where a new network answers nothing."""
    net = MessagePassing((5, 5), (seen, asked), (6, 6), ELEMENTS, hidden=16, layers=2, harmonics=4)
    for weights in net.parameters():
        torch.nn.init.normal_(weights, std=0.3)
    return net


def state(seen: int) -> State:
    frac = torch.rand(8, 3) if seen == 1 else seen_belief(torch.rand(8, 3), 9 * torch.rand(8, 3))
    fields = {"frac": frac, "species": torch.randn(8, 5), "lattice": torch.randn(3, 6)}
    return State(fields, {"frac": LAYOUT, "species": LAYOUT})


def seen_belief(place: Tensor, concentration: Tensor) -> Tensor:
    angle = 2 * math.pi * place
    return torch.stack([angle.cos(), angle.sin(), torch.log1p(concentration) / math.log1p(1000.0)], -1)


def moved(frac: Tensor, shift: Tensor) -> Tensor:
    """Coordinates, or evidence about them, with another origin in each crystal."""
    by = shift[LAYOUT.index]
    if frac.ndim == 2:
        return torch.remainder(frac + by, 1.0)
    (cos, sin), (x, y, level) = (torch.cos(2 * math.pi * by), torch.sin(2 * math.pi * by)), frac.unbind(-1)
    return torch.stack([cos * x - sin * y, sin * x + cos * y, level], -1)


CASES = [(1, 1), (3, 2), (3, 24)]


@pytest.mark.parametrize(("seen", "asked"), CASES)
def test_the_origin_does_not_matter(seen: int, asked: int) -> None:
    net, z, t, shift = network(seen, asked), state(seen), torch.rand(3), torch.rand(3, 3)
    other = net(z.replace({"frac": moved(z["frac"], shift)}), t, {})
    assert_same(other, net(z, t, {}), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("seen", "asked"), CASES)
def test_the_order_of_the_atoms_does_not_matter(seen: int, asked: int) -> None:
    net, z, t = network(seen, asked), state(seen), torch.rand(3)
    order = torch.tensor([2, 0, 1, 3, 7, 5, 4, 6])
    per_atom = ("frac", "species")
    answer = net(z.replace({name: z[name][order] for name in per_atom}), t, {})
    expected = net(z, t, {})
    assert_same(answer, expected.replace({name: expected[name][order] for name in per_atom}), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("seen", "asked"), CASES)
def test_a_crystal_does_not_see_its_batch(seen: int, asked: int) -> None:
    net, z, t = network(seen, asked), state(seen), torch.rand(3)
    alone = Ragged.of(SIZES[2:])
    one = State(
        {"frac": z["frac"][4:], "species": z["species"][4:], "lattice": z["lattice"][2:]},
        dict.fromkeys(("frac", "species"), alone),
    )
    answer, whole = net(one, t[2:], {}), net(z, t, {})
    assert_same(
        dict(answer),
        {"frac": whole["frac"][4:], "species": whole["species"][4:], "lattice": whole["lattice"][2:]},
        rtol=1e-9,
        atol=1e-9,
    )


def test_neighbours_are_looked_at() -> None:
    net, z, t = network(1, 1), state(1), torch.rand(3)
    other = z["frac"].clone()
    other[4] += 0.2
    assert not torch.allclose(net(z.replace({"frac": other}), t, {})["frac"][5], net(z, t, {})["frac"][5])


def test_elements_are_described() -> None:
    """Against the periodic table: fluorine is the most electronegative, a noble gas has no such number."""
    table = descriptors(["Cs", "O", "F", "He", "Ba"])
    electronegativity = table[:, list(PROPERTIES).index("electronegativity")]
    assert electronegativity.argmax() == 2
    assert electronegativity.argmin() == 0
    assert electronegativity[3] == 0
    assert torch.isfinite(table).all()
    group = table[:, list(PROPERTIES).index("group")]
    assert group[0] < group[4] < group[1] < group[2] < group[3]


def test_edges_are_all_pairs_of_a_crystal() -> None:
    edges = Edges.of(LAYOUT)
    found = set(zip(edges.receiver.tolist(), edges.sender.tolist(), strict=True))
    assert found == {(i, j) for i in range(8) for j in range(8) if LAYOUT.index[i] == LAYOUT.index[j]}
    assert len(edges.receiver) == len(found)
    mean = edges.mean(edges.sender[:, None].double())
    torch.testing.assert_close(mean[:, 0], torch.tensor([1.0, 1, 1, 3, 5.5, 5.5, 5.5, 5.5]))


def test_harmonics_are_those_of_a_von_mises_law() -> None:
    """Against the integral over the circle."""
    harmonics, x = Harmonics(3), torch.linspace(0, 2 * math.pi, 20001)[:-1]
    for concentration in (0.05, 1.0, 30.0):
        belief = seen_belief(torch.tensor([0.7 / (2 * math.pi)]), torch.tensor([concentration]))
        density = torch.softmax(concentration * torch.cos(x - 0.7), 0)
        real, imaginary = harmonics.believed(belief)
        for k in range(3):
            torch.testing.assert_close(real[0, k], (density * torch.cos((k + 1) * x)).sum(), rtol=0, atol=1e-4)
            torch.testing.assert_close(imaginary[0, k], (density * torch.sin((k + 1) * x)).sum(), rtol=0, atol=1e-4)
