r"""Whether the symmetry loop of a CIF can be the one of its crystal.

Operations :math:`x \mapsto R x + t` of a space group keep the lengths of the cell, :math:`R^T G R = G` for its metric
:math:`G`, and their rotations are a group with the identity. A loop in which an operation cannot be read is not
replaced by P1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Lattice, SymmOp

from geodrift_crystals.structures import Unrepresentable

LOOPS = ("_symmetry_equiv_pos_as_xyz", "_space_group_symop_operation_xyz")
NUMBERS = ("_space_group_IT_number", "_symmetry_Int_Tables_number")
_SLACK = 0.02  # relative difference of squared lengths: cells are rounded
_PLACES = 11.0 ** np.arange(9)  # an integer matrix as one number
_TERM = r"(?:(?:\d+(?:\.\d+)?(?:/\d+)?\*?)?[xyz]|(?:\d+(?:\.\d*)?|\.\d+)(?:/\d+)?)"
_OPERATION = re.compile(rf"[+-]?{_TERM}(?:[+-]{_TERM})*(?:,[+-]?{_TERM}(?:[+-]{_TERM})*){{2}}", re.IGNORECASE)
Floats = NDArray[np.float64]


def refuse_wrong_symmetry(block: Mapping[str, Any]) -> None:
    """Raise `Unrepresentable` for symmetry that cannot be read or does not fit the cell."""
    for key in NUMBERS:
        _refuse_number(key, block.get(key))
    given = _operations(block)
    if not given or is_p1(block):
        return
    rotations = _rotations(given)
    _refuse_no_group(rotations)
    lengths = [float(str(block[f"_cell_length_{axis}"]).partition("(")[0]) for axis in "abc"]
    angles = [float(str(block[f"_cell_angle_{name}"]).partition("(")[0]) for name in ("alpha", "beta", "gamma")]
    metric = Lattice.from_parameters(*lengths, *angles).metric_tensor
    moved = rotations.transpose(0, 2, 1) @ metric @ rotations
    wrong = (np.abs(moved - metric) > _SLACK * np.abs(metric).max()).any((1, 2))
    if wrong.any():
        raise Unrepresentable(f"wrong symmetry: {given[int(wrong.argmax())]!r} does not fit the cell")


def is_p1(block: Mapping[str, Any]) -> bool:
    """Whether the sites that the file lists are all of the cell: its only operation is `x, y, z`."""
    return [text.replace(" ", "").strip("'\"").lower() for text in _operations(block)] == ["x,y,z"]


def _operations(block: Mapping[str, Any]) -> list[str]:
    """The operations that the file lists; none where it does not."""
    given: str | Sequence[str] = next((block[key] for key in LOOPS if block.get(key)), [])
    return [given] if isinstance(given, str) else list(given)


def _rotations(operations: Sequence[str]) -> Floats:
    """The matrices of the operations, `(n, 3, 3)`."""
    found = []
    for text in operations:
        try:
            if not _OPERATION.fullmatch(text.replace(" ", "").strip("'\"")):
                raise ValueError(text)  # the parser passes over what it does not understand
            found.append(SymmOp.from_xyz_str(text).rotation_matrix)
        except Exception:  # the parser of operations fails in many ways
            raise Unrepresentable(f"wrong symmetry: {text[:40]!r} is not an operation") from None
        if abs(abs(np.linalg.det(found[-1])) - 1) > 1e-6:
            raise Unrepresentable(f"wrong symmetry: {text[:40]!r} is not an operation of a lattice")
    return np.array(found)


def _refuse_no_group(rotations: Floats) -> None:
    """Refuse rotations that are not closed under multiplication; a finite closed set has the identity."""
    codes = np.rint(rotations.reshape(-1, 9)) @ _PLACES
    known, first = np.unique(codes, return_index=True)
    products = np.einsum("aij,bjk->abik", rotations[first], rotations[first]).reshape(-1, 9)
    if not np.isin(np.rint(products) @ _PLACES, known).all():
        raise Unrepresentable("wrong symmetry: the operations are not a group; some are missing")


def _refuse_number(key: str, value: Any) -> None:
    if isinstance(value, str) and value.strip("'\" ") not in ("", "?", "."):
        digits = value.strip("'\" ")
        if not digits.isdecimal() or len(digits) > 3 or not 1 <= int(digits) <= 230:
            raise Unrepresentable(f"wrong symmetry: {key} is {digits[:20]}, not a number from 1 to 230")
