r"""The page around a report: title, facts, the domain's pictures and figures, and how to make the samples again.

Everything is inline, so that the file can be mailed, archived and opened without a network.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from geodrift.samples import Manifest

_PAGE = Path(__file__).with_name("page.html")


def page(title: str, body: str, facts: Mapping[str, str], details: Mapping[str, Any]) -> str:
    """A whole HTML document.

    Arguments:
        title: Plain text.
        body: HTML of the domain.
        facts: Short lines for the head of the page, plain text.
        details: JSON values, folded away at the end.
    """
    pairs = [(html.escape(name), html.escape(text)) for name, text in facts.items()]
    rows = "".join(f"<div><dt>{name}</dt><dd>{text}</dd></div>" for name, text in pairs)
    folded = html.escape(json.dumps(details, indent=1, ensure_ascii=False))
    template = Template(_PAGE.read_text(encoding="utf-8"))
    return template.substitute(title=html.escape(title), facts=rows, body=body, details=folded)


def facts(manifest: Manifest) -> dict[str, str]:
    """What a reader wants to know of a run at a glance."""
    sample = manifest.config["sample"]
    solver = sample["solver"]
    asked = ", ".join([*_like(manifest), *(f"{name} = {_told(value)}" for name, value in manifest.conditions.items())])
    count = f"{manifest.count:,}"
    return {
        "model": manifest.model,
        "samples": count if manifest.status == "complete" else f"{count} of {manifest.requested:,} (stopped)",
        "conditions": asked or "none",
        "solver": f"{solver if isinstance(solver, str) else solver['kind']}, {sample['steps']} steps",
        "seed": str(manifest.seed),
        "time": f"{manifest.seconds:.1f} s on {manifest.device}",
        "geodrift": manifest.versions["geodrift"],
    }


def _like(manifest: Manifest) -> list[str]:
    return [f"like the {manifest.like['count']:,} of {Path(manifest.like['path']).name}"] if manifest.like else []


def _told(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"
