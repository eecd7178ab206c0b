"""The domains that are installed, imported when first used."""

from __future__ import annotations

from functools import cache
from importlib import metadata

from geodrift.domain import Domain
from geodrift.errors import InputError, unknown

GROUP = "geodrift.domains"


@cache
def entries() -> dict[str, metadata.EntryPoint]:
    """The entry point of every installed domain, by name; nothing is imported."""
    return {entry.name: entry for entry in metadata.entry_points(group=GROUP)}


@cache
def domain(name: str) -> Domain:
    """The domain of this name.

    Raises:
        InputError: When there is none of this name, or when its dependencies are missing, with the command that helps.
    """
    if name not in entries():
        raise unknown("domain", name, entries())
    try:
        loaded: Domain = entries()[name].load()
    except ImportError as error:
        raise InputError(f'domain {name}: {error}; pip install "geodrift[{name}]"') from error
    return loaded
