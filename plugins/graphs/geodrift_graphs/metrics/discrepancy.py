r"""The MMDs of generated graphs, with intervals and floors.

The floor is the mean over 1000 random samples of the training graphs, as many graphs as were generated: with 20 test
graphs a single one says nothing (community_small: degree 0.019 ± 0.018). Fewer training graphs than samples give no
floor, since an MMD depends on the number of graphs. Graphs without nodes are left out, as by those
who defined these figures.

References:
    | Score-based Generative Modeling of Graphs via the System of SDEs (Jo et al., 2022), https://arxiv.org/abs/2202.02514
    | SPECTRE (Martinkus et al., 2022), https://arxiv.org/abs/2204.01613
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from geodrift import metric
from geodrift.metric import Metric
from geodrift_graphs.metrics import structure
from geodrift_graphs.metrics.batches import each
from geodrift_graphs.metrics.mmd import Comparison, Distance, earth_mover, euclidean, total_variation

Floats = NDArray[np.float64]

BATCH = 16  # graphs sent to a process at a time
_DRAWS = 1000
_AVERAGED = ("degree", "clustering", "orbit")


@dataclass(frozen=True)
class Descriptor:
    """A vector of each graph, and a Gaussian kernel between vectors.

    Arguments:
        describe: Maps a batch of graphs to one vector a graph.
        distance: Distance of two vectors.
        sigma: Width of the kernel, in units of the distance.
    """

    describe: Callable[[Sequence[nx.Graph]], list[Floats]]
    distance: Distance
    sigma: float


def _protocol(histogram: Distance, fine: Distance, orbit: Distance) -> Mapping[str, Descriptor]:
    return {
        "degree": Descriptor(structure.degrees, histogram, 1.0),
        "clustering": Descriptor(structure.clustering, fine, 0.1),
        "orbit": Descriptor(structure.orbits, orbit, 30.0),
        "spectral": Descriptor(structure.spectra, histogram, 1.0),
    }


PROTOCOLS: Mapping[str, Mapping[str, Descriptor]] = MappingProxyType(
    {
        "emd": _protocol(earth_mover(), earth_mover(1 / structure.CLUSTERING_BINS), euclidean),
        "tv": _protocol(total_variation, total_variation, total_variation),
    }
)


@dataclass(frozen=True)
class _Measured:
    """One MMD: its value, its bootstrap distribution `(R,)` and its floor."""

    value: float
    draws: Floats
    floor: float | None


def discrepancies(
    samples: Sequence[nx.Graph],
    reference: Sequence[nx.Graph],
    training: Sequence[nx.Graph],
    descriptors: Mapping[str, Descriptor],
    n_jobs: int = 1,
    seed: int = 0,
) -> list[Metric]:
    """The MMD of each descriptor, and the mean of degree, clustering and orbit.

    Arguments:
        samples: Generated graphs.
        reference: Graphs to compare with.
        training: Graphs for the floors; there may be none.
        descriptors: One of `PROTOCOLS`.
        n_jobs: Number of processes.
        seed: Fixes the bootstrap and the samples of the floors, the same for every descriptor.
    """
    graphs, test, real = ([graph for graph in part if len(graph) > 0] for part in (samples, reference, training))
    if not graphs or not test:
        return []
    found = {name: _measured(graphs, test, real, part, n_jobs, seed) for name, part in descriptors.items()}
    found["mean"] = _mean([found[name] for name in _AVERAGED])
    return [metric.distance(f"{name}_mmd", m.value, len(graphs), m.draws, m.floor) for name, m in found.items()]


def _measured(
    graphs: Sequence[nx.Graph],
    test: Sequence[nx.Graph],
    real: Sequence[nx.Graph],
    descriptor: Descriptor,
    n_jobs: int,
    seed: int,
) -> _Measured:
    x, y, z = (each(descriptor.describe, part, n_jobs, BATCH) for part in (graphs, test, real))
    compared, n = Comparison.of(x, y, descriptor.distance, descriptor.sigma), len(graphs)
    value = float(compared.value(np.full((1, n), 1 / n))[0])
    draws = metric.bootstrap(compared.value, n, np.random.default_rng(seed))
    if len(z) < n:
        return _Measured(value, draws, None)
    floors = Comparison.of(z, y, descriptor.distance, descriptor.sigma).value(_subsets(len(z), n, seed))
    return _Measured(value, draws, float(floors.mean()))


def _mean(parts: Sequence[_Measured]) -> _Measured:
    floors = [part.floor for part in parts if part.floor is not None]
    return _Measured(
        float(np.mean([part.value for part in parts])),
        np.mean([part.draws for part in parts], axis=0),
        float(np.mean(floors)) if floors else None,
    )


def _subsets(total: int, size: int, seed: int) -> Floats:
    """Weights `(R, total)` of random samples without replacement."""
    order = np.random.default_rng(seed).permuted(np.tile(np.arange(total), (_DRAWS, 1)), axis=1)
    weights: Floats = (order < size) / size
    return weights
