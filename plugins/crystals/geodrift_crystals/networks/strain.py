r"""What is answered about the lattice by atoms that have answers about its axes.

Products of odd features of two axes, averaged over the atoms, :math:`X_{ab} = \overline{o_a o_b}`, are a strain in the
axes of the cell: with the cosines between its vectors and :math:`\delta_{ab}` they change with the axes as the inner
products do. Nine entries are answered by :math:`M \hat L` with :math:`M_{ab} = \sum_c w_c X^c_{ab}`, weights of the
even features of the two axes. Numbers of another chart name the axes one by one, so that their answer does too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geodrift_crystals.networks.cell import Rows, cell
from geodrift_crystals.networks.frame import Frame

_STRAINS = 8
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


class Strain(nn.Module, ABC):
    """The answer about the lattice."""

    @abstractmethod
    def forward(self, whole: Tensor, even: Tensor, strain: Tensor, frame: Frame, z: Tensor) -> Tensor:
        """The answer `(B, C')`.

        Arguments:
            whole: Scalars of the crystals, `(B, hidden)`.
            even: Features of their axes, `(B, 3, hidden)`.
            strain: Of pairs of axes, `(B, 3, 3, channels)`.
            frame: The cells.
            z: The lattices of the state, `(B, C)`.
        """


class Named(Strain):
    """Of numbers that each belong to certain axes.

    Arguments:
        hidden: Width.
        channels: Odd features of an axis.
        lattice: Numbers seen and answered.
    """

    def __init__(self, hidden: int, channels: int, lattice: tuple[int, int]) -> None:
        super().__init__()
        self.short = nn.Linear(channels, _STRAINS, bias=False)
        seen = 4 * hidden + len(_PAIRS) * _STRAINS + lattice[0]
        self.net = nn.Sequential(nn.Linear(seen, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.out = nn.Linear(hidden, lattice[1])
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, whole: Tensor, even: Tensor, strain: Tensor, frame: Frame, z: Tensor) -> Tensor:
        first, second = zip(*_PAIRS, strict=True)
        pairs = self.short(strain)[:, first, second]
        answer: Tensor = self.out(self.net(torch.cat([whole, even.flatten(1), pairs.flatten(1), z], -1)))
        return answer


class Turning(Strain):
    """Of nine entries, or of several such answers.

    Arguments:
        hidden: Width.
        channels: Odd features of an axis.
        lattice: Numbers seen and answered.
    """

    def __init__(self, hidden: int, channels: int, lattice: tuple[int, int]) -> None:
        super().__init__()
        self.cell = Rows()
        self.short = nn.Linear(channels, _STRAINS, bias=False)
        self.whole = nn.Linear(hidden, hidden)
        self.ends = nn.Linear(hidden, 2 * hidden, bias=False)
        self.weigh = nn.Linear(hidden, (_STRAINS + 2) * (lattice[1] // 9))
        nn.init.zeros_(self.weigh.weight)
        nn.init.zeros_(self.weigh.bias)

    def forward(self, whole: Tensor, even: Tensor, strain: Tensor, frame: Frame, z: Tensor) -> Tensor:
        first, second = self.ends(even).chunk(2, -1)
        pair = F.silu(self.whole(whole)[:, None, None] + first[:, :, None] + second[:, None])
        weights = self.weigh(pair).unflatten(-1, (-1, _STRAINS + 2))
        one = torch.eye(3, dtype=whole.dtype, device=whole.device).expand(len(whole), 3, 3)
        shapes = torch.cat([self.short(strain), torch.stack([frame.cosines().to(whole), one], -1)], -1)
        return self.cell.answer(torch.einsum("bxyqc,bxyc->bqxy", weights, shapes).flatten(1), z)


def strain(hidden: int, channels: int, lattice: tuple[int, int]) -> Strain:
    """The answer about lattices of this many numbers."""
    kind = Turning if isinstance(cell(lattice[0]), Rows) else Named
    return kind(hidden, channels, lattice)
