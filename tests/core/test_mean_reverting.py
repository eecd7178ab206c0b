r"""The published samplers of the mean-reverting SDE are ours on the difference from its mean.

MR Sampler (Li et al., 2025), https://openreview.net/forum?id=lGF0eIADRd, for
:math:`x_t = A x_0 + (1 - A) \mu + S \varepsilon`, :math:`A = e^{-\theta t}`, :math:`S = \lambda \sqrt{1 - A^2}`,
written out with its mean, its coefficients and its differences; the second difference with its factor of two, which
the published code lacks.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.parametrization import Data, Linear, Noise, V, Velocity
from geodrift.processes import Affine
from geodrift.rng import Streams
from geodrift.schedules import OU
from geodrift.solvers import solvers
from geodrift.solvers.exponential.quadrature import exact
from geodrift.testing import run

RATE, STD = 4.0, 0.4
PATH = OU(RATE, STD)
MEAN = torch.linspace(-1, 1, 6, dtype=torch.float64)[:, None]
TIMES = torch.tensor([0.9, 0.7, 0.55, 0.3, 0.2, 0.12], dtype=torch.float64)


def scales(t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A, S and the log-SNR."""
    signal = torch.exp(-RATE * t)
    noise = STD * torch.sqrt(1 - signal**2)
    return signal, noise, torch.log(signal / noise)


def restored(x: Tensor, t: Tensor) -> Tensor:
    """A network's guess of the clean data, in the frame of the data."""
    return MEAN + 0.7 * torch.sin(2 * x - MEAN) * (1 - t) + 0.1 * t * x


def noise_of(x: Tensor, t: Tensor) -> Tensor:
    signal, noise, _ = scales(t)
    return (x - (1 - signal) * MEAN - signal * restored(x, t)) / noise


class Network:
    """The same guess, told by a row about the difference from the mean."""

    def __init__(self, row: Linear) -> None:
        self.process, self.row = Affine(PATH, parametrization=row), row

    def __call__(self, z: Tensor, t: Tensor, cond: Any = None) -> Any:
        x = z + MEAN
        raw = self.row.row(PATH(t)).of(restored(x, t) - MEAN, noise_of(x, t))
        return self.process.resolve(raw, z, t)


def differences(known: list[tuple[Tensor, Tensor]], h: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """The first and the second derivative in the log-SNR, in units of the step, from the last predictions."""
    (l0, q0), *before = reversed(known)
    before = before[: order - 1]
    zero = torch.zeros_like(q0)
    if not before:
        return zero, zero
    (l1, q1), r0 = before[0], (l0 - before[0][0]) / h
    d0 = (q0 - q1) / r0
    if len(before) == 1:
        return d0, zero
    r1 = (l1 - before[1][0]) / h
    d1 = (q1 - before[1][1]) / r1
    return d0 + (d0 - d1) * r0 / (r0 + r1), 2 * (d0 - d1) / (r0 + r1)


def published(form: str, order: int, x: Tensor, noise: Streams | None) -> Tensor:
    """The sampler with all its coefficients; of data or noise, as an ODE, or as an SDE with this noise."""
    known: list[tuple[Tensor, Tensor]] = []
    for t, s in pairwise(TIMES):
        (a0, s0, l0), (a1, s1, l1) = scales(t), scales(s)
        h = l1 - l0
        q = restored(x, t) if form == "data" else noise_of(x, t)
        known.append((l0, q))
        d1, d2 = differences(known, h, order)
        if noise is not None:
            x = stochastic(form, x, q, d1, (a0, s0, a1, s1, h)) + spread(form, s1, h) * noise.normal(x)
        else:
            x = deterministic(form, x, q, d1, d2, (a0, s0, a1, s1, h))
    return x


def deterministic(form: str, x: Tensor, q: Tensor, d1: Tensor, d2: Tensor, at: tuple[Tensor, ...]) -> Tensor:
    a0, s0, a1, s1, h = at
    if form == "data":
        p1 = torch.exp(-h) - 1
        p2 = p1 / h + 1
        p3 = p2 / h - 0.5
        mean = MEAN * (1 - s1 / s0 + a0 * s1 / s0 - a1)
        return s1 / s0 * x - a1 * (p1 * q - p2 * d1 + p3 * d2) + mean
    p1 = torch.exp(h) - 1
    p2 = p1 / h - 1
    p3 = p2 / h - 0.5
    return a1 / a0 * x - s1 * (p1 * q + p2 * d1 + p3 * d2) + MEAN * (1 - a1 / a0)


def stochastic(form: str, x: Tensor, q: Tensor, d1: Tensor, at: tuple[Tensor, ...]) -> Tensor:
    a0, s0, a1, s1, h = at
    if form == "data":
        gain = 1 - torch.exp(-2 * h)
        mean = MEAN * (1 - a1 / a0 * torch.exp(-2 * h) - a1 * gain)
        return s1 / s0 * torch.exp(-h) * x + a1 * gain * q + a1 * (1 - gain / (2 * h)) * d1 + mean
    grow = torch.exp(h) - 1
    return a1 / a0 * x - 2 * s1 * grow * q - 2 * s1 * (grow / h - 1) * d1 + MEAN * (1 - a1 / a0)


def spread(form: str, s1: Tensor, h: Tensor) -> Tensor:
    return s1 * torch.sqrt(1 - torch.exp(-2 * h)) if form == "data" else s1 * torch.sqrt(torch.exp(2 * h) - 1)


START = MEAN + torch.linspace(-0.8, 0.9, 6, dtype=torch.float64)[:, None]


@pytest.mark.parametrize("row", [Data(), Noise(), V(), Velocity()], ids=repr)
@pytest.mark.parametrize("kind", ["dpm-1", "dpm-2m", "dpm-3m", "dpm++-1", "dpm++-2m", "dpm++-3m"])
def test_the_published_ode_samplers(kind: str, row: Linear) -> None:
    form, order = "data" if "++" in kind else "noise", int(kind.removesuffix("m")[-1])
    found = MEAN + run(replace(solvers.build(kind), rule=exact), Network(row), START - MEAN, TIMES, Streams.of(0, 6))
    torch.testing.assert_close(found, published(form, order, START, None), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("row", [Data(), Velocity()], ids=repr)
@pytest.mark.parametrize("kind", ["sde-dpm-1", "sde-dpm-2m", "sde-dpm++-1", "sde-dpm++-2m"])
def test_the_published_sde_samplers(kind: str, row: Linear) -> None:
    form, order = "data" if "++" in kind else "noise", int(kind.removesuffix("m")[-1])
    found = MEAN + run(replace(solvers.build(kind), rule=exact), Network(row), START - MEAN, TIMES, Streams.of(7, 6))
    torch.testing.assert_close(found, published(form, order, START, Streams.of(7, 6)), rtol=1e-10, atol=1e-10)


def test_the_published_v_is_the_velocity_by_the_angle() -> None:
    """With A = cos(phi): v = dx / dphi, and x_0 = A x - (S / lambda) v + (1 - A) mu."""
    t = torch.tensor(0.4)
    signal, noise, _ = scales(t)
    v = noise / STD * (MEAN - restored(START, t)) + STD * signal * noise_of(START, t)
    torch.testing.assert_close(signal * START - noise / STD * v + (1 - signal) * MEAN, restored(START, t))
    at = PATH(t)
    rate = -at.d_alpha / (noise / STD)  # dphi / dt
    torch.testing.assert_close(Velocity().row(at).of(restored(START, t) - MEAN, noise_of(START, t)) / rate, v)
