"""Values of options: numbers where they are numbers, texts where they are not."""

import pytest

from geodrift.cli.options import values
from geodrift.errors import InputError
from geodrift.report.page import facts
from geodrift.samples import Manifest


def test_numbers_and_texts() -> None:
    given = ["atoms=5", "logp=-1.5e0", "formula=SrTiO3", "other=NaN", "third = InF ", "gap=1e999"]
    assert values("--condition", given) == {
        "atoms": 5.0,
        "logp": -1.5,
        "formula": "SrTiO3",
        "other": "NaN",  # sodium nitride
        "third": "InF",
        "gap": "1e999",
    }
    assert values("--condition", None) == {}


@pytest.mark.parametrize("wrong", ["atoms", "=5", "atoms="])
def test_what_is_no_pair(wrong: str) -> None:
    with pytest.raises(InputError, match="write key=value"):
        values("--condition", [wrong])


def test_a_manifest_holds_both_and_the_page_tells_them() -> None:
    manifest = Manifest(
        status="complete",
        versions={"geodrift": "1"},
        domain="crystals",
        model="crystals/x",
        weights="",
        step=0,
        config={"sample": {"solver": "ancestral", "steps": 3}},
        conditions={"formula": "SrTiO3", "atoms": 5.0},
        seed=0,
        device="cpu",
        requested=1,
        count=1,
        batches=1,
        network_calls=3,
        seconds=0.1,
        cpu_seconds=0.1,
    )
    again = Manifest.model_validate_json(manifest.model_dump_json())
    assert again.conditions == {"formula": "SrTiO3", "atoms": 5.0}
    assert isinstance(again.conditions["atoms"], float)
    assert facts(again)["conditions"] == "formula = SrTiO3, atoms = 5"
