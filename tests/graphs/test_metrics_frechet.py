"""The Fréchet distance against closed forms, scipy's matrix root and the package fcd."""

from __future__ import annotations

import numpy as np
import pytest
from fcd import calculate_frechet_distance, get_predictions
from scipy.linalg import sqrtm

from geodrift_graphs.metrics import frechet
from geodrift_graphs.metrics.frechet import Gaussian

SMILES = ["CCO", "c1ccccc1O", "CC(=O)NC", "C1CC1C#N", "C", "CC(C)(C)O", "OCC1CO1", "CCO"]


def gaussian(seed: int, dimensions: int, n: int = 400) -> Gaussian:
    rng = np.random.default_rng(seed)
    return Gaussian.fit(rng.normal(size=(n, dimensions)) @ rng.normal(size=(dimensions, dimensions)) + rng.normal())


def test_one_dimension() -> None:
    x = Gaussian(np.array([1.0]), np.array([[4.0]]))
    y = Gaussian(np.array([-2.0]), np.array([[9.0]]))
    assert frechet.distance(x, y) == pytest.approx(3**2 + (2 - 3) ** 2)


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_matrix_square_root(seed: int) -> None:
    x, y = gaussian(seed, 6), gaussian(seed + 10, 6)
    root = np.trace(sqrtm(x.covariance @ y.covariance).real)
    expected = ((x.mean - y.mean) ** 2).sum() + np.trace(x.covariance + y.covariance) - 2 * root
    assert frechet.distance(x, y) == pytest.approx(expected, rel=1e-9)
    assert frechet.distance(x, y) == pytest.approx(frechet.distance(y, x), rel=1e-9)


def test_zero_to_itself_even_when_the_covariance_is_singular() -> None:
    x = Gaussian.fit(np.random.default_rng(0).normal(size=(10, 40)))
    assert frechet.distance(x, x) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("n", [12, 80])
def test_influence_is_the_derivative_in_the_weight_of_a_sample(n: int) -> None:
    """Twelve samples in 20 dimensions have a singular covariance."""
    x, y = np.random.default_rng(1).normal(size=(n, 20)), gaussian(2, 20)

    def weighted(weights: np.ndarray) -> float:
        mean = weights @ x
        return frechet.distance(Gaussian(mean, (x - mean).T @ ((x - mean) * weights[:, None])), y)

    flat, step = np.full(n, 1 / n), 1e-6
    slope = [
        (weighted(flat + step * (unit - flat)) - weighted(flat - step * (unit - flat))) / (2 * step)
        for unit in np.eye(n)
    ]
    influence = frechet.influence(x, y)
    if n > 20:
        np.testing.assert_allclose(influence - influence.mean(), slope, rtol=0.05, atol=0.05 * np.std(slope))
    assert np.corrcoef(influence, slope)[0, 1] > 0.99


def test_chemnet_reads_as_the_package_does() -> None:
    package = get_predictions(frechet.chemnet(), SMILES, n_jobs=0, device="cpu")
    ours = frechet.activations(SMILES)
    np.testing.assert_allclose(ours, package, atol=1e-6)
    np.testing.assert_array_equal(ours[0], ours[-1])
    assert frechet.activations([]).shape == (0, frechet.WIDTH)


@pytest.mark.filterwarnings("ignore:The `disp` argument:DeprecationWarning")
def test_distance_of_molecules_is_the_packages() -> None:
    x, y = frechet.activations(SMILES[:4]), frechet.activations(SMILES[3:])
    theirs = calculate_frechet_distance(x.mean(0), np.cov(x.T), y.mean(0), np.cov(y.T))
    assert frechet.distance(Gaussian.fit(x), Gaussian.fit(y)) == pytest.approx(theirs, rel=1e-3)
    assert frechet.distance(Gaussian.fit(x), Gaussian.fit(x)) == pytest.approx(0, abs=1e-4)
