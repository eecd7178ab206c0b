"""Atoms that are given, `sites=FILE`: all atoms of a crystal, with their elements, at their fractional positions.

They are the first atoms of every sample. The cell is not that of the file, unless `lattice=FILE` asks for it too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.conditioning import Asked
from geodrift.errors import InputError
from geodrift_crystals.conditions.file import crystal
from geodrift_crystals.structures import symbols, wrapped

SITES = "sites"


@dataclass(frozen=True, eq=False)
class Sites:
    """Atoms that are given.

    Arguments:
        classes: Their elements among those that the model knows, `(n,)`.
        frac: Their fractional positions in [0, 1), `(n, 3)`.
    """

    classes: Tensor
    frac: Tensor

    def amounts(self, elements: int) -> Tensor:
        """Their numbers, `(K,)`, by element."""
        return torch.bincount(self.classes, minlength=elements)


def ask(value: Asked, elements: Sequence[str]) -> Tensor:
    """The atoms of a file, `(n, 4)`: the class of the element and the position of each.

    Raises:
        InputError: When the file has not one crystal, or one of elements that are not known.
    """
    structure = crystal(SITES, str(value))
    names = symbols(structure)
    strange = [name for name in names if name not in elements]
    if strange:
        raise InputError(f"condition sites={value}: no {strange[0]} in the data that this model learned from")
    classes = torch.tensor([[float(elements.index(name))] for name in names], dtype=torch.float64)
    return torch.cat([classes, torch.from_numpy(wrapped(structure.frac_coords))], 1)


def told(asked: Tensor) -> Sites:
    """The atoms of what `ask` gave."""
    return Sites(asked[:, 0].round().long(), asked[:, 1:])
