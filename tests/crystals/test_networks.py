"""Symmetries of all networks: order of the atoms, choice of the origin, orientation of the lattice; and their parts."""

from __future__ import annotations

import math
from functools import cache

import pytest
import torch
from torch import Tensor, nn

from geodrift.layout import Ragged
from geodrift.state import State
from geodrift.testing import assert_same
from geodrift_crystals.domain import networks
from geodrift_crystals.lattice import CHARTS, Representation
from geodrift_crystals.networks.edges import Edges
from geodrift_crystals.networks.elements import PROPERTIES, descriptors
from geodrift_crystals.networks.fourier import Harmonics

pytestmark = pytest.mark.usefixtures("double")

SIZES = torch.tensor([3, 1, 4])
LAYOUT = Ragged.of(SIZES)
ELEMENTS = ("O", "Ti", "Sr", "Ba")  # and a mask


@cache
def network(kind: str, chart: str, seen: int, asked: int) -> nn.Module:
    """With no weight at zero, where a new network answers nothing."""
    size = CHARTS[chart].size
    cell = Representation(chart, (0.0,) * size, (0.2,) * size)  # type: ignore[arg-type]
    given = {"species": (5, 5), "frac": (seen, asked), "lattice": (size, size), "elements": ELEMENTS, "cell": cell}
    net: nn.Module = networks.build({"kind": kind, "hidden": 16, "layers": 2}, **given)
    for weights in net.parameters():
        weights.data += 0.3 * torch.randn_like(weights)
    return net


def state(chart: str, seen: int) -> State:
    frac = torch.rand(8, 3) if seen == 1 else seen_belief(torch.rand(8, 3), 9 * torch.rand(8, 3))
    lattice = torch.randn(3, CHARTS[chart].size)
    lattice = 15 * lattice if chart == "matrix" else lattice  # in units of 0.2 Å
    return State({"frac": frac, "species": torch.randn(8, 5), "lattice": lattice}, {"frac": LAYOUT, "species": LAYOUT})


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


CASES = [
    pytest.param(*case, id="-".join(map(str, case)))
    for kind in networks.kinds
    for case in ((kind, "polar", 1, 1), (kind, "matrix", 3, 2), (kind, "parameters", 3, 24), (kind, "polar", 1, 2))
]
EXACT = {"rtol": 1e-10, "atol": 1e-10}


@pytest.mark.parametrize(("kind", "chart", "seen", "asked"), CASES)
def test_the_origin_does_not_matter(kind: str, chart: str, seen: int, asked: int) -> None:
    net, z, t, shift = network(kind, chart, seen, asked), state(chart, seen), torch.rand(3), torch.rand(3, 3)
    other = net(z.replace({"frac": moved(z["frac"], shift)}), t, {})
    assert_same(other, net(z, t, {}), **EXACT)


@pytest.mark.parametrize(("kind", "chart", "seen", "asked"), CASES)
def test_the_order_of_the_atoms_does_not_matter(kind: str, chart: str, seen: int, asked: int) -> None:
    net, z, t = network(kind, chart, seen, asked), state(chart, seen), torch.rand(3)
    order = torch.tensor([2, 0, 1, 3, 7, 5, 4, 6])
    per_atom = ("frac", "species")
    answer = net(z.replace({name: z[name][order] for name in per_atom}), t, {})
    expected = net(z, t, {})
    assert_same(answer, expected.replace({name: expected[name][order] for name in per_atom}), **EXACT)


@pytest.mark.parametrize("kind", networks.kinds)
def test_a_matrix_turns_with_its_answer(kind: str) -> None:
    net, z, t = network(kind, "matrix", 3, 2), state("matrix", 3), torch.rand(3)
    turn, _ = torch.linalg.qr(torch.randn(3, 3, 3))
    turn[0] *= -1
    assert len(set(torch.linalg.det(turn).sign().tolist())) == 2  # a reflection among them

    def turned(lattice: Tensor) -> Tensor:
        return (lattice.unflatten(-1, (3, 3)) @ turn).flatten(1)

    answer, expected = net(z.replace({"lattice": turned(z["lattice"])}), t, {}), net(z, t, {})
    assert expected["lattice"].abs().max() > 0.1
    assert_same(answer, expected.replace({"lattice": turned(expected["lattice"])}), **EXACT)


@pytest.mark.parametrize(("kind", "chart", "seen", "asked"), CASES)
def test_a_crystal_does_not_see_its_batch(kind: str, chart: str, seen: int, asked: int) -> None:
    net, z, t = network(kind, chart, seen, asked), state(chart, seen), torch.rand(3)
    alone = Ragged.of(SIZES[2:])
    one = State(
        {"frac": z["frac"][4:], "species": z["species"][4:], "lattice": z["lattice"][2:]},
        dict.fromkeys(("frac", "species"), alone),
    )
    answer, whole = net(one, t[2:], {}), net(z, t, {})
    expected = {"frac": whole["frac"][4:], "species": whole["species"][4:], "lattice": whole["lattice"][2:]}
    assert_same(dict(answer), expected, **EXACT)


@pytest.mark.parametrize(("field", "rows"), [("frac", [4]), ("species", [4]), ("lattice", [2])])
@pytest.mark.parametrize("kind", networks.kinds)
def test_each_field_is_looked_at(kind: str, field: str, rows: list[int]) -> None:
    """What is answered about an atom depends on a neighbour's position and species and on the lattice."""
    net, z, t = network(kind, "polar", 1, 1), state("polar", 1), torch.rand(3)
    other = z[field].clone()
    other[rows] += 0.2 * torch.rand_like(other[rows])
    answer, expected = net(z.replace({field: other}), t, {}), net(z, t, {})
    for name in ("frac", "species"):
        assert (answer[name][5] - expected[name][5]).abs().max() > 1e-4
        torch.testing.assert_close(answer[name][:4], expected[name][:4])
    assert (answer["lattice"][2] - expected["lattice"][2]).abs().max() > 1e-4


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
