"""A Brownian path: one path whatever is asked in whatever order, with the law of Brownian motion."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.brownian import BrownianTree
from geodrift.errors import InputError
from geodrift.layout import Padded
from geodrift.levy import LevyTree, Stretch
from geodrift.rng import Streams
from geodrift.state import State
from geodrift.testing import assert_batch_invariant, order, ragged

N = 10_000
KINDS = pytest.mark.parametrize("kind", [BrownianTree, LevyTree])


def tree(kind: Any, count: int = N, levels: int = 10, seed: int = 0) -> Any:
    return kind(torch.zeros(count, 1), Streams.of(seed, count), levels)


def within(value: Tensor, expected: Tensor | float, error: Tensor | float) -> bool:
    return bool((torch.abs(value - torch.as_tensor(expected)) < 4 * torch.as_tensor(error)).all())


@KINDS
def test_the_same_bits_in_any_order_and_for_times_of_their_own(kind: Any) -> None:
    path, times = tree(kind, 20, 20), torch.tensor([0.9, 0.1, 0.5, 1 / 3, 1.0])
    asked = {float(t): path(t) for t in times}
    again = {float(t): tree(kind, 20, 20)(t) for t in times.flip(0)}
    for t, w in asked.items():
        assert torch.equal(w, again[t])
    own = times.repeat(4)
    assert torch.equal(path(own), torch.stack([asked[float(t)][i] for i, t in enumerate(own)]))


@KINDS
def test_what_was_drawn_before_does_not_matter(kind: Any) -> None:
    rng = Streams.of(0, 5)
    first = kind(torch.zeros(5, 2), rng, 8)(0.3)
    rng.normal(torch.zeros(5, 2))
    assert torch.equal(kind(torch.zeros(5, 2), rng, 8)(0.3), first)


@KINDS
def test_covariance(kind: Any) -> None:
    times = torch.tensor([0.25, 0.3333, 0.5, 0.9])
    w = torch.cat([tree(kind)(t) for t in times], 1)
    smaller, product = torch.minimum(times, times[:, None]), times * times[:, None]
    assert within(w.T @ w / N, smaller, torch.sqrt((product + smaller**2) / N))
    assert within(w.mean(0), 0.0, torch.sqrt(times / N))
    assert within((w**4).mean(0), 3 * times**2, torch.sqrt(96 * times**4 / N))
    assert not tree(kind)(0.0).any()


@KINDS
def test_the_law_between_two_times_is_that_of_a_bridge(kind: Any) -> None:
    path, (a, m, b) = tree(kind), (0.2, 0.35, 0.7)
    ends, middle = torch.cat([path(a), path(b)], 1), path(m)
    share = (m - a) / (b - a)
    off = middle - ends @ torch.tensor([[1 - share], [share]])
    variance = (m - a) * (b - m) / (b - a)
    assert within(off.var(), variance, variance * (2 / N) ** 0.5)
    assert within(off.T @ ends / N, 0.0, (variance / N) ** 0.5)


@KINDS
def test_increments_add_up(kind: Any) -> None:
    path, (a, m, b) = tree(kind, 50), (0.1, 0.3, 0.85)
    torch.testing.assert_close(path.increment(a, m) + path.increment(m, b), path.increment(a, b), rtol=0, atol=1e-12)
    torch.testing.assert_close(path.increment(b, a), -path.increment(a, b), rtol=0, atol=0)


def test_areas_have_their_law_and_join_by_chens_relation() -> None:
    path, (a, m, b) = tree(LevyTree), (0.2, 0.4, 0.7)
    area, w = path.area(a, b), path.increment(a, b)
    variance = (b - a) ** 3 / 12
    assert within(area.var(), variance, variance * (2 / N) ** 0.5)
    assert within((area * w).mean(), 0.0, (variance * (b - a) / N) ** 0.5)
    left, right = path.increment(a, m), path.increment(m, b)
    joined = path.area(a, m) + path.area(m, b) + ((b - m) * left - (m - a) * right) / 2
    torch.testing.assert_close(area, joined, rtol=0, atol=1e-12)


class Units(Streams):
    """Noise that is one for the sample `d + 2` in draw `d` and zero otherwise."""

    def normal(self, like: Tensor) -> Tensor:
        unit = torch.zeros_like(like)
        unit[2 + self._draws] = 1
        self._draws += 1
        return unit


def test_halves_are_independent_stretches_of_half_the_length() -> None:
    """Exactly: what the four numbers that two halves are made of contribute to them."""
    unit, h = torch.eye(4), torch.full((4,), 0.6)
    whole = Stretch(h, unit[0] * 0.6**0.5, unit[1] * (0.6**3 / 12) ** 0.5)
    left = whole.half(Units(torch.zeros(4, dtype=torch.int64)))
    right = whole.without(left)
    parts = torch.stack([left.w, left.a, right.w, right.a])
    expected = torch.diag(torch.tensor([0.3, 0.3**3 / 12, 0.3, 0.3**3 / 12]))
    torch.testing.assert_close(parts @ parts.T, expected, rtol=0, atol=1e-12)


def test_an_area_is_that_under_the_path() -> None:
    path, u = tree(LevyTree, 100, 9), torch.linspace(0.25, 0.75, 257)
    w = torch.cat([path(t) for t in u], 1)
    chord = w[:, :1] + (u - 0.25) / 0.5 * (w[:, -1:] - w[:, :1])
    below = torch.trapezoid(w - chord, u)[:, None]
    assert float((below - path.area(0.25, 0.75)).abs().max()) < 0.05 * float(below.std())


def test_fields_have_paths_of_their_own_and_padding_does_not_matter() -> None:
    layout = {"a": Padded.of(torch.tensor([3, 1, 2])), "b": Padded.of(torch.tensor([3, 1, 2]))}
    like = State({"a": torch.zeros(3, 3, 2), "b": torch.zeros(3, 3, 2)}, layout)
    w = BrownianTree(like, Streams.of(0, 3))(torch.tensor([0.2, 0.5, 0.9]))
    assert (w["a"] != w["b"]).all()
    rows = BrownianTree(ragged(like), Streams.of(0, 3))(torch.tensor([0.2, 0.5, 0.9]))
    assert torch.equal(rows["a"], w["a"][layout["a"].present])


def test_a_path_belongs_to_its_sample() -> None:
    assert_batch_invariant(lambda i: BrownianTree(torch.zeros(len(i), 2), Streams.of(7, i))(0.3), 5)
    assert (tree(BrownianTree, 5, seed=1)(0.3) != tree(BrownianTree, 5, seed=2)(0.3)).all()


def test_single_precision_stays_single() -> None:
    like = torch.zeros(4, 2, dtype=torch.float32)
    for kind in (BrownianTree, LevyTree):
        path = kind(like, Streams.of(0, 4), 8)
        assert path(torch.rand(4)).dtype == path.increment(0.1, 0.2).dtype == torch.float32


def test_bad_questions() -> None:
    with pytest.raises(InputError, match="lives on the times 0 to 1"):
        tree(BrownianTree, 2)(1.5)


def test_euler_maruyama_has_strong_order_one_half_for_multiplicative_noise() -> None:
    """Geometric Brownian motion, whose solution is known on the path itself."""
    path, drift, volatility = tree(BrownianTree, 1000, 6), 0.5, 1.0
    solution = torch.exp((drift - volatility**2 / 2) + volatility * path(1.0))

    def error(steps: int) -> float:
        x, times = torch.ones(1000, 1), torch.linspace(0, 1, steps + 1)
        for t, s in itertools.pairwise(times):
            x = x + drift * x / steps + volatility * x * path.increment(t, s)
        return float((x - solution).abs().mean())

    assert order(error, (8, 16, 32, 64)) == pytest.approx(0.5, abs=0.15)
