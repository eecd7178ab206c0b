"""The measured order of every solver on every schedule, as the table of docs/results.md.

Strong orders on a mixture, against a reference of 1e-12; weak orders on a Gaussian, whose exact moments are known. All
are steps of equal log-SNR in float64; methods that remember start from exact predictions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from geodrift.processes import Affine
from geodrift.rng import Streams
from geodrift.schedules import EDM, OU, VP, Cosine, Rectified, Schedule
from geodrift.solvers import Multistep, UniPC, solvers
from geodrift.solvers.exponential.law import Known
from geodrift.testing import Exact, Moments, Points, order, propagate

SCHEDULES = {"rectified": Rectified(), "cosine": Cosine(), "vp": VP(), "edm": EDM(), "ou": OU()}
STRONG = {
    "euler": 1,
    "midpoint": 2,
    "heun": 2,
    "rk4": 4,
    "dpm-1": 1,
    "dpm-2s": 2,
    "dpm-2m": 2,
    "dpm-3s": 3,
    "dpm-3m": 3,
    "dpm++-1": 1,
    "dpm++-2s": 2,
    "dpm++-2m": 2,
    "dpm++-3s": 3,
    "dpm++-3m": 3,
    "reversible-heun": 2,
    "ab-2": 2,
    "ab-3": 3,
    "unipc-2": 3,
    "unipc-3": 4,
}
WEAK = {
    "ancestral": (1, 1),
    "euler-maruyama": (1, 1),
    "s4": (1, 2),
    "strang": (2, 2),
    "churn": (2, 1),
    "sde-dpm-1": (1, 1),
    "sde-dpm-2m": (2, 1),
    "sde-dpm++-1": (1, 1),
    "sde-dpm++-2m": (2, 1),
}
# They have no step of their own to measure: adaptive ones choose it, the others draw from laws or move classes alone;
# along a Brownian path the order is a strong one, see test_driven.
WITHOUT = {"ctmc", "reveal", "predictor-corrector", "bosh3", "dopri5", "dpm-12", "dpm-23", "dpm++-12", "dpm++-23"}
WITHOUT |= {"driven-euler-maruyama", "adaptive-euler-maruyama", "renoise"}
SPECS: dict[str, Callable[[int], dict[str, Any]]] = {
    "s4": lambda steps: {"kind": "s4", "snr": 0.0},  # without its corrector, which has a bias of its own
    "churn": lambda steps: {"kind": "churn", "gamma": 6 / steps},  # the same noise in all
}
RANGE = (-1.5, 1.5)
RANGES = {"s4": (-1.0, 1.0)}  # at the end of the other its error of first order vanishes by chance
STEPS = {1: (32, 64), 2: (128, 256), 3: (48, 96), 4: (32, 64)}
STREAMS = Streams.of(0, 1)
RESULTS = Path(__file__).parents[2] / "docs" / "results.md"
MARKS = ("<!-- orders: written by the tests -->\n", "<!-- end of orders -->\n")


class Case(NamedTuple):
    """A flow of a mixture with its exact trajectory, by log-SNR."""

    exact: Exact
    path: Schedule
    at: Callable[[Tensor], Tensor]


@cache
def case(name: str) -> Case:
    path = SCHEDULES[name]
    law = Points(torch.tensor([[-1.0], [1.2]]), torch.tensor([0.35, 0.65]), torch.tensor([0.4, 0.3]))
    exact = Exact(Affine(path), law)
    first, last = path.time(torch.tensor(RANGE)).tolist()
    at = path(torch.tensor(first))
    start = 0.3 * at.alpha + torch.hypot(at.alpha, at.sigma) * torch.linspace(-2, 2, 5)

    def velocity(t: float, z: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        when, column = torch.tensor(t), torch.from_numpy(z)[:, None]
        return exact.process.velocity(exact(column, when), column, when)[:, 0].numpy()

    settings = {"method": "DOP853", "rtol": 1e-12, "atol": 1e-13, "dense_output": True}
    found = solve_ivp(velocity, (first, last), start.numpy(), **settings)
    return Case(exact, path, lambda log_snr: torch.from_numpy(found.sol(float(path.time(log_snr))))[:, None])


def times(path: Schedule, steps: int) -> tuple[Tensor, Tensor]:
    log_snr = torch.linspace(*RANGE, steps + 1)
    return log_snr, path.time(log_snr)


def strong_error(kind: str, name: str, steps: int) -> float:
    """Of the state at the end; what a method remembers at first is exact."""
    (exact, path, at), solver = case(name), solvers.build(kind)
    log_snr, t = times(path, steps)
    warm = solver.order if isinstance(solver, (Multistep, UniPC)) else 0
    z = at(log_snr[0])
    carry = solver.init(z, STREAMS)
    for i in range(steps):
        z, carry = solver.step(exact, z, t[i], t[i + 1], carry, STREAMS)
        if i < warm:
            z = at(log_snr[i + 1])
            carry = replace(carry, z=at(log_snr[i])) if isinstance(carry, Known) else carry
    return float((z - at(log_snr[-1])).norm())


def weak_error(kind: str, name: str, steps: int) -> float:
    """Of mean and variance at the end."""
    path, draws = SCHEDULES[name], WEAK[kind][1]
    law = Points(torch.tensor([[1.5]]), torch.ones(1), torch.tensor([0.3]))
    t = path.time(torch.linspace(*RANGES.get(kind, RANGE), steps + 1))
    start, end = (moments(path, law, when) for when in (t[0], t[-1]))
    solver = solvers.build(SPECS[kind](steps) if kind in SPECS else kind)
    found = propagate(solver, Exact(Affine(path), law), start, t, draws)
    return float((found.mean - end.mean).abs() / end.variance.sqrt() + (found.variance / end.variance - 1).abs())


def moments(path: Schedule, law: Points, t: Tensor) -> Moments:
    at = path(t)
    assert law.std is not None
    return Moments(at.alpha * law.points[0], torch.square(at.alpha * law.std) + torch.square(at.sigma))


@cache
@torch.no_grad()
def measured(kind: str, name: str) -> float:
    if kind in WEAK:
        return order(lambda steps: weak_error(kind, name, steps), (64, 128))
    return order(lambda steps: strong_error(kind, name, steps), STEPS[STRONG[kind]])


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("kind", [*STRONG, *WEAK])
def test_order(kind: str, name: str) -> None:
    expected = STRONG[kind] if kind in STRONG else WEAK[kind][0]
    assert measured(kind, name) == pytest.approx(expected, abs=0.15)


def test_every_solver_is_measured() -> None:
    """A new solver joins the table, or says above why it has no order."""
    own = {kind for kind in solvers.kinds if type(solvers.build(kind)).__module__.startswith("geodrift.")}
    assert own == STRONG.keys() | WEAK.keys() | WITHOUT


def table() -> str:
    """As the results have it."""
    names = list(SCHEDULES)
    lines = [f"| solver | order | {' | '.join(names)} |", "| --- " * (len(names) + 2) + "|"]
    for kind in (*STRONG, *WEAK):
        expected = f"{STRONG[kind]}" if kind in STRONG else f"{WEAK[kind][0]}, weak"
        lines.append(f"| `{kind}` | {expected} | {' | '.join(f'{measured(kind, name):.2f}' for name in names)} |")
    return "\n".join(lines) + "\n"


def test_the_results_have_this_table() -> None:
    """A table that differs by more than the last digit is written anew, and the test fails once."""
    if not (RESULTS.parents[1] / ".git").exists():
        pytest.skip("not in a checkout")
    text, found = RESULTS.read_text(encoding="utf-8"), table()
    before, rest = text.split(MARKS[0])
    told, after = rest.split(MARKS[1])
    if numbers(told) != pytest.approx(numbers(found), abs=0.0101):
        RESULTS.write_text(before + MARKS[0] + found + MARKS[1] + after, encoding="utf-8")
        pytest.fail("docs/results.md told other orders; it has been written anew")


def numbers(text: str) -> list[float]:
    return [float(word) for word in text.replace(",", " ").split() if word[0].isdigit()]
