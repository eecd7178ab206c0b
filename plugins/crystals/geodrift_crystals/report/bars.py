r"""Shares of categories, such as elements or space groups: a bar for the samples, a tick for the reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

_SHOWN = 16  # categories, the most frequent ones
_WIDTH, _ROW, _LEFT, _RIGHT = 300, 16, 64, 46  # px: picture, line, room for names, room for numbers


def bars(title: str, samples: Sequence[str], reference: Sequence[str]) -> str:
    """A card with the most frequent categories of the samples, and of the reference where there is one.

    Arguments:
        title: What the categories are.
        samples: The category of each generated thing.
        reference: The same of real things; empty when there are none.
    """
    found, real = Counter(samples), Counter(reference)
    most = sorted({*found, *real}, key=lambda name: (-_share(found, name) - _share(real, name), name))[:_SHOWN]
    top = max(max(_share(found, name), _share(real, name)) for name in most) if most else 1
    rows = "".join(_row(place, name, found, real, top) for place, name in enumerate(most))
    label = escape(f"{title}: " + ", ".join(f"{name} {100 * _share(found, name):.1f} %" for name in most))
    view = f"0 0 {_WIDTH} {_ROW * len(most) + 6}"
    picture = f'<svg viewBox="{view}" role="img" aria-label="{label}">{rows}</svg>'
    return f"<figure>{picture}<figcaption><b>{escape(title)}</b> {len(found):,} different</figcaption></figure>"


def _row(place: int, name: str, found: Counter[str], real: Counter[str], top: float) -> str:
    y, scale = place * _ROW + 4, (_WIDTH - _LEFT - _RIGHT) / top
    width, share = _share(found, name) * scale, f"{100 * _share(found, name):.1f} %"
    bar = f'<path class="bars" d="M{_LEFT} {y}h{width:.1f}v{_ROW - 4}h-{width:.1f}Z"/>'
    tick = f'<path class="outline" d="M{_LEFT + _share(real, name) * scale:.1f} {y - 1}v{_ROW - 2}"/>' if real else ""
    texts = (
        f'<text x="{_LEFT - 6}" y="{y + 10}" text-anchor="end">{escape(name)}</text>'
        f'<text x="{_WIDTH}" y="{y + 10}" text-anchor="end">{share}</text>'
    )
    return bar + tick + texts


def _share(counts: Counter[str], name: str) -> float:
    return counts[name] / max(counts.total(), 1)
