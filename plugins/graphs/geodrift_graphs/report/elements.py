"""Pieces of HTML and SVG that all parts of the report share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from statistics import median

from geodrift.report.parts import grid, values

TILE = (150, 120)  # width and height of one picture of a sample, px

_SHEET = """<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img"
 aria-label="{count} generated samples">
<style>
:root {{ --paper: #fff; --ink: #1c2430; --muted: #818b98; --accent: #1f6f8b; --alert: #c4432b }}
@media (prefers-color-scheme: dark) {{
  :root {{ --paper: #1b2027; --ink: #e6eaf0; --muted: #7d8590; --accent: #6cc0de; --alert: #f0735a }}
}}
</style>
<rect width="{w}" height="{h}" rx="8" fill="var(--paper)"/>
{tiles}
</svg>
"""


@dataclass(frozen=True)
class Tile:
    """The picture of one sample.

    Arguments:
        marks: SVG elements in a frame of 150 × 120 px.
        good: False when it shows something that is no molecule, or a graph in pieces.
    """

    marks: str
    good: bool


def tiles(cards: Iterable[str], sizes: Sequence[int], usual: int) -> str:
    """Pictures of samples in rows, larger ones when most samples are larger than usual."""
    return grid("tiles large" if sizes and median(sizes) > usual else "tiles", cards)


def card(tile: Tile, label: str, title: str, *lines: str, numbers: Mapping[str, float] | None = None) -> str:
    """A picture with a title and further lines below, plain text, and numbers that it can be sorted by."""
    width, height = TILE
    picture = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">{tile.marks}</svg>'
    caption = "".join(f'<span class="line" title="{escape(line)}">{escape(line)}</span>' for line in lines if line)
    hidden = values(numbers) if numbers else ""
    kind = "" if tile.good else ' class="bad"'
    return f"<figure{kind}>{picture}<figcaption><b>{escape(title)}</b>{caption}{hidden}</figcaption></figure>"


def sheet(tiles: Sequence[Tile], columns: int) -> str:
    """A picture of its own, with the tiles in rows."""
    width, height = TILE
    columns = max(1, min(columns, len(tiles)))
    places = ((i % columns * width, i // columns * height) for i in range(len(tiles)))
    groups = [f'<g transform="translate({x} {y})">{tile.marks}</g>' for tile, (x, y) in zip(tiles, places, strict=True)]
    rows = max(1, -(-len(tiles) // columns))
    return _SHEET.format(w=columns * width, h=rows * height, count=len(tiles), tiles="\n".join(groups))
