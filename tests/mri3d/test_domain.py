"""The domain keeps the core's laws, on both networks, given conditions or not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geodrift.config import resolve
from geodrift.testing.command import command
from geodrift.testing.domain import LAWS, Subject
from geodrift_mri3d import domain
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.subjects import held_out
from geodrift_mri3d.volume import CONDITIONS, volume

CONFIGS: dict[str, dict[str, Any]] = {
    "unet": {"network": {"kind": "unet", "channels": [16, 16], "head": 8, "groups": 8, "rank": 2, "draws": 1}},
    "transformer": {
        "data": {"conditions": ["age", "sex"], "tissue": True},
        "network": {"kind": "transformer", "width": 24, "layers": 1, "heads": 2, "rank": 2, "draws": 1},
        "process": {"kind": "edm"},
        "sample": {"grid": "karras", "solver": "heun"},
    },
}


@pytest.fixture(scope="module")
def subjects() -> dict[str, Subject]:
    return {name: Subject.of(domain, resolve({"domain": "mri3d", **table}, name)) for name, table in CONFIGS.items()}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("law", LAWS)
def test_laws(law: Callable[[Subject], None], name: str, subjects: dict[str, Subject]) -> None:
    law(subjects[name])


def test_what_is_the_same() -> None:
    one, other = domain.examples()[:2]
    assert domain.same(one, one)
    assert not domain.same(one, other)
    moved = one.affine.copy()
    moved[0, 3] += 1
    assert not domain.same(one, volume(one.dataobj, moved))


def test_a_sample_keeps_what_the_subject_is_that_it_is_to_be_like() -> None:
    one, other = domain.examples()[:2]
    found = domain.answering(volume(other.dataobj, other.affine), one, 0)
    assert found.extra[CONDITIONS] == one.extra[CONDITIONS]
    assert found.extra["like"] == "phantom0"
    np.testing.assert_array_equal(np.asarray(found.dataobj), np.asarray(other.dataobj))


def test_the_held_out_subjects_are_decided_by_name() -> None:
    found = [held_out(f"subject{number}") for number in range(4000)]
    assert sum(found) == pytest.approx(600, abs=70)
    assert found == [held_out(f"subject{number}") for number in range(4000)]


def test_24_of_the_subjects_of_ixi_are_held_out(shared_data: Path) -> None:
    for which, count in (("held-out", 24), ("training", 136)):
        assert len(domain.read(shared_data / "mri3d" / "ixi", {"subjects": which}).objects) == count


def test_a_prepared_folder_is_a_data_set_again(tmp_path: Path) -> None:
    raw, ready = tmp_path / "raw", tmp_path / "ready"
    domain.write(domain.examples(), raw)
    asked = ("--set", "data.shape=[8, 10, 8]", "--set", "data.spacing=[20.0, 19.2, 20.0]")
    result = command("prepare", "mri3d", raw, "--out", ready, *asked)
    assert result.code == 0, result.errors
    assert "5 prepared, 0 refused" in result.output
    images = domain.read(ready, {}).objects
    assert [image.shape for image in images] == [(8, 10, 8)] * 5
    assert Grid.of(images[0]).spacing == pytest.approx((20.0, 19.2, 20.0))
    assert [image.extra[CONDITIONS] for image in images] == [each.extra[CONDITIONS] for each in domain.examples()]
    assert command("prepare", "mri3d", raw, "--out", ready, *asked).code == 2  # never over files that are there


def test_what_cannot_be_prepared_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    flat = volume(np.ones((16, 24, 16), np.float32), np.eye(4))
    domain.write([*domain.examples()[:2], flat], raw)
    result = command("prepare", "mri3d", raw, "--out", tmp_path / "ready")
    assert result.code == 0
    assert "2 prepared, 1 refused" in result.output
    assert "all voxels are" in result.errors


def test_other_domains_have_nothing_to_prepare(tmp_path: Path) -> None:
    result = command("prepare", "graphs", tmp_path, "--out", tmp_path / "ready")
    assert result.code == 2
    assert "nothing to prepare" in result.errors


def test_a_config_of_ones_own_knows_the_objective_of_the_domain(tmp_path: Path) -> None:
    """In a process of its own: here the domain is loaded already."""
    own = tmp_path / "own.toml"
    own.write_text('domain = "mri3d"\n[objective]\nkind = "relative"\n')
    words = [
        sys.executable,
        "-m",
        "geodrift",
        "train",
        "mri3d",
        "--preset",
        str(own),
        "--data",
        "nowhere",
        "--out",
        "run",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stderr.startswith("geodrift: nowhere: ")
