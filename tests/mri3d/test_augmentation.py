"""Moved volumes: what each setting does, and that labels go along."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from geodrift.rng import Streams
from geodrift_mri3d.augmentation import Augmentation

STILL = {"moved": 1.0, "mirror": 0.0, "rotation": 0.0, "scaling": 0.0, "shift": 0.0, "elastic": 0.0, "bias": 0.0}
SPACING = (2.0, 3.0, 4.0)
SHAPE = (24, 20, 16)


def blob(x: float, y: float, z: float, width: float = 6.0) -> Tensor:
    """A Gaussian at a place, mm from the middle, in [-1, 1]."""
    sides = [(torch.arange(n) - (n - 1) / 2) * size for n, size in zip(SHAPE, SPACING, strict=True)]
    places = torch.stack(torch.meshgrid(*sides, indexing="ij"))
    away = ((places - torch.tensor([x, y, z])[:, None, None, None]) ** 2).sum(0)
    return 2 * torch.exp(-away / (2 * width**2)) - 1


def centroid(volume: Tensor) -> Tensor:
    """The middle of the intensities, mm."""
    sides = [(torch.arange(n) - (n - 1) / 2) * size for n, size in zip(SHAPE, SPACING, strict=True)]
    weight = (volume + 1) / 2
    return torch.stack([(weight * g).sum() / weight.sum() for g in torch.meshgrid(*sides, indexing="ij")])


def moved(volumes: Tensor, labels: Tensor | None = None, **settings: float) -> tuple[Tensor, Tensor | None]:
    return Augmentation(**(STILL | settings))(volumes, SPACING, Streams.of(0, len(volumes)), labels)


def test_nothing_asked_is_nothing_moved() -> None:
    volumes = torch.stack([blob(0, 0, 0), blob(2, 1, -3, 8), blob(0, 0, 0, 12)])
    torch.testing.assert_close(moved(volumes)[0], volumes, atol=5e-3, rtol=0)


def test_moved_volumes_have_the_power_of_the_others() -> None:
    """At all frequencies, of noise that is shifted by any share of a voxel; splines alone keep half at the highest."""
    noise = torch.rand(60, *SHAPE) - 0.5
    seen, _ = moved(noise, shift=2.5)
    before, after = (power(each[:, 5:-5, 5:-5, 5:-5]) for each in (noise, seen))
    ratios = after / before
    for axis, least in enumerate(ratios.shape):
        along = ratios.movedim(axis, 0).flatten(1)
        assert along.mean(1).tolist() == pytest.approx([1.0] * least, abs=0.15)


def power(volumes: Tensor) -> Tensor:
    """The mean power of each frequency, without that of the mean."""
    away = volumes - volumes.mean((1, 2, 3), keepdim=True)
    return torch.fft.fftn(away, dim=(1, 2, 3)).abs().square().mean(0).clamp(min=1e-9)


def test_background_stays_dark() -> None:
    volumes = torch.where(blob(0, 0, 0, 12) > 0, torch.rand(20, *SHAPE), -1.0)
    seen, _ = moved(volumes, shift=2.0, rotation=5.0)
    assert (seen[:, :2] == -1).all()
    assert float((seen == -1).float().mean()) == pytest.approx(float((volumes == -1).float().mean()), abs=0.05)


def test_a_share_is_not_moved() -> None:
    volumes = torch.rand(400, *SHAPE) * 2 - 1
    seen, _ = moved(volumes, moved=0.25, shift=2.0)
    still = (seen - volumes).abs().amax((1, 2, 3)) < 1e-5
    assert float(still.float().mean()) == pytest.approx(0.75, abs=0.07)


def test_a_volume_does_not_depend_on_those_beside_it() -> None:
    volumes = torch.rand(6, *SHAPE) * 2 - 1
    settings = Augmentation(moved=0.5)
    together, _ = settings(volumes, SPACING, Streams.of(0, 6))
    for row in range(6):
        alone, _ = settings(volumes[row : row + 1], SPACING, Streams.of(0, torch.tensor([row])))
        torch.testing.assert_close(alone[0], together[row], atol=1e-4, rtol=0)


def test_mirroring_exchanges_left_and_right() -> None:
    volumes = torch.rand(2, *SHAPE) * 2 - 1
    torch.testing.assert_close(moved(volumes, moved=0.0, mirror=1.0)[0], volumes.flip(1))


def test_shifts_are_in_millimetres() -> None:
    volumes = blob(0, 0, 0).expand(400, *SHAPE)
    found = torch.stack([centroid(volume) for volume in moved(volumes, shift=2.0)[0]])
    assert found.std(0).tolist() == pytest.approx([2.0] * 3, rel=0.15)
    assert found.mean(0).abs().max() < 0.4


def test_rotations_keep_distances_in_millimetres() -> None:
    volumes = blob(8, 0, 0, 4).expand(200, *SHAPE)
    found = torch.stack([centroid(volume) for volume in moved(volumes, rotation=10.0)[0]])
    assert found.norm(dim=1).tolist() == pytest.approx([8.0] * 200, abs=0.1)
    across = torch.atan2(found[:, 1:].abs(), found[:, :1])
    assert float(across.std()) > math.radians(4)


def test_scaling_moves_along_each_axis() -> None:
    volumes = blob(8, 9, 8).expand(300, *SHAPE)
    found = torch.stack([centroid(volume) for volume in moved(volumes, scaling=0.05)[0]])
    assert torch.log(found / torch.tensor([8.0, 9.0, 8.0])).std(0).tolist() == pytest.approx([0.05] * 3, rel=0.2)


def test_labels_go_along() -> None:
    volumes = torch.stack([blob(4, 0, 0, 15), blob(0, -4, 3, 15)])
    labels = (volumes > 0).to(torch.uint8)
    seen, with_them = moved(volumes, labels, mirror=1.0, rotation=15.0, shift=1.0, elastic=2.0)
    assert with_them is not None
    assert with_them.dtype == torch.uint8
    both = (seen > 0) & (with_them > 0)
    assert 2 * both.sum() / ((seen > 0).sum() + (with_them > 0).sum()) > 0.92


def test_a_bias_field_is_smooth_and_of_its_size() -> None:
    flat = torch.zeros(200, *SHAPE)
    light = torch.log((moved(flat, bias=0.05)[0] + 1) / 1)
    assert float(light[:, 0, 0, 0].std()) == pytest.approx(0.05, rel=0.2)  # a knot
    assert float(light.diff(dim=1).abs().max()) < 0.05


def test_a_sample_does_not_depend_on_its_batch() -> None:
    volumes, settings = torch.rand(3, *SHAPE) * 2 - 1, Augmentation()
    together, _ = settings(volumes, SPACING, Streams.of(4, 3))
    alone, _ = settings(volumes[1:2], SPACING, Streams.of(4, torch.tensor([1])))
    torch.testing.assert_close(together[1:2], alone)


def test_intensities_stay_in_their_range() -> None:
    seen, _ = Augmentation(bias=0.5)(torch.rand(4, *SHAPE) * 2 - 1, SPACING, Streams.of(0, 4))
    assert seen.min() >= -1
    assert seen.max() <= 1
