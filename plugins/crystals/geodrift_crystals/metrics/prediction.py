r"""How well structures are predicted from compositions.

One sample a reference: the share that matches, and the mean distance of those that do. That mean alone rewards
rejection, the share alone a loose tolerance; the corrected cRMSE, in which what does not match counts as the
tolerance, 0.5, orders methods by both. With :math:`k` samples a reference, the best counts. METRe looks for each
reference among *all* samples of its composition, so that it does not matter which of two polymorphs was asked for.

References:
    | DiffCSP (Jiao et al., 2023), https://arxiv.org/abs/2309.04475
    | Open Materials Generation with stochastic interpolants (Höllmer et al., 2025), https://arxiv.org/abs/2502.02582
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from geodrift import metric
from geodrift.metric import Better, Metric
from geodrift_crystals.metrics.matching import PREDICTION, distances, formula
from geodrift_crystals.metrics.sameness import primitive_sites
from geodrift_crystals.metrics.settings import Settings
from geodrift_crystals.metrics.validity import structurally_valid

Floats = NDArray[np.float64]
Groups = Sequence[Sequence[Structure | None]]
Kind = tuple[str, int]

_PAIRS = 100_000  # compared by METRe; beyond, it is measured on fewer references


def evaluate_prediction(
    groups: Groups, reference: Sequence[Structure], settings: Settings, how: str = "by their order"
) -> list[Metric]:
    """The figures of predictions.

    Arguments:
        groups: The samples of each reference, None for one that could not be built.
        reference: The true structures.
        settings: Of the evaluation.
        how: What samples and references were paired by.
    """
    samples = [sample for group in groups for sample in group]
    sound = sum(map(structurally_valid, samples))
    apart = _apart(groups, reference, settings)
    figures = [metric.share("struct_valid", sound, len(samples))] if samples else []
    k, told = apart.shape[1], f"paired {how}{_missing(groups)}"
    figures += _matches(apart[:, 0], "", f"one sample a reference, {told}", settings.seed)
    if k > 1:
        best = np.fmin.reduce(apart, axis=1)
        figures += _matches(best, f"_{k}", f"best of {k}, {told}", settings.seed)
    return figures + _metre(samples, reference, settings)


def _missing(groups: Groups) -> str:
    """What to say of references without a sample."""
    count = sum(not group for group in groups)
    return f"; {count:,} of {len(groups):,} references have no sample and count as not found" if count else ""


def _apart(groups: Groups, reference: Sequence[Structure], settings: Settings) -> Floats:
    """Distances of the samples of each reference, `(n, k)` of at most `k` each; NaN where there is no match."""
    found = np.full((len(reference), max(1, *map(len, groups))), np.nan)
    places = [(i, j) for i, group in enumerate(groups) for j in range(len(group))]
    predicted = [groups[i][j] for i, j in places]
    values = distances(predicted, [reference[i] for i, _ in places], PREDICTION, settings.jobs)
    for place, value in zip(places, values, strict=True):
        found[place] = value
    return found


def _matches(apart: Floats, suffix: str, which: str, seed: int) -> list[Metric]:
    figures = _figures(apart, (f"match{suffix}", f"rmse{suffix}", f"crmse{suffix}"), seed)
    return [replace(figure, protocol=f"{which}, {PREDICTION}") for figure in figures]


def _figures(apart: Floats, names: tuple[str, str, str], seed: int) -> list[Metric]:
    """Share, mean and corrected mean of distances, `(n,)`, NaN where there is no match."""
    rng = np.random.default_rng(seed)
    matched = ~np.isnan(apart)
    figures = [metric.share(names[0], int(matched.sum()), len(apart))]
    if matched.any():
        figures.append(metric.mean(names[1], apart[matched], rng, better=Better.LOWER))
    figures.append(metric.mean(names[2], np.where(matched, apart, PREDICTION.site), rng, better=Better.LOWER))
    return figures


def _metre(samples: Sequence[Structure | None], reference: Sequence[Structure], settings: Settings) -> list[Metric]:
    """How many references are found by any sample of their composition."""
    sound = [sample for sample in samples if sample is not None and structurally_valid(sample)]
    names, theirs = _kinds(reference, sound, settings.jobs)
    alike: defaultdict[Kind, list[Structure]] = defaultdict(list)
    for name, sample in zip(theirs, sound, strict=True):
        alike[name].append(sample)
    order = np.random.default_rng(settings.seed).permutation(len(reference))
    enough = np.cumsum([len(alike[names[i]]) for i in order]) <= _PAIRS
    chosen = order[: max(int(enough.sum()), 1)]
    pairs = [(sample, i) for i in chosen for sample in alike[names[i]]]
    apart = distances([sample for sample, _ in pairs], [reference[i] for _, i in pairs], PREDICTION, settings.jobs)
    best = dict.fromkeys(chosen, np.nan)
    for (_, i), value in zip(pairs, apart, strict=True):
        best[i] = float(np.fmin(best[i], value))
    figures = _figures(np.array(list(best.values())), ("metre", "metre_rmse", "metre_crmse"), settings.seed)
    return [replace(figure, protocol=f"any sample of the composition, {PREDICTION}") for figure in figures]


def _kinds(reference: Sequence[Structure], samples: Sequence[Structure], jobs: int) -> tuple[list[Kind], list[Kind]]:
    """What structures that match have in common: the formula and, where samples share it, primitive sites."""
    formulas = [formula(structure) for structure in (*reference, *samples)]
    counts = Counter(formulas[len(reference) :])
    several = [i for i, name in enumerate(formulas) if counts[name] > 1]
    everything = [*reference, *samples]
    sites = dict(zip(several, primitive_sites([everything[i] for i in several], jobs), strict=True))
    kinds = [(name, sites.get(i, 0)) for i, name in enumerate(formulas)]
    return kinds[: len(reference)], kinds[len(reference) :]
