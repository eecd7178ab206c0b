"""What the equivariant network keeps beyond other networks: frames, exchanges of the axes, crystals inside out."""

from __future__ import annotations

import math
from copy import deepcopy
from functools import cache

import pytest
import torch
from torch import Tensor

from geodrift.layout import Ragged
from geodrift.state import State
from geodrift.testing import assert_same
from geodrift_crystals.lattice import CHARTS, Representation
from geodrift_crystals.networks.equivariant import Equivariant
from geodrift_crystals.networks.frame import Frame

pytestmark = pytest.mark.usefixtures("double")

SIZES = torch.tensor([3, 1, 4])
LAYOUT = Ragged.of(SIZES)
ELEMENTS = ("O", "Ti", "Sr", "Ba")  # and a mask
EXACT = {"rtol": 1e-10, "atol": 1e-10}
EXCHANGES = torch.tensor(
    [
        [[0.0, 1, 0], [0, 0, 1], [1, 0, 0]],  # the axes in a circle
        [[0, -1, 0], [1, 0, 0], [0, 0, 1]],  # a quarter turn
        [[1, 0, 0], [0, -1, 0], [0, 0, 1]],  # one axis reversed
    ],
    dtype=torch.float64,
)


@cache
def network(chart: str, seen: int, asked: int, degree: int = 1) -> Equivariant:
    """With no weight at zero, where a new network answers nothing."""
    size = CHARTS[chart].size
    cell = Representation(chart, (0.0,) * size, (1.0,) * size)  # type: ignore[arg-type]
    sizes = {"hidden": 16, "channels": 8, "layers": 2, "reach": 3}
    net = Equivariant((5, 5), (seen, asked), (size, size), ELEMENTS, cell, degree=degree, **sizes)  # type: ignore[arg-type]
    for weights in net.parameters():
        weights.data += 0.3 * torch.randn_like(weights)
    return net


def cells() -> Tensor:
    return 4 * torch.eye(3) + torch.randn(3, 3, 3)


def state(chart: str, seen: int, rows: Tensor) -> State:
    frac = torch.rand(8, 3) if seen == 1 else belief(2 * math.pi * torch.rand(8, 3), torch.rand(8, 3))
    lattice = CHARTS[chart].numbers(rows, SIZES) if chart != "matrix" else rows.flatten(1)
    return State({"frac": frac, "species": torch.randn(8, 5), "lattice": lattice}, {"frac": LAYOUT, "species": LAYOUT})


def belief(angle: Tensor, level: Tensor) -> Tensor:
    return torch.stack([angle.cos(), angle.sin(), level], -1)


def exchanged(x: Tensor, by: Tensor, reverse: Tensor) -> Tensor:
    """Numbers of the axes of atoms `(8, 3, ...)` where the axes are exchanged, `reverse` where one is reversed."""
    place, flipped = by.abs().argmax(-1)[LAYOUT.index], (by.sum(-1) < 0)[LAYOUT.index]
    every = torch.arange(len(x))[:, None]
    wide = flipped.reshape(*flipped.shape, *[1] * (x.ndim - 2))
    return torch.where(wide, reverse[every, place], x[every, place])


def reversed_input(frac: Tensor) -> Tensor:
    return -frac if frac.ndim == 2 else frac * torch.tensor([1.0, -1.0, 1.0])


def reversed_answer(answer: Tensor) -> Tensor:
    """Minus a displacement; the mirror image of a vector; points around the circle in reverse order."""
    if answer.ndim == 2:
        return -answer
    if answer.shape[-1] == 2:
        return answer * torch.tensor([1.0, -1.0])
    return torch.roll(answer.flip(-1), 1, -1)


