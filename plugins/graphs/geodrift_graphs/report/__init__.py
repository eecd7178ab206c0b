r"""The body of the report on generated molecules and graphs: pictures, figures, histograms.

Everything is inline SVG and one style sheet, so that the page needs no network; it follows the reader's light or dark
scheme, and the same samples give the same bytes. All text that comes from data is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import networkx as nx

from geodrift.metric import Metric
from geodrift_graphs.report import depiction, drawing
from geodrift_graphs.report.elements import section, sheet
from geodrift_graphs.report.figures import table
from geodrift_graphs.report.graphs import graphs
from geodrift_graphs.report.molecules import molecules

__all__ = ["body", "gallery"]


def body(samples: Sequence[Any], reference: Sequence[Any], metrics: Sequence[Metric]) -> str:
    """An HTML fragment with its own style, below a page's heading.

    Arguments:
        samples: RDKit molecules, valid or not, or networkx graphs.
        reference: Of the same kind, for the histograms; an empty list is an absent one.
        metrics: What was measured; an empty list leaves the table out.
    """
    pictures, histograms = _parts(samples, reference)
    figures = section("Metrics", table(metrics)) if metrics else ""
    style = (files(__name__) / "style.css").read_text("utf-8")
    return f'<style>\n{style}</style>\n<div class="graphs-report">\n{pictures}{figures}{histograms}</div>\n'


def gallery(samples: Sequence[Any], columns: int = 8) -> str:
    """One SVG picture of all these samples, in rows."""
    draw = drawing.tiles if _are_graphs(samples) else depiction.tiles
    return sheet(draw(samples), columns)


def _parts(samples: Sequence[Any], reference: Sequence[Any]) -> tuple[str, str]:
    if not samples:
        return section("Samples", "<p>There are no samples.</p>"), ""
    return (graphs if _are_graphs(samples) else molecules)(samples, reference)


def _are_graphs(samples: Sequence[Any]) -> bool:
    return bool(samples) and isinstance(samples[0], nx.Graph)
