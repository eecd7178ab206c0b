"""Volumes as channels: the laws of every representation, and what the bands of the Haar transform are."""

from __future__ import annotations

import pytest
import torch

from geodrift_mri3d.representation import Haar, Representation, Voxels, representations

ALL = [Voxels(), Haar(1), Haar(2), Haar(3)]


def test_all_kinds_are_here() -> None:
    assert {representations.build(kind).__class__ for kind in representations.kinds} == {type(each) for each in ALL}


@pytest.mark.parametrize("representation", ALL, ids=str)
def test_the_inverse_gives_the_volume_back(representation: Representation) -> None:
    volumes = torch.randn(2, 16, 24, 8, dtype=torch.float64)
    channels = representation.forward(volumes)
    places = tuple(side // representation.factor for side in volumes.shape[1:])
    assert channels.shape == (2, representation.channels, *places)
    torch.testing.assert_close(representation.inverse(channels), volumes)


@pytest.mark.parametrize("representation", ALL, ids=str)
def test_it_is_orthonormal(representation: Representation) -> None:
    one, other = torch.randn(2, 1, 8, 16, 8, dtype=torch.float64)
    seen = [representation.forward(volume).flatten() for volume in (one, other)]
    torch.testing.assert_close(seen[0] @ seen[1], one.flatten() @ other.flatten())


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_channel_zero_is_the_mean_of_blocks(levels: int) -> None:
    volumes = torch.randn(2, 16, 8, 24)
    side = 2**levels
    mean = torch.nn.functional.avg_pool3d(volumes[:, None], side)
    torch.testing.assert_close(Haar(levels).forward(volumes)[:, :1], mean * side**1.5)


def test_one_level_is_the_table_of_signs() -> None:
    block = torch.arange(8.0).reshape(1, 2, 2, 2) ** 2
    signs = [[(-1) ** bin(band & place).count("1") for place in range(8)] for band in range(8)]
    expected = torch.tensor(signs, dtype=torch.float32) @ block.flatten() / 8**0.5
    torch.testing.assert_close(Haar(1).forward(block).flatten(), expected)


def test_coarse_differences_come_first() -> None:
    ramp = torch.linspace(0, 1, 32).pow(2)[None, :, None, None].expand(1, 32, 8, 8)
    seen = Haar(2).forward(ramp).square().mean((0, 2, 3, 4))
    assert seen[0] > seen[1:8].sum() > seen[8:].sum() > 0
    assert (seen[8:] > 1e-6).sum() == 8  # a slope along one axis: one band, folded into eight channels
