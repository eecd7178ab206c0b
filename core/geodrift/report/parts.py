"""Pieces of HTML that all reports share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path


def section(title: str, *parts: str) -> str:
    """A titled part of the page."""
    content = "\n".join(part for part in parts if part)
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>\n"


def grid(kind: str, cards: Iterable[str]) -> str:
    """Cards in as many columns as fit."""
    return f'<div class="grid {kind}">\n' + "\n".join(cards) + "\n</div>"


def sorts(names: Iterable[str]) -> str:
    """A choice by which of their values, see `values`, the cards of the section are sorted."""
    options = "".join(f'<option value="{escape(name)}">{escape(name)}</option>' for name in names)
    script = Path(__file__).with_name("sort.js").read_text(encoding="utf-8")
    choice = f'<label>Sort by <select data-sorts=""><option value="">number</option>{options}</select></label>'
    return f'<p>{choice}</p>\n<script>addEventListener("DOMContentLoaded", () => {{\n{script}}});</script>'


def values(numbers: Mapping[str, float]) -> str:
    """The values of a card, hidden in it."""
    return f'<span hidden="" data-values="{escape(json.dumps(numbers))}"></span>'


def part(hits: int, total: int) -> str:
    """A share in percent."""
    return f"{100 * hits / total:.1f}\u00a0%" if total else "–"


def fragment(*sections: str, style: str = "") -> str:
    """Sections with the style sheet that all reports share, and rules of their own."""
    shared = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    return f'<style>\n{shared}{style}</style>\n<div class="report">\n{"".join(sections)}</div>\n'
