"""The crystal family of the lattice, `crystal_family=cubic`: its cell in the usual axes."""

from __future__ import annotations

import torch
from torch import Tensor

from geodrift.conditioning import Asked
from geodrift.errors import unknown
from geodrift_crystals.lattice import FAMILIES

FAMILY = "crystal_family"
_NAMES = tuple(FAMILIES)


def ask(value: Asked) -> Tensor:
    """The place of the family in the list of all.

    Raises:
        InputError: When there is none of this name.
    """
    name = str(value).strip().lower()
    if name not in _NAMES:
        raise unknown("crystal family", str(value), _NAMES)
    return torch.tensor(float(_NAMES.index(name)))


def told(asked: Tensor) -> str:
    """The name of the family."""
    return _NAMES[int(asked)]
