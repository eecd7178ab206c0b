"""The report: self-contained, escaped, complete, the same for the same samples."""

import csv
import gzip
import math
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import networkx as nx
import numpy as np
import pytest
from rdkit import Chem
from scipy.spatial.distance import pdist, squareform

from geodrift.metric import Better, Metric, share
from geodrift.report.figures import table
from geodrift.report.histogram import histograms
from geodrift.report.parts import sorts
from geodrift_graphs import domain
from geodrift_graphs.generic.packed import Packed
from geodrift_graphs.molecules.vocabulary import Vocabulary
from geodrift_graphs.report import MEANINGS, body, gallery
from geodrift_graphs.report.drawing import layout
from geodrift_graphs.report.graphs import DRAWN as GRAPHS_DRAWN
from geodrift_graphs.report.molecules import DRAWN

SVG = "{http://www.w3.org/2000/svg}"
VALID = [Chem.MolFromSmiles(text) for text in ("CCO", "c1ccc2[nH]ccc2c1", "C[N+](=O)[O-]", "CC.O", "C1C2CC3CC1CC2C3")]
FIVE = Chem.MolFromSmiles("C(C)(C)(C)(C)C", sanitize=False)
NOTHING = Chem.Mol()
GRAPHS = [
    nx.path_graph(5),
    nx.star_graph(6),
    nx.disjoint_union(nx.cycle_graph(4), nx.empty_graph(2)),
    nx.empty_graph(1),
]
METRICS = [share("valid", 9, 10, 1.0), Metric("fcd", 0.1123, 10, 0.1101, 0.1165, None, Better.LOWER)]


def without_sorting(text: str) -> str:
    """The report without the one script that may stand in it, which sorts."""
    ours = sorts([]).partition("<script>")[2]
    assert text.count(f"<script>{ours}") <= 1
    return text.replace(f"<script>{ours}", "")


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<div>{text}</div>")


def words(text: str) -> str:
    return " ".join("".join(parsed(text).itertext()).split())


def figures(text: str, kind: str) -> list[ElementTree.Element]:
    grids = [part for part in parsed(text).iter("div") if kind in part.get("class", "").split()]
    return [figure for part in grids for figure in part.iter("figure")]


@pytest.mark.parametrize(
    ("samples", "reference"), [([*VALID, FIVE], VALID), (GRAPHS, GRAPHS)], ids=["molecules", "graphs"]
)
class TestBoth:
    def test_needs_no_other_file(self, samples: Sequence[Any], reference: Sequence[Any]) -> None:
        text = body(samples, reference, METRICS)
        assert not re.search(r"https?:|src=|href=|url\(|@import|<script|<link|<img", without_sorting(text))

    def test_is_the_same_for_the_same_samples(self, samples: Sequence[Any], reference: Sequence[Any]) -> None:
        assert body(samples, reference, METRICS) == body(samples, reference, METRICS)
        assert gallery(samples) == gallery(samples)

    def test_every_picture_is_described(self, samples: Sequence[Any], reference: Sequence[Any]) -> None:
        pictures = list(parsed(body(samples, reference, METRICS)).iter("svg"))
        assert all(picture.get("aria-label") or picture.get("aria-hidden") for picture in pictures)

    def test_reference_and_metrics_may_be_absent(self, samples: Sequence[Any], reference: Sequence[Any]) -> None:
        text = words(body(samples, [], []))
        assert "Metrics" not in text
        assert "reference" not in text
        assert "reference" in words(body(samples, reference, []))

    def test_gallery_is_one_picture(self, samples: Sequence[Any], reference: Sequence[Any]) -> None:
        picture = ElementTree.fromstring(gallery(samples, columns=3))
        assert picture.tag == f"{SVG}svg"
        assert (picture.get("width"), picture.get("height")) == ("450", str(120 * math.ceil(len(samples) / 3)))
        assert len(picture.findall(f"{SVG}g")) == len(samples)
        assert ElementTree.fromstring(gallery([])).tag == f"{SVG}svg"

    def test_domain_gives_it(self, samples: Sequence[Any], reference: Sequence[Any]) -> None:
        assert domain.report(samples, reference, METRICS) == body(samples, reference, METRICS)


def test_no_samples() -> None:
    assert "There are no samples" in words(body([], VALID, []))


def test_molecules_are_counted() -> None:
    text = words(body([*VALID, VALID[0], FIVE, NOTHING], [], []))
    assert "8 samples: 6 valid (75.0 %), of these 5 in one piece and 5 different" in text
    assert "2 not valid (25.0 %)" in text


def test_drawn_are_the_first() -> None:
    text = body(VALID * 20, [], [])
    assert len(figures(text, "tiles")) == DRAWN + 2  # scaffolds
    assert f"Drawn are the first {DRAWN}" in words(text)
    assert len(figures(body(GRAPHS * 20, [], []), "tiles")) == GRAPHS_DRAWN


def test_invalid_are_named_and_marked() -> None:
    text = body([VALID[0], FIVE, NOTHING], [], [])
    first, second, third = figures(text, "tiles")
    assert [figure.get("class") for figure in (first, second, third)] == [None, "bad", "bad"]
    assert "C0: valence 5" in "".join(second.itertext())
    assert "no atoms" in "".join(third.itertext())
    assert len(list(second.iter("ellipse"))) == 1
    assert not list(first.iter("ellipse"))
    assert "Explicit valence for atom # 0 C, 5" in words(text)


def test_nothing_valid_has_no_histograms() -> None:
    text = body([FIVE, NOTHING], VALID, METRICS)
    assert not figures(text, "charts")
    assert "0 valid (0.0 %)" in words(text)
    assert "Scaffolds" not in words(text)


