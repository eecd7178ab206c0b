"""The table of generated crystals: definitions, denominators, floors, controls, options that make no sense."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Composition, Lattice, Structure
from scipy.stats import wasserstein_distance

from geodrift.errors import InputError
from geodrift.metric import Better, Metric
from geodrift_crystals.evaluation import evaluate
from geodrift_crystals.metrics import store

SHARES = ["struct_valid", "comp_valid", "valid"]
COVERAGE = ["cov_recall", "cov_precision", "amsd_recall", "amsd_precision", "amcd_recall", "amcd_precision"]
DISTRIBUTIONS = ["density_w1", "elements_w1", "spacegroup_tv"]
CONTROLS = ["random coordinates", "template", "random decoration"]


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> pytest.MonkeyPatch:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEODRIFT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield patch


def perovskite(a: str, b: str, x: str, edge: float = 4.0, move: float = 0.0) -> Structure:
    places = [[0.5, 0.5, 0.5], [0, 0, move], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]]
    return Structure(Lattice.cubic(edge), [a, b, x, x, x], places)


SALT = Structure(Lattice.from_parameters(3.99, 3.99, 3.99, 60, 60, 60), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
ON_TOP = Structure(Lattice.cubic(4), ["Na", "Cl"], [[0, 0, 0], [0.01, 0, 0]])
TRAIN = [perovskite(a, b, "O", 3.9 + 0.05 * i) for i, a in enumerate(["Ca", "Sr", "Ba"]) for b in ("Ti", "Zr", "Hf")]
TEST = [perovskite(*names) for names in (("Ca", "Sn", "O"), ("Sr", "Sn", "O"), ("K", "Mg", "F"), ("Ba", "Ti", "O"))]
SAMPLES = [TRAIN[0], perovskite("Sr", "Sn", "O", 4.1), perovskite("Sr", "Sn", "O", 4.2), SALT, ON_TOP, None]


def by_name(metrics: list[Metric]) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


def test_shares_and_sets_and_their_denominators() -> None:
    found = by_name(evaluate(SAMPLES, [], TRAIN, {"controls": False}))
    assert list(found) == [*SHARES, "unique", "novel", "vun"]
    expected = {"struct_valid": (4, 6), "comp_valid": (5, 6), "valid": (4, 6), "unique": (3, 4), "novel": (3, 4)}
    for name, (hits, n) in {**expected, "vun": (2, 6)}.items():
        assert (found[name].value, found[name].n) == (pytest.approx(hits / n), n), name
        assert found[name].low < found[name].value < found[name].high
    assert found["comp_valid"].protocol.endswith("oxidation states smact14")
    assert "stol=0.3" in found["novel"].protocol


def test_the_table_of_oxidation_states_is_chosen_and_printed() -> None:
    odd = Structure(Lattice.cubic(4), ["Cu", "F", "F", "F", "F"], TEST[0].frac_coords)
    assert odd.composition == Composition("CuF4")
    for table, value in (("smact14", 1.0), ("icsd24", 0.0)):
        found = by_name(evaluate([odd], [], [], {"smact": table}))["comp_valid"]
        assert (found.value, found.protocol.split()[-1]) == (value, table)


def test_a_set_covers_itself() -> None:
    found = by_name(evaluate(TEST, TEST, [], {"data": "perov-5"}))
    assert list(found) == [*SHARES, "unique", *COVERAGE, *DISTRIBUTIONS]
    assert found["cov_recall"].value == found["cov_precision"].value == 1
    for name in (*COVERAGE[2:], *DISTRIBUTIONS):
        assert found[name].value == pytest.approx(0, abs=1e-12)
        assert found[name].better is Better.LOWER
    assert found["cov_recall"].protocol == "cut-offs 0.2 and 4; compositions standardised by the reference"
    assert found["spacegroup_tv"].protocol.endswith("symprec 0.1 Å and 5°")


def test_precision_is_of_all_samples_and_recall_of_the_reference() -> None:
    found = by_name(evaluate([*TEST[:2], ON_TOP, None], TEST, [], {"delta_s": 1e-6, "delta_c": 1e-6}))
    assert (found["cov_recall"].value, found["cov_recall"].n) == (0.5, 4)
    assert (found["cov_precision"].value, found["cov_precision"].n) == (0.5, 4)
    assert found["amsd_precision"].n == 2


def test_distributions_are_those_of_valid_samples() -> None:
    found = by_name(evaluate(SAMPLES, TEST, [], {}))
    valid = SAMPLES[:4]
    density = wasserstein_distance([s.density for s in valid], [s.density for s in TEST])
    assert (found["density_w1"].value, found["density_w1"].n) == (pytest.approx(density), 4)
    assert found["elements_w1"].value == pytest.approx(wasserstein_distance([3, 3, 3, 2], [3, 3, 3, 3]))
    assert found["spacegroup_tv"].value == pytest.approx(0.25)  # Fm-3m among Pm-3m


def test_floor_and_controls_stand_beside_every_figure() -> None:
    found = by_name(evaluate(TEST, TEST, TRAIN, {"data": "perov-5"}))
    assert all(list(metric.controls) == CONTROLS for metric in found.values())
    assert all(metric.floor is not None for metric in found.values())
    assert (found["novel"].floor, found["valid"].floor) == (0, 1)
    assert found["spacegroup_tv"].controls["random coordinates"] > 0.9
    assert found["spacegroup_tv"].controls["template"] == pytest.approx(0)
    assert found["amsd_recall"].controls["random coordinates"] > found["amsd_recall"].controls["template"]


def test_without_enough_training_structures_floors_are_of_shares_alone() -> None:
    found = by_name(evaluate(TEST, [], TRAIN[:3], {}))
    assert {name for name, metric in found.items() if metric.floor is not None} == set(SHARES)


def test_nothing_valid_leaves_the_shares() -> None:
    assert list(by_name(evaluate([None, ON_TOP], TEST, TRAIN, {"controls": False}))) == SHARES
    assert evaluate([], TEST, TRAIN, {}) == []


def test_the_same_twice_and_an_interrupted_run_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = evaluate(TEST, TEST, TRAIN, {"seed": 3})
    assert evaluate(TEST, TEST, TRAIN, {"seed": 3}) == whole
    monkeypatch.setenv("GEODRIFT_CACHE", str(tmp_path))
    calls = []
    kept = store._write

    def stopped(place: Path, rows: dict, instead: tuple = ()) -> dict:
        calls.append(kept(place, rows, instead))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return calls[-1]

    monkeypatch.setattr(store, "_write", stopped)
    with pytest.raises(KeyboardInterrupt):
        evaluate(TEST, TEST, TRAIN, {"seed": 3})
    assert evaluate(TEST, TEST, TRAIN, {"seed": 3}) == whole


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sed": 1}, 'no option of evaluate "sed" (did you mean "seed"?)'),
        ({"jobs": 0}, "jobs: a number of processes, or -1 for all cores, not 0"),
        ({"k": True}, "k: a whole number from 1, not True"),
        ({"task": "cps"}, 'no task "cps" (did you mean "csp"?)'),
        ({"smact": "smact15"}, 'no smact "smact15" (did you mean "smact14"?)'),
        ({"data": 5}, 'no data "5"'),
        ({"symprec": -1}, "symprec: a number above 0, not -1"),
        ({"delta_s": "x"}, "delta_s: a number above 0, not 'x'"),
        ({"controls": 1}, "controls: true or false, not 1"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as caught:
        evaluate(TEST, TEST, TRAIN, options)
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


def test_things_that_are_no_ordered_structures() -> None:
    mixed = Structure(Lattice.cubic(4), [{"Na": 0.5, "K": 0.5}, "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    for samples, reference, words in (
        (["NaCl"], [], "samples: number 0 is no crystal structure but str"),
        ([SALT], [SALT, None], "reference: number 1 is no crystal structure but NoneType"),
        ([SALT], [mixed], "reference: number 0, .* is disordered"),
        ([SALT], [Structure(np.eye(3) / 10, ["H"], [[0, 0, 0]])], "reference: number 0 has no atoms, or a cell with"),
    ):
        with pytest.raises(InputError, match=words):
            evaluate(samples, reference, [], {})
