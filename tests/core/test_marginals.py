"""Every process, by every route that it admits, samples the law that it was made of."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product

import pytest
import torch
from torch import Tensor

from geodrift.processes import Affine, Bayesian, Jump, Product
from geodrift.processes.accuracy import Quadratic
from geodrift.processes.families import Categorical
from geodrift.rng import Streams
from geodrift.schedules import EDM, VE, VP, Cosine, Rectified, Schedule, SubVP, schedules
from geodrift.solvers.grids import Karras, Power
from geodrift.state import State
from geodrift.testing import Mixture, Points, chi_square, kolmogorov_smirnov
from geodrift.testing.marginals import ROUTES, SLACK, Case, apart, expected_routes, floor, wasserstein

FLOAT = torch.float64


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=FLOAT)


def line() -> Mixture:
    """Three modes of different weight and width on a line."""
    return Mixture(
        numbers(-1.5, 0.2, 1.4)[:, None], numbers(0.5, 0.2, 0.3), numbers(0.3, 0.2, 0.4).square()[:, None, None]
    )


def plane() -> Mixture:
    """Two oblique modes in the plane."""
    tilted = torch.tensor([[[0.3, 0.2], [0.2, 0.3]], [[0.2, -0.1], [-0.1, 0.4]]], dtype=FLOAT)
    return Mixture(torch.tensor([[1.0, -1.0], [-1.2, 0.8]], dtype=FLOAT), numbers(0.3, 0.7), tilted)


def words() -> Points:
    """Two classes that depend on each other."""
    weights = numbers(0.30, 0.02, 0.03, 0.05, 0.20, 0.02, 0.03, 0.05, 0.30)
    return Points(torch.tensor(list(product(range(3), repeat=2))), weights)


def mixed() -> Points:
    """A number and a class, each of which tells the other."""
    state = State({"x": numbers(-1.0, 0.0, 1.2)[:, None], "k": torch.tensor([[0], [2], [1]])})
    return Points(state, numbers(0.5, 0.2, 0.3), numbers(0.2, 0.2, 0.2))


def real(schedule: Schedule, law: Mixture, **options: object) -> Case:
    grid = Karras() if isinstance(schedule, EDM) else Power(1.5)
    steps = 160 if isinstance(schedule, (EDM, VE)) else 100  # noise over four decades
    like = torch.zeros_like(law.means[:1])
    return Case(Affine(schedule), law, like, grid=grid, steps=steps, **options)  # type: ignore[arg-type]


def classes(process: Jump | Bayesian, **options: object) -> Case:
    like = torch.zeros(1, 2, dtype=torch.int64)
    return Case(process, words(), like, {"": 3}, steps=200, repeats=16, **options)  # type: ignore[arg-type]


def joint(numbers_by: Affine, classes_by: Jump | Bayesian) -> Case:
    like = State({"x": torch.zeros(1, 1, dtype=FLOAT), "k": torch.zeros(1, 1, dtype=torch.int64)})
    process = Product({"x": numbers_by, "k": classes_by})
    return Case(process, mixed(), like, {"k": 3}, grid=Power(1.5))


def system() -> Case:
    """Two real fields on paths of their own."""
    means = State({"a": numbers(1.0, -1.2)[:, None], "b": numbers(-1.0, 0.8)[:, None]})
    process = Product({"a": Affine(VP()), "b": Affine(VE(0.01, 10.0))})
    like = means.map(lambda x: torch.zeros_like(x[:1]))
    return Case(process, Mixture(means, plane().weights, plane().covariances), like, grid=Power(1.5))


# A process with an oracle joins here; `ROUTES` are the ways by which it is sampled.
CASES: dict[str, Case] = {
    **{f"line-{kind}": real(schedules.build(kind), line(), count=300) for kind in schedules.kinds if kind != "bridge"},
    **{f"plane-{kind}": real(schedules.build(kind), plane()) for kind in ("rectified", "vp", "cosine", "edm")},
    "masked": classes(Jump.masked(3)),
    "uniform": classes(Jump.uniform(3)),
    "marginal": classes(Jump(3, (0.5, 0.3, 0.2), Cosine())),
    "evidence": classes(Bayesian(Categorical(3), Quadratic(12.0))),
    "system": system(),
    "straight-masked": joint(Affine(Rectified()), Jump.masked(3)),
    "vp-evidence": joint(Affine(SubVP()), Bayesian(Categorical(3), Quadratic(12.0))),
}


PERCENT = 3 * 1.63 / 1.95  # in the units of `kolmogorov_smirnov`


@cache
def measured(name: str) -> float:
    """The floor of a case."""
    return floor(CASES[name])


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", CASES)
def test_the_law_is_reached(name: str, route: str) -> None:
    """Within the noise of sampling; on a line the exact distribution function, of classes their frequencies."""
    case = CASES[name]
    assert set(case.routes()) == expected_routes(case.process)
    if route not in case.routes():
        return
    found = case.generated(route)
    assert apart(case, found) < SLACK * measured(name)
    if isinstance(case.law, Points) and case.classes == {"": 3}:
        assert chi_square(joint_counts(found), case.law.weights) < 3
    if found.shape[1] == 1:
        assert kolmogorov_smirnov(found, lambda x: case.law.mixture().cdf(x, torch.ones(1))) < SLACK * PERCENT


def joint_counts(found: Tensor) -> Tensor:
    """How often each pair of classes was drawn."""
    first, second = found.reshape(-1, 2, 3).argmax(2).T
    return torch.bincount(3 * first + second, minlength=9).double()


def test_a_wrong_law_is_seen() -> None:
    """The same measures on other weights, on data that are a little wider, and on classes drawn at once."""
    right = CASES["line-vp"]
    skewed = Mixture(line().means, numbers(0.4, 0.25, 0.35), line().covariances)
    assert apart(right, replace(right, law=skewed).generated("ode")) > SLACK * measured("line-vp")
    wider = Mixture(line().means, line().weights, line().covariances * 3)
    assert (
        kolmogorov_smirnov(replace(right, law=wider).generated("ode"), lambda x: line().cdf(x, torch.ones(1)))
        > SLACK * PERCENT
    )
    hasty = replace(CASES["masked"], steps=1)
    assert apart(hasty, hasty.generated("ancestral")) > SLACK * measured("masked")


def test_the_distance_is_exact() -> None:
    """Of shifted samples the shift, by sorting and by assignment; of permuted ones zero."""
    x = Streams.of(0, 60).normal(torch.empty(60, 2))
    assert wasserstein(x, x.flip(0)) == pytest.approx(0, abs=1e-6)
    assert wasserstein(x, x + torch.tensor([3.0, 4.0])) == pytest.approx(5)
    assert wasserstein(x[:, :1], x[:, :1].flip(0) + 2) == pytest.approx(2)
