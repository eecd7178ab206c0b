"""The report: self-contained, escaped, the same bytes for the same samples, and cells that are those of the samples."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from geodrift.metric import share
from geodrift_crystals.report import DRAWN, body
from geodrift_crystals.report.bars import bars
from geodrift_crystals.report.elements import colour, radius
from geodrift_crystals.structures import failed

METRIC = replace(share("match", 53, 100, 1.0), controls={"template <1>": 0.537}, protocol="stol 0.5")


def cells(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="crystal-cells">(.*?)</script>', text)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_it_needs_nothing_from_elsewhere(crystals: list[Structure]) -> None:
    text = body(crystals, crystals, [METRIC])
    assert not re.search(r"https?:|src=|href=|url\(|@import|<link|<img", text)
    assert text == body(crystals, crystals, [METRIC])
    assert len(text) < 60_000


def test_cells_are_those_of_the_samples(crystals: list[Structure]) -> None:
    text = body(crystals, [], [])
    data = cells(text)
    assert len(re.findall(r"<canvas data-cell=", text)) == len(data["cells"]) == len(crystals)
    names = [name for name, _, _ in data["elements"]]
    for cell, crystal in zip(data["cells"], crystals, strict=True):
        np.testing.assert_allclose(cell["vectors"], crystal.lattice.matrix, atol=1e-3)
        places = np.array([ball[1:] for ball in cell["balls"]])
        frac = np.linalg.solve(crystal.lattice.matrix.T, places.T).T + 0.5
        for site in crystal:
            near = np.abs((frac - site.frac_coords + 0.5) % 1 - 0.5).max(1) < 2e-3
            assert near.any()
            assert {names[cell["balls"][i][0]] for i in np.flatnonzero(near)} == {site.specie.symbol}
        assert ((frac > -0.03) & (frac < 1.03)).all()


def test_atoms_on_faces_are_drawn_on_all_of_them() -> None:
    caesium = Structure(Lattice.cubic(4), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert len(cells(body([caesium], [], []))["cells"][0]["balls"]) == 8 + 1


def test_samples_that_failed_are_counted_and_named(crystals: list[Structure]) -> None:
    text = body([failed(["Na"], "numbers <b>"), *crystals[:3]], [], [])
    assert "4 samples of 3 compositions; 1 could not be decoded (25.0\u00a0%)" in text
    assert "numbers &lt;b&gt;" in text
    assert "Crystal 1: NaCl" in text
    nothing = body([failed(["Na"], "numbers")], [], [])
    assert "<script" not in nothing
    assert "1 could not be decoded" in nothing
    assert "There are no samples." in body([], [], [])


def test_only_some_are_drawn(crystals: list[Structure]) -> None:
    text = body(crystals * 5, [], [])
    assert len(cells(text)["cells"]) == DRAWN
    assert f"Drawn are the first {DRAWN}" in text


def test_space_groups_and_their_tolerance_are_said(crystals: list[Structure]) -> None:
    text = body(crystals[:3], crystals, [])
    assert "Fm-3m (225)" in text
    assert "within 0.1 Å (symprec)" in text
    assert "Space group (symprec 0.1 Å): Pm-3m 66.7 %, " in text


def test_metrics_stand_beside_their_controls(crystals: list[Structure]) -> None:
    text = body(crystals[:1], [], [METRIC])
    assert "<td>template &lt;1&gt; 0.54</td>" in text
    assert "share of structures that are found" in text
    assert "stol 0.5" in text
    assert "Controls" not in body(crystals[:1], [], [share("valid", 1, 2)])


def test_bars_are_shares() -> None:
    text = bars("Elements", ["O", "O", "Ti", "<Sr>"], ["O", "N"])
    assert "O 50.0 %" in text
    assert "&lt;Sr&gt;" in text
    widths = [float(width) for width in re.findall(r"h(\d+\.\d)v", text)]
    assert widths == pytest.approx([190, 0, 95, 95], abs=0.1)  # O, then N, which the reference has
    assert text.count('class="outline"') == 4


def test_every_element_has_a_look() -> None:
    assert colour("O") == "#ff0d0d"
    assert re.fullmatch(r"#[0-9a-f]{6}", colour("Og"))
    assert 0.05 < radius("H") < radius("Cs") < 1.5


def test_its_script_keeps_to_itself() -> None:
    script = (Path(__file__).parents[2] / "plugins/crystals/geodrift_crystals/report/viewer.js").read_text()
    assert "fetch(" not in script
    assert "</script" not in script
    assert "eval" not in script