def test_samples_stay_as_they_were() -> None:
    samples = [Chem.Mol(molecule) for molecule in (*VALID, FIVE, NOTHING)]
    before = [molecule.ToBinary() for molecule in samples]
    body(samples, samples, [])
    gallery(samples)
    assert [molecule.ToBinary() for molecule in samples] == before


def test_any_graph_of_atoms_is_drawn() -> None:
    rng = np.random.default_rng(0)
    vocabulary = Vocabulary(("C", "N", "O", "F", "N+", "O-", "CH0"))
    samples = []
    for share_of_pairs in np.linspace(0, 1, 60):
        pairs = (n := int(rng.integers(1, 14))) * (n - 1) // 2
        orders = rng.integers(1, 4, pairs) * (rng.random(pairs) < share_of_pairs)
        samples.append(vocabulary.decode(Packed(rng.integers(0, 7, n).astype(np.int8), orders.astype(np.int8))))
    assert len(figures(body(samples, [], []), "tiles")) >= DRAWN
    assert "nan" not in gallery(samples)


def test_text_is_escaped() -> None:
    dative = Chem.MolFromSmiles("N->[Fe]")
    assert "->" in Chem.MolToSmiles(dative)
    text = body([dative], [], [Metric('<script>"&', 1.0, 1, 0.5, 1.0, None, Better.HIGHER)])
    assert "-&gt;" in text
    assert "<script" not in without_sorting(text)
    assert '<script>"&' in words(text)


def test_graphs_in_pieces_are_marked() -> None:
    text = body([*GRAPHS, nx.null_graph()], [], [])
    assert [figure.get("class") for figure in figures(text, "tiles")] == [None, None, "bad", None, "bad"]
    assert "5 samples, 3 connected (60.0 %)" in words(text)
    assert "nodes 6, edges 4, 3 pieces" in words(text)


def test_table_shows_as_many_digits_as_are_known() -> None:
    text = words(table([share("valid", 9953, 10000, 1.0), *METRICS[1:]], MEANINGS))
    assert "0.9953 0.9938 to 0.9965 1.0000 10,000 ↑ higher".replace(" ", "") in text.replace(" ", "")
    assert "0.1123 0.1101 to 0.1165 – 10 ↓ lower".replace(" ", "") in text.replace(" ", "")


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0])
def test_table_takes_any_number(value: float) -> None:
    assert str(value) in words(table([Metric("fcd", value, 3, value, value, value, Better.LOWER)], {}))


def test_whole_numbers_have_bars_of_their_own() -> None:
    counts = np.array([0, 0, 0, 1, 2, 2])
    text = histograms(["Rings"], [counts], [counts[:3]], (6, 3))
    bars = next(mark for mark in parsed(text).iter("path") if mark.get("class") == "bars").get("d", "")
    heights = [124 - float(y) for y in re.findall(r"V([\d.]+)H", bars)]
    assert np.allclose(np.array(heights) / (124 - 22), np.array([3, 1, 2]) / 6, atol=1e-3)
    assert "100 %" in words(text)
    assert "mean 0.8333, reference 0" in words(text)


@pytest.mark.parametrize("values", [[0.25], [3.0] * 5, [-1e-9, 1e-9], [1e6, 2e6, 2.5e6]])
def test_histogram_of_few_numbers(values: list[float]) -> None:
    text = histograms(["x"], [np.array(values)], [np.array([])], (len(values), 0))
    assert "nan" not in text
    assert len(figures(text, "charts")) == 1


def test_layout_keeps_distances() -> None:
    places = layout(nx.to_numpy_array(nx.path_graph(9)))
    distance = squareform(pdist(places))
    assert np.allclose(distance, np.abs(np.subtract.outer(range(9), range(9))), atol=0.2)
    assert np.ptp(places[:, 0]) > np.ptp(places[:, 1])


@pytest.mark.parametrize(
    "graph", [nx.grid_2d_graph(6, 5), nx.balanced_tree(2, 4), nx.star_graph(12), nx.petersen_graph()]
)
def test_layout_is_as_good_as_kamada_kawai(graph: nx.Graph) -> None:
    nodes = list(graph)
    rows = dict(nx.all_pairs_shortest_path_length(graph))
    wanted = squareform(np.array([[rows[a][b] for b in nodes] for a in nodes]))

    def stress(places: np.ndarray) -> float:
        return float(((pdist(places) / wanted - 1) ** 2).sum())

    theirs = nx.kamada_kawai_layout(graph)
    assert stress(layout(nx.to_numpy_array(graph))) <= 1.1 * _best(stress, np.array([theirs[node] for node in nodes]))


def test_layout_parts_twins_and_pieces() -> None:
    star = layout(nx.to_numpy_array(nx.star_graph(12)))
    assert pdist(star).min() > 0.2
    pieces = layout(nx.to_numpy_array(nx.disjoint_union(nx.complete_graph(4), nx.complete_graph(4))))
    assert np.linalg.norm(pieces[:4].mean(0) - pieces[4:].mean(0)) > 1


def test_report_of_real_molecules_is_small(shared_data: Path) -> None:
    path = shared_data / "graphs" / "zinc250k.csv.gz"
    if not path.is_file():
        pytest.skip(f"no {path}")
    with gzip.open(path, "rt") as file:
        molecules = [Chem.MolFromSmiles(row["smiles"]) for row in islice(csv.DictReader(file), 80)]
    assert len(body(molecules, molecules[:20], METRICS).encode()) < 2_000_000


def _best(stress: Any, places: np.ndarray) -> float:
    """The stress at the best scale."""
    return min(stress(scale * places) for scale in np.geomspace(0.1, 30, 400))
