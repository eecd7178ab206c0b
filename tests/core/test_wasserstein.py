"""The distance of two samples against scipy, and the influence of one value on it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from geodrift import wasserstein


@pytest.mark.parametrize(("n", "m"), [(1, 1), (7, 30), (200, 90)])
def test_distance_is_scipys(n: int, m: int) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=n).round(1), rng.normal(0.3, 2, size=m).round(1)  # with ties
    assert wasserstein.distance(x, y) == pytest.approx(wasserstein_distance(x, y))
    assert wasserstein.distance(x, x) == 0


def slopes(statistic: Callable[[np.ndarray], float], n: int) -> np.ndarray:
    flat, step = np.full(n, 1 / n), 1e-7
    return np.array([(statistic(flat + step * (unit - flat)) - statistic(flat)) / step for unit in np.eye(n)])


def test_influence_is_the_slope_in_the_weight_of_a_value() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=25), rng.normal(0.5, 1.5, size=31)
    expected = slopes(lambda weights: wasserstein_distance(x, y, u_weights=weights), 25)
    influence = wasserstein.influence(x, y)
    np.testing.assert_allclose(influence - influence.mean(), expected, atol=1e-5)
