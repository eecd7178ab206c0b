"""Features of networks other than the segmenter: un-CNN, and residual networks whose weights a user has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import uncnn
from monai.networks.nets.resnet import ResNet
from safetensors.torch import save_file
from scipy import ndimage
from torch import Tensor

from geodrift.errors import InputError
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.metrics.features import network

GRID = Grid((32, 40, 36), (5.0, 4.0, 5.0))
PLANES = [4, 8, 8, 16]


def volumes(count: int = 2) -> Tensor:
    return torch.rand(count, *GRID.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


def saved(path: Path, **options: Any) -> ResNet:
    """A residual network in the middle of its training, and a file of it as those of Med3D are, with a head."""
    torch.manual_seed(1)
    made = ResNet(block_inplanes=PLANES, conv1_t_stride=2, feed_forward=False, **options)
    for name, value in made.named_buffers():
        if value.is_floating_point():
            value.copy_(torch.rand_like(value) - 0.5 + ("var" in name))
    stored = {f"module.{name}": value for name, value in made.state_dict().items()}
    save_file({**stored, "module.conv_seg.weight": torch.zeros(2)}, path)
    return made.eval()


@pytest.mark.parametrize(
    ("block", "layers", "more"),
    [
        ("basic", [1, 1, 1, 1], {"bias_downsample": False}),
        ("basic", [2, 1, 1, 2], {"shortcut_type": "A"}),
        ("bottleneck", [1, 2, 1, 1], {}),
    ],
)
def test_a_residual_network_of_volumes(tmp_path: Path, block: str, layers: list[int], more: dict[str, Any]) -> None:
    made = saved(tmp_path / "a.safetensors", block=block, layers=layers, n_input_channels=1, **more)
    seen = volumes()
    found = network(f"{tmp_path}/a.safetensors")(seen, GRID)
    scaled = (seen - seen.mean((1, 2, 3), keepdim=True)) / seen.std((1, 2, 3), keepdim=True)
    with torch.no_grad():
        torch.testing.assert_close(found, made(scaled[:, None]), rtol=0, atol=1e-5)
    assert found.shape == (2, PLANES[-1] * (4 if block == "bottleneck" else 1))
    assert float((found[0] - found[1]).abs().max()) > 1e-3


def test_a_residual_network_of_slices(tmp_path: Path) -> None:
    """Means over the slices of each plane, whose channels have the means of natural images taken off."""
    made = saved(tmp_path / "a.safetensors", block="basic", layers=[1, 1, 1, 1], spatial_dims=2, n_input_channels=3)
    seen = volumes(1)
    found = network(f"{tmp_path}/a.safetensors")(seen, GRID)[0]
    expected = []
    for plane in (seen[0], seen[0].transpose(0, 1), seen[0].permute(2, 0, 1)):
        images = torch.stack([(plane + 1) / 2 - mean for mean in (0.406, 0.456, 0.485)], 1)
        with torch.no_grad():
            expected.append(torch.stack([made(image[None])[0] for image in images]).mean(0))
    torch.testing.assert_close(found, torch.cat(expected), rtol=0, atol=1e-5)


def test_un_cnn_sees_the_volume_on_its_own_grid() -> None:
    seen, before = volumes(1), torch.get_rng_state()
    found = network("uncnn")(seen, GRID)[0]
    assert torch.equal(torch.get_rng_state(), before)
    wide = ndimage.zoom(seen[0].numpy(), [91 / 32, 109 / 40, 91 / 36], order=1)
    image = uncnn.scale_robust(wide)
    channels = [image, uncnn.rank_filter(image, size=3), uncnn.norm(uncnn.sobel_mag(image))]
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        expected = uncnn.load_model(device="cpu")(torch.from_numpy(np.stack(channels)).float()[None])[0]
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("content", [None, b"no weights", b""])
def test_a_file_without_weights_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "w.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"w\.safetensors: no weights of a residual network \(.*save its state_dict"):
        network(str(path))


@pytest.mark.parametrize("lost", ["conv1.weight", "layer3.0.conv2.weight", "bn1.running_mean"])
def test_weights_that_lack_something_are_refused(tmp_path: Path, lost: str) -> None:
    path = tmp_path / "w.safetensors"
    made = saved(path, block="basic", layers=[1, 1, 1, 1], n_input_channels=1)
    save_file({name: value for name, value in made.state_dict().items() if name != lost}, path)
    with pytest.raises(InputError, match=f"no weights of a residual network.*{lost}"):
        network(str(path))
