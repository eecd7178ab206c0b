"""Moments of the density of images against sums over images; frames and waves against what they are made of."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from e3nn import o3
from scipy.special import spherical_jn
from torch import Tensor

from geodrift.layout import Ragged
from geodrift_crystals.networks.edges import Edges
from geodrift_crystals.networks.fourier import Harmonics
from geodrift_crystals.networks.frame import Frame
from geodrift_crystals.networks.shells import Shells, bessel
from geodrift_crystals.networks.waves import Waves

pytestmark = pytest.mark.usefixtures("double")

ROWS = torch.tensor([[4.0, 0, 0], [0.5, 3.6, 0], [0.3, -0.4, 4.3]], dtype=torch.float64)
WIDTH, REFERENCE = 0.4, 2.0  # Å: of a shell, and the radius at which it counts as one


def sphere() -> tuple[Tensor, Tensor]:
    """Directions and weights that integrate over the sphere to a mean."""
    u, weight = (torch.from_numpy(x) for x in np.polynomial.legendre.leggauss(40))
    phi = 2 * math.pi * torch.arange(80) / 80
    around = torch.stack([phi.cos(), phi.sin()], -1) * torch.sqrt(1 - u**2)[:, None, None]
    return torch.cat([around, u[:, None, None].expand(-1, 80, 1)], -1).flatten(0, 1), weight.repeat_interleave(80) / 160


def test_moments_are_those_of_all_images() -> None:
    """Of normal clouds around each image, over the uniform density, on spheres around an atom."""
    frame, frac = Frame(ROWS[None], torch.linalg.inv(ROWS).mT[None]), torch.tensor([0.13, 0.22, -0.31])
    waves, shells = Waves(9), Shells(5, 2)
    phase = (2 * math.pi * waves.vectors @ frac)[None, None, None]
    found = shells(phase.cos(), phase.sin(), shells.field(waves.vectors, frame.dual))[0, 0, 0]
    images = (torch.cartesian_prod(*[torch.arange(-3.0, 4)] * 3) + frac) @ ROWS
    directions, weights = sphere()
    near = torch.exp(-torch.cdist(shells.radii[:, None, None] * directions, images).square() / (2 * WIDTH**2)).sum(-1)
    density = near / (2 * math.pi * WIDTH**2) ** 1.5 * torch.linalg.det(ROWS) - 1
    parts = [
        torch.einsum("x,rx,xm->rm", weights, density, o3.spherical_harmonics(degree, directions, True, "component"))
        for degree in range(3)
    ]
    assert parts[0].abs().max() > 0.5
    expected = torch.cat([(part * shells.radii[:, None] / REFERENCE).flatten() for part in parts])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_bessel_functions(degree: int) -> None:
    x = torch.cat([torch.logspace(-8, 0, 200), torch.linspace(0, 40, 2001)])
    torch.testing.assert_close(bessel(degree, x), torch.from_numpy(spherical_jn(degree, x.numpy())), rtol=0, atol=1e-14)


def test_waves_are_one_of_each_pair() -> None:
    vectors = Waves(3).vectors
    both = {tuple(k) for k in torch.cat([vectors, -vectors]).tolist()}
    assert len(both) == 2 * len(vectors)
    span = torch.cartesian_prod(*[torch.arange(-3.0, 4)] * 3)
    assert both == {tuple(k) for k in span.tolist() if 0 < np.dot(k, k) <= 9}


def test_waves_of_beliefs_are_expectations() -> None:
    """Of three independent von Mises laws, against a sum over a grid; of pairs, the difference of the positions."""
    waves, harmonics, layout = Waves(2), Harmonics(2), Ragged.of(torch.tensor([1, 2]))
    mean, concentration = 2 * math.pi * torch.rand(3, 3), 5 * torch.rand(3, 3)
    level = torch.log1p(concentration) / math.log1p(1000.0)
    found = waves.expected(*harmonics.believed(torch.stack([mean.cos(), mean.sin(), level], -1)))
    x = 2 * math.pi * torch.arange(64) / 64
    law = torch.softmax(concentration[..., None] * torch.cos(x - mean[..., None]), -1).to(torch.complex128)
    each = torch.einsum("max,kax->mka", law, torch.exp(1j * waves.vectors[..., None] * x))
    torch.testing.assert_close(found, each.prod(-1), rtol=0, atol=1e-4)
    edges = Edges.of(layout)
    real, imaginary = (waves.pick(part, edges, layout) for part in waves.between(found, layout))
    expected = found[edges.sender] * found[edges.receiver].conj()
    torch.testing.assert_close(torch.complex(real, imaginary), expected, rtol=0, atol=1e-12)


def test_a_frame_is_the_lattice_in_some_orientation() -> None:
    gram = ROWS @ ROWS.mT
    frame = Frame.of(gram[None])
    torch.testing.assert_close((frame.rows @ frame.rows.mT)[0], gram, rtol=1e-3, atol=2e-2)
    torch.testing.assert_close((frame.rows @ frame.dual.mT)[0], torch.eye(3), rtol=0, atol=1e-12)
    volume, *shape = frame.invariants(torch.tensor([5.0]))[0]
    torch.testing.assert_close(volume, 10 / 3 * torch.log(torch.linalg.det(ROWS) / 75), rtol=0, atol=0.02)
    assert min(shape) > 0  # none but a cube has none
    cube = Frame.of(16 * torch.eye(3)[None]).invariants(torch.tensor([1.0]))[0]
    torch.testing.assert_close(cube[1:], torch.zeros(2), rtol=0, atol=1e-12)
