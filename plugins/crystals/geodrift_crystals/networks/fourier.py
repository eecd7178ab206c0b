r"""What a network may know of periodic coordinates: the Fourier coefficients of a belief.

For a von Mises belief with mean :math:`m` and concentration :math:`c` they are
:math:`E[e^{ikx}] = (I_k(c) / I_0(c))\, e^{ikm}`: of modulus one where a coordinate is known and none where nothing is
known, so that the concentration needs no channel of its own. Of two atoms, :math:`F_k(j)\,\overline{F_k(i)}` depends on
the difference of their coordinates alone, and is the same for every choice of the origin.

References:
    | A Periodic Bayesian Flow for Material Generation (Wu et al., 2025), https://arxiv.org/abs/2502.02016
    | Crystal Structure Prediction by Joint Equivariant Diffusion (Jiao et al., 2023), https://arxiv.org/abs/2309.04475
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_STEPS = 1025


class Harmonics(nn.Module):
    """The first Fourier coefficients of beliefs about periodic coordinates.

    Arguments:
        count: How many, :math:`k = 1 \\dots` `count`.
        most: The concentration that is seen as one.
    """

    ratios: Tensor
    orders: Tensor

    def __init__(self, count: int, most: float = 1000.0) -> None:
        super().__init__()
        from scipy.special import ive

        grid = torch.expm1(torch.linspace(0, math.log1p(most), _STEPS, dtype=torch.float64)).numpy()
        orders = torch.arange(1, count + 1)
        table = torch.stack([torch.from_numpy(ive(k, grid) / ive(0, grid)) for k in range(1, count + 1)], -1)
        self.register_buffer("orders", orders.to(torch.get_default_dtype()), persistent=False)
        self.register_buffer("ratios", table.to(torch.get_default_dtype()), persistent=False)

    def certain(self, angle: Tensor) -> tuple[Tensor, Tensor]:
        """Real and imaginary parts `(..., count)` for coordinates that are known, as angles `(...)`."""
        turns = angle[..., None] * self.orders.to(angle)
        return turns.cos(), turns.sin()

    def believed(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """The same for beliefs as `geodrift.processes.periodic.seen` shows them, `(..., 3)`."""
        known = self._moduli(seen[..., 2])
        real, imaginary = self.certain(torch.atan2(seen[..., 1], seen[..., 0]))
        return known * real, known * imaginary

    def _moduli(self, level: Tensor) -> Tensor:
        place = level.clamp(0, 1) * (_STEPS - 1)
        low = place.long().clamp(max=_STEPS - 2)
        table = self.ratios.to(level)
        return torch.lerp(table[low], table[low + 1], (place - low)[..., None])


def differences(real: Tensor, imaginary: Tensor, receiver: Tensor, sender: Tensor) -> Tensor:
    """The coefficients of the sender relative to the receiver, `(M, C)` each to `(E, 2 C)`."""
    a, b, c, d = real[sender], imaginary[sender], real[receiver], imaginary[receiver]
    return torch.cat([a * c + b * d, b * c - a * d], -1)
