"""Figures of samples against a reference, each beside what real subjects reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geodrift.metric import Better, Metric, distance
from geodrift_mri3d.metrics import anatomy
from geodrift_mri3d.metrics.appearance import intensity_distance, spectral_distance
from geodrift_mri3d.metrics.discrepancy import Discrepancy, cubic, gaussian, mixed
from geodrift_mri3d.metrics.floors import Floors, Pair
from geodrift_mri3d.metrics.frechet import frechet
from geodrift_mri3d.metrics.settings import Settings
from geodrift_mri3d.metrics.summary import Summary

Floats = NDArray[np.float64]

_RESAMPLES = 200
_TESTED = 1000  # permutations of the kernel test


@dataclass(frozen=True, eq=False)
class Comparison:
    """Samples, a reference and pairs of real sets.

    Arguments:
        samples, reference: What is compared.
        floors: Pairs of real sets of the same sizes.
        settings: Of the evaluation.
        rng: Of bootstraps and tests.
    """

    samples: Summary
    reference: Summary
    floors: Floors
    settings: Settings
    rng: np.random.Generator

    def figures(self) -> Iterator[Metric]:
        """All of them."""
        for found in self._kernel("kid", lambda x, y: _kid(x.features, y.features)):
            yield self._seen(found)
        yield self._seen(self._distance("fid", lambda x, y: frechet(x.features, y.features)))
        bandwidths = gaussian(self.reference.coarse)
        yield from self._kernel("mmd", lambda x, y: _mmd(x.coarse, y.coarse, bandwidths))
        yield self._distance("spectrum", _spectral)
        yield self._distance("intensity_w1", _intensities)
        yield from self._regions()

    def _seen(self, found: Metric) -> Metric:
        """A figure of features, with the name of what saw them."""
        return replace(found, protocol=f"features of {self.settings.features}; {found.protocol}")

    def _kernel(self, name: str, build: Callable[[Summary, Summary], Discrepancy]) -> Iterator[Metric]:
        """The unbiased figure, and the biased one as a multiple of that between real sets."""
        found = build(self.samples, self.reference)
        weights = self.rng.multinomial(len(self.samples), np.full(len(self.samples), 1 / len(self.samples)), _RESAMPLES)
        draws = found.resampled(weights / len(self.samples))
        p = found.p_value(_TESTED, self.rng)
        told = f"p = {p:.3g}, {_TESTED} permutations; {self.floors.protocol}"
        real = [build(*pair) for pair in self.floors.pairs]
        floor = float(np.mean([pair.unbiased for pair in real])) if real else None
        value = distance(name, found.unbiased, len(self.samples), draws, floor)
        yield replace(value, protocol=told)
        base = float(np.mean([pair.biased for pair in real])) if real else 0.0
        if base > 0:
            ours = float(np.mean([build(*pair).biased for pair in self._alike()]))
            ratio = distance(f"{name}_ratio", ours / base, len(self.samples), draws / base, 1.0)
            yield replace(ratio, protocol=f"biased figure by that of real sets of the same sizes; {self._sizes()}")

    def _alike(self) -> Iterator[Pair]:
        """Samples in place of the first set of each real pair, as many of them."""
        for first, second in self.floors.pairs:
            yield self.samples.take(self.rng.permutation(len(self.samples))[: len(first)]), second

    def _sizes(self) -> str:
        first, second = self.floors.pairs[0]
        return f"{len(first)} against {len(second)}, mean of {len(self.floors.pairs)} draws"

    def _distance(self, name: str, figure: Callable[[Summary, Summary], float]) -> Metric:
        rows = self.rng.integers(len(self.samples), size=(_RESAMPLES // 4, len(self.samples)))
        draws = np.array([figure(self.samples.take(chosen), self.reference) for chosen in rows])
        value = figure(self.samples, self.reference)
        found = distance(name, value, len(self.samples), draws, self.floors.mean(figure))
        return replace(found, protocol=self.floors.protocol)

    def _regions(self) -> Iterator[Metric]:
        """Of each region Cohen's d, the distance of the distributions, and both tests, corrected together."""
        ours, theirs, count = self.samples.regions, self.reference.regions, self.settings.permutations
        pairs = [anatomy.p_values(ours[name], theirs[name], count, self.rng) for name in ours]
        corrected = anatomy.holm(np.array(pairs).flatten()).reshape(-1, 2)
        told = f"{count} permutations, Holm over {corrected.size} tests"
        for name, tests in zip(ours, corrected, strict=True):
            for kind, figure, p in zip(("d", "ks"), (_size, _apart), map(float, tests), strict=True):
                found = self._region(name, kind, figure)
                yield replace(found, protocol=f"p = {p:.3g} ({told}); {self.floors.protocol}")
                yield Metric(f"{name}_{kind}_p", p, found.n, p, p, None, Better.HIGHER, {}, told)

    def _region(self, name: str, kind: str, figure: Callable[[Floats, Floats], float]) -> Metric:
        ours, theirs = self.samples.regions[name], self.reference.regions[name]
        rows = self.rng.integers(len(ours), size=(_RESAMPLES, len(ours)))
        draws = np.array([figure(ours[chosen], theirs) for chosen in rows])
        floor = self.floors.mean(lambda x, y: figure(x.regions[name], y.regions[name]))
        return distance(f"{name}_{kind}", figure(ours, theirs), len(ours), draws, floor)


def _kid(x: Floats, y: Floats) -> Discrepancy:
    return Discrepancy(cubic(x, x), cubic(y, y), cubic(x, y))


def _mmd(x: Floats, y: Floats, bandwidths: tuple[float, ...]) -> Discrepancy:
    return Discrepancy(mixed(x, x, bandwidths), mixed(y, y, bandwidths), mixed(x, y, bandwidths))


def _size(x: Floats, y: Floats) -> float:
    return abs(float(anatomy.cohens_d(x, y)))


def _apart(x: Floats, y: Floats) -> float:
    return float(anatomy.kolmogorov_smirnov(x, y))


def _spectral(x: Summary, y: Summary) -> float:
    return spectral_distance(x.spectra, y.spectra)


def _intensities(x: Summary, y: Summary) -> float:
    return intensity_distance(x.quantiles, y.quantiles)
