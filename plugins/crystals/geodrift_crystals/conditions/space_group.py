"""The space group, `space_group=221` or `space_group=Pm-3m`: operations that every sample has in its primitive cell.

A sample may have more of them: where atoms happen to lie more symmetrically its space group is a supergroup.
"""

from __future__ import annotations

import torch
from torch import Tensor

from geodrift.conditioning import Asked
from geodrift.errors import InputError
from geodrift_crystals.groups import numbered
from geodrift_crystals.groups.operations import GROUPS

GROUP = "space_group"


def ask(value: Asked) -> Tensor:
    """The number of the space group.

    Raises:
        InputError: When there is none.
    """
    text = str(value).strip().removesuffix(".0")
    number = int(text) if text.isdecimal() else numbered(text)
    if number is None or not 1 <= number <= GROUPS:
        raise InputError(
            f"condition space_group={text}: no space group; write a number from 1 to {GROUPS}, or a symbol like Pm-3m"
        )
    return torch.tensor(float(number))
