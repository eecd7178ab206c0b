"""Draw the first valid molecules of a preset as the picture of the README.

python tools/picture.py graphs/qm9 docs/images/qm9.svg
"""

from __future__ import annotations

import sys
from pathlib import Path

from rdkit.Chem.Draw import rdMolDraw2D

from geodrift.presets import load
from geodrift_graphs.molecules.vocabulary import sanitised

COLUMNS, ROWS, TILE = 8, 3, 120  # molecules, molecules, pixels


def picture(name: str) -> str:
    """An SVG of the preset's first molecules with seed 0."""
    drawn = [molecule for molecule in map(sanitised, load(name).generate(2 * COLUMNS * ROWS, seed=0)) if molecule]
    canvas = rdMolDraw2D.MolDraw2DSVG(COLUMNS * TILE, ROWS * TILE, TILE, TILE)
    canvas.drawOptions().padding = 0.12
    canvas.DrawMolecules(drawn[: COLUMNS * ROWS])
    canvas.FinishDrawing()
    return str(canvas.GetDrawingText())


if __name__ == "__main__":
    Path(sys.argv[2]).parent.mkdir(parents=True, exist_ok=True)
    Path(sys.argv[2]).write_text(picture(sys.argv[1]), encoding="utf-8")
