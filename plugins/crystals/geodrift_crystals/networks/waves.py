r"""Plane waves of a cell, and how much of them is known where positions are believed in.

A wave :math:`e^{2\pi i\,k \cdot f}` has a whole number of periods in every cell. Where the three coordinates of an atom
are independent beliefs with the Fourier coefficients :math:`c_a(k_a)` its expectation is :math:`\prod_a c_a(k_a)`, and
that of a pair, with :math:`f = f_j - f_i`, is the product of one with the other's conjugate: of the difference of
the positions alone, and nothing where nothing is known.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from geodrift.layout import Ragged
from geodrift_crystals.networks.edges import Edges


class Waves(nn.Module):
    """The waves with :math:`0 < |k| \\le` `reach`, one of each pair :math:`\\pm k`: `count` of them.

    Arguments:
        reach: Periods along a vector of the cell.
    """

    vectors: Tensor
    places: Tensor

    def __init__(self, reach: int) -> None:
        super().__init__()
        span = torch.arange(-reach, reach + 1)
        k = torch.cartesian_prod(span, span, span)
        first = k[:, 0] * span.numel() ** 2 + k[:, 1] * span.numel() + k[:, 2] > 0
        k = k[first & (k.square().sum(-1) <= reach**2)]
        self.register_buffer("vectors", k.to(torch.get_default_dtype()), persistent=False)
        self.register_buffer("places", k + reach, persistent=False)
        self.count = len(k)

    def expected(self, real: Tensor, imaginary: Tensor) -> Tensor:
        """The waves at each atom, complex `(M, K)`, for the coefficients :math:`1 \\dots` `reach`, `(M, 3, reach)`."""
        positive = torch.complex(real, imaginary)
        all_orders = torch.cat([positive.conj().flip(-1), torch.ones_like(positive[..., :1]), positive], -1)
        x, y, z = (all_orders[:, axis, self.places[:, axis]] for axis in range(3))
        return x * y * z

    @staticmethod
    def between(waves: Tensor, layout: Ragged) -> tuple[Tensor, Tensor]:
        """Real and imaginary parts of the waves from the first atom to the second, `(B, n, n, K)`, padded."""
        lengths = layout.lengths
        padded = waves.new_zeros(layout.count, int(lengths.max()), waves.shape[-1])
        padded = padded.index_put((layout.index, layout.places()), waves)
        real, imaginary = padded.real.contiguous(), padded.imag.contiguous()
        (a, b), (c, d) = ((x[:, None], x[:, :, None]) for x in (real, imaginary))
        return a * b + c * d, c * b - a * d

    @staticmethod
    def pick(padded: Tensor, edges: Edges, layout: Ragged) -> Tensor:
        """The rows of `(B, n, n, C)` that are pairs, `(E, C)`."""
        place = layout.places()
        return padded[layout.index[edges.receiver], place[edges.receiver], place[edges.sender]]
