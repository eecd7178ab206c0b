r"""How good generated graphs are.

The MMDs compare the graphs that have nodes; shares are of all. `unique` counts the classes of isomorphic samples,
`novel` is not isomorphic to a training graph, `valid` belongs to the family, and `vun` is all three. The floor of an MMD
is its mean over 200 random samples of the training graphs, as many graphs as were generated: with 20 test graphs a
single one says nothing (community_small: degree 0.019 ± 0.018).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from geodrift import metric
from geodrift.errors import unknown
from geodrift.metric import Metric
from geodrift_graphs.metrics import structure
from geodrift_graphs.metrics.batches import each
from geodrift_graphs.metrics.families import FAMILIES, connected
from geodrift_graphs.metrics.isomorphism import Coloured, classes, known
from geodrift_graphs.metrics.mmd import Comparison, Distance, earth_mover, euclidean, total_variation

Floats = NDArray[np.float64]

_BATCH = 16  # graphs sent at a time
_POOL = 1024  # training graphs that floors are drawn from
_DRAWS = 200


@dataclass(frozen=True)
class _Descriptor:
    """A vector of each graph, and the width of the Gaussian kernel on the distances."""

    describe: Callable[[Sequence[nx.Graph]], list[Floats]]
    distance: Distance
    sigma: float


def _protocol(histogram: Distance, fine: Distance, orbit: Distance) -> dict[str, _Descriptor]:
    return {
        "degree": _Descriptor(structure.degrees, histogram, 1.0),
        "clustering": _Descriptor(structure.clustering, fine, 0.1),
        "orbit": _Descriptor(structure.orbits, orbit, 30.0),
        "spectral": _Descriptor(structure.spectra, histogram, 1.0),
    }


PROTOCOLS = {
    "emd": _protocol(earth_mover(), earth_mover(1 / structure.CLUSTERING_BINS), euclidean),
    "tv": _protocol(total_variation, total_variation, total_variation),
}
_AVERAGED = ("degree", "clustering", "orbit")


def evaluate_graphs(
    samples: Sequence[nx.Graph],
    reference: Sequence[nx.Graph] | None = None,
    training: Sequence[nx.Graph] | None = None,
    protocol: str = "emd",
    family: str | None = None,
    n_jobs: int = 1,
    seed: int = 0,
) -> list[Metric]:
    """The figures of generated graphs; those that need an absent reference are left out.

    Arguments:
        samples: Simple undirected graphs.
        reference: Graphs to compare with, the test set.
        training: Graphs that the model has seen, for novelty and floors.
        protocol: "emd" (GraphRNN, GDSS) or "tv" (GRAN, SPECTRE).
        family: "planar", "tree", "lobster" or "sbm", to test samples for.
        n_jobs: Number of processes, −1 for all cores.
        seed: Fixes the bootstrap and the samples that the floors are measured on.

    Raises:
        InputError: For an unknown protocol or family, with the nearest match.
    """
    if protocol not in PROTOCOLS:
        raise unknown("protocol", protocol, PROTOCOLS)
    if family is not None and family not in FAMILIES:
        raise unknown("graph family", family, FAMILIES)
    if len(samples) == 0:
        return []
    rng = np.random.default_rng(seed)
    pool = _pool(training, seed)
    figures = _discrepancies(samples, reference, pool, PROTOCOLS[protocol], n_jobs, seed) if reference else []
    return figures + _connection(samples, pool) + _sets(samples, training, pool, family, rng, n_jobs)


def _pool(training: Sequence[nx.Graph] | None, seed: int) -> list[nx.Graph]:
    graphs = [graph for graph in training or [] if len(graph) > 0]
    if len(graphs) <= _POOL:
        return graphs
    return [graphs[i] for i in np.random.default_rng(seed).choice(len(graphs), _POOL, replace=False)]


def _discrepancies(
    samples: Sequence[nx.Graph],
    reference: Sequence[nx.Graph],
    pool: Sequence[nx.Graph],
    descriptors: dict[str, _Descriptor],
    n_jobs: int,
    seed: int,
) -> list[Metric]:
    graphs, test = ([graph for graph in part if len(graph) > 0] for part in (samples, reference))
    if not graphs or not test:
        return []
    n = len(graphs)
    found: dict[str, tuple[float, Floats, float]] = {}
    for name, descriptor in descriptors.items():
        x, y, real = (each(descriptor.describe, part, n_jobs, _BATCH) for part in (graphs, test, pool))
        compared = Comparison.of(x, y, descriptor.distance, descriptor.sigma)
        draws = metric.bootstrap(compared.value, n, np.random.default_rng(seed))  # the same draws for every descriptor
        floor = _floor(real, y, descriptor, n, seed)
        found[name] = float(compared.value(np.full((1, n), 1 / n))[0]), draws, floor
    value, draws, floor = (np.mean([found[name][i] for name in _AVERAGED], axis=0) for i in range(3))
    found["mean"] = float(value), draws, float(floor)
    return [_figure(f"{name}_mmd", *parts, n) for name, parts in found.items()]


def _figure(name: str, value: float, draws: Floats, floor: float, n: int) -> Metric:
    return metric.distance(name, value, n, draws, None if np.isnan(floor) else floor)


def _floor(real: Sequence[Floats], test: Sequence[Floats], descriptor: _Descriptor, n: int, seed: int) -> float:
    """The mean MMD of random samples of real graphs, NaN when there are none."""
    if not real:
        return float("nan")
    compared = Comparison.of(real, test, descriptor.distance, descriptor.sigma)
    return float(compared.value(_subsets(len(real), min(n, len(real)), np.random.default_rng(seed))).mean())


def _subsets(total: int, size: int, rng: np.random.Generator) -> Floats:
    """Weights `(R, total)` of random samples without replacement."""
    order = rng.permuted(np.tile(np.arange(total), (_DRAWS, 1)), axis=1)
    return (order < size) / size


def _connection(samples: Sequence[nx.Graph], pool: Sequence[nx.Graph]) -> list[Metric]:
    floor = float(np.mean([connected(graph) for graph in pool])) if pool else None
    return [metric.share("connected", sum(map(connected, samples)), len(samples), floor)]


def _sets(
    samples: Sequence[nx.Graph],
    training: Sequence[nx.Graph] | None,
    pool: Sequence[nx.Graph],
    family: str | None,
    rng: np.random.Generator,
    n_jobs: int,
) -> list[Metric]:
    coloured = each(_coloured, samples, n_jobs, _BATCH)
    rarity = _rarity(coloured)
    figures = [metric.mean("unique", rarity, rng, _unique(pool, len(samples), n_jobs))]
    good = rarity
    if training is not None:
        novel = ~np.array(known(coloured, each(_coloured, training, n_jobs, _BATCH)))
        figures.append(metric.share("novel", int(novel.sum()), len(novel), floor=0.0))
        good = good * novel
    if family is None:
        return figures
    belongs = partial(_belong, family)
    valid = np.array(each(belongs, samples, n_jobs, _BATCH))
    floor = float(np.mean(each(belongs, pool[: len(samples)], n_jobs, _BATCH))) if pool else None
    figures.append(metric.share("valid", int(valid.sum()), len(valid), floor))
    return figures if training is None else [*figures, metric.mean("vun", good * valid, rng, floor=0.0)]


def _coloured(graphs: Sequence[nx.Graph]) -> list[Coloured]:
    return [Coloured.of(graph) for graph in graphs]


def _belong(family: str, graphs: Sequence[nx.Graph]) -> list[bool]:
    return [FAMILIES[family](graph) for graph in graphs]


def _rarity(graphs: Sequence[Coloured]) -> Floats:
    """One over the size of each graph's class: the mean is the share of distinct ones."""
    found = classes(graphs)
    occurs = Counter(found)
    return np.array([1 / occurs[first] for first in found])


def _unique(pool: Sequence[nx.Graph], n: int, n_jobs: int) -> float | None:
    return float(_rarity(each(_coloured, pool[:n], n_jobs, _BATCH)).mean()) if pool else None
