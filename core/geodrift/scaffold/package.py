r"""Writes the package of a new domain from a template: a small domain that works, its preset and its tests.

The template is the domain of points in the plane; `examples/custom_domain` is what it gives for the name `points`.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from geodrift.errors import InputError
from geodrift.plugins import entries

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_SUFFIX = ".template"


def scaffold(name: str, folder: Path) -> list[Path]:
    """Write the package `geodrift_NAME` into a new folder; the files written, relative to it.

    Raises:
        InputError: For a name that no Python package can have, or a folder that holds files.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f'domain "{name}": use small letters, digits and underscores, for example my_points')
    if name in entries() or importlib.util.find_spec(f"geodrift_{name}"):
        raise InputError(f'domain "{name}": is installed already; choose another name')
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: exists already; choose another --out")
    contents = rendered(name)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        for path, text in contents.items():
            (temporary / path).parent.mkdir(parents=True, exist_ok=True)
            (temporary / path).write_text(text, encoding="utf-8")
        temporary.replace(folder)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return list(contents)


def rendered(name: str) -> dict[Path, str]:
    """The files of the package, by path."""
    from geodrift import __version__

    values = {"name": name, "title": "".join(map(str.capitalize, name.split("_"))), "geodrift": __version__}
    found = _files(files("geodrift.scaffold") / "template", Path())
    return {Path(str(path).replace("NAME", name)): Template(text).substitute(values) for path, text in found.items()}


def _files(folder: Traversable, place: Path) -> dict[Path, str]:
    found: dict[Path, str] = {}
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            found |= _files(entry, place / entry.name)
        elif entry.name.endswith(_SUFFIX):
            found[place / entry.name.removesuffix(_SUFFIX)] = entry.read_text(encoding="utf-8")
    return found
