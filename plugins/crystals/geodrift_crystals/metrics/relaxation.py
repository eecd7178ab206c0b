r"""What becomes of crystals when they relax, beside the known polymorphs of their compositions.

Measured on random valid samples, since a relaxation takes seconds. `near_reference` is a proxy of stability, the share
that ends at most 0.1 eV/atom above the best reference polymorph; no hull is known here, so it bounds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from geodrift import metric
from geodrift.metric import Better, Metric
from geodrift_crystals.metrics import energy
from geodrift_crystals.metrics.matching import formula
from geodrift_crystals.metrics.settings import Settings

Floats = NDArray[np.float64]

NEAR = 0.1  # eV/atom
_NO_HULL = "above the best reference polymorph of the composition; no convex hull, a compound may still decompose"


def evaluate_relaxation(valid: Sequence[Structure], reference: Sequence[Structure], settings: Settings) -> list[Metric]:
    """The figures of at most `settings.relax` random samples among the structurally valid ones."""
    rng = np.random.default_rng(settings.seed)
    chosen = [valid[i] for i in sorted(rng.permutation(len(valid))[: settings.relax])]
    if not chosen:
        return []
    found = energy.relaxed(chosen, settings.jobs)
    known = np.isfinite(found.after)
    figures = [metric.share("relaxed", int(found.converged.sum()), len(chosen))]
    if known.any():
        figures.append(metric.mean("relax_rmsd", found.moved[known], rng, better=Better.LOWER))
        figures.append(metric.mean("relax_gain", (found.before - found.after)[known], rng, better=Better.LOWER))
    figures = [replace(figure, protocol=f"{energy.described()}, Å or eV/atom") for figure in figures]
    above = _above(chosen, found.after, reference, settings)
    if len(above):
        near = [
            metric.mean("above_reference", above, rng, better=Better.LOWER),
            metric.share("near_reference", int((above <= NEAR).sum()), len(above)),
        ]
        figures += [replace(figure, protocol=f"{energy.described()}, eV/atom {_NO_HULL}") for figure in near]
    return figures


def _above(
    samples: Sequence[Structure], energies: Floats, reference: Sequence[Structure], settings: Settings
) -> Floats:
    """Energies above the best reference of each composition that there is one of, eV/atom."""
    names = {formula(sample) for sample in samples}
    same = [structure for structure in reference if formula(structure) in names]
    best: dict[str, float] = {}
    for structure, value in zip(same, energy.relaxed(same, settings.jobs).after, strict=True):
        best[formula(structure)] = float(np.fmin(best.get(formula(structure), np.nan), value))
    above = [value - best.get(formula(sample), np.nan) for sample, value in zip(samples, energies, strict=True)]
    return np.array([value for value in above if np.isfinite(value)])
