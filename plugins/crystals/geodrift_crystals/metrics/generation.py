r"""How good crystals are that were generated freely.

Shares of validity, and `vun` of valid, unique and novel, are of all samples; those that could not be built count as
invalid. Uniqueness and novelty are of the structurally valid ones. So is coverage, whose precision is divided by all
samples. The distributions compare at most 1,000 random valid samples with the whole reference, as the literature does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from geodrift import metric, wasserstein
from geodrift.metric import Better, Metric
from geodrift_crystals.metrics import charges, energy, symmetry
from geodrift_crystals.metrics.coverage import nearest
from geodrift_crystals.metrics.fingerprints import Fingerprints, Scale
from geodrift_crystals.metrics.matching import SAME
from geodrift_crystals.metrics.sameness import firsts, known
from geodrift_crystals.metrics.settings import Settings
from geodrift_crystals.metrics.validity import structurally_valid

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

_MOST = 1000  # samples in a comparison of distributions


def evaluate_generation(
    samples: Sequence[Structure | None],
    reference: Sequence[Structure],
    training: Sequence[Structure],
    settings: Settings,
) -> list[Metric]:
    """The figures of generated crystals; those that need an absent (empty) reference are left out."""
    sound = np.array([structurally_valid(sample) for sample in samples])
    made = np.array([_plausible(sample, settings.smact) for sample in samples])
    figures = _validity(sound, made, settings)
    built = [sample for sample, whole in zip(samples, sound, strict=True) if whole and sample is not None]
    if not built:
        return figures
    figures += _sets(built, made[sound], len(samples), training, settings)
    if not reference:
        return figures
    valid = [sample for sample, good in zip(built, made[sound], strict=True) if good]
    figures += _coverage(built, len(samples), reference, settings)
    return figures + (_distributions(_drawn(valid, settings.seed), reference, settings) if valid else [])


def _plausible(sample: Structure | None, table: str) -> bool:
    return sample is not None and charges.plausible(sample.composition, table)


def _validity(sound: Flags, made: Flags, settings: Settings) -> list[Metric]:
    n = len(sound)
    return [
        metric.share("struct_valid", int(sound.sum()), n),
        replace(metric.share("comp_valid", int(made.sum()), n), protocol=charges.described(settings.smact)),
        metric.share("valid", int((sound & made).sum()), n),
    ]


def _sets(
    built: Sequence[Structure], made: Flags, samples: int, training: Sequence[Structure], settings: Settings
) -> list[Metric]:
    first = firsts(built, settings.jobs)
    figures = [replace(metric.share("unique", int(first.sum()), len(built)), protocol=str(SAME))]
    if training:
        novel = ~known(built, training, settings.jobs)
        figures.append(replace(metric.share("novel", int(novel.sum()), len(built)), protocol=str(SAME)))
        figures.append(metric.share("vun", int((made & first & novel).sum()), samples))
    return figures


def _coverage(
    built: Sequence[Structure], samples: int, reference: Sequence[Structure], settings: Settings
) -> list[Metric]:
    mine = Fingerprints.of(built, settings.jobs)
    real = Fingerprints.of(reference, settings.jobs)
    if not len(mine.structure) or not len(real.structure):
        return []
    scale, cutoffs, rng = Scale.of(real.composition), settings.cutoffs, np.random.default_rng(settings.seed)
    recall, precision = nearest(real, mine, scale), nearest(mine, real, scale)
    protocol = f"cut-offs {cutoffs.structure:g} and {cutoffs.composition:g}; compositions standardised by the reference"
    figures = [
        metric.share("cov_recall", recall.within(cutoffs), len(recall.structure)),
        metric.share("cov_precision", precision.within(cutoffs), samples),
        metric.mean("amsd_recall", recall.structure, rng, better=Better.LOWER),
        metric.mean("amsd_precision", precision.structure, rng, better=Better.LOWER),
        metric.mean("amcd_recall", recall.composition, rng, better=Better.LOWER),
        metric.mean("amcd_precision", precision.composition, rng, better=Better.LOWER),
    ]
    return [replace(figure, protocol=protocol) for figure in figures]


def _drawn(valid: Sequence[Structure], seed: int) -> list[Structure]:
    chosen = np.random.default_rng(seed).permutation(len(valid))[:_MOST]
    return [valid[i] for i in sorted(chosen)]


def _distributions(valid: Sequence[Structure], reference: Sequence[Structure], settings: Settings) -> list[Metric]:
    rng = np.random.default_rng(settings.seed)
    figures = [
        replace(_wasserstein("density_w1", densities(valid), densities(reference), rng), protocol="g/cm³"),
        _wasserstein("elements_w1", elements(valid), elements(reference), rng),
        _groups(valid, reference, settings, rng),
    ]
    if settings.energy:
        figures += _energies(valid, reference, settings, rng)
    return figures


def _energies(
    valid: Sequence[Structure], reference: Sequence[Structure], settings: Settings, rng: np.random.Generator
) -> list[Metric]:
    """The distance of energies; none where CHGNet has no answer at all."""
    found = [energy.energies(part, settings.jobs) for part in (valid, reference)]
    mine, real = (values[np.isfinite(values)] for values in found)
    if not len(mine) or not len(real):
        return []
    figure = _wasserstein("energy_w1", mine, real, rng)
    return [replace(figure, protocol=f"eV/atom, {energy.described()}, unrelaxed")]


def densities(structures: Sequence[Structure]) -> Floats:
    """Densities in g/cm³, `(n,)`."""
    return np.array([float(structure.density) for structure in structures])


def elements(structures: Sequence[Structure]) -> Floats:
    """Numbers of different elements, `(n,)`."""
    return np.array([float(len(structure.composition.element_composition)) for structure in structures])


def _wasserstein(name: str, mine: Floats, real: Floats, rng: np.random.Generator) -> Metric:
    draws = metric.bootstrap_means(wasserstein.influence(mine, real), rng)
    return metric.distance(name, wasserstein.distance(mine, real), len(mine), draws)


def _groups(
    valid: Sequence[Structure], reference: Sequence[Structure], settings: Settings, rng: np.random.Generator
) -> Metric:
    """The total variation of the distributions of space groups: the share that would have to change."""
    mine, real = (symmetry.space_groups(part, settings.symprec, settings.jobs) for part in (valid, reference))
    member = np.eye(symmetry.NUMBERS)[mine]
    target = np.bincount(real, minlength=symmetry.NUMBERS) / len(real)

    def variation(weights: Floats) -> Floats:
        apart: Floats = np.abs(weights @ member - target).sum(1) / 2
        return apart

    n = len(valid)
    value = float(variation(np.full((1, n), 1 / n))[0])
    figure = metric.distance("spacegroup_tv", value, n, metric.bootstrap(variation, n, rng))
    return replace(figure, protocol=symmetry.described(settings.symprec))
