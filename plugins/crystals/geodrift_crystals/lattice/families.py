r"""Crystal families as linear subspaces of the polar numbers.

The symmetric logarithm :math:`S` of a conventional lattice commutes with the point group of its family, which leaves it
fewer than six numbers; the others are fixed. For a cell with its vectors along the usual axes:

* triclinic: all free
* monoclinic, :math:`\alpha = \gamma = 90°`: :math:`s_1 = s_3 = 0`
* orthorhombic, three right angles: :math:`s_1 = s_2 = s_3 = 0`
* tetragonal, also :math:`a = b`: :math:`s_1 = s_2 = s_3 = s_4 = 0`
* rhombohedral, :math:`a = b = c` and :math:`\alpha = \beta = \gamma`: :math:`s_1 = s_2 = s_3` and :math:`s_4 = s_5 = 0`
* hexagonal, :math:`a = b` and :math:`\gamma = 120°`: :math:`s_1 = -\tfrac14 \log 3` and :math:`s_2 = s_3 = s_4 = 0`
* cubic, :math:`a = b = c` and three right angles: :math:`s_1, \dots, s_5 = 0`

Projection is orthogonal in the norm of the matrices :math:`S`, in which the :math:`B_k` are orthogonal: it is the
nearest lattice of the family, volume kept. Primitive cells of centred lattices are not of this form.

References:
    | Space Group Constrained Crystal Generation (Jiao et al., 2024), https://arxiv.org/abs/2402.03992
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Family:
    """What the lattices of a crystal family share.

    Arguments:
        free: Whether each of the numbers :math:`s_1, \\dots, s_5` is free.
        fixed: Their values where they are not.
        equal: Whether :math:`s_1, s_2, s_3` are one number.
    """

    free: tuple[bool, bool, bool, bool, bool]
    fixed: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    equal: bool = False


FAMILIES: Mapping[str, Family] = {
    "triclinic": Family((True, True, True, True, True)),
    "monoclinic": Family((False, True, False, True, True)),
    "orthorhombic": Family((False, False, False, True, True)),
    "tetragonal": Family((False, False, False, False, True)),
    "rhombohedral": Family((True, True, True, False, False), equal=True),
    "hexagonal": Family((False, False, False, False, True), (-math.log(3) / 4, 0.0, 0.0, 0.0, 0.0)),
    "cubic": Family((False, False, False, False, False)),
}


def project(numbers: Tensor, family: Family) -> Tensor:
    """The nearest polar numbers of a family, for any `(..., 6)`."""
    shape, volume = numbers[..., :5], numbers[..., 5:]
    if family.equal:
        planes = shape[..., :3].mean(-1, keepdim=True).expand(shape[..., :3].shape)
        shape = torch.cat([planes, shape[..., 3:]], -1)
    held = torch.tensor(family.fixed, dtype=numbers.dtype, device=numbers.device)
    free = torch.tensor(family.free, device=numbers.device)
    return torch.cat([torch.where(free, shape, held), volume], -1)
