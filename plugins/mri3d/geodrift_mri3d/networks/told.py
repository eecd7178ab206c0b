"""What is known of a subject as standard numbers, each beside a flag that says whether it is."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from geodrift_mri3d.columns import Column, indicators


class Told(nn.Module):
    """Conditions as numbers: a one, and for each column, or category of one, its standard value and a flag.

    Arguments:
        columns: What may be known, by name; NaN stands for what is not.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, columns: Mapping[str, Column]) -> None:
        super().__init__()
        self.categories = {name: len(column.categories) for name, column in columns.items()}
        scales = list(indicators(columns).values())
        self.register_buffer("mean", torch.tensor([mean for mean, _ in scales]), persistent=False)
        self.register_buffer("std", torch.tensor([std for _, std in scales]), persistent=False)

    @property
    def size(self) -> int:
        """How many numbers."""
        return 1 + 2 * len(self.mean)

    def forward(self, cond: Mapping[str, Tensor], like: Tensor) -> Tensor:
        """The numbers `(B, size)` of conditions `(B,)`; `like`, `(B,)`, gives their type and device."""
        unknown = torch.full_like(like, torch.nan)
        parts = [self._values(cond.get(name, unknown).to(like), count) for name, count in self.categories.items()]
        values = torch.cat([like.new_zeros(len(like), 0), *parts], 1)
        known = ~values.isnan()
        standard = torch.where(known, (values - self.mean) / self.std, 0.0)
        return torch.cat([torch.ones_like(like)[:, None], standard, known.to(like)], 1).to(like)

    def _values(self, value: Tensor, categories: int) -> Tensor:
        if not categories:
            return value[:, None]
        each = one_hot(value.nan_to_num().long(), categories).to(value)
        return torch.where(value.isnan()[:, None], torch.nan, each)
