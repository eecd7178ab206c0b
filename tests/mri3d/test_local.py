"""The linear denoiser of details, against details of a known law."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from geodrift.rng import Streams
from geodrift.schedules import Rectified
from geodrift_mri3d.networks.local import KNOTS, LocalDenoiser

_AT = 10.0 ** (torch.arange(KNOTS) / 4 - 7)  # variances of the coarse volume at the knots


def drawn(count: int) -> tuple[Tensor, Tensor, LocalDenoiser]:
    """Details whose law is that of a local denoiser, coarse volumes without noise, and that denoiser."""
    rng = torch.Generator().manual_seed(0)
    seen = torch.randn(count, 1, 12, 12, 12, generator=rng) * torch.rand(count, 1, 1, 1, 1, generator=rng)
    coarse = torch.cat([seen, torch.zeros_like(seen)], 1)
    exact = LocalDenoiser(2)
    exact.kernel.copy_(torch.randn(exact.kernel.shape, generator=rng))
    exact.offset.copy_(torch.tensor([0.3, -0.2]))
    exact.spread.copy_(torch.stack([0.1 + 2 * _AT, 0.5 * _AT]))
    mean, variance = exact._law(coarse)
    return mean + variance.sqrt() * torch.randn(mean.shape, generator=rng), coarse, exact


def test_the_linear_denoiser_of_details_finds_their_law() -> None:
    details, coarse, exact = drawn(64)
    fitted = LocalDenoiser(2)
    fitted.fit(details, coarse)
    torch.testing.assert_close(fitted.kernel, exact.kernel, atol=0.05, rtol=0.05)
    torch.testing.assert_close(fitted.offset, exact.offset, atol=0.05, rtol=0.05)
    often = (_AT > 0.03) & (_AT < 0.8)  # the variances among places that these coarse volumes have
    torch.testing.assert_close(fitted.spread[:, often], exact.spread[:, often], atol=0, rtol=0.1)
    error = (details - fitted._law(coarse)[0]).square().mean((0, 2, 3, 4))
    torch.testing.assert_close(fitted._law(coarse)[1].mean((0, 2, 3, 4)), error, atol=0, rtol=1e-3)


def test_nothing_is_unsure_where_the_coarse_volume_is_flat() -> None:
    """Half of a volume is background: all noise there is taken for what it is, before any training."""
    details, coarse, exact = drawn(16)
    coarse[:, 0, ..., :6] = -1.0
    mean, variance = exact._law(coarse)
    noise = Streams.of(1, 16).normal(details)
    details = mean + noise.where(torch.arange(12) > 5, 0) * variance.sqrt()
    fitted = LocalDenoiser(2)
    fitted.fit(details, coarse)
    at = Rectified()(torch.tensor(0.5))
    error = fitted(at.alpha * details + at.sigma * Streams.of(2, 16).normal(details), coarse, at) - details
    assert float(error[..., :4].square().mean().sqrt()) < 0.05
    assert float(error[..., 8:].square().mean().sqrt()) > 0.3


def test_the_variance_of_noise_is_no_structure() -> None:
    """Coarse volumes with noise of a known level are as varied, on average, as without it."""
    _, coarse, exact = drawn(32)
    exact.spread.copy_((_AT * 0.5).expand(2, -1))
    noisy = coarse + 0.3 * torch.cat([Streams.of(3, 32).normal(coarse[:, :1]), torch.ones_like(coarse[:, :1])], 1)
    clean, seen = (exact._law(volumes)[1].mean() for volumes in (coarse, noisy))
    assert float(seen) == pytest.approx(float(clean), rel=0.03)
    unaware = exact._law(noisy * torch.tensor([1.0, 0.0])[:, None, None, None])[1].mean()
    assert float(unaware) > 1.2 * float(clean), "what the level is for"


@pytest.mark.parametrize("scale", [0.0, 1e3])
def test_variances_that_were_never_seen_are_those_of_the_nearest(scale: float) -> None:
    details, coarse, _ = drawn(8)
    fitted = LocalDenoiser(2)
    fitted.fit(details, coarse)
    variance = fitted._law(coarse * scale)[1]
    assert float(variance.min()) >= float(fitted.spread.min()) > 0
    assert float(variance.max()) <= float(fitted.spread.max())


@pytest.mark.parametrize("t", [0.2, 0.6])
def test_no_scaled_copy_of_it_denoises_better(t: float) -> None:
    details, coarse, _ = drawn(32)
    fitted = LocalDenoiser(2)
    fitted.fit(details, coarse)
    at = Rectified()(torch.tensor(t))
    z = at.alpha * details + at.sigma * Streams.of(1, 32).normal(details)
    found = fitted(z, coarse, at)
    error = ((found - details) ** 2).mean((0, 2, 3, 4))
    left = fitted.deviation(coarse, at).square().mean(0).flatten()
    torch.testing.assert_close(error, left, rtol=0.05, atol=0)
    slope = ((details - found) * found).sum() / found.square().sum()
    assert abs(float(slope)) < 0.01
