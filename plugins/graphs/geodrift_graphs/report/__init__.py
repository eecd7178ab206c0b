r"""The body of the report on generated molecules and graphs: pictures, figures, histograms.

Everything is inline SVG and one style sheet, so that the page needs no network; it follows the reader's light or dark
scheme, and the same samples give the same bytes. All text that comes from data is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import networkx as nx

from geodrift.metric import Metric
from geodrift.report.figures import table
from geodrift.report.parts import fragment, section
from geodrift_graphs.report import depiction, drawing
from geodrift_graphs.report.elements import sheet
from geodrift_graphs.report.graphs import graphs
from geodrift_graphs.report.molecules import molecules

__all__ = ["body", "gallery"]

MEANINGS = {
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


def body(samples: Sequence[Any], reference: Sequence[Any], metrics: Sequence[Metric]) -> str:
    """An HTML fragment with its own style, below a page's heading.

    Arguments:
        samples: RDKit molecules, valid or not, or networkx graphs.
        reference: Of the same kind, for the histograms; an empty list is an absent one.
        metrics: What was measured; an empty list leaves the table out.
    """
    pictures, histograms = _parts(samples, reference)
    figures = section("Metrics", table(metrics, MEANINGS)) if metrics else ""
    return fragment(pictures, figures, histograms)


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
