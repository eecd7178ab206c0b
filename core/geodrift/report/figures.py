r"""The table of metrics: each figure with its interval, its floor, its n, and its controls where there are any.

The picture in a row has an axis of its own, from the least to the largest of interval and floor: a dot for the value,
a line for the interval, a tick for the floor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from geodrift.metric import Better, Metric

_NOTE = (
    "The floor is the same figure, measured on as many real samples. In the pictures, each on an axis of its own, a "
    "dot is the value, a line its interval, a tick the floor."
)
_CONTROLS = " Controls are predictors that learn nothing: a figure that does not pass them says little about a model."
_HEAD = ("Metric", "Value", "95 % interval", "Floor", "Value and floor", "n", "Better")
_SPAN = (8, 112)  # px of the row's picture that its axis takes


def table(metrics: Sequence[Metric], meanings: Mapping[str, str]) -> str:
    """The table, and how to read it.

    Arguments:
        metrics: The figures.
        meanings: What each is in a few words, by name.
    """
    controlled = any(metric.controls for metric in metrics)
    names = (*_HEAD, "Controls") if controlled else _HEAD
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    rows = "\n".join(_row(metric, meanings.get(metric.name, ""), controlled) for metric in metrics)
    body = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
    return f'<p>{_NOTE}{_CONTROLS if controlled else ""}</p>\n<div class="wide">{body}</div>'


def _row(metric: Metric, meaning: str, controlled: bool) -> str:
    digits = _digits(metric)
    value, low, high = (_number(number, digits) for number in (metric.value, metric.low, metric.high))
    floor = "–" if metric.floor is None else _number(metric.floor, digits)
    told = "".join(f"<small>{escape(words)}</small>" for words in (meaning, metric.protocol) if words)
    cells = [f"<b>{value}</b>", f"{low} to {high}", floor, _picture(metric), f"{metric.n:,}", _direction(metric.better)]
    cells += ["<br>".join(f"{escape(name)} {_number(x, digits)}" for name, x in metric.controls.items())] * controlled
    name = f'<th scope="row"><code>{escape(metric.name)}</code>{told}</th>'
    return f"<tr>{name}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _direction(better: Better) -> str:
    return "↑ higher" if better is Better.HIGHER else "↓ lower"


def _digits(metric: Metric) -> int:
    """Decimals that show two digits of the interval's width."""
    width = metric.high - metric.low
    return min(8, max(0, 1 - math.floor(math.log10(width)))) if 0 < width < math.inf else 4


def _number(number: float, digits: int) -> str:
    return f"{number:,.{digits}f}" if math.isfinite(number) else str(number)


def _picture(metric: Metric) -> str:
    ends = [metric.low, metric.high, metric.value, *([] if metric.floor is None else [metric.floor])]
    low, high = min(ends), max(ends)
    if not all(map(math.isfinite, ends)) or low == high:
        return ""
    first, last = _SPAN
    a, b, dot, *tick = (f"{first + (end - low) / (high - low) * (last - first):.1f}" for end in ends)
    floor = f'<path class="tick" d="M{tick[0]} 3V17"/>' if tick else ""
    marks = f'<path d="M{a} 10H{b}"/>{floor}<circle cx="{dot}" cy="10" r="3.5"/>'
    return f'<svg class="range" viewBox="0 0 120 20" aria-hidden="true">{marks}</svg>'
