"""The segmenter: labels and features against computations by hand, its training, and what is shipped."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from geodrift.rng import Streams
from geodrift_mri3d.files import read
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.phantom import phantom
from geodrift_mri3d.preparation import prepared
from geodrift_mri3d.segmenter import SegmentationNetwork, Segmenter, shipped
from geodrift_mri3d.segmenter.segmenter import FOLDER, WEIGHTS, opened
from geodrift_mri3d.segmenter.training import batch, dice, disturbed, halved, loss, save, train
from geodrift_mri3d.tissue import TISSUES
from geodrift_mri3d.volume import LABELS, tensor

GRID = Grid((24, 28, 24), (8.0, 8.0, 8.0))


@pytest.fixture(scope="module")
def heads() -> tuple[torch.Tensor, torch.Tensor]:
    """Volumes in [-1, 1] and their labels."""
    images = [phantom(GRID, 0.1 + 0.05 * number, 40.0, "F", number) for number in range(6)]
    labels = [torch.from_numpy(np.asarray(image.extra[LABELS].dataobj)) for image in images]
    return torch.stack([tensor(image) for image in images]), torch.stack(labels)


def untrained() -> SegmentationNetwork:
    torch.manual_seed(0)
    return SegmentationNetwork((8, 16)).eval()


@pytest.mark.parametrize("shape", [(8, 8, 8), (9, 11, 7), (5, 12, 10)])
def test_labels_have_the_shape_of_the_volumes(shape: tuple[int, int, int]) -> None:
    labels, features = shipped()(torch.rand(3, *shape) * 2 - 1, Grid(shape, (4.0, 4.0, 4.0)))
    assert (labels.shape, labels.dtype, features.shape) == ((3, *shape), torch.uint8, (3, 64))
    assert int(labels.max()) < 4


def test_padding_is_background() -> None:
    """A volume with more background at its far ends is the padded one, so that the network sees the same."""
    network, small = untrained(), torch.rand(1, 7, 8, 5) * 2 - 1
    large = torch.full((1, 8, 8, 6), -1.0)
    large[:, :7, :, :5] = small
    with torch.no_grad():
        assert torch.allclose(network(small, 3.0), network(large, 3.0)[..., :7, :, :5], atol=1e-5)


def test_the_size_of_voxels_matters_and_three_millimetres_are_one() -> None:
    network, volumes = untrained(), torch.rand(1, 8, 8, 8) * 2 - 1
    with torch.no_grad():
        assert not torch.allclose(network(volumes, 2.0), network(volumes, 4.0), atol=1e-3)
        seen = torch.stack([volumes, torch.zeros_like(volumes)], 1)
        assert torch.allclose(network.encode(volumes, 3.0)[0], network.down[0](seen), atol=1e-5)


def test_features_are_means_over_blocks_with_brain(heads: tuple[torch.Tensor, torch.Tensor]) -> None:
    segmenter, volumes = shipped(), heads[0][:2]
    labels, features = segmenter(volumes, GRID)
    with torch.no_grad():
        deep = segmenter.network.encode(volumes, 8.0)[-1].numpy()
    blocks = labels.numpy().reshape(2, 6, 4, 7, 4, 6, 4).max((2, 4, 6)) > 0
    expected = [each[:, inside].mean(1) for each, inside in zip(deep, blocks, strict=True)]
    assert features.numpy() == pytest.approx(np.stack(expected), abs=1e-4)


def test_a_volume_is_measured_alike_in_any_company(
    heads: tuple[torch.Tensor, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = shipped()(heads[0], GRID)
    monkeypatch.setattr("geodrift_mri3d.segmenter.segmenter._VOXELS", 1)
    alone = shipped()(heads[0], GRID)
    assert (together[0] == alone[0]).all()
    assert torch.allclose(together[1], alone[1], atol=1e-5)


def test_features_of_no_brain_are_zero(heads: tuple[torch.Tensor, torch.Tensor]) -> None:
    network = untrained()
    torch.nn.init.zeros_(network.out.weight)
    network.out.bias.data = torch.tensor([1.0, 0.0, 0.0, 0.0])
    labels, features = Segmenter(network, {})(heads[0], GRID)
    assert not labels.any()
    assert not features.any()


def test_halves_are_means_and_majorities() -> None:
    volumes = torch.arange(8.0).reshape(1, 2, 2, 2)
    labels = torch.tensor([3, 3, 3, 1, 1, 2, 2, 0], dtype=torch.uint8).reshape(1, 2, 2, 2)
    found = halved(volumes, labels)
    assert (found[0].item(), found[1].item(), found[1].dtype) == (3.5, 3, torch.uint8)


def test_a_step_sees_the_same_again_and_both_spacings(heads: tuple[torch.Tensor, torch.Tensor]) -> None:
    volumes, labels = ((heads[0] + 1) * 127.5).round().to(torch.uint8), heads[1]
    shapes = {}
    for step in range(4):
        seen, told, spacing = batch(volumes, labels, 2.0, step)
        again = batch(volumes, labels, 2.0, step)[0]
        assert torch.equal(seen, again)
        assert seen.shape == told.shape
        shapes[step] = (seen.shape[1:], spacing)
    assert shapes[0] == shapes[2] == (GRID.shape, 2.0)
    assert shapes[1] == shapes[3] == ((12, 14, 12), 4.0)
    assert not torch.equal(batch(volumes, labels, 2.0, 0)[0], batch(volumes, labels, 2.0, 4)[0])


def test_unmoved_volumes_keep_their_labels_but_for_a_mirror(heads: tuple[torch.Tensor, torch.Tensor]) -> None:
    volumes, labels = ((heads[0] + 1) * 127.5).round().to(torch.uint8), heads[1]
    told = batch(volumes, labels, 2.0, 0)[1][0]
    assert any(torch.equal(told, each) or torch.equal(told, each.flip(0)) for each in labels)


def test_disturbance_leaves_background_dark_and_half_of_volumes_sharp() -> None:
    volumes = torch.full((64, 6, 6, 6), -1.0)
    volumes[:, 3, 3, 3] = 1.0
    found = disturbed(volumes, Streams.of(0, 64))
    assert float((found[:, 0] + 1).abs().max()) < 0.04 * 5
    noise = found[:, 0].flatten(1).std(1)
    assert 0.3 < float((noise == 0).float().mean()) < 0.7
    quiet = noise == 0
    sharp = found[quiet][:, 3, 3, 3] > 1 - 1e-5
    assert 0.2 < float(sharp.float().mean()) < 0.8
    assert float(found[quiet][:, 3, 3, 3].min()) > 1 - 2 * 0.6 * 26 / 27 - 1e-5


def test_the_loss_of_certain_and_of_undecided_logits() -> None:
    labels = torch.tensor([0, 1, 2, 3]).reshape(1, 4, 1, 1)
    certain = 50.0 * torch.nn.functional.one_hot(labels, 4).movedim(-1, 1).float()
    assert float(loss(certain, labels)) == pytest.approx(0, abs=1e-6)
    # each tissue: 2 · 1/4 over 4 · 1/4 + 1
    assert float(loss(torch.zeros(1, 4, 4, 1, 1), labels)) == pytest.approx(math.log(4) + 1 - 0.25, abs=1e-6)


def test_training_learns_and_a_saved_segmenter_is_the_same(
    heads: tuple[torch.Tensor, torch.Tensor], tmp_path: Path
) -> None:
    volumes, labels = ((heads[0] + 1) * 127.5).round().to(torch.uint8), heads[1]
    values: list[float] = []
    torch.manual_seed(0)
    network = train(SegmentationNetwork(), volumes, labels, 4.0, range(40), lambda _, v: values.append(v), 1e-2)
    assert np.mean(values[-10:]) < 0.6 * np.mean(values[:10])
    segmenter = Segmenter(network, {})
    scores = dice(segmenter, heads[0], labels, Grid(GRID.shape, (4.0, 4.0, 4.0)))
    assert list(scores) == list(TISSUES)
    assert min(scores.values()) > 0.6
    save(segmenter, tmp_path, {"dice": {"4 mm": scores}})
    again = opened(tmp_path)
    assert again.dice == {"4 mm": scores}
    same = (again.labels(heads[0], GRID) == segmenter.labels(heads[0], GRID)).float().mean()
    assert float(same) > 0.99  # weights are in half precision


def test_dice_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = torch.tensor([[1, 1, 2, 3], [1, 2, 2, 3]], dtype=torch.uint8).reshape(2, 4, 1, 1)
    found = torch.tensor([[1, 2, 2, 3], [1, 2, 2, 0]], dtype=torch.uint8).reshape(2, 4, 1, 1)
    monkeypatch.setattr(Segmenter, "labels", lambda *_: found)
    scores = dice(shipped(), torch.zeros(2, 4, 1, 1), truth, GRID)
    assert list(scores.values()) == pytest.approx([(2 / 3 + 1) / 2, (2 / 3 + 1) / 2, (1 + 0) / 2])


def test_what_is_shipped_is_small_and_tells_where_it_is_from() -> None:
    assert (FOLDER / WEIGHTS).stat().st_size <= 4 * 2**20
    assert "CC BY-SA 3.0" in shipped().card["trained on"]
    assert set(shipped().dice) == {"2 mm", "4 mm"}
    assert not shipped().network.training


def test_held_out_subjects_are_segmented_as_the_card_says(shared_data: Path) -> None:
    images = read(shared_data / "mri3d" / "ixi", {"subjects": "held-out"}).objects[:6]
    fine = Grid((80, 96, 80), (2.0, 2.0, 2.0))
    ready = [prepared(image, fine) for image in images]
    volumes = torch.stack([tensor(image) for image in ready])
    labels = torch.stack([torch.from_numpy(np.asarray(image.extra[LABELS].dataobj)) for image in ready])
    coarse = halved(volumes, labels)
    found = dice(shipped(), *coarse, Grid((40, 48, 40), (4.0, 4.0, 4.0)))
    assert found == pytest.approx(shipped().dice["4 mm"], abs=0.03)
    assert dice(shipped(), volumes[:2], labels[:2], fine) == pytest.approx(shipped().dice["2 mm"], abs=0.05)
