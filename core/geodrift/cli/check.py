"""`geodrift check`: whether a domain keeps the laws."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from geodrift.cli.console import emit, note, table

if TYPE_CHECKING:
    from geodrift.testing.domain import Outcome


def check(
    domain: Annotated[str, typer.Argument(help="An installed domain: see `geodrift domains`.")],
    preset: Annotated[str | None, typer.Option(help="With this config instead of the domain's own defaults.")] = None,
    change: Annotated[list[str] | None, typer.Option("--set", help="Change one key: process.kind=gdss.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Test a domain on its own examples: round trips, layouts, symmetries, training, sampling, files; measure it."""
    from geodrift.config import Config, changed
    from geodrift.plugins import domain as find
    from geodrift.presets import settings
    from geodrift.testing.domain import check as outcomes

    found = find(domain)
    config = changed(Config(domain=domain), change or []) if preset is None else settings(preset, domain, change or [])
    results = list(outcomes(found, config))
    if json:
        emit([asdict(result) for result in results])
    else:
        rows = [(_verdict(r), r.law, r.reason or r.says, f"{r.seconds:.1f} s") for r in results]
        table(("", "law", "", "time"), rows, numbers=(3,))
    failed = sum(not result.passed for result in results)
    if failed:
        note(f"geodrift: {domain} breaks {failed} of {len(results)} laws")
        raise typer.Exit(1)


def _verdict(outcome: Outcome) -> str:
    """Whether a law holds, or the number of a report."""
    if not outcome.passed:
        return "FAIL"
    return "pass" if outcome.value is None else f"{outcome.value:.3g}"
