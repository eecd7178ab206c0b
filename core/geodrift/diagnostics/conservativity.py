r"""Whether a vector field is a gradient: its Jacobian :math:`J` is then symmetric.

The asymmetry :math:`|J - J^\top|^2 / |J|^2` is 0 for a gradient and 4 for a rotation. With random signs
:math:`d`, :math:`E|Jd - J^\top d|^2 / E|Jd|^2` is the same number without the matrix, from one product with
:math:`J` and one with :math:`J^\top` a probe. Networks that predict scores are seldom gradients, and need not be: see
`geodrift.diagnostics.transport`.

References:
    | Are We Really Learning the Score Function? (Vuong et al., 2025), https://arxiv.org/abs/2509.00336
    | How to train your energy-based models (Song, Kingma, 2021), https://arxiv.org/abs/2101.03288
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from geodrift.diagnostics.differentials import differentiable, pull, push, rows
from geodrift.diagnostics.fields import VectorField, as_vectors
from geodrift.diagnostics.traces import signs_like
from geodrift.rng import Streams


def jacobian(field: VectorField, z: Any, entries: Tensor | None = None) -> Tensor:
    """The Jacobians of a field, sample by sample, `(B, m, m)`.

    Arguments:
        field: A vector field on tensors or states, each sample of its own.
        z: Where; the real fields of a state are joined.
        entries: Indices `(m,)` of the vector of a sample, for a block of the matrix alone; all by default.
    """
    with differentiable():
        u, v = _vectors(field, z)
        chosen = torch.arange(v.shape[1], device=v.device) if entries is None else entries
        return rows(u, v, chosen)[..., chosen].detach()


def jacobian_asymmetry(field: VectorField, z: Any, entries: Tensor | None = None) -> Tensor:
    """The exact :math:`|J - J^\\top|^2 / |J|^2` of each sample, `(B,)`, or that of a block of the Jacobian."""
    j = jacobian(field, z, entries)
    return _ratio(torch.square(j - j.mT).sum((1, 2)), torch.square(j).sum((1, 2)))


def estimated_asymmetry(field: VectorField, z: Any, rng: Streams, probes: int = 1) -> Tensor:
    """The asymmetry of all samples together, a scalar, by random probes: no Jacobian is formed."""
    with differentiable():
        u, v = _vectors(field, z)
        pairs = [(push(u, v, d).detach(), pull(u, v, d).detach()) for d in signs_like(v, probes, rng)]
    ahead, back = (torch.stack(side) for side in zip(*pairs, strict=True))
    return _ratio(torch.square(ahead - back).sum(), torch.square(ahead).sum())


def _vectors(field: VectorField, z: Any) -> tuple[Tensor, Tensor]:
    flat, function = as_vectors(field, z)
    v = flat.join(z).detach().requires_grad_()
    return function(v), v


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    return torch.where(whole > 0, part / whole, 0.0)
