"""The kinetic-optimal schedule: closed forms, estimates and what it gains."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.processes import Affine
from geodrift.rng import Streams
from geodrift.schedules import VP, Cosine, KineticOptimal, Rectified, Schedule, Separation, schedules
from geodrift.schedules.kinetic import kinetic_energy
from geodrift.schedules.separation import levels, separation, separation_of
from geodrift.solvers import euler
from geodrift.testing import Exact, Points, run

ATOMS = Points(torch.tensor([[-1.0], [1.0]]).double(), torch.tensor([0.5, 0.5]).double())


@cache
def two_atoms() -> Separation:
    """Of -1 and 1: the mean square of tanh(rho + sqrt(rho) n), by Gauss and Hermite."""
    nodes, weights = np.polynomial.hermite.hermgauss(200)
    snr = np.logspace(-6, 6, 600)
    mean = np.tanh(snr[:, None] + np.sqrt(2 * snr)[:, None] * nodes)
    return Separation(tuple(snr.tolist()), tuple((mean**2 @ weights / math.sqrt(math.pi)).tolist()))


def test_data_told_apart_at_any_noise_take_the_straight_path() -> None:
    path, t = KineticOptimal(), torch.linspace(0, 1, 101)
    torch.testing.assert_close(path.alpha(t), 1 - t, rtol=0, atol=1e-12)
    torch.testing.assert_close(path.sigma(t), t, rtol=0, atol=1e-12)
    assert path.energy == pytest.approx(2)
    assert kinetic_energy(path, path.separation) == pytest.approx(2)
    assert kinetic_energy(Cosine(), path.separation) == pytest.approx(math.pi**2 / 4)
    assert "straight path is best" in path.summary()


def test_gaussian_data_need_no_energy() -> None:
    snr = levels(200)
    gaussian = Separation(tuple(snr.tolist()), tuple((snr / (1 + snr)).tolist()))
    path = KineticOptimal(gaussian)
    assert path.energy < 1e-5
    assert kinetic_energy(path, gaussian) < 1e-5
    at = path(torch.tensor(0.3))
    torch.testing.assert_close(at.alpha**2 + at.sigma**2, torch.tensor(1.0), atol=1e-5, rtol=0)


def test_two_atoms_have_the_published_energies() -> None:
    path, rho = KineticOptimal(two_atoms()), two_atoms()
    assert path.turn == pytest.approx(0.6913, abs=2e-4)
    assert path.energy == pytest.approx(0.4591, abs=3e-4)
    assert kinetic_energy(path, rho) == pytest.approx(path.energy, rel=5e-3)
    assert kinetic_energy(Rectified(), rho) == pytest.approx(0.9824, abs=1e-3)
    assert kinetic_energy(Cosine(), rho) == pytest.approx(0.8690, abs=1e-3)
    assert path.energy > 2 - 2 * math.sqrt(2 / math.pi), "no path is shorter than the distance W2 of its ends"
    at = path(torch.tensor(0.5))
    torch.testing.assert_close(torch.stack([at.alpha, at.sigma]), torch.tensor([0.8848, 0.3199]), atol=2e-4, rtol=0)
    assert "is shorter: energy 0.459" in path.summary()


@pytest.mark.parametrize("bump", [0.02, -0.02])
def test_no_neighbouring_path_has_less_energy(bump: float) -> None:
    best = KineticOptimal(two_atoms())

    class Bent(Schedule):
        def alpha(self, t: Tensor) -> Tensor:
            return best.alpha(t) + bump * torch.sin(math.pi * t)

        def sigma(self, t: Tensor) -> Tensor:
            return best.sigma(t)

    assert kinetic_energy(Bent(), two_atoms()) > kinetic_energy(best, two_atoms())


def test_the_energy_is_that_of_the_exact_velocity() -> None:
    """The mean square of the marginal velocity of two atoms, on draws."""
    path, n = KineticOptimal(two_atoms()), 20_000
    exact, x = Exact(Affine(path), ATOMS), ATOMS.sample(Streams.of(0, 20_000), 20_000)
    for time in (0.2, 0.5, 0.8):
        t = torch.tensor(time)
        z = exact.process.corrupt(x, t, Streams.of(1, n)).z
        square = torch.square(exact.process.velocity(exact(z, t), z, t)).mean()
        assert float(square) == pytest.approx(path.energy, rel=0.05)


@pytest.mark.parametrize("steps", [4, 8])
def test_few_steps_of_euler_go_further(steps: int) -> None:
    """From the very source, by the distance W2 from the atoms."""
    n, rng = 20_000, Streams.of(0, 20_000)
    start = torch.special.ndtri((torch.arange(n) + 0.5) / n)[:, None]
    ends = {}
    for path in (KineticOptimal(two_atoms()), Rectified(), Cosine()):
        x = run(euler(), Exact(Affine(path), ATOMS), start, torch.linspace(1, 0, steps + 1), rng)
        ends[type(path)] = float(torch.square(x.abs() - 1).mean().sqrt())
    assert ends[KineticOptimal] < 0.85 * ends[Rectified]
    assert ends[Rectified] < ends[Cosine]


def test_points_separate_as_the_dimension_grows() -> None:
    generator, shares = torch.Generator().manual_seed(0), []
    for dimension in (4, 64, 1024):
        points = torch.randn(8, dimension, generator=generator)
        found = separation(points, Streams.of(0, 800), torch.tensor([0.1, 1.0]))
        shares.append(found.share[0])
        assert found.data_std == pytest.approx(float((points - points.mean(0)).square().mean().sqrt()))
    assert shares[0] < 0.4 < shares[1] < 0.95 < shares[2]


def test_estimates_find_the_path_of_the_atoms() -> None:
    """From scaled and moved points, and through their exact denoiser."""
    points = 3 + 2 * ATOMS.points
    of_points = separation(points, Streams.of(0, 4000))
    denoise = Exact(Affine(VP()), Points(points, ATOMS.weights))
    x = points.repeat(2000, 1)
    of_denoiser = separation_of(denoise, x, Streams.of(1, 4000), torch.linspace(0.02, 0.98, 49))
    for found in (of_points, of_denoiser):
        assert found.data_std == pytest.approx(2)
        assert KineticOptimal(found).energy == pytest.approx(0.459, abs=0.06)
        snr = torch.logspace(-1, 1, 7)
        torch.testing.assert_close(found(snr), two_atoms()(snr), atol=0.03, rtol=0)
        assert torch.all(torch.diff(torch.tensor(found.share)) >= 0)
    path = KineticOptimal(of_points)
    torch.testing.assert_close(path.sigma(torch.tensor(1.0)), torch.tensor(2.0)), "noise of the size of the data"


def test_a_config_may_hold_the_table() -> None:
    built = schedules.build({"kind": "kinetic-optimal", "separation": {"snr": [0.1, 1.0], "share": [0.2, 0.8]}})
    assert built == KineticOptimal(Separation((0.1, 1.0), (0.2, 0.8)))
    with pytest.raises(InputError, match="do not ascend"):
        Separation((1.0, 0.1), (0.2, 0.8))
    with pytest.raises(InputError, match="2 ratios for 1 shares"):
        Separation((0.1, 1.0), (0.2,))
