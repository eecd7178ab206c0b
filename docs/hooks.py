"""Formulas of docstrings, written as reST roles, become MathML when the site is built."""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert

_INLINE = re.compile(r":math:<code>(.*?)</code>", re.DOTALL)
_BLOCK = re.compile(r"<p>\.\. math::(.*?)</p>(?:\s*<(?:pre|div class=\"highlight\")>.*?</(?:pre|div)>)?", re.DOTALL)


def on_page_content(content: str, **_: Any) -> str:
    """Called by mkdocs for every page."""
    content = _INLINE.sub(lambda found: convert(_plain(found[1])), content)
    return _BLOCK.sub(lambda found: convert(_plain(found[1]), display="block"), content)


def _plain(text: str) -> str:
    return html.unescape(re.sub(r"<.*?>", "", text)).replace("\n", " ").strip()
