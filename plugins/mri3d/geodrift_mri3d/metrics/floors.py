r"""What the same figure is for real volumes: two sets of different subjects, of the sizes that are compared.

With training subjects, who are others than the held-out ones, as many of them as there are samples, drawn at random
some times, stand in for the samples. Without them the reference is halved, so that its floors are of smaller sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from geodrift_mri3d.metrics.summary import Summary

Pair = tuple[Summary, Summary]


@dataclass(frozen=True, eq=False)
class Floors:
    """Pairs of sets of real subjects.

    Arguments:
        pairs: Pairs of sets; none where there are too few subjects.
        protocol: How they were made, in words.
    """

    pairs: list[Pair]
    protocol: str

    @classmethod
    def of(
        cls, count: int, reference: Summary, training: Summary | None, draws: int, rng: np.random.Generator
    ) -> Floors:
        """For `count` samples against a reference."""
        if training is not None:
            size = min(count, len(training))
            pairs = [(training.take(rng.permutation(len(training))[:size]), reference) for _ in range(draws)]
            return cls(
                pairs, f"floor: {size} of {len(training)} training subjects against the reference, {draws} draws"
            )
        half = len(reference) // 2
        if half < 2:
            return cls([], "no floor: too few references to halve")
        size = min(count, half)
        told = f"floor: parts of the reference, {size} against {half}, {draws} draws"
        return cls(list(_parts(reference, size, half, draws, rng)), told)

    def mean(self, figure: Callable[[Summary, Summary], float]) -> float | None:
        """The mean of a figure over the pairs."""
        return float(np.mean([figure(*pair) for pair in self.pairs])) if self.pairs else None


def _parts(reference: Summary, size: int, half: int, draws: int, rng: np.random.Generator) -> Iterator[Pair]:
    for _ in range(draws):
        order = rng.permutation(len(reference))
        yield reference.take(order[half : half + size]), reference.take(order[:half])
