"""The evaluation of whole sets: what it must say of good, of copied and of broken volumes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from nibabel import Nifti1Image

from geodrift.errors import InputError
from geodrift.metric import Metric
from geodrift.rng import Streams
from geodrift_mri3d.augmentation import Augmentation
from geodrift_mri3d.evaluation import evaluate, glance, rows
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.metrics.comparison import Comparison
from geodrift_mri3d.metrics.floors import Floors
from geodrift_mri3d.metrics.settings import Settings
from geodrift_mri3d.metrics.summary import Summary
from geodrift_mri3d.phantom import phantom
from geodrift_mri3d.volume import CONDITIONS, FAILED, NAME, volume

GRID = Grid((32, 32, 32), (5.0, 6.0, 5.0))
FEW = {"permutations": 200, "pairs": 10, "draws": 4}


def heads(count: int, seed: int, noise: float = 0.0) -> list[Nifti1Image]:
    """Different heads, whose ventricles grow with their age."""
    rng, found = np.random.default_rng(seed), []
    for number in range(count):
        age = float(rng.uniform(20, 80))
        head = phantom(GRID, 0.1 + 0.005 * age, age, "FM"[number % 2], seed * 1000 + number)
        data = torch.from_numpy(np.array(head.dataobj))[None]
        moved, _ = Augmentation(shift=4.0)(data, GRID.spacing, Streams.of(seed, torch.tensor([number])))
        shown = (moved[0].numpy() + noise * rng.standard_normal(GRID.shape)).clip(-1, 1).astype(np.float32)
        told = {NAME: f"head{seed}-{number}", CONDITIONS: head.extra[CONDITIONS]}
        found.append(volume(shown, GRID.affine, told))
    return found


@pytest.fixture(scope="module")
def real() -> list[Nifti1Image]:
    return heads(10, 1)


@pytest.fixture(scope="module")
def seen() -> list[Nifti1Image]:
    return heads(16, 2)


def figures(
    samples: Sequence[Nifti1Image], real: Sequence[Nifti1Image], seen: Sequence[Nifti1Image]
) -> dict[str, Metric]:
    return {metric.name: metric for metric in evaluate(samples, real, seen, FEW)}


def test_good_volumes_are_as_far_from_real_ones_as_those_from_each_other(
    real: list[Nifti1Image], seen: list[Nifti1Image]
) -> None:
    good, bad = figures(heads(10, 3), real, seen), figures(heads(10, 3, 0.5), real, seen)
    for name in ("kid_ratio", "mmd_ratio"):
        assert 0.3 < good[name].value < 3
        assert bad[name].value > 2 * good[name].value
    for name in ("kid", "fid", "spectrum", "intensity_w1"):
        assert bad[name].value > 2 * good[name].value
        assert good[name].floor is not None
    assert good["finite"].value == 1


def test_copies_are_found_mirrored_ones_too(real: list[Nifti1Image], seen: list[Nifti1Image]) -> None:
    mirrored = [volume(np.asarray(head.dataobj)[::-1], head.affine, head.extra) for head in seen[5:10]]
    assert figures([*seen[:5], *mirrored], real, seen)["memorised"].value == 1
    assert figures(heads(10, 3), real, seen)["memorised"].value < 0.6


def test_figures_have_intervals_around_them(real: list[Nifti1Image], seen: list[Nifti1Image]) -> None:
    found = figures(heads(10, 3), real, seen)
    assert {"csf_d", "csf_fraction_d", "wm_fraction_ks_p"} <= found.keys()
    for metric in found.values():
        assert metric.low - 1e-9 <= metric.value <= metric.high + 1e-9 or metric.name.endswith(("_d", "_ks", "_ratio"))
        assert metric.n > 0


def test_what_needs_an_absent_set_is_left_out(real: list[Nifti1Image], seen: list[Nifti1Image]) -> None:
    alone, beside = figures(real, [], []), figures(heads(6, 3), real, [])
    assert not {"kid", "memorised", "csf_d"} & alone.keys()
    assert {"finite", "ms_ssim", "asymmetry", "gm_ml", "age_r"} <= alone.keys()
    assert "parts of the reference, 5 against 5" in beside["kid"].protocol
    assert "memorised" not in beside


def test_a_ratio_compares_sets_of_equal_sizes() -> None:
    """Biased distances grow as sets shrink: ratios of unequal sizes would call 40 samples nearer than real ones."""
    rng = np.random.default_rng(0)

    def normal(count: int) -> Summary:
        return Summary(*(rng.normal(size=(count, width)) for width in (8, 8, 4, 4, 3)))

    ratios = []
    for _ in range(20):
        samples, real, seen = normal(40), normal(10), normal(15)
        for training in (None, seen):
            floors = Floors.of(40, real, training, 10, rng)
            comparison = Comparison(samples, real, floors, Settings(permutations=1), rng)
            ratios.append([metric.value for metric in comparison.figures() if metric.name.endswith("_ratio")])
    assert np.mean(ratios, 0) == pytest.approx([1, 1], abs=0.2)


def test_failed_samples_are_counted_and_not_measured(real: list[Nifti1Image]) -> None:
    broken = volume(np.zeros((1, 1, 1), np.float32), np.eye(4), {FAILED: "numbers that are not finite"})
    found = figures([*real[:5], broken], [], [])
    assert (found["finite"].value, found["finite"].n) == (5 / 6, 6)
    assert found["gm_ml"].n == 5
    assert [metric.name for metric in evaluate([broken], real, [], {})] == ["finite"]
    assert evaluate([], real, [], {}) == []


def test_one_reference_is_no_distribution(real: list[Nifti1Image]) -> None:
    with pytest.raises(InputError, match="reference: one image is no distribution"):
        evaluate(real, real[:1], [], FEW)


def test_features_of_an_untrained_network_can_be_compared(real: list[Nifti1Image]) -> None:
    found = {m.name: m for m in evaluate(heads(6, 3), real, [], {**FEW, "features": "random"})}
    other = {m.name: m for m in evaluate(heads(6, 3), real, [], FEW)}
    assert found["kid"].value != other["kid"].value
    assert found["gm_d"].value == pytest.approx(other["gm_d"].value)
    assert found["kid"].protocol.startswith("features of random; p = ")
    assert other["fid"].protocol.startswith("features of segmenter; floor: ")


def test_the_same_seed_gives_the_same_figures(real: list[Nifti1Image], seen: list[Nifti1Image]) -> None:
    assert figures(heads(6, 3), real, seen) == figures(heads(6, 3), real, seen)


def test_a_row_for_each_sample(real: list[Nifti1Image], seen: list[Nifti1Image]) -> None:
    broken = volume(np.zeros((1, 1, 1), np.float32), np.eye(4), {FAILED: "lost", NAME: "x"})
    found = rows([seen[3], broken, real[0]], seen, {})
    assert [row["name"] for row in found] == ["head2-3", "x", "head1-0"]
    assert found[0]["nearest"] == "head2-3"
    assert found[0]["distance"] == 0
    assert found[2]["distance"] > 0
    assert found[1]["failed"] == "lost"
    assert found[1]["gm_ml"] is None
    assert len({tuple(row) for row in found}) == 1
    assert found[0]["csf_fraction"] == pytest.approx(
        found[0]["csf_ml"] / (found[0]["csf_ml"] + found[0]["gm_ml"] + found[0]["wm_ml"]), abs=1e-3
    )


def test_a_glance_is_cheap(real: list[Nifti1Image]) -> None:
    broken = volume(np.full((4, 4, 4), math.nan, np.float32), np.eye(4), {FAILED: "lost"})
    found = glance([real[0], broken])
    assert found["finite"] == 0.5
    assert found["background"] == pytest.approx(float((np.asarray(real[0].dataobj) < -0.95).mean()))
    assert glance([]) == {}
