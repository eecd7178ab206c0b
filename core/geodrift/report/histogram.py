r"""Histograms of samples against a reference: bars and an outline, as shares of each, in one small SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geodrift.report.parts import grid

Floats = NDArray[np.float64]
Values = NDArray[Any]  # whole numbers or not, which decides the bars

_LEGEND = '<p class="legend"><span class="bar">{:,} generated</span>{}</p>'
_LINE = '<span class="outline">{:,} of the reference</span>'
_BINS = 24
_TAILS = (0.002, 0.998)  # the range shown of numbers that are not whole
_WIDTH, _HEIGHT, _FLOOR, _TOP = 300, 150, 124, 22  # px: the picture, its axis, its highest bar


def histograms(
    names: Sequence[str], samples: Sequence[Values], reference: Sequence[Values], counts: tuple[int, int]
) -> str:
    """A card for each name that has values; whole numbers have bars of their own.

    Arguments:
        names: Of what was measured.
        samples: Values of each, from generated things.
        reference: Values of each, from real things; empty arrays when there are none.
        counts: Number of things measured in both.
    """
    cards = [_card(name, x, y) for name, x, y in zip(names, samples, reference, strict=True) if len(x)]
    generated, real = counts
    legend = _LEGEND.format(generated, _LINE.format(real) if real else "")
    return legend + grid("charts", cards) if cards else ""


def _card(name: str, x: Values, y: Values) -> str:
    edges = _edges(np.concatenate([x, y]))
    bars, outline = (np.histogram(values, edges)[0] / max(len(values), 1) for values in (x, y))
    means = f"mean {x.mean():.4g}" + (f", reference {y.mean():.4g}" if len(y) else "")
    top = max(float(bars.max()), float(outline.max()), 1e-9)
    marks = [
        f'<path class="bars" d="{_bars(edges, bars / top)}"/>',
        f'<path class="outline" d="{_outline(edges, outline / top)}"/>' if len(y) else "",
        *(_tick(value, edges) for value in _ticks(float(edges[0]), float(edges[-1]))),
        f'<path class="axis" d="M0 {_FLOOR}H{_WIDTH}"/><text x="0" y="12">{100 * top:.3g} %</text>',
    ]
    label = escape(f"Histogram of {name}: {means}")
    picture = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{"".join(marks)}</svg>'
    return f"<figure>{picture}<figcaption><b>{escape(name)}</b> {escape(means)}</figcaption></figure>"


def _edges(values: Values) -> Floats:
    if np.issubdtype(values.dtype, np.integer):
        low, high = values.min(), values.max()
        step = np.ceil((high - low + 1) / _BINS)
        counts: Floats = low - 0.5 + step * np.arange(max(4, np.ceil((high - low + 1) / step)) + 1)
        return counts
    low, high = np.quantile(values, _TAILS)
    return np.linspace(low, max(high, low + 1e-6), _BINS + 1)


def _bars(edges: Floats, heights: Floats) -> str:
    left, right = _across(edges[:-1], edges) + 0.5, _across(edges[1:], edges) - 0.5
    parts = zip(left, right, _up(heights), heights, strict=True)
    return "".join(f"M{a:.1f} {_FLOOR}V{y:.1f}H{b:.1f}V{_FLOOR}Z" for a, b, y, height in parts if height)


def _outline(edges: Floats, heights: Floats) -> str:
    steps = zip(_up(heights), _across(edges[1:], edges), strict=True)
    return f"M0 {_FLOOR}" + "".join(f"V{y:.1f}H{x:.1f}" for y, x in steps) + f"V{_FLOOR}"


def _tick(value: float, edges: Floats) -> str:
    return f'<text x="{_across(value, edges):.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{value:g}</text>'


def _across(values: Floats | float, edges: Floats) -> Floats:
    return np.asarray((values - edges[0]) / (edges[-1] - edges[0]) * _WIDTH)


def _up(heights: Floats) -> Floats:
    return _FLOOR - heights * (_FLOOR - _TOP)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between these, four to eight, none near an end."""
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * max(m for m in (1, 2, 5) if m * power <= rough)
    room = 0.04 * (high - low)
    first, last = math.ceil((low + room) / step), math.floor((high - room) / step)
    return [round(k * step, 10) for k in range(first, last + 1)]
