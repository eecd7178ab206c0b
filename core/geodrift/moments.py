r"""Mean and covariance of data in one pass, of any size: :math:`\Sigma \approx E \Lambda E^\top + \nu (1 - E E^\top)`.

The strongest axes :math:`E` are kept, the rest share their mean variance :math:`\nu`, so that mean and total variance
are exact. Batches are merged by the singular values of the axes so far, the new rows, and the shift of the mean; what
is cut off in between is the only error, and there is none while the data have no more axes than are kept.

References:
    | Incremental Learning for Robust Visual Tracking (Ross et al., 2008), https://doi.org/10.1007/s11263-007-0075-7
    | Probabilistic Principal Component Analysis (Tipping, Bishop, 1999), https://doi.org/10.1111/1467-9868.00196
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.errors import InputError

_SPARE = 2  # axes kept on the way, as a multiple of those asked for


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and covariance.

    Arguments:
        mean: The mean, shaped like one draw.
        axes: Orthonormal directions, flattened, `(r, D)`.
        variances: The variance along each, `(r,)`, in descending order.
        rest: The variance along all other directions, a scalar.
    """

    mean: Tensor
    axes: Tensor
    variances: Tensor
    rest: Tensor

    @classmethod
    def fit(cls, batches: Iterable[Tensor], rank: int) -> Moments:
        """Of batches of draws `(B, ...)`, with at most `rank` axes.

        Raises:
            InputError: When there are fewer than two draws.
        """
        running = Running(rank)
        for batch in batches:
            running.add(batch)
        return running.moments()

    def flat(self, z: Tensor) -> Tensor:
        """Draws with their axes made one, `(..., D)`."""
        return z.flatten(z.ndim - self.mean.ndim) if self.mean.ndim else z[..., None]

    def scale(self, v: Tensor, factor: Callable[[Tensor], Tensor]) -> Tensor:
        """The vectors `(..., D)`, along each axis times a function of its variance.

        Arguments:
            v: Vectors.
            factor: Takes variances that broadcast against the coordinates `(..., r)`.
        """
        coordinates = v @ self.axes.T
        other = factor(self.rest)
        return other * v + ((factor(self.variances) - other) * coordinates) @ self.axes

    def covariance(self) -> Tensor:
        """The full matrix, `(D, D)`."""
        identity = torch.eye(self.axes.shape[1], dtype=self.axes.dtype, device=self.axes.device)
        return self.rest * identity + (self.axes.T * (self.variances - self.rest)) @ self.axes


class Running:
    """Moments of the draws so far.

    Arguments:
        rank: Axes kept, at most.
    """

    def __init__(self, rank: int) -> None:
        self.rank, self.count, self.shape = rank, 0, torch.Size()
        self.mean, self.total, self.scaled = torch.zeros(0), torch.zeros(()), torch.zeros(0, 0)

    def add(self, draws: Tensor) -> None:
        """Take in more draws, `(B, ...)`."""
        n, rows = len(draws), draws.reshape(len(draws), -1)
        if not n:
            return
        if not self.count:
            self.shape, self.mean = draws.shape[1:], torch.zeros_like(rows[0])
            self.total, self.scaled = rows.new_zeros(()), rows.new_zeros(0, rows.shape[1])
        mean, seen = rows.mean(0), self.count + n
        shift = (mean - self.mean) * (self.count * n / seen) ** 0.5
        stack = torch.cat([self.scaled, rows - mean, shift[None]])
        self.total = self.total + torch.square(rows - mean).sum() + torch.square(shift).sum()
        self.mean, self.count = self.mean + (mean - self.mean) * (n / seen), seen
        self.scaled = _strongest(stack, _SPARE * self.rank)

    def moments(self) -> Moments:
        """What they are.

        Raises:
            InputError: When there are fewer than two draws.
        """
        if self.count < 2:
            raise InputError(f"a covariance of {self.count} draws; it takes two or more")
        kept = _strongest(self.scaled, min(self.rank, self.count - 1))
        lengths = kept.norm(dim=1)
        variances, others = torch.square(lengths) / self.count, kept.shape[1] - len(kept)
        rest = (self.total / self.count - variances.sum()).clamp(min=0) / max(others, 1)
        return Moments(self.mean.reshape(self.shape), kept / lengths[:, None], variances, rest)


def _strongest(rows: Tensor, count: int) -> Tensor:
    """At most `count` orthogonal rows with the largest share of the sum of the rows' outer products."""
    if len(rows) <= rows.shape[1]:
        values, vectors = torch.linalg.eigh(rows @ rows.T)
        found = vectors.T @ rows
    else:
        values, vectors = torch.linalg.eigh(rows.T @ rows)
        found = vectors.T * values.clamp(min=0).sqrt()[:, None]
    real = values > values[-1] * torch.finfo(values.dtype).eps * len(rows)
    strongest: Tensor = found[real].flip(0)[:count]
    return strongest
