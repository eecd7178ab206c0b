"""A file of one crystal, of which a condition asks for something."""

from __future__ import annotations

from pathlib import Path

from pymatgen.core import Structure

from geodrift.errors import InputError
from geodrift_crystals.structures import Unrepresentable, distinct, plain, right_handed


def crystal(name: str, path: str) -> Structure:
    """The crystal in a file, ordered and right-handed, in the cell of the file.

    Raises:
        InputError: When the file cannot be read or has not one crystal.
    """
    from geodrift_crystals.files import read

    try:
        found = read(Path(path).expanduser())
        if len(found.objects) + len(found.refused) != 1:
            raise InputError(f"{len(found.objects) + len(found.refused)} crystals; give a file of one")
        structure: Structure = right_handed(distinct(plain(found.objects[0])))
    except Unrepresentable as error:
        raise InputError(f"condition {name}={path}: {error}") from None
    except InputError as error:
        raise InputError(f"condition {name}={path}: {str(error).removeprefix(f'{path}: ')}") from None
    return structure
