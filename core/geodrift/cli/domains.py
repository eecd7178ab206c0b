"""`geodrift domains`: what is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from geodrift.cli.console import emit, table

if TYPE_CHECKING:
    from geodrift.plugins import Status


def domains(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the domains that are installed, their presets and whether they can be used."""
    from geodrift.plugins import entries, status

    found = [_described(status(name)) for name in sorted(entries())]
    if json:
        return emit(found)
    table(("domain", "version", "status", "fields", "presets (* has weights)"), map(_row, found))


def _described(status: Status) -> dict[str, Any]:
    from geodrift.presets import has_weights

    described: dict[str, Any] = {"name": status.name, "status": status.state, "reason": status.reason}
    if status.domain is None:
        return {**described, "version": "", "fields": {}, "presets": {}}
    presets = {name: {"weights": has_weights(folder)} for name, folder in status.domain.presets().items()}
    return {**described, "version": status.domain.version, "fields": dict(status.domain.fields), "presets": presets}


def _row(found: dict[str, Any]) -> tuple[str, ...]:
    state = found["status"] + (f": {found['reason']}" if found["reason"] else "")
    fields = "\n".join(f"{name}: {text}" for name, text in found["fields"].items())
    presets = "\n".join(f"{name}{' *' if about['weights'] else ''}" for name, about in found["presets"].items())
    return found["name"], found["version"], state, fields, presets
