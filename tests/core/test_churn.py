"""Laws of EDM's stochastic sampler; its order is in test_order_table."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.processes import Affine, Jump, Product
from geodrift.rng import Streams
from geodrift.schedules import EDM, VP, Rectified, Schedule
from geodrift.solvers import Churn, heun, solvers
from geodrift.solvers.churn import MOST
from geodrift.testing import Exact, Points, run

START = torch.linspace(-2, 2, 6, dtype=torch.float64)[:, None]
T, S = torch.tensor([0.6, 0.4], dtype=torch.float64)


def exact(path: Schedule) -> Exact:
    law = Points(torch.tensor([[-1.0], [1.2]]), torch.tensor([0.35, 0.65]), torch.tensor([0.4, 0.3]))
    return Exact(Affine(path), law)


def step(solver: Churn, path: Schedule, t: Tensor = T, s: Tensor = S) -> Tensor:
    moved: Tensor = run(solver, exact(path), START, torch.stack([t, s]), Streams.of(3, 6))
    return moved


def test_the_step_of_edm() -> None:
    """Algorithm 2 of Karras et al. (2022), written out in its own noise levels."""
    path, gamma, scale = EDM(10.0), 0.3, 1.003
    denoise = exact(path)
    level, after = 10 * T, 10 * S
    raised = level * (1 + gamma)
    fresh = Streams.of(3, 6).normal(START)
    x = START + torch.sqrt(raised**2 - level**2) * scale * fresh
    d = (x - denoise(x, raised / 10).x) / raised
    there = x + (after - raised) * d
    d2 = (there - denoise(there, after / 10).x) / after
    expected = x + (after - raised) * (d + d2) / 2
    torch.testing.assert_close(step(Churn(gamma, noise=scale), path), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("solver", [Churn(0.0), Churn(0.3, least=5.0), Churn(0.3, most=0.01)], ids=repr)
def test_without_churn_it_is_heuns_method(solver: Churn, path: Schedule) -> None:
    plain = run(heun(), exact(path), START, torch.stack([T, S]), Streams.of(3, 6))
    quiet = step(solver, path)
    if solver.gamma == 0 or not solver.least < float(torch.exp(-path.log_snr(T))) < solver.most:
        torch.testing.assert_close(quiet, plain, rtol=1e-12, atol=1e-12)
    else:
        assert not torch.allclose(quiet, plain)


def test_no_time_is_above_one() -> None:
    """At the source there is nothing to add."""
    one = torch.ones((), dtype=torch.float64)
    plain = run(heun(), exact(VP()), START, torch.stack([one, T]), Streams.of(3, 6))
    torch.testing.assert_close(step(Churn(MOST), VP(), one, T), plain, rtol=1e-12, atol=1e-12)
    assert Churn(MOST).back(VP(), torch.tensor(0.999)) <= 1
    assert Churn(MOST).back(Rectified(), one) == 1
    assert math.isclose(float(torch.exp(-VP().log_snr(Churn(0.2).back(VP(), T)) + VP().log_snr(T))), 1.2)


def test_what_it_cannot_move_it_refuses() -> None:
    with pytest.raises(InputError, match="churn"):
        Churn().admit(Product({"c": Jump.masked(3)}), torch.tensor([1.0, 0.5]))
    with pytest.raises(InputError, match="less than or equal"):
        solvers.build({"kind": "churn", "gamma": 0.5})
