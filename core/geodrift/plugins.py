"""The domains that are installed, imported when first used; one that fails leaves the others alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Literal

from geodrift.domain import Domain
from geodrift.errors import InputError, unknown

GROUP = "geodrift.domains"


@dataclass(frozen=True)
class Status:
    """What became of loading a domain.

    Arguments:
        name: Its name.
        state: Whether it can be used.
        domain: The domain, if it can.
        reason: Why it cannot, and what helps.
    """

    name: str
    state: Literal["ok", "missing dependency", "broken"]
    domain: Domain | None = None
    reason: str = ""


@cache
def entries() -> dict[str, metadata.EntryPoint]:
    """The entry point of every installed domain, by name; nothing is imported."""
    return {entry.name: entry for entry in metadata.entry_points(group=GROUP)}


@cache
def status(name: str) -> Status:
    """Load a domain, and say what happened; whatever it raises stays here."""
    entry = entries()[name]
    try:
        loaded: Domain = entry.load()
        _ = loaded.name, loaded.version, loaded.presets()
    except ModuleNotFoundError as error:
        return Status(name, "missing dependency", reason=f"{error}; {_remedy(entry, error.name)}")
    except Exception as error:  # whatever a plugin of somebody else does
        return Status(name, "broken", reason=f"{type(error).__name__}: {error}")
    return Status(name, "ok", loaded)


def _remedy(entry: metadata.EntryPoint, module: str | None) -> str:
    ours = entry.dist is not None and entry.dist.name == "geodrift"
    return f'pip install "geodrift[{entry.name}]"' if ours else f"pip install {(module or '').partition('.')[0]}"


def domain(name: str) -> Domain:
    """The domain of this name.

    Raises:
        InputError: When there is none of this name, or when it cannot be used, with what helps.
    """
    if name not in entries():
        raise unknown("domain", name, entries())
    found = status(name)
    if found.domain is None:
        raise InputError(f"domain {name}: {found.state}: {found.reason}")
    return found.domain
