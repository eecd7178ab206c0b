"""The table of a set of molecules: definitions, floors, references that are absent, the cache."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from geodrift.errors import InputError
from geodrift.metric import Better, Metric
from geodrift_graphs.metrics import cache, summary
from geodrift_graphs.metrics.molecules import evaluate_molecules
from geodrift_graphs.metrics.validity import Verdict, verdicts

TEST = ["CCO", "c1ccccc1O", "CC(=O)NC", "C1CC1C#N", "CC(C)(C)O", "OCC1CO1", "CCN", "CC=O"]
TRAIN = ["CCCO", "c1ccccc1N", "CC(=O)OC", "C1CC1C=O", "CC(C)(C)N", "NCC1CO1", "CCF", "CC#N", "OCC", "O=C=O"]
SHARES = ["valid", "valid_gdss", "valid_corrected", "connected", "valid_connected"]
DISTANCES = ["fcd", "nspdk", "scaf", "snn", "qed_w1", "sa_w1", "logp_w1", "weight_w1"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEODRIFT_CACHE", str(tmp_path / "cache"))


def raw(*smiles: str) -> list[Chem.Mol]:
    return [Chem.MolFromSmiles(line, sanitize=False) for line in smiles]


def by_name(metrics: list[Metric]) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


def test_what_is_valid_by_which_definition() -> None:
    good, charged, carbon, ring, two, none = verdicts(
        [*raw("CCO", "C[N](C)(C)C", "C[C](C)(C)(C)C", "c1cccc1", "C.O"), Chem.Mol()]
    )
    assert (good.smiles, good.charged, good.corrected, good.connected) == ("CCO", True, True, True)
    assert (charged.valid, charged.charged, charged.corrected) == (False, True, True)  # a cation after the rule
    assert (carbon.valid, carbon.charged, carbon.corrected) == (False, False, True)  # five bonds, one too many
    assert (ring.valid, ring.charged) == (False, True)  # valences hold, no Kekulé structure
    assert (two.valid, two.connected) == (True, False)
    assert none == Verdict(None, charged=False, corrected=False, connected=False)


def test_shares_and_sets() -> None:
    samples = raw("OCC", "CCO", "CCC", "C[C](C)(C)(C)C", "C.O", "C[N](C)(C)C")
    found = by_name(evaluate_molecules(samples, training=TRAIN))
    assert list(found) == [*SHARES, "unique", "novel"]
    assert found["valid"].value == pytest.approx(4 / 6)
    assert found["valid_gdss"].value == pytest.approx(5 / 6)
    assert found["connected"].value == pytest.approx(5 / 6)
    assert found["valid_connected"].value == pytest.approx(3 / 6)
    assert (found["unique"].value, found["unique"].n) == (3 / 4, 4)  # CCO twice
    assert (found["novel"].value, found["novel"].n) == (2 / 3, 3)  # CCO is known
    assert (found["valid"].floor, found["novel"].floor) == (1.0, 0.0)


def test_absent_references_leave_out_what_needs_them() -> None:
    assert list(by_name(evaluate_molecules(raw("CCO")))) == [*SHARES, "unique"]
    assert all(metric.floor is None for metric in evaluate_molecules(raw("CCO"), TEST))
    assert evaluate_molecules([], TEST, TRAIN) == []
    assert list(by_name(evaluate_molecules(raw("C(C)(C)(C)(C)C"), TEST, TRAIN))) == SHARES


def test_a_set_is_at_no_distance_from_itself() -> None:
    found = by_name(evaluate_molecules(raw(*TEST), TEST))
    assert list(found) == [*SHARES, "unique", *DISTANCES]
    for name in ("fcd", "nspdk", "qed_w1", "sa_w1", "logp_w1", "weight_w1"):
        assert found[name].value == pytest.approx(0, abs=1e-4)
        assert found[name].better is Better.LOWER
    assert found["snn"].value == pytest.approx(1)


def test_the_floor_is_the_figure_of_a_training_sample() -> None:
    """As many samples as training molecules: the floor's sample is all of them."""
    found, real = evaluate_molecules(raw(*TEST, "C", "CC"), TEST, TRAIN), evaluate_molecules(raw(*TRAIN), TEST, TRAIN)
    for one, other in zip(found, real, strict=True):
        assert one.name == other.name
        assert one.floor == pytest.approx(other.value, rel=1e-6)
        assert other.low - 1e-9 <= other.value <= other.high + 1e-9


def test_the_same_for_any_number_of_processes_and_twice() -> None:
    once = evaluate_molecules(raw(*TRAIN), TEST, TRAIN)
    assert evaluate_molecules(raw(*TRAIN), TEST, TRAIN, n_jobs=2) == once


def test_a_reference_is_kept_and_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = summary.summarise(TEST)
    monkeypatch.setattr(summary, "parsed", lambda *_: pytest.fail("computed again"))
    again = summary.summarise(TEST[::-1])
    np.testing.assert_array_equal(first.activations.covariance, again.activations.covariance)
    assert first.scaffolds == again.scaffolds


def test_a_reference_without_molecules_is_refused() -> None:
    with pytest.raises(InputError, match="0 of 2 SMILES"):
        evaluate_molecules(raw("CCO", "CCN"), ["nonsense", "C("])


def test_damage_to_the_cache_costs_time_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    value = {"x": np.arange(3.0), "name": np.array(["a", "bc"])}
    assert cache.cached("k", lambda: value) is value
    np.testing.assert_array_equal(cache.cached("k", dict)["name"], value["name"])
    (cache.folder() / "k.npz").write_bytes(b"PK\x03\x04 torn")
    assert cache.cached("k", lambda: value) is value
    assert [path.name for path in cache.folder().iterdir()] == ["k.npz"]
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GEODRIFT_CACHE", str(tmp_path / "file"))
    assert cache.cached("k", lambda: value) is value


def test_a_key_depends_on_content_and_not_on_order() -> None:
    assert cache.key("a", ["x", "y"]) == cache.key("a", ["y", "x"])
    assert len({cache.key("a", ["x", "y"]), cache.key("b", ["x", "y"]), cache.key("a", ["xy"])}) == 3


@pytest.mark.slow
def test_floors_of_qm9(shared_data: Path) -> None:
    """Training molecules are at the floor; for NSPDK it is the reference code's 0.00097 at n = 1000 against 10,000."""
    with gzip.open(shared_data / "graphs" / "qm9_smiles.csv.gz", "rt") as lines:
        rows = [line.rstrip().split(",") for line in lines][1:]
    rng = np.random.default_rng(0)
    chosen = ([r[1] for r in rows if r[2] == "0" and r[3] == flag] for flag in "10")
    test, train = ([part[i] for i in rng.choice(len(part), 1500, replace=False)] for part in chosen)
    samples = [Chem.MolFromSmiles(line) for line in train[:500]]
    found = by_name(evaluate_molecules(samples, test, train[500:]))
    assert found["fcd"].value == pytest.approx(found["fcd"].floor, rel=0.15)
    assert found["fcd"].low <= found["fcd"].value <= found["fcd"].high
    assert found["nspdk"].value == pytest.approx(found["nspdk"].floor, rel=0.25)
    assert found["nspdk"].value == pytest.approx(0.00097 * (1 / 500 + 1 / 1500) / (1 / 1000 + 1 / 10000), rel=0.25)
