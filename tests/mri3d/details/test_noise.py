"""Noise in the coarse volumes that details are learned and drawn upon."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from geodrift.errors import InputError
from geodrift.model import Model
from geodrift.rng import Streams
from geodrift_mri3d.augmentation import Augmentation
from geodrift_mri3d.codec import FIELD
from geodrift_mri3d.details import COARSE, DetailCodec
from geodrift_mri3d.phantom import phantoms


def test_a_step_sees_coarse_volumes_with_noise_that_can_be_taken_away(model: Model) -> None:
    still = replace(model.codec, augmentation=Augmentation(moved=0, mirror=0, bias=0))
    arrays, rows = still.compact(phantoms()).arrays, torch.arange(5).repeat(20)
    clean, _ = still.batch(arrays, rows)
    noisy, _ = still.augmented(arrays, rows, Streams.of(0, 100))
    level, away = noisy[COARSE][:, 1, 0, 0, 0], noisy[COARSE][:, 0] - clean[COARSE][:, 0]
    assert float(level.min()) > 0
    assert float(level.mean()) == pytest.approx(0.075, abs=0.015)
    assert 0.125 < float(level.max()) < 0.15
    torch.testing.assert_close(away.flatten(1).std(1), level, atol=0, rtol=0.1)
    assert float(noisy[FIELD][:, 0].std()) == pytest.approx(1, abs=0.01)
    for one, other in zip(still.decode(noisy), still.decode(clean), strict=True):
        np.testing.assert_allclose(np.asarray(one.dataobj), np.asarray(other.dataobj), atol=1e-3)


def test_drawn_coarse_volumes_have_noise_of_the_level(model: Model) -> None:
    codec, rng = model.codec, Streams.of(0, 4)
    assert isinstance(codec, DetailCodec)
    begun = [
        replace(codec, level=level).begin(codec.blank(rng, {}), Streams.of(0, 4), {})[COARSE] for level in (0, 0.2)
    ]
    assert [float(seen[:, 1].unique()) for seen in begun] == pytest.approx([0, 0.2])
    assert float((begun[1] - begun[0])[:, 0].std()) == pytest.approx(0.2, rel=0.05)


def test_more_noise_than_was_trained_on_is_refused(model: Model) -> None:
    assert isinstance(model.codec, DetailCodec)
    with pytest.raises(InputError, match=r"data\.level: 0\.4 is above data\.noise, 0\.15"):
        replace(model.codec, level=0.4).check()
