"""The linear denoiser against the closed form of a Gaussian."""

from __future__ import annotations

import pytest
import torch

from geodrift.schedules import EDM, VP, Rectified, Schedule
from geodrift_mri3d.networks.linear import LinearDenoiser

SHAPE = (2, 2, 3, 2)
PLACES = 12


def fitted(count: int = 4000, rank: int = 4) -> LinearDenoiser:
    """Fitted to correlated Gaussian data whose mean depends on one number."""
    generator = torch.Generator().manual_seed(0)
    told = torch.randn(count, 1, generator=generator)
    factors = torch.randn(3, PLACES, generator=generator)
    low = torch.randn(count, 3, generator=generator) @ factors + 0.3 * torch.randn(count, PLACES, generator=generator)
    low = low + told * torch.linspace(-1, 1, PLACES) + 2
    fine = torch.randn(count, PLACES, generator=generator) * torch.linspace(0.1, 1, PLACES) - 1
    denoiser = LinearDenoiser(SHAPE, 1, rank)
    data = torch.stack([low, fine], 1).reshape(count, *SHAPE)
    denoiser.fit(zip(data.split(700), told.split(700), strict=True))
    return denoiser


@pytest.fixture(scope="module")
def denoiser() -> LinearDenoiser:
    return fitted()


def covariance(denoiser: LinearDenoiser) -> torch.Tensor:
    """Of the coarsest channel: components, and the rest in the directions beside them."""
    beside = torch.eye(PLACES) - denoiser.basis.T @ denoiser.basis
    return denoiser.basis.T @ torch.diag(denoiser.spread) @ denoiser.basis + denoiser.rest * beside


def test_the_fit_finds_means_variances_and_the_slope(denoiser: LinearDenoiser) -> None:
    torch.testing.assert_close(denoiser.mean[0].flatten(), torch.full((PLACES,), 2.0), atol=0.15, rtol=0)
    torch.testing.assert_close(denoiser.mean[1].flatten(), torch.full((PLACES,), -1.0), atol=0.05, rtol=0)
    expected = torch.linspace(0.1, 1, PLACES) ** 2
    torch.testing.assert_close(denoiser.variance.flatten(), expected, atol=0.05, rtol=0.1)
    torch.testing.assert_close(denoiser.slope[0], torch.linspace(-1, 1, PLACES), atol=0.1, rtol=0)
    assert float(denoiser.rest) == pytest.approx(0.09, rel=0.1)


def test_components_are_orthonormal(denoiser: LinearDenoiser) -> None:
    torch.testing.assert_close(denoiser.basis @ denoiser.basis.T, torch.eye(4), atol=1e-4, rtol=0)


@pytest.mark.parametrize("schedule", [Rectified(), VP(), EDM()], ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("time", [0.05, 0.5, 0.95])
def test_it_is_the_posterior_mean(denoiser: LinearDenoiser, schedule: Schedule, time: float) -> None:
    z, told = torch.randn(5, *SHAPE), torch.randn(5, 1)
    at = schedule(torch.full((5, 1, 1, 1, 1), time))
    found = denoiser(z, told, at)
    alpha, sigma = float(at.alpha[0]), float(at.sigma[0])
    law = covariance(denoiser)
    mean = denoiser.mean[0].flatten() + told @ denoiser.slope
    gain = alpha * law @ torch.linalg.inv(alpha**2 * law + sigma**2 * torch.eye(PLACES))
    low = mean + (z[:, 0].flatten(1) - alpha * mean) @ gain.T
    torch.testing.assert_close(found[:, 0].flatten(1), low, atol=1e-4, rtol=1e-4)
    variance, middle = denoiser.variance[0], denoiser.mean[1]
    fine = middle + alpha * variance / (alpha**2 * variance + sigma**2) * (z[:, 1] - alpha * middle)
    torch.testing.assert_close(found[:, 1], fine, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("time", [0.05, 0.5, 0.95])
def test_its_deviation_is_that_of_the_posterior(denoiser: LinearDenoiser, time: float) -> None:
    at = Rectified()(torch.full((1, 1, 1, 1, 1), time))
    alpha, sigma = 1 - time, time
    law = covariance(denoiser)
    left = torch.linalg.inv(torch.linalg.inv(law) + alpha**2 / sigma**2 * torch.eye(PLACES))
    variance = denoiser.variance.flatten()
    expected = [left.diagonal().mean(), (variance * sigma**2 / (alpha**2 * variance + sigma**2)).mean()]
    torch.testing.assert_close(
        denoiser.deviation(torch.ones(1, 1), at).flatten(), torch.stack(expected).sqrt(), atol=1e-4, rtol=1e-3
    )


def test_energy_is_the_variance_of_each_channel(denoiser: LinearDenoiser) -> None:
    expected = torch.stack([covariance(denoiser).diagonal().mean(), denoiser.variance.mean()])
    torch.testing.assert_close(denoiser.energy, expected, atol=1e-4, rtol=1e-4)


def test_fewer_samples_than_components_leave_the_others_empty() -> None:
    few = fitted(count=3, rank=8)
    assert few.spread.count_nonzero() <= 3
    assert torch.isfinite(few.basis).all()
