r"""How the elements of a field belong to the samples of a batch: the only structure that generic code knows about.

A field is one tensor. Its layout spreads per-sample numbers (times, keys) over the elements, sums elements back into
per-sample numbers, and zeroes what does not exist. Three layouts cover the domains: images are `Dense`, graphs are
`Padded`, crystals are `Ragged`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


class Layout(ABC):
    """The correspondence between elements and samples."""

    @abstractmethod
    def spread(self, t: Tensor) -> Tensor:
        """One number for each leading entry of the field, from one for each sample `(B,)`; a scalar stays one."""

    @abstractmethod
    def samples(self, z: Tensor) -> int:
        """The number of samples of a field, `B`."""

    @abstractmethod
    def sum(self, v: Tensor) -> Tensor:
        """Add the elements of each sample: `v` shaped like the field, or like its leading axes, to `(B,)`."""

    @abstractmethod
    def average(self, z: Tensor) -> Tensor:
        """The mean over the elements of each sample, channel by channel; broadcasts against `z`, `(B, L, ...)`."""

    @abstractmethod
    def mask(self, z: Tensor) -> Tensor:
        """Zero the elements that do not exist."""

    @abstractmethod
    def places(self) -> Tensor | int:
        """The place of each leading entry among those of its sample; zero where an entry is a whole sample."""

    @abstractmethod
    def map(self, move: Callable[[Tensor], Tensor]) -> Layout:
        """The layout with its own tensors moved, to another device for one."""

    def expand(self, t: Tensor, z: Tensor) -> Tensor:
        """Spread one number a sample, `(B,)` or a scalar, so that it broadcasts against `z`."""
        return trailing(self.spread(t), z)

    def mean(self, v: Tensor) -> Tensor:
        """Average the elements of each sample, `(B,)`; a sample without elements averages to zero."""
        return self.sum(v) / self.sum(torch.ones_like(v)).clamp(min=1)


def trailing(t: Tensor, z: Tensor) -> Tensor:
    """Give `t`, a scalar or one number for each leading entry of `z`, the trailing axes to broadcast against `z`."""
    return t if t.ndim == 0 else t.reshape(t.shape + (1,) * (z.ndim - t.ndim))


@dataclass(frozen=True)
class Dense(Layout):
    """Every sample has the same elements: `(B, ...)`."""

    def spread(self, t: Tensor) -> Tensor:
        return t

    def samples(self, z: Tensor) -> int:
        return len(z)

    def sum(self, v: Tensor) -> Tensor:
        return v.flatten(1).sum(1) if v.ndim > 1 else v

    def average(self, z: Tensor) -> Tensor:
        return z.mean(1, keepdim=True)

    def mask(self, z: Tensor) -> Tensor:
        return z

    def places(self) -> int:
        return 0

    def map(self, move: Callable[[Tensor], Tensor]) -> Dense:
        return self


@dataclass(frozen=True, eq=False)
class Padded(Layout):
    """Samples of different length, each a prefix of the longest: `(B, L, ...)`.

    Arguments:
        present: True where an element exists, `(B, L)`; each row is a run of True and then of False.
    """

    present: Tensor

    @classmethod
    def of(cls, lengths: Tensor, longest: int | None = None) -> Padded:
        """The layout of samples with these lengths, `(B,)`, padded to `longest` (by default the longest of them)."""
        most = int(lengths.max()) if longest is None else longest
        return cls(torch.arange(most, device=lengths.device) < lengths[:, None])

    @property
    def lengths(self) -> Tensor:
        return self.present.sum(1)

    def spread(self, t: Tensor) -> Tensor:
        return t

    def samples(self, z: Tensor) -> int:
        return len(z)

    def sum(self, v: Tensor) -> Tensor:
        return self.mask(v).flatten(1).sum(1)

    def average(self, z: Tensor) -> Tensor:
        total = self.mask(z).sum(1, keepdim=True)
        return total / trailing(self.lengths[:, None], total).clamp(min=1)

    def mask(self, z: Tensor) -> Tensor:
        return torch.where(trailing(self.present, z), z, torch.zeros((), dtype=z.dtype, device=z.device))

    def places(self) -> int:
        return 0

    def map(self, move: Callable[[Tensor], Tensor]) -> Padded:
        return Padded(move(self.present))


@dataclass(frozen=True, eq=False)
class Ragged(Layout):
    """Samples of different length, end to end without padding: `(M, ...)`.

    Arguments:
        index: The sample each row belongs to, `(M,)`, ascending.
        count: The number of samples, `B`.
    """

    index: Tensor
    count: int

    @classmethod
    def of(cls, lengths: Tensor) -> Ragged:
        """The layout of samples with these lengths, `(B,)`."""
        return cls(torch.repeat_interleave(torch.arange(len(lengths), device=lengths.device), lengths), len(lengths))

    def spread(self, t: Tensor) -> Tensor:
        return t if t.ndim == 0 else t[self.index]

    def samples(self, z: Tensor) -> int:
        return self.count

    def sum(self, v: Tensor) -> Tensor:
        rows = v.flatten(1).sum(1) if v.ndim > 1 else v
        return torch.zeros(self.count, dtype=v.dtype, device=v.device).index_add(0, self.index, rows)

    def average(self, z: Tensor) -> Tensor:
        total = z.new_zeros(self.count, *z.shape[1:]).index_add(0, self.index, z)
        lengths = torch.bincount(self.index, minlength=self.count)
        return (total / trailing(lengths, total).clamp(min=1))[self.index]

    def mask(self, z: Tensor) -> Tensor:
        return z

    @property
    def lengths(self) -> Tensor:
        return torch.bincount(self.index, minlength=self.count)

    def places(self) -> Tensor:
        start = torch.cumsum(self.lengths, 0) - self.lengths
        return torch.arange(len(self.index), device=self.index.device) - start[self.index]

    def map(self, move: Callable[[Tensor], Tensor]) -> Ragged:
        return Ragged(move(self.index), self.count)
