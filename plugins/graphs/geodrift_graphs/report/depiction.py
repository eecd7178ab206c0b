r"""Molecules as pictures: RDKit's drawings at one scale, in the colours of the page.

All molecules of a list have the same bond length, chosen so that nine of ten fit their tiles; the few larger ones are
drawn smaller. What is no molecule is drawn without colours, its atoms with too many bonds marked. Black is written as
`currentColor`, and the colours of the elements are of middle lightness, readable on white and on black.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdCoordGen, rdDepictor
from rdkit.Chem.Draw import rdMolDraw2D
from scipy.spatial.distance import pdist

from geodrift_graphs.molecules.correct import overvalent
from geodrift_graphs.molecules.vocabulary import sanitised
from geodrift_graphs.report.drawing import layout
from geodrift_graphs.report.elements import TILE, Tile

_BOND = 1.5  # length of a bond in RDKit's depictions, Å
_COINCIDENT = 0.1  # Å; bonds without length cannot be drawn, so such atoms are placed like the nodes of a graph
_LONGEST = 17.0  # px
_MARGIN = 20  # px of a tile that labels need
_GREEN = "2e9150"
_ELEMENTS = {7: "4a7fe6", 8: "dc3f34", 9: _GREEN, 15: "c26a12", 16: "a67c00", 17: _GREEN, 35: "a8542f", 53: "8a52c4"}
_STROKE = re.compile(r"style='fill:none;[^']*?stroke:(#\w{6});stroke-width:([\d.]+)px;[^']*'")
_ELLIPSE = re.compile(r"(<ellipse [^>]*?)style='[^']*'")
_CLASS = re.compile(r" class='[^']*'")


def tiles(molecules: Sequence[Chem.Mol]) -> list[Tile]:
    """The pictures of molecules, valid or not."""
    checked = [sanitised(molecule) for molecule in molecules]
    placed = [_placed(molecule, valid) for molecule, valid in zip(molecules, checked, strict=True)]
    bond = _bond(placed)
    return [
        Tile(_marks(flat, bond, valid is not None), good=valid is not None and valid.GetNumAtoms() > 0)
        for flat, valid in zip(placed, checked, strict=True)
    ]


def _placed(molecule: Chem.Mol, valid: Chem.Mol | None) -> Chem.Mol:
    """A copy with flat coordinates, ready to be drawn."""
    if valid is not None:
        flat = rdMolDraw2D.PrepareMolForDrawing(valid, kekulize=True, addChiralHs=False)
        rdCoordGen.AddCoords(flat)
    else:
        flat = Chem.Mol(molecule)
        flat.UpdatePropertyCache(strict=False)
        Chem.FastFindRings(flat)
        rdDepictor.Compute2DCoords(flat)
    if flat.GetNumAtoms():
        rdDepictor.NormalizeDepiction(flat)
        rdDepictor.StraightenDepiction(flat, minimizeRotation=True)
    places = flat.GetConformer().GetPositions()
    if len(places) > 1 and pdist(places).min() < _COINCIDENT:
        places[:, :2] = _BOND * layout(Chem.GetAdjacencyMatrix(flat))
        flat.GetConformer().SetPositions(places)
    return flat


def _bond(placed: Sequence[Chem.Mol]) -> float:
    """The bond length that lets nine of ten molecules fit, px."""
    boxes = [np.ptp(flat.GetConformer().GetPositions()[:, :2], axis=0) for flat in placed if flat.GetNumAtoms()]
    if not boxes:
        return _LONGEST
    fitting = (np.subtract(TILE, _MARGIN) / np.maximum(boxes, 1e-6)).min(1) * _BOND
    return min(_LONGEST, float(np.quantile(fitting, 0.1)))


def _marks(flat: Chem.Mol, bond: float, valid: bool) -> str:
    canvas = rdMolDraw2D.MolDraw2DSVG(*TILE)
    options: Any = canvas.drawOptions()
    options.prepareMolsBeforeDrawing = options.clearBackground = False
    options.fixedBondLength = bond
    options.bondLineWidth = 1.5
    options.padding = 0.03
    options.highlightRadius = 0.35
    options.flagCloseContactsDist = -1
    options.useBWAtomPalette()
    if valid:
        options.updateAtomPalette({number: _rgb(colour) for number, colour in _ELEMENTS.items()})
    canvas.DrawMolecule(flat, highlightAtoms=[] if valid else overvalent(Chem.Mol(flat)), highlightBonds=[])
    canvas.FinishDrawing()
    colour = "--ink" if valid else "--muted"
    return f'<g color="var({colour})">{_themed(canvas.GetDrawingText())}</g>'


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4))


def _themed(text: str) -> str:
    """The elements of a drawing, in a third of the bytes."""
    marks = text.partition("<!-- END OF HEADER -->")[2].rpartition("</svg>")[0]
    marks = _ELLIPSE.sub(r"\1fill='var(--alert)' fill-opacity='.35'", _CLASS.sub("", marks))
    marks = _STROKE.sub(r"fill='none' stroke='\1' stroke-width='\2'", marks)
    return " ".join(marks.replace("#000000", "currentColor").split())
