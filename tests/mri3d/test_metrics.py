"""Figures of volumes against closed forms, other packages and what they must say of known sets."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from geodrift.errors import InputError
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.metrics import anatomy, appearance, fidelity
from geodrift_mri3d.metrics.discrepancy import Discrepancy, cubic, gaussian, mixed
from geodrift_mri3d.metrics.frechet import frechet
from geodrift_mri3d.metrics.settings import Settings
from geodrift_mri3d.metrics.similarity import similarities
from geodrift_mri3d.metrics.summary import Summary

RNG = np.random.default_rng


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def kid(x: np.ndarray, y: np.ndarray) -> Discrepancy:
    return Discrepancy(cubic(x, x), cubic(y, y), cubic(x, y))


def test_kid_by_its_definition() -> None:
    x, y = RNG(0).normal(size=(5, 3)), RNG(1).normal(size=(4, 3))
    kernel = lambda a, b: (a @ b / 3 + 1) ** 3  # noqa: E731
    within = [np.mean([kernel(a, b) for i, a in enumerate(s) for j, b in enumerate(s) if i != j]) for s in (x, y)]
    between = np.mean([kernel(a, b) for a in x for b in y])
    assert kid(x, y).unbiased == pytest.approx(sum(within) - 2 * between)


def test_the_unbiased_distance_is_zero_on_average() -> None:
    found = [kid(RNG(seed).normal(size=(20, 4)), RNG(1000 + seed).normal(size=(30, 4))).unbiased for seed in range(400)]
    assert np.mean(found) == pytest.approx(0, abs=3 * np.std(found) / 20)
    assert 0.2 < np.mean(np.array(found) < 0) < 0.8


def test_the_gaussian_distance_of_shifted_normals_is_the_closed_form() -> None:
    """Of N(0, 1) and N(m, 1) with a kernel of width w: 2 w / sqrt(w² + 2) (1 − exp(−m² / (2 (w² + 2))))."""
    x, y = RNG(0).normal(size=(1500, 1)), RNG(1).normal(size=(1500, 1)) + 1.0
    found = Discrepancy(*(mixed(a, b, (1.5,)) for a, b in ((x, x), (y, y), (x, y)))).unbiased
    wide = 1.5**2 + 2
    assert found == pytest.approx(2 * 1.5 / math.sqrt(wide) * (1 - math.exp(-1 / (2 * wide))), rel=0.15)


def test_bandwidths_are_of_the_median_distance_of_real_rows() -> None:
    assert gaussian(np.array([[0.0], [1.0], [3.0]])) == pytest.approx((1.0, 2.0, 4.0))


def test_the_kernel_test_is_uniform_under_one_law_and_small_under_two() -> None:
    p = [kid(RNG(s).normal(size=(12, 2)), RNG(500 + s).normal(size=(15, 2))).p_value(200, RNG(s)) for s in range(150)]
    assert stats.kstest(p, "uniform").pvalue > 0.01
    far = kid(RNG(0).normal(size=(20, 2)), RNG(1).normal(size=(20, 2)) + 2)
    assert far.p_value(1000, RNG(0)) == pytest.approx(1 / 1001)


def test_resampling_with_equal_weights_is_the_biased_distance() -> None:
    found = kid(RNG(0).normal(size=(6, 2)), RNG(1).normal(size=(7, 2)))
    assert found.resampled(np.full((1, 6), 1 / 6))[0] == pytest.approx(found.biased)
    assert found.biased > found.unbiased


def test_the_frechet_distance_of_diagonal_gaussians() -> None:
    x = RNG(0).normal(size=(200_000, 2)) * [1.0, 2.0]
    y = RNG(1).normal(size=(200_000, 2)) * [3.0, 0.5] + [1.0, -1.0]
    assert frechet(x, y) == pytest.approx(2 + (1 - 3) ** 2 + (2 - 0.5) ** 2, rel=0.01)
    assert frechet(x, x) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("n", "m", "d"), [(5, 7, 12), (40, 30, 6)])
def test_the_frechet_distance_is_that_of_the_covariances(n: int, m: int, d: int) -> None:
    """By the square root of a matrix, of fewer and of more volumes than features."""
    x, y = RNG(0).normal(size=(n, d)), 2 * RNG(1).normal(size=(m, d)) + 1
    one, other = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    common = np.sqrt(np.linalg.eigvals(one @ other).real.clip(0)).sum()
    expected = np.square(x.mean(0) - y.mean(0)).sum() + np.trace(one) + np.trace(other) - 2 * common
    assert frechet(x, y) == pytest.approx(expected, rel=1e-6)


def test_similarity_is_one_for_copies_and_falls_with_noise() -> None:
    smooth = torch.nn.functional.interpolate(torch.rand(1, 1, 6, 6, 6), 32, mode="trilinear")[0, 0] * 2 - 1
    noise = torch.randn(2, 32, 32, 32)
    found = [
        similarities(torch.stack([smooth, (smooth + s * noise[0]).clamp(-1, 1)]), 9, RNG(0)) for s in (0, 0.1, 0.5)
    ]
    assert [len(each) for each in found] == [1, 1, 1]
    assert found[0][0] == pytest.approx(1, abs=1e-5)
    assert 1 > found[1][0] > found[2][0] > 0


def test_all_pairs_are_different_volumes() -> None:
    volumes = torch.rand(4, 28, 28, 28) * 2 - 1
    found = similarities(volumes, 100, RNG(0))
    assert len(found) == 6
    assert (found < 0.99).all()


def test_white_noise_has_a_flat_spectrum_of_its_variance() -> None:
    grid = Grid((32, 32, 32), (2.0, 2.0, 2.0))
    found = appearance.spectra(0.5 * torch.randn(8, 32, 32, 32), grid)
    expected = math.log(0.25 * 32**3)
    assert found.mean(0)[3:] == pytest.approx(np.full(12, expected), abs=0.05)


def test_a_wave_is_in_the_shell_of_its_frequency() -> None:
    grid = Grid((32, 32, 32), (2.0, 2.0, 2.0))
    wave = torch.cos(2 * math.pi * 4 * torch.arange(32) / 32)[None, :, None, None].expand(1, 32, 32, 32)
    assert (
        appearance.spectra(wave, grid)[0].argmax() == 3
    )  # the fourth of 16 shells up to Nyquist; the first holds frequency zero alone


def test_spectral_and_intensity_distances() -> None:
    grid = Grid((16, 16, 16), (1.0, 1.0, 1.0))
    volumes = torch.randn(4, 16, 16, 16)
    one, other = appearance.spectra(volumes, grid), appearance.spectra(2 * volumes, grid)
    assert appearance.spectral_distance(one, other) == pytest.approx(2 * math.log(2), rel=1e-3)
    labels = torch.ones(4, 16, 16, 16, dtype=torch.uint8)
    one, other = appearance.quantiles(volumes, labels), appearance.quantiles(volumes + 0.25, labels)
    assert appearance.intensity_distance(one, other) == pytest.approx(0.25, rel=1e-3)


def test_intensities_are_those_within_the_brain() -> None:
    volume, labels = torch.full((1, 4, 4, 4), -1.0), torch.zeros(1, 4, 4, 4, dtype=torch.uint8)
    volume[0, 1], labels[0, 1] = 0.5, 2
    assert appearance.quantiles(volume, labels) == pytest.approx(np.full((1, 100), 0.5))


def test_asymmetry_of_two_halves() -> None:
    labels = torch.zeros(3, 8, 4, 4, dtype=torch.uint8)
    labels[0, 2:6] = 2
    labels[1, 2:6], labels[1, 4:6, :2] = 1, 2
    assert appearance.asymmetries(labels).tolist() == [0.0, 1.0, 1.0]  # even, one-sided, no brain


def test_fractions_are_of_all_tissues() -> None:
    nothing = np.zeros((2, 1))
    found = Summary(nothing, nothing, nothing, nothing, np.array([[100.0, 700, 200], [0, 0, 0]])).regions
    assert found["gm"].tolist() == [700, 0]
    assert found["gm_fraction"].tolist() == [0.7, 0]
    assert list(found) == ["csf", "gm", "wm", "csf_fraction", "gm_fraction", "wm_fraction"]


def test_cohens_d_by_hand() -> None:
    assert float(anatomy.cohens_d(np.array([1.0, 2, 3]), np.array([3.0, 4, 5]))) == pytest.approx(-2)


def test_the_kolmogorov_smirnov_distance_is_that_of_scipy() -> None:
    x, y = RNG(0).normal(size=20), RNG(1).normal(size=31) + 0.4
    assert float(anatomy.kolmogorov_smirnov(x, y)) == pytest.approx(stats.ks_2samp(x, y).statistic)


def test_permutation_p_values_are_those_of_scipy() -> None:
    x, y = RNG(0).normal(size=25), RNG(1).normal(size=20) + 0.5
    found = anatomy.p_values(x, y, 10_000, RNG(2))
    assert found[0] == pytest.approx(stats.ttest_ind(x, y).pvalue, abs=0.02)
    assert found[1] == pytest.approx(stats.ks_2samp(x, y).pvalue, abs=0.04)


def test_holm_by_hand() -> None:
    assert anatomy.holm(np.array([0.01, 0.04, 0.03])).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert anatomy.holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]


def test_slope_and_correlation_are_those_of_scipy() -> None:
    age, noise = RNG(0).uniform(20, 80, 30), RNG(1).normal(size=30)
    ageing = fidelity.Ageing(age, 0.1 + 0.002 * age + 0.02 * noise)
    expected = stats.linregress(age, ageing.share)
    assert (ageing.correlation, ageing.slope) == pytest.approx((expected.rvalue, 10 * expected.slope))
    correlations, slopes = ageing.drawn(RNG(2))
    assert np.std(slopes) == pytest.approx(10 * expected.stderr, rel=0.3)
    assert correlations.mean() == pytest.approx(expected.rvalue, abs=0.05)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"feature": "random"}, 'did you mean "features"'),
        ({"features": "med3d"}, 'no features "med3d"'),
        ({"permutations": 0}, "permutations: a whole number from 1"),
        ({"seed": 1.5}, "seed: a whole number"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object], word: str) -> None:
    with pytest.raises(InputError, match=word):
        Settings.of(options)
