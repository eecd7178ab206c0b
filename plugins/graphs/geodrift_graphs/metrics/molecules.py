r"""How good generated molecules are.

Shares of validity and connection are of all samples, uniqueness of the valid ones, novelty of the unique valid ones.
The distances to the reference compare the valid ones as they were generated: nothing is corrected, and a molecule in
two fragments stays in two. The floor of every figure is that of a random sample of the training molecules, as many as
there are generated ones, against the same reference; a training set of fewer molecules than that
gives floors of shares alone, since distances and uniqueness depend on the number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from geodrift import metric, wasserstein
from geodrift.metric import Better, Metric
from geodrift_graphs.metrics import embedding, frechet, similarity
from geodrift_graphs.metrics.batches import each
from geodrift_graphs.metrics.descriptors import NAMES
from geodrift_graphs.metrics.summary import Profile, Summary, canonical, summarise
from geodrift_graphs.metrics.validity import Verdict, verdicts
from geodrift_graphs.molecules.vocabulary import sanitised

Floats = NDArray[np.float64]


def evaluate_molecules(
    samples: Sequence[Chem.Mol],
    reference: Sequence[str] | None = None,
    training: Sequence[str] | None = None,
    n_jobs: int = 1,
    seed: int = 0,
) -> list[Metric]:
    """The figures of generated molecules; those that need an absent reference are left out.

    Arguments:
        samples: Molecules as decoded, valid or not.
        reference: SMILES to compare with, the test set.
        training: SMILES that the model has seen, for novelty and floors.
        n_jobs: Number of processes, −1 for all cores.
        seed: Fixes the bootstrap and the sample that the floors are measured on.
    """
    if len(samples) == 0:
        return []
    found = each(verdicts, samples, n_jobs)
    some = None if training is None else _draw(training, len(samples), seed)
    real = some if some is not None and len(some) == len(samples) else None
    figures = _shares(found, some) + _sets(found, training, real, n_jobs)
    valid = [molecule for molecule, verdict in zip(samples, found, strict=True) if verdict.valid]
    if reference is None or len(valid) < 2:
        return figures
    floor = None if real is None or len(real) < 2 else summarise(real, n_jobs)
    profile = Profile.of([molecule for molecule in map(sanitised, valid) if molecule is not None], n_jobs)
    return figures + _distances(profile, summarise(reference, n_jobs), floor, np.random.default_rng(seed))


def _draw(training: Sequence[str], n: int, seed: int) -> list[str]:
    size = min(n, len(training))
    return [training[i] for i in np.random.default_rng([seed, n]).choice(len(training), size, replace=False)]


def _shares(found: Sequence[Verdict], real: Sequence[str] | None) -> list[Metric]:
    n, certain = len(found), None if real is None else 1.0  # what is read from SMILES is valid
    together = None if not real else sum("." not in line for line in real) / len(real)
    return [
        metric.share("valid", sum(v.valid for v in found), n, certain),
        metric.share("valid_gdss", sum(v.charged for v in found), n, certain),
        metric.share("valid_corrected", sum(v.corrected for v in found), n, certain),
        metric.share("connected", sum(v.connected for v in found), n, together),
        metric.share("valid_connected", sum(v.valid and v.connected for v in found), n, together),
    ]


def _sets(
    found: Sequence[Verdict], training: Sequence[str] | None, real: Sequence[str] | None, n_jobs: int
) -> list[Metric]:
    smiles = [verdict.smiles for verdict in found if verdict.smiles is not None]
    if not smiles:
        return []
    unique = set(smiles)
    floor = None if not real else len(canonical(real, n_jobs)) / len(real)
    figures = [metric.share("unique", len(unique), len(smiles), floor)]
    if training is not None:
        known = canonical(training, n_jobs)
        figures.append(metric.share("novel", len(unique - known), len(unique), floor=0.0))
    return figures


@dataclass(frozen=True)
class _Distance:
    """A figure that compares two sets, and the influence of each generated molecule on it."""

    name: str
    value: Callable[[Summary, Summary], float]
    influence: Callable[[Profile, Summary], Floats]
    better: Better = Better.LOWER


def _property(column: int) -> _Distance:
    return _Distance(
        f"{NAMES[column]}_w1",
        lambda x, y: wasserstein.distance(x.properties[:, column], y.properties[:, column]),
        lambda x, y: wasserstein.influence(x.properties[:, column], y.properties[:, column]),
    )


_DISTANCES = (
    _Distance(
        "fcd",
        lambda x, y: frechet.distance(x.activations, y.activations),
        lambda x, y: frechet.influence(x.activations, y.activations),
    ),
    _Distance(
        "nspdk",
        lambda x, y: embedding.mmd(x.graphs, y.graphs),
        lambda x, y: embedding.influence(x.graphs, y.graphs),
    ),
    _Distance(
        "scaf",
        lambda x, y: similarity.cosine(x.scaffolds, y.scaffolds),
        lambda x, y: similarity.cosine_influence(x.scaffolds, y.scaffolds),
        Better.HIGHER,
    ),
    _Distance(
        "snn",
        lambda x, y: float(similarity.nearest(x.fingerprints, y.fingerprints).mean()),
        lambda x, y: similarity.nearest(x.fingerprints, y.fingerprints),
        Better.HIGHER,
    ),
    *(_property(column) for column in range(len(NAMES))),
)


def _distances(profile: Profile, reference: Summary, real: Summary | None, rng: np.random.Generator) -> list[Metric]:
    summary, n = profile.summary(), len(profile.scaffolds)
    return [
        metric.distance(
            figure.name,
            figure.value(summary, reference),
            n,
            metric.bootstrap_means(figure.influence(profile, reference), rng),
            None if real is None else figure.value(real, reference),
            figure.better,
        )
        for figure in _DISTANCES
    ]
