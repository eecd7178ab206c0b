"""Measure samples on the workers of a Dask cluster; the figures are those of `geodrift evaluate`.

    pip install "geodrift[graphs,dask]"
    python examples/cluster.py graphs molecules --reference qm9_test.smi --scheduler tcp://head:8786

The metrics divide their work by joblib, whose backends decide where it is done: here on the workers of a cluster, on
which geodrift must be installed too. Without a scheduler two workers start on this machine.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dask.distributed import Client, LocalCluster
from joblib import parallel_config

from geodrift.plugins import domain


@contextmanager
def cluster(scheduler: str | None) -> Iterator[Client]:
    """The cluster of a scheduler, or one of two workers on this machine."""
    if scheduler is not None:
        with Client(scheduler) as client:
            yield client
    else:
        with LocalCluster(2, threads_per_worker=1, dashboard_address=None) as local, Client(local) as client:
            yield client


def evaluate(name: str, samples: Path, reference: Path, scheduler: str | None = None) -> list[dict[str, Any]]:
    """The figures of generated samples of a domain.

    Arguments:
        name: Of the domain.
        samples: A folder that `generate` wrote, or a file.
        reference: Held-out data.
        scheduler: Address of a Dask scheduler.
    """
    found = domain(name)
    objects, real = found.samples(samples), found.read(reference, {}).objects
    with cluster(scheduler), parallel_config(backend="dask"):
        return [asdict(metric) for metric in found.evaluate(objects, real, (), {"jobs": -1})]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("domain")
    parser.add_argument("samples", type=Path)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--scheduler")
    given = parser.parse_args(arguments)
    print(json.dumps(evaluate(given.domain, given.samples, given.reference, given.scheduler), indent=2))


if __name__ == "__main__":
    main()
