"""Intervals: closed forms, coverage, and distances that are not biased twice."""

from __future__ import annotations

import numpy as np
import pytest

from geodrift import metric
from geodrift.metric import Better

Z = 1.959963984540054


def test_wilson_closed_forms() -> None:
    nothing, everything = metric.share("a", 0, 50), metric.share("a", 50, 50)
    assert nothing.low == 0
    assert nothing.high == pytest.approx(Z**2 / (50 + Z**2))
    assert everything.high == 1
    assert everything.low == pytest.approx(50 / (50 + Z**2))
    half = metric.share("a", 50, 100)
    assert (half.low + half.high) / 2 == pytest.approx(0.5)


@pytest.mark.parametrize("law", ["normal", "exponential"])
def test_interval_of_a_mean_covers_the_mean(law: str) -> None:
    rng = np.random.default_rng(0)
    truth = {"normal": 0.0, "exponential": 1.0}[law]
    found = [metric.mean("m", getattr(rng, law)(size=150), rng) for _ in range(400)]
    coverage = np.mean([m.low <= truth <= m.high for m in found])
    assert 0.91 <= coverage <= 0.98  # 0.95 ± 4 standard errors, less the bootstrap's known 0.5 % at n = 150


def test_interval_of_a_mean_has_the_width_of_the_central_limit() -> None:
    values = np.random.default_rng(1).normal(size=5000)
    found = metric.mean("m", values, np.random.default_rng(2))
    assert found.high - found.low == pytest.approx(2 * Z * values.std() / np.sqrt(5000), rel=0.08)
    assert found.value == pytest.approx(values.mean())


def test_bootstrap_of_a_weighted_mean_is_that_of_the_mean() -> None:
    values = np.random.default_rng(3).normal(size=300)
    draws = metric.bootstrap(lambda weights: weights @ values, 300, np.random.default_rng(4), resamples=4000)
    assert draws.mean() == pytest.approx(values.mean(), abs=5 * values.std() / np.sqrt(300 * 4000))
    assert draws.std() == pytest.approx(values.std() / np.sqrt(300), rel=0.05)


def test_a_biased_distance_is_covered_at_its_own_sample_size() -> None:
    """|mean|² in 20 dimensions: resampling doubles its bias, the interval stays around the value."""
    x = np.random.default_rng(5).normal(size=(100, 20))

    def squared(weights: np.ndarray) -> np.ndarray:
        return ((weights @ x) ** 2).sum(1)

    value = float((x.mean(0) ** 2).sum())
    draws = metric.bootstrap(squared, 100, np.random.default_rng(6))
    found = metric.distance("d", value, 100, draws)
    assert draws.mean() > 1.5 * value
    assert found.low <= value <= found.high
    expected = 20 / 100
    assert found.low <= expected <= found.high


def test_a_distance_is_not_negative_and_a_similarity_may_be() -> None:
    draws = np.linspace(-1, 1, 101)
    assert metric.distance("d", 0.01, 10, draws).low == 0
    assert metric.distance("d", -0.2, 10, draws, better=Better.HIGHER).low == pytest.approx(-0.2)
    assert str(Better.LOWER) == "lower"
