r"""How good generated graphs are.

Beside the MMDs (`geodrift_graphs.metrics.discrepancy`), shares of all samples: `connected`; `unique`, the number of
classes of isomorphic samples; `novel`, isomorphic to no training graph; `valid`, one of the family; `vun`, the number
of classes that are novel and valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from geodrift import metric
from geodrift.errors import unknown
from geodrift.metric import Metric
from geodrift_graphs.metrics.batches import each
from geodrift_graphs.metrics.discrepancy import BATCH, PROTOCOLS, discrepancies
from geodrift_graphs.metrics.families import FAMILIES, connected
from geodrift_graphs.metrics.isomorphism import Coloured, classes, known

Flags = NDArray[np.bool_]

_POOL = 1024  # training graphs that floors are drawn from, unless there are more samples


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
    pool = _pool(training, max(_POOL, len(samples)), seed)
    figures = discrepancies(samples, reference or [], pool, PROTOCOLS[protocol], n_jobs, seed)
    return figures + _connection(samples, pool) + _sets(samples, training, pool[: len(samples)], family, n_jobs)


def _pool(training: Sequence[nx.Graph] | None, most: int, seed: int) -> list[nx.Graph]:
    """Training graphs in random order."""
    graphs = training or []
    return [graphs[i] for i in np.random.default_rng(seed).permutation(len(graphs))[:most]]


def _connection(samples: Sequence[nx.Graph], pool: Sequence[nx.Graph]) -> list[Metric]:
    floor = float(np.mean([connected(graph) for graph in pool])) if pool else None
    return [metric.share("connected", sum(map(connected, samples)), len(samples), floor)]


def _sets(
    samples: Sequence[nx.Graph],
    training: Sequence[nx.Graph] | None,
    real: Sequence[nx.Graph],
    family: str | None,
    n_jobs: int,
) -> list[Metric]:
    n, first = len(samples), _firsts(samples, n_jobs)
    once = float(_firsts(real, n_jobs).mean()) if len(real) == n else None  # it depends on the number
    figures = [metric.share("unique", int(first.sum()), n, once)]
    novel = None if training is None else _novel(samples, training, n_jobs)
    valid = None if family is None else _valid(family, samples, n_jobs)
    if novel is not None:
        figures.append(metric.share("novel", int(novel.sum()), n, floor=0.0))
    if family is not None and valid is not None:
        floor = float(_valid(family, real, n_jobs).mean()) if real else None
        figures.append(metric.share("valid", int(valid.sum()), n, floor))
    if novel is not None and valid is not None:
        figures.append(metric.share("vun", int((valid & first & novel).sum()), n, floor=0.0))
    return figures


def _firsts(graphs: Sequence[nx.Graph], n_jobs: int) -> Flags:
    """Whether each graph is the first of its class."""
    first: Flags = np.array(classes(each(_coloured, graphs, n_jobs, BATCH))) == np.arange(len(graphs))
    return first


def _novel(graphs: Sequence[nx.Graph], training: Sequence[nx.Graph], n_jobs: int) -> Flags:
    new, old = (each(_coloured, part, n_jobs, BATCH) for part in (graphs, training))
    return ~np.array(known(new, old))


def _valid(family: str, graphs: Sequence[nx.Graph], n_jobs: int) -> Flags:
    return np.array(each(partial(_belong, family), graphs, n_jobs, BATCH))


def _coloured(graphs: Sequence[nx.Graph]) -> list[Coloured]:
    return [Coloured.of(graph) for graph in graphs]


def _belong(family: str, graphs: Sequence[nx.Graph]) -> list[bool]:
    return [FAMILIES[family](graph) for graph in graphs]
