"""Velocities that grow towards the data: how far they get, and what they leave as it is."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.config import Sample, resolve
from geodrift.errors import InputError
from geodrift.guidance.annealing import Annealed, Ramp, annealed
from geodrift.interpolations import Linear, SinSquared
from geodrift.layout import Ragged
from geodrift.processes import Affine, Geodesic, Interpolant, Process, Product
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import Rectified
from geodrift.solvers import Ancestral, euler, heun
from geodrift.sources import Uniform
from geodrift.spaces import Torus
from geodrift.state import State
from geodrift.testing import assert_same
from geodrift.testing.perfect import Perfect

FLOWS = [Geodesic(Torus()), Interpolant(Linear(SinSquared(0.1)), Uniform(), space=Torus())]
X = torch.tensor([[0.1], [0.5], [0.93]]).double()


def known(flow: Process) -> Perfect:
    return Perfect(flow, X)


@pytest.mark.parametrize("flow", FLOWS, ids=["geodesic", "interpolant"])
@pytest.mark.parametrize(("slope", "after"), [(0.0, 0.0), (2.0, 0.0), (5.0, 0.5)])
def test_what_is_left_to_go_falls_as_it_should(flow: Process, slope: float, after: float) -> None:
    """With u = 1 - t, ln r' = -(1 + s max(0, u - b)) / (1 - u), from 0.05 to 0.8."""
    start, end = 0.95, 0.2
    z, ramp = torch.remainder(X + 0.3, 1), Ramp(slope, after)
    found = solve_to(Annealed(known(flow), {"": ramp}), z, torch.linspace(start, end, 200).double())
    gone = max(after, 1 - start)
    log_left = math.log(end / start)
    log_left -= slope * ((1 - after) * math.log((1 - gone) / end) - ((1 - end) - gone))
    torch.testing.assert_close(Torus().log(X, found), torch.full((3, 1), 0.3 * math.exp(log_left)), rtol=1e-3, atol=0)


def solve_to(denoise: Any, z: Tensor, times: Tensor) -> Tensor:
    """The state at the last time, without the jump to the data."""
    solver, rng = heun(), Streams.of(0, 3)
    for t, s in pairwise(times):
        z, _ = solver.step(denoise, z, t, s, None, rng)
    return z


@pytest.mark.parametrize("flow", FLOWS, ids=["geodesic", "interpolant"])
def test_known_data_return_and_the_last_prediction_is_the_same(flow: Process) -> None:
    fast = Annealed(known(flow), {"": Ramp(0.5)})
    found = sample(fast, X, Ancestral(), Streams.of(0, 3), steps=20)
    torch.testing.assert_close(Torus().log(X, found), torch.zeros(3, 1), atol=1e-9, rtol=0)
    z, t = torch.remainder(X + 0.2, 1), torch.tensor(0.3)
    ends = [flow.finish(denoise(z, t), z, Streams.of(0, 3)) for denoise in (known(flow), fast)]
    torch.testing.assert_close(*ends)


def test_a_step_of_the_transition_law_is_one_of_euler() -> None:
    fast, z, t, s = Annealed(known(FLOWS[0]), {"": Ramp(2.0)}), X + 0.03, torch.tensor(0.5), torch.tensor(0.4)
    both = [solver.step(fast, z, t, s, None, Streams.of(0, 3))[0] for solver in (Ancestral(), euler())]
    torch.testing.assert_close(*both)
    torch.testing.assert_close(both[0], X + 0.03 * (1 - 0.2 * 2))


def state() -> tuple[Product, State]:
    layout = Ragged.of(torch.tensor([2, 1]))
    process = Product({"frac": FLOWS[0], "lattice": Affine(Rectified())})
    return process, State({"frac": X, "lattice": torch.ones(2, 6).double()}, {"frac": layout})


def test_one_field_of_a_state_moves_faster_at_its_own_time() -> None:
    process, x = state()
    denoise = Perfect(process, x)
    z, t = process.prior(x, Streams.of(0, 2)), torch.tensor([0.2, 0.9])
    plain, fast = denoise(z, t), annealed(denoise, {"frac": {"slope": 10.0, "after": 0.5}})(z, t)
    assert_same(plain["lattice"], fast["lattice"])
    factors = torch.tensor([4.0, 4.0, 1.0])[:, None]
    torch.testing.assert_close(fast["frac"].v, factors * plain["frac"].v)
    assert annealed(denoise, {}) is denoise


def test_what_cannot_be_annealed_is_refused() -> None:
    denoise = Perfect(*state())
    with pytest.raises(InputError, match=r'no field to anneal "fracs".*frac'):
        annealed(denoise, {"fracs": {"slope": 1.0}})
    with pytest.raises(InputError, match="lattice cannot be annealed: Affine is not told by a velocity"):
        annealed(denoise, {"lattice": {"slope": 1.0}})
    with pytest.raises(InputError, match=r"annealing.slope: input should be greater than or equal to 0"):
        annealed(denoise, {"frac": {"slope": -1.0}})
    with pytest.raises(InputError, match="is no velocity"):
        denoise(state()[1], torch.tensor(0.5))["lattice"].hastened(torch.tensor(2.0))


def test_a_config_says_what_to_anneal() -> None:
    assert Sample().annealing == {}
    table = {"domain": "crystals", "sample": {"annealing": {"frac": {"slope": 10}}}}
    assert resolve(table, "a test").sample.annealing == {"frac": {"slope": 10}}
