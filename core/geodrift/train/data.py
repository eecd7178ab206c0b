r"""The order of the data, as a function of the seed and the step alone.

Epoch :math:`e` visits the rows in the order of a permutation that belongs to :math:`(\mathrm{seed}, e)`. Nothing is
remembered between steps, so a training that resumes at step :math:`k` sees what it would have seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from geodrift.domain import Codec
from geodrift.rng import Streams
from geodrift.state import State


@lru_cache(maxsize=2)
def order(seed: int, epoch: int, rows: int) -> Tensor:
    """The permutation of an epoch, `(rows,)`."""
    return Streams.of(seed, torch.tensor([epoch])).uniform(torch.empty(1, rows))[0].argsort()


@dataclass(frozen=True)
class Feed:
    """Batches of a data set in memory.

    Arguments:
        codec: Turns rows into states.
        arrays: The data set.
        rows: Its number of rows.
        seed: Decides the order.
        batch_size: Rows a step, over all processes.
    """

    codec: Codec
    arrays: Mapping[str, Tensor]
    rows: int
    seed: int
    batch_size: int

    def indices(self, step: int) -> Tensor:
        """The rows of a step, `(batch_size,)`; an epoch flows into the next."""
        places = torch.arange(step * self.batch_size, (step + 1) * self.batch_size)
        epochs = places // self.rows
        parts = [(int(epoch), places[epochs == epoch] % self.rows) for epoch in torch.unique(epochs)]
        return torch.cat([order(self.seed, epoch, self.rows)[part] for epoch, part in parts])

    def batch(self, step: int, rank: int = 0, ranks: int = 1) -> tuple[State, dict[str, Tensor], Streams]:
        """The share of a step that belongs to this process: data, conditions and one random stream a sample."""
        mine = torch.arange(rank, self.batch_size, ranks)
        rows = self.indices(step)[mine]
        rng = Streams.of(self.seed + 1, step * self.batch_size + mine, part=(rank, ranks))
        if hasattr(self.codec, "augmented"):
            return *self.codec.augmented(self.arrays, rows, rng), rng
        return *self.codec.batch(self.arrays, rows), rng
