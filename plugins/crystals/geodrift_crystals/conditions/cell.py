"""A lattice that is given, `lattice=a,b,c,alpha,beta,gamma` in Å and degrees, or that of a file of one crystal."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from pymatgen.core import Lattice
from torch import Tensor

from geodrift.conditioning import Asked
from geodrift.errors import InputError
from geodrift_crystals.conditions.file import crystal
from geodrift_crystals.structures import SMALLEST_VOLUME

LATTICE = "lattice"
_NUMBERS = re.compile(r"[-+0-9.eE,;\s]+")
_LONGEST = 1000.0  # Å


def ask(value: Asked) -> Tensor:
    """Its lengths, Å, and angles, degrees, `(6,)`.

    Raises:
        InputError: When it is none, or that of no volume, or the file has not one crystal.
    """
    text = str(value).strip()
    found = _parsed(text) if _NUMBERS.fullmatch(text) and not Path(text).exists() else None
    if found is None:
        found = list(crystal(LATTICE, text).lattice.parameters)
    if not all(0 < length <= _LONGEST for length in found[:3]) or not all(0 < angle < 180 for angle in found[3:]):
        raise InputError(f"condition lattice={text}: lengths are above 0 Å and angles between 0 and 180 degrees")
    volume = _volume(found)
    if not volume >= SMALLEST_VOLUME:
        raise InputError(f"condition lattice={text}: no cell has these angles and a volume")
    return torch.tensor(found, dtype=torch.float64)


def told(asked: Tensor) -> str:
    """The lattice in words."""
    return ",".join(f"{number:.6g}" for number in asked.tolist())


def matrix(asked: Tensor) -> Tensor:
    """Its vectors, `(3, 3)`, Å."""
    return torch.from_numpy(np.array(Lattice.from_parameters(*asked.tolist()).matrix))


def _parsed(text: str) -> list[float]:
    try:
        numbers = [float(part) for part in re.split(r"[,;\s]+", text) if part]
    except ValueError:
        numbers = []
    if len(numbers) != 6:
        raise InputError(f"condition lattice={text}: not six numbers; write a,b,c,alpha,beta,gamma in Å and degrees")
    return numbers


def _volume(parameters: list[float]) -> float:
    a, b, c, *angles = parameters
    x, y, z = np.cos(np.radians(angles))
    return float(a * b * c * np.sqrt(max(1 - x * x - y * y - z * z + 2 * x * y * z, 0.0)))
