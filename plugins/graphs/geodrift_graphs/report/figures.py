r"""The table of metrics: each figure with its interval, its floor and its n.

The picture in a row has an axis of its own, from the least to the largest of interval and floor: a dot for the value,
a line for the interval, a tick for the floor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from geodrift.metric import Better, Metric

_NOTE = (
    "The floor is the same figure, measured on as many real samples. In the pictures, each on an axis of its own, a "
    "dot is the value, a line its interval, a tick the floor."
)
_HEAD = ("Metric", "Value", "95 % interval", "Floor", "Value and floor", "n", "Better")
_MEANING = {
    "valid": "passes RDKit's sanitisation as generated",
    "valid_gdss": "valences hold after GDSS's charge rule",
    "valid_corrected": "after lowering bonds until valences hold",
    "connected": "in one piece",
    "valid_connected": "valid and in one piece",
    "unique": "different from each other",
    "novel": "not in the training data",
    "fcd": "Fréchet ChemNet distance to the reference",
    "nspdk": "MMD of the NSPDK graph kernel",
    "scaf": "cosine similarity of scaffold counts",
    "snn": "similarity to the nearest reference molecule",
    "qed_w1": "Wasserstein distance of drug-likeness",
    "sa_w1": "Wasserstein distance of synthetic accessibility",
    "logp_w1": "Wasserstein distance of logP",
    "weight_w1": "Wasserstein distance of molecular weight, Da",
    "vun": "valid, unique and novel",
}
_SPAN = (8, 112)  # px of the row's picture that its axis takes


def table(metrics: Sequence[Metric]) -> str:
    """The table, and how to read it."""
    head = "".join(f'<th scope="col">{name}</th>' for name in _HEAD)
    rows = "\n".join(map(_row, metrics))
    body = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
    return f'<p>{_NOTE}</p>\n<div class="wide">{body}</div>'


def _row(metric: Metric) -> str:
    digits = _digits(metric)
    value, low, high = (_number(number, digits) for number in (metric.value, metric.low, metric.high))
    floor = "–" if metric.floor is None else _number(metric.floor, digits)
    meaning = f"<small>{escape(_MEANING[metric.name])}</small>" if metric.name in _MEANING else ""
    cells = [f"<b>{value}</b>", f"{low} to {high}", floor, _picture(metric), f"{metric.n:,}", _direction(metric.better)]
    name = f'<th scope="row"><code>{escape(metric.name)}</code>{meaning}</th>'
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