CASES = [("polar", 1, 1), ("parameters", 3, 2), ("matrix", 3, 24)]


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize(("chart", "seen", "asked"), CASES)
def test_the_frame_does_not_matter(chart: str, seen: int, asked: int, degree: int) -> None:
    """All inside turns with the frame, rotated and reflected, and no answer does."""
    net, rows, t = network(chart, seen, asked, degree), cells(), torch.rand(3)
    z, frame = state(chart, seen, rows), Frame.of(rows @ rows.mT)
    turn, _ = torch.linalg.qr(torch.randn(3, 3, 3))
    turn[0] *= -torch.linalg.det(turn[0])
    assert_same(net.within(frame.rotated(turn), z, t, {}), net.within(frame, z, t, {}), **EXACT)
    assert_same(net(z, t, {}), net.within(frame, z, t, {}), **EXACT)


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize(("chart", "seen", "asked"), CASES)
def test_the_names_of_the_axes_do_not_matter(chart: str, seen: int, asked: int, degree: int) -> None:
    net, rows, t = network(chart, seen, asked, degree), cells(), torch.rand(3)
    z = state(chart, seen, rows)
    frac = exchanged(z["frac"], EXCHANGES, reversed_input(z["frac"]))
    other = state(chart, seen, EXCHANGES @ rows).replace({"frac": frac, "species": z["species"]})
    answer, expected = net(other, t, {}), net(z, t, {})
    torch.testing.assert_close(answer["species"], expected["species"], **EXACT)
    places = exchanged(expected["frac"], EXCHANGES, reversed_answer(expected["frac"]))
    torch.testing.assert_close(answer["frac"], places, **EXACT)
    assert (places - expected["frac"]).abs().max() > 0.01
    if chart == "matrix":
        turned = (EXCHANGES @ expected["lattice"].unflatten(-1, (3, 3))).flatten(1)
        torch.testing.assert_close(answer["lattice"], turned, **EXACT)


@pytest.mark.parametrize(("chart", "seen", "asked"), CASES)
def test_a_crystal_inside_out_is_answered_inside_out(chart: str, seen: int, asked: int) -> None:
    net, z, t = network(chart, seen, asked), state(chart, seen, cells()), torch.rand(3)
    expected = net(z, t, {})
    answer = net(z.replace({"frac": reversed_input(z["frac"])}), t, {})
    assert_same(answer, expected.replace({"frac": reversed_answer(expected["frac"])}), **EXACT)


@pytest.mark.parametrize("chart", CHARTS)
def test_noise_that_is_no_lattice_is_answered(chart: str) -> None:
    """Collapsed, flat and huge cells, in single precision, with gradients."""
    net = network(chart, 3, 2)
    torch.set_default_dtype(torch.float32)
    net, z, t = deepcopy(net).float(), state(chart, 3, cells()), torch.rand(3)
    for size in (0.0, 1e-3, 1e3):
        lattice = size * z["lattice"]
        lattice[1, :6] = lattice[1, :3].repeat(2)
        lattice.requires_grad_()
        answer = net(z.replace({"lattice": lattice}), t, {})
        assert all(torch.isfinite(v).all() for v in answer.values())
        assert answer["frac"].abs().max() < 1e4
        (slope,) = torch.autograd.grad(answer["frac"].sum() + answer["lattice"].sum(), lattice)
        assert torch.isfinite(slope).all()


def test_a_crystal_that_is_not_finite_spoils_no_other() -> None:
    net, z, t = network("polar", 1, 1), state("polar", 1, cells()), torch.rand(3)
    lattice = z["lattice"].clone()
    lattice[0] = math.nan
    answer, expected = net(z.replace({"lattice": lattice}), t, {}), net(z, t, {})
    torch.testing.assert_close(answer["frac"][3:], expected["frac"][3:], **EXACT)
    assert answer["frac"][:3].isnan().all()


def test_where_nothing_is_known_no_place_is_seen() -> None:
    net, z, t = network("polar", 3, 2), state("polar", 3, cells()), torch.rand(3)
    blank = [z.replace({"frac": belief(2 * math.pi * torch.rand(8, 3), torch.zeros(8, 3))}) for _ in range(2)]
    assert_same(net(blank[0], t, {}), net(blank[1], t, {}), **EXACT)
