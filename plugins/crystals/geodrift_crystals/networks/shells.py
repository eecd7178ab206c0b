r"""Where the images of an atom are, seen from another: their density on spherical shells, with its direction.

On a shell of radius :math:`\mu` and width :math:`w` around atom :math:`i` the density of all periodic images of atom
:math:`j`, relative to the uniform one, has the moment of degree :math:`\ell`

.. math:: \psi^{\ell m}_{ij} = \sum_{k \neq 0} (-i)^\ell\, j_\ell(|g_k| \mu)\, e^{-w^2 |g_k|^2 / 2}\,
          Y_{\ell m}(\hat g_k)\, E\, e^{2\pi i\, k \cdot (f_j - f_i)}, \qquad g_k = 2\pi\, k L^{-T},

the plane wave expansion of :math:`\delta(|r| - \mu)\, Y_{\ell m}(\hat r)`, smeared, and summed over the lattice by
Poisson's formula. No image is chosen, so that nothing jumps as atoms move; the expectation is over what is believed of
the two positions; :math:`\psi` turns with the frame as :math:`Y` does; in a cell that noise has made tiny, or huge,
the moments are finite. The sum is over the waves of `networks.waves`; those with :math:`-k` make it real.

References:
    | Ewald-based Long-Range Message Passing (Kosmala et al., 2023), https://arxiv.org/abs/2303.04791
    | E(3)-equivariant graph neural networks (Batzner et al., 2022), https://arxiv.org/abs/2101.03164
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_WIDTH = 0.4  # w, Å
_SPACING = 0.6  # of the shells, Å
_NORMAL = 2.0  # Å: a shell counts by its radius over this, since far ones hold more atoms than near ones
_SMALL, _TERMS = 1.0, 8  # below it the closed forms of the Bessel functions cancel, and these terms of a series do not


class Shells(nn.Module):
    """The moments of all pairs.

    Arguments:
        count: Number of shells.
        degree: Largest degree of the moments, 1 or 2.
    """

    radii: Tensor

    def __init__(self, count: int, degree: int) -> None:
        super().__init__()
        self.degree = degree
        radii = _SPACING * torch.arange(1, count + 1, dtype=torch.get_default_dtype())
        self.register_buffer("radii", radii, persistent=False)

    def field(self, waves: Tensor, dual: Tensor) -> list[Tensor]:
        """What each wave adds to the moments of each degree, `(B, K, count (2l + 1))`, in cells of these duals."""
        from e3nn import o3

        g = 2 * math.pi * waves.to(dual) @ dual
        length = g.norm(dim=-1)[..., None]
        decay = 2 * torch.exp(-torch.square(_WIDTH * length) / 2) * (self.radii.to(g) / _NORMAL)
        fields = []
        for degree in range(self.degree + 1):
            radial = decay * bessel(degree, length * self.radii.to(g)) * (-1) ** (degree // 2)
            angular = o3.spherical_harmonics(degree, g, normalize=True, normalization="component")
            fields.append((radial[..., None] * angular[..., None, :]).flatten(2))
        return fields

    def forward(self, real: Tensor, imaginary: Tensor, fields: list[Tensor]) -> Tensor:
        """The moments `(B, n, n, C)`, degree by degree, of waves between atoms `(B, n, n, K)`."""
        waves = (real.flatten(1, 2), imaginary.flatten(1, 2))
        flat = torch.cat([waves[degree % 2] @ field for degree, field in enumerate(fields)], -1)
        return flat.reshape(*real.shape[:3], -1)


def bessel(degree: int, x: Tensor) -> Tensor:
    """The spherical Bessel function :math:`j_\\ell` of degree 0, 1 or 2."""
    large = torch.where(x < _SMALL, _SMALL, x)
    sin, cos = large.sin() / large, large.cos() / large
    closed = (sin, sin / large - cos, (3 / large**2 - 1) * sin - 3 * cos / large)[degree]
    return torch.where(x < _SMALL, _series(degree, torch.where(x < _SMALL, x, 0.0)), closed)


def _series(degree: int, x: Tensor) -> Tensor:
    term = x**degree / math.prod(range(1, 2 * degree + 2, 2))
    total = term
    for n in range(1, _TERMS):
        term = term * (-(x**2) / 2) / (n * (2 * degree + 2 * n + 1))
        total = total + term
    return total
