"""One function over many samples, on several cores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from typing import TypeVar

from joblib import Parallel, delayed

from geodrift.stages import stage

Sample = TypeVar("Sample")
Result = TypeVar("Result")


def batches(
    function: Callable[[Sequence[Sample]], Result], samples: Sequence[Sample], n_jobs: int = 1, size: int = 512
) -> list[Result]:
    """The results of `function` on consecutive batches; a batch is large enough that sending it costs little.

    Arguments:
        function: Maps a batch of samples to anything that can be sent between processes.
        samples: The samples.
        n_jobs: Number of processes, −1 for all cores; joblib's backends take the batches to a cluster.
        size: Samples in a batch.
    """
    work = [samples[start : start + size] for start in range(0, len(samples), size)]
    results: list[Result] = []
    with stage(_name(function), len(samples)) as done:
        for batch, result in zip(work, _computed(function, work, n_jobs), strict=True):
            results.append(result)
            done(len(batch))
    return results


def _computed(
    function: Callable[[Sequence[Sample]], Result], work: Sequence[Sequence[Sample]], n_jobs: int
) -> Iterable[Result]:
    results: Iterable[Result] = Parallel(n_jobs=n_jobs, return_as="generator")(delayed(function)(part) for part in work)
    return results


def _name(function: Callable[..., object]) -> str:
    """What a function is called, also one of whose arguments some are given."""
    named = function.func if isinstance(function, partial) else function
    return getattr(named, "__name__", type(named).__name__).strip("_")


def each(
    function: Callable[[Sequence[Sample]], list[Result]], samples: Sequence[Sample], n_jobs: int = 1, size: int = 512
) -> list[Result]:
    """The results of a function that maps a batch to one result a sample, joined."""
    return list(chain.from_iterable(batches(function, samples, n_jobs, size)))
