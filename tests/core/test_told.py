"""Predictions that are told data: known entries come back exactly, rules hold, whatever the process and the solver."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from geodrift.embeddings import OneHot
from geodrift.processes import (
    Given,
    Process,
)
from geodrift.rng import Streams
from geodrift.testing.paths import ALL, CLASS, CLASSES, PERIODIC, REAL, apart, data
from geodrift.testing.perfect import answer

TIMES = torch.tensor(0.5, dtype=torch.float64)


def drawn(name: str) -> tuple[Process, Tensor, object]:
    """A process, a state, and what a network of random weights says about it."""
    part, rng = ALL[name], Streams.of(3, 12)
    z = part.corrupt(data(name, 1), TIMES, rng).z
    channels = part.channels[1]
    lead = z.shape if name == "masked" or name == "uniform" else z.shape[:-1]
    if name in ("circle", "circle in bins", "von mises"):
        raw = torch.randn(*z.shape[:-1], channels, generator=torch.Generator().manual_seed(7))
    elif name in CLASS:
        raw = torch.randn(*lead, channels, generator=torch.Generator().manual_seed(7))
    else:  # no further than half a period
        raw = 0.1 * torch.randn(12, 6 if "interpolant" in name else 3, generator=torch.Generator().manual_seed(7))
    return part, z, part.resolve(raw, z, TIMES)


@pytest.mark.parametrize("name", ALL)
def test_what_is_known_comes_back_and_nothing_else_changes(name: str) -> None:
    part, z, p = drawn(name)
    x = data(name)
    known = (torch.arange(12) % 2 == 0).reshape(-1, *[1] * (x.ndim - 1)).expand_as(x)
    told = part.told(p, z, TIMES, x, known)
    found = part.finish(told, z, Streams.of(5, 12))
    assert apart(name, found[::2], x[::2]) < 1e-5
    assert apart(name, part.expected(told, z, TIMES)[::2], x[::2]) < 1e-5
    torch.testing.assert_close(part.expected(told, z, TIMES)[1::2], part.expected(p, z, TIMES)[1::2], rtol=0, atol=1e-5)
    free = part.finish(p, z, Streams.of(5, 12))
    torch.testing.assert_close(found[1::2], free[1::2], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", [*REAL, *PERIODIC])
def test_a_prediction_that_is_moved_points_there(name: str) -> None:
    part, z, p = drawn(name)
    assert apart(name, part.expected(part.placed(p, z, TIMES, data(name)), z, TIMES), data(name)) < 1e-5
    same = part.placed(p, z, TIMES, part.expected(p, z, TIMES))
    s = torch.tensor(0.4, dtype=torch.float64)
    if name not in ("circle in bins", "von mises", "interpolant", "periodic interpolant"):
        torch.testing.assert_close(part.velocity(same, z, TIMES), part.velocity(p, z, TIMES), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(part.kernel(same, z, TIMES, s).mode, part.kernel(p, z, TIMES, s).mode)


def test_a_mean_of_the_circle_keeps_its_length() -> None:
    part, z, p = drawn("circle")
    moved = part.placed(p, z, TIMES, data("circle"))
    torch.testing.assert_close(moved.x.norm(dim=-1), p.x.norm(dim=-1))  # type: ignore[attr-defined]
    assert float(p.x.norm(dim=-1).max()) < 1  # type: ignore[attr-defined]
    sure = part.told(p, z, TIMES, data("circle"), torch.ones(12, 3, dtype=torch.bool))
    torch.testing.assert_close(sure.x.norm(dim=-1), torch.ones(12, 3))


@pytest.mark.parametrize("name", ["rectified", "cosine", "gaussian evidence", "geodesic", "masked", "class evidence"])
def test_who_is_told_all_says_what_a_perfect_network_says(name: str) -> None:
    part, z, _ = drawn(name)
    x, z = data(name), torch.full_like(z, CLASSES) if name == "masked" else z
    nothing = part.resolve(torch.zeros(12, part.channels[1]), z, TIMES)
    told = part.told(nothing, z, TIMES, x, torch.ones_like(x, dtype=torch.bool))
    perfect = part.resolve(answer(part, x, z, TIMES), z, TIMES)
    one, other = (part.kernel(q, z, TIMES, torch.tensor(0.3, dtype=torch.float64)) for q in (told, perfect))
    torch.testing.assert_close(one.mode, other.mode, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(part.velocity(told, z, TIMES), part.velocity(perfect, z, TIMES), rtol=1e-3, atol=1e-3)


def test_normal_ends_share_what_is_left() -> None:
    """The velocity that is told is the conditional mean, by regression on draws of both ends."""
    part, x, rng = REAL["interpolant"], torch.tensor([0.7, -0.2, 1.1]), Streams.of(0, 200_000)
    t = torch.tensor(0.4, dtype=torch.float64)
    draw = part.corrupt(x.expand(200_000, 3), t, rng)
    y, latent = draw.n.chunk(2, -1)
    at = part.scales(t, draw.z)  # type: ignore[attr-defined]
    true = at.d_a * x + at.d_b * y + at.d_gamma * latent
    p = part.resolve(torch.zeros(200_000, 6), draw.z, t)
    told = part.told(p, draw.z, t, x.expand(200_000, 3), torch.ones(200_000, 3, dtype=torch.bool))
    for found, wanted in ((told.velocity, true), (told.noise, latent)):
        error = wanted - found
        assert float(error.mean().abs()) < 0.01
        assert float((error * (draw.z - draw.z.mean(0))).mean().abs()) < 0.01


def test_a_given_field_stays() -> None:
    part = Given(OneHot(3))
    z = torch.tensor([0, 2])
    p = part.told(part.resolve(torch.zeros(2, 0), z, TIMES), z, TIMES, torch.tensor([1, 1]), torch.tensor([True, True]))
    assert torch.equal(part.finish(p, z, Streams.of(0, 2)), z)
    assert math.isfinite(float(part.expected(p, z, TIMES).sum()))
