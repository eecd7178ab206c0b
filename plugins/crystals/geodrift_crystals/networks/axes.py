r"""What atoms that turn with the frame say about the axes of their cell.

A coordinate belongs to an axis. Along the vector :math:`\hat a` of the cell and the normal :math:`\hat b` of its face a
tensor of an atom has the component :math:`v \cdot Y_\ell(\hat a)`, which no rotation changes and which, for odd
:math:`\ell`, changes its sign with the direction of the axis. The answer about a coordinate is made of the components
along its axis by one map for the three axes: an exchange of the axes exchanges the answers.

A reversal of the axis, :math:`f \mapsto -f`, makes of an answer :math:`r` another one, :math:`\bar r`: minus a
displacement; of the vector head, which is told in the frame of the belief, the mirror image :math:`(g_1, -g_2)`; of
points around the circle those in reverse order. With an even and an odd map the answer is
:math:`\tfrac12 (e + \bar e) + \tfrac12 (o - \bar o)`, so that a crystal seen in a mirror is answered in the mirror.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geodrift_crystals.networks.frame import Frame


class Components(nn.Module):
    """Even and odd features of each axis of each atom.

    Arguments:
        hidden: Scalars of an atom, and even features of an axis.
        channels: Tensors of each degree of an atom.
        known: Numbers that say how well a coordinate is known.
        degree: Largest degree.
    """

    def __init__(self, hidden: int, channels: int, known: int, degree: int) -> None:
        super().__init__()
        self.channels, self.degree = channels, degree
        odd = 2 * channels
        even = known + 2 + 2 * channels * (degree // 2) + odd
        self.atom = nn.Linear(hidden, hidden)
        self.axis = nn.Linear(even, hidden, bias=False)
        self.even = nn.Linear(hidden, hidden)
        self.odd = nn.Linear(odd, channels, bias=False)
        self.gate = nn.Linear(hidden, channels)

    def forward(
        self, scalars: Tensor, turning: Tensor, known: Tensor, frame: Frame, index: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Even `(M, 3, hidden)` and odd `(M, 3, channels)` features.

        Arguments:
            scalars: Of the atoms, `(M, hidden)`.
            turning: Their tensors, degree by degree, `(M, D)`.
            known: How well coordinates are known, `(M, 3, known)`.
            frame: The cells.
            index: The cell of each atom, `(M,)`.
        """
        along = self._along(turning, frame.axes()[index])
        even = torch.cat([known, frame.lengths()[index].to(known), torch.square(along[0]), *along[1:]], -1)
        both = F.silu(self.atom(scalars)[:, None] + self.axis(even))
        both = F.silu(self.even(both))
        return both, self.odd(along[0]) * self.gate(both)

    def _along(self, turning: Tensor, axes: Tensor) -> list[Tensor]:
        """The components of each degree, `(M, 3, 2 channels)`."""
        from e3nn import o3

        found, start = [], 0
        for degree in range(1, self.degree + 1):
            width = self.channels * (2 * degree + 1)
            own = turning[:, start : start + width].reshape(len(turning), self.channels, -1)
            start += width
            ways = o3.spherical_harmonics(degree, axes, normalize=False, normalization="norm")
            found.append(torch.einsum("mcx,maqx->maqc", own, ways.to(own)).flatten(2))
        return found


class Answer(nn.Module):
    """The answer about the coordinates.

    Arguments:
        hidden: Even features of an axis.
        channels: Odd features.
        seen: Numbers that are seen of a coordinate: one, or three of a belief.
        asked: Numbers that are answered: displacements where one is seen; of a belief one, a displacement, two, a
            vector, or more, points around the circle.
    """

    place: Tensor
    sign: Tensor

    def __init__(self, hidden: int, channels: int, seen: int, asked: int) -> None:
        super().__init__()
        self.even = nn.Linear(hidden, asked)
        self.odd = nn.Linear(channels, asked, bias=False)
        place, sign = _mirror(seen, asked)
        self.register_buffer("place", place, persistent=False)
        self.register_buffer("sign", sign, persistent=False)
        for weights in self.parameters():
            nn.init.zeros_(weights)

    def forward(self, even: Tensor, odd: Tensor) -> Tensor:
        same, opposite = self.even(even), self.odd(odd)
        answer: Tensor = (same + self.mirrored(same) + opposite - self.mirrored(opposite)) / 2
        return answer

    def mirrored(self, answer: Tensor) -> Tensor:
        """The answers `(..., asked)` where the axis has the opposite direction."""
        return answer[..., self.place] * self.sign.to(answer)


def _mirror(seen: int, asked: int) -> tuple[Tensor, Tensor]:
    """Where each number of a reversed answer comes from, and its sign."""
    place, sign = torch.arange(asked), torch.ones(asked)
    if seen == 1 or asked == 1:
        return place, -sign
    return (place, torch.tensor([1.0, -1.0])) if asked == 2 else (-place % asked, sign)
