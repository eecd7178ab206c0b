r"""The body of the report on generated crystals: cells to turn, figures, distributions.

The cells are drawn by a short script of our own on canvases, the distributions are inline SVG, so that the page needs
no network. All text that comes from data is escaped, and the same samples give the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

from pymatgen.core import Structure

from geodrift.metric import Metric
from geodrift.report.figures import table
from geodrift.report.parts import fragment, grid, part, section
from geodrift_crystals.report.cells import payload
from geodrift_crystals.report.charts import charts
from geodrift_crystals.report.elements import colour
from geodrift_crystals.report.meanings import meanings
from geodrift_crystals.spacegroup import SYMPREC, space_group
from geodrift_crystals.structures import FAILED, symbols

__all__ = ["body"]

DRAWN = 48
LISTED = 50  # samples that are no crystals, named with the reason


def body(samples: Sequence[Structure], reference: Sequence[Structure], metrics: Sequence[Metric]) -> str:
    """An HTML fragment with its own style and script, below a page's heading.

    Arguments:
        samples: Crystals, and what stands for samples that are none.
        reference: Real crystals, for the distributions; an empty list is an absent one.
        metrics: What was measured; an empty list leaves the table out.
    """
    sound = [(number, crystal) for number, crystal in enumerate(samples) if FAILED not in crystal.properties]
    figures = section("Metrics", table(metrics, meanings(m.name for m in metrics))) if metrics else ""
    distributions = charts([crystal for _, crystal in sound], reference)
    style = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    return fragment(_cells(samples, sound), _lost(samples), figures, distributions, _script(sound), style=style)


def _cells(samples: Sequence[Structure], sound: Sequence[tuple[int, Structure]]) -> str:
    if not sound:
        return section("Samples", f"<p>{_counted(samples)}</p>" if samples else "<p>There are no samples.</p>")
    shown = sound[:DRAWN]
    about = f"Drawn are the first {len(shown)}, as they came. " if len(shown) < len(sound) else ""
    how = "Turn a cell with the mouse, a finger or the arrow keys; a double click turns it back."
    cards = [_card(place, number, crystal) for place, (number, crystal) in enumerate(shown)]
    return section("Samples", f"<p>{_counted(samples)}{about}{how}</p>", _legend(shown), grid("cells", cards))


def _counted(samples: Sequence[Structure]) -> str:
    sound = [crystal for crystal in samples if FAILED not in crystal.properties]
    formulas = Counter(crystal.composition.reduced_formula for crystal in sound)
    lost = len(samples) - len(sound)
    missing = f"; {lost:,} could not be decoded ({part(lost, len(samples))})" if lost else ""
    return f"{len(samples):,} samples of {len(formulas):,} compositions{missing}. "


def _card(place: int, number: int, crystal: Structure) -> str:
    found = space_group(crystal)
    formula = crystal.composition.reduced_formula
    lines = (f"{found.symbol} ({found.number})", f"{len(crystal)} atoms, {float(crystal.density):.2f} g/cm³")
    label = escape(f"Crystal {number}: {formula}, {', '.join(lines)}")
    picture = f'<canvas data-cell="{place}" tabindex="0" role="img" aria-label="{label}"></canvas>'
    caption = "".join(f'<span class="line">{escape(line)}</span>' for line in (formula, *lines))
    return f"<figure>{picture}<figcaption><b>{number}</b>{caption}</figcaption></figure>"


def _legend(shown: Sequence[tuple[int, Structure]]) -> str:
    names = sorted({name for _, crystal in shown for name in symbols(crystal)})
    balls = "".join(f'<span class="ball" style="--ball: {colour(name)}">{escape(name)}</span>' for name in names)
    note = f"Space groups are those that spglib finds within {SYMPREC} Å (symprec)."
    return f'<p class="legend">{balls}</p><p>{note}</p>'


def _lost(samples: Sequence[Structure]) -> str:
    """The samples that are no crystals, folded away."""
    bad = [(number, crystal) for number, crystal in enumerate(samples) if FAILED in crystal.properties]
    if not bad:
        return ""
    rows = "\n".join(
        f"<tr><td>{number}</td><td>{escape(str(crystal.properties[FAILED]))}</td></tr>"
        for number, crystal in bad[:LISTED]
    )
    head = '<tr><th scope="col">Sample</th><th scope="col">Reason</th></tr>'
    first = f"; the first {LISTED}" if len(bad) > LISTED else ""
    listing = f'<table class="list"><thead>{head}</thead><tbody>\n{rows}\n</tbody></table>'
    return f'<details><summary>{len(bad):,} not decoded{first}</summary><div class="wide">{listing}</div></details>\n'


def _script(sound: Sequence[tuple[int, Structure]]) -> str:
    if not sound:
        return ""
    data = payload([crystal for _, crystal in sound[:DRAWN]])
    code = Path(__file__).with_name("viewer.js").read_text(encoding="utf-8")
    return f'<script type="application/json" id="crystal-cells">{data}</script>\n<script>\n{code}</script>\n'
