"""Energies and relaxation: physics that must hold, one thread, a package that is missing."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from geodrift.errors import InputError
from geodrift_crystals.evaluation import evaluate
from geodrift_crystals.metrics import energy

SALT = Structure(Lattice.from_parameters(3.99, 3.99, 3.99, 60, 60, 60), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
CAESIUM = Structure(Lattice.cubic(3.4), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEODRIFT_CACHE", str(tmp_path / "cache"))


def test_rmsd_is_of_displacements_without_their_drift() -> None:
    step = np.array([[0.25, 0, 0], [-0.25, 0, 0]]) / 3.4
    moved = Structure(CAESIUM.lattice, CAESIUM.species, CAESIUM.frac_coords + step + [0.9, 0.3, 0])
    assert energy.rmsd(CAESIUM, moved) == pytest.approx(0.25)
    assert energy.rmsd(CAESIUM, CAESIUM) == 0


def test_a_missing_package_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    version = metadata.version

    def without(name: str) -> str:
        if name == "chgnet":
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", without)
    for options in ({"relax": 1}, {"energy": True}):
        with pytest.raises(InputError) as caught:
            evaluate([SALT], [SALT], [], options)
        assert str(caught.value) == 'chgnet is not installed; pip install "geodrift[crystals-energy]"'


def test_relaxation_finds_rock_salt_more_stable_and_goes_downhill(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("chgnet", reason="the optional extra crystals-energy")
    places = [[0, 0, 0], [0.58, 0.5, 0.5]]
    shaken = Structure(SALT.lattice.scale(1.1 * SALT.volume), SALT.species, places)
    options = {"relax": 5, "task": "csp", "k": 2}
    found = {metric.name: metric for metric in evaluate([shaken, CAESIUM], [SALT], [], options)}
    assert capfd.readouterr().out == ""
    assert found["relaxed"].value == 1
    assert found["relax_gain"].value > 0.01
    assert 0.01 < found["relax_rmsd"].value < 0.5
    relaxed = energy.relaxed([shaken, CAESIUM, SALT])
    np.testing.assert_allclose(energy.energies([shaken, CAESIUM, SALT]), relaxed.before, atol=1e-4)
    assert relaxed.after[0] == pytest.approx(relaxed.after[2], abs=5e-3), "the same crystal"
    above = relaxed.after[:2] - relaxed.after[2]
    assert 0.01 < above[1] < 0.3, "CsCl's structure is above rock salt"
    assert found["above_reference"].value == pytest.approx(above.mean())
    assert found["near_reference"].n == 2
    assert "no convex hull" in found["near_reference"].protocol


def test_what_chgnet_cannot_answer_is_no_number() -> None:
    pytest.importorskip("chgnet", reason="the optional extra crystals-energy")
    odd = Structure(Lattice.cubic(3), ["Og", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert np.isnan(energy.energies([odd])).tolist() == [True]
    assert not energy.relaxed([odd]).converged.any()
