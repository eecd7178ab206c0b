"""All pairs of atoms of each crystal of a ragged batch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from geodrift.layout import Ragged


class Edges(NamedTuple):
    """Ordered pairs of atoms of one crystal, an atom with itself among them, grouped by the atom that receives.

    Arguments:
        receiver: Row of the atom that receives, `(E,)`, ascending.
        sender: Row of the atom that sends, `(E,)`.
        share: One over the number of atoms of the crystal, for each atom, `(M, 1)`.
    """

    receiver: Tensor
    sender: Tensor
    share: Tensor

    @classmethod
    def of(cls, layout: Ragged) -> Edges:
        """The pairs of a ragged batch."""
        lengths = torch.bincount(layout.index, minlength=layout.count)
        each = lengths[layout.index]
        start = (torch.cumsum(lengths, 0) - lengths)[layout.index]
        receiver = torch.repeat_interleave(torch.arange(len(each), device=each.device), each)
        within = torch.arange(len(receiver), device=each.device) - (torch.cumsum(each, 0) - each)[receiver]
        return cls(receiver, start[receiver] + within, 1 / each[:, None])

    def mean(self, messages: Tensor) -> Tensor:
        """The mean of the messages `(E, C)` that each atom receives, `(M, C)`."""
        total = messages.new_zeros(len(self.share), messages.shape[-1]).index_add(0, self.receiver, messages)
        return total * self.share.to(messages)
