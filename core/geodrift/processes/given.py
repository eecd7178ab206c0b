"""Data that are given: a field that the network sees as it is and that nothing moves.

A composition for which a structure is sought, a lattice that is held fixed: the values of such a field are those of the
state that is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from geodrift.embeddings import Embedding
from geodrift.kernel import Delta
from geodrift.prediction import Estimate
from geodrift.processes.process import Draw, Process
from geodrift.rng import Streams
from geodrift.spaces import Still


@dataclass(frozen=True)
class Given(Process):
    """A field that stays what it is.

    Arguments:
        embedding: How the network sees the values; classes one-hot, for one.
    """

    embedding: Embedding
    space: Still = field(default_factory=Still)

    @property
    def channels(self) -> tuple[int, int]:
        return self.embedding.channels, 0

    def prior(self, like: Tensor, rng: Streams, t: Any = 1.0) -> Tensor:
        return like

    def corrupt(self, x: Tensor, t: Tensor, rng: Streams, n: Any = None) -> Draw:
        return Draw(x, x, x, t)

    def inputs(self, z: Tensor, t: Tensor) -> Tensor:
        return self.embedding.embed(z)

    def resolve(self, raw: Tensor, z: Tensor, t: Tensor) -> Estimate:
        return Estimate(z, torch.zeros_like(z))

    def loss(self, raw: Tensor, draw: Draw) -> Tensor:
        return torch.zeros(draw.x.shape, device=draw.x.device)

    def kernel(self, p: Estimate, z: Tensor, t: Tensor, s: Tensor) -> Delta:
        return Delta(z)

    def velocity(self, p: Estimate, z: Tensor, t: Tensor) -> Tensor:
        return torch.zeros((), dtype=z.dtype, device=z.device)

    def jump(self, p: Estimate, z: Tensor, t: Tensor, s: Tensor, rng: Streams) -> Tensor:
        return z

    def expected(self, p: Estimate, z: Tensor, t: Tensor) -> Tensor:
        return z

    def told(self, p: Estimate, z: Tensor, t: Tensor, x: Tensor, known: Tensor) -> Estimate:
        return p

    def finish(self, p: Estimate, z: Tensor, rng: Streams) -> Tensor:
        return z
