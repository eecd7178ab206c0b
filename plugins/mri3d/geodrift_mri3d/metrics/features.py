r"""Networks whose features are compared by KID and FID.

| name | network |
| --- | --- |
| `segmenter` | the shipped segmenter, which learned tissues of the training subjects |
| `random` | the same, untrained |
| `uncnn` | un-CNN, an untrained network of the package of that name, on volumes of 91 × 109 × 91 voxels |
| `FILE.safetensors` | a residual network with these weights: of volumes (Med3D's) or of slices (RadImageNet's) |

A network of volumes sees each with mean zero and variance one; one of slices sees those of the three planes, and its
features are means over the slices of each plane, side by side. A file of weights has the names that the original, MONAI
and torchvision share; depth and width are read from it. The network is MONAI's: strides where Med3D, as a network of
segmentation, has dilations. Pickles are not opened: safetensors saves what `torch` loads.

References:
    | Med3D (Chen et al., 2019), https://arxiv.org/abs/1904.00625
    | RadImageNet (Mei et al., 2022), https://doi.org/10.1148/ryai.210315
    | MAISI (Guo et al., 2024), https://arxiv.org/abs/2409.11169, for features of slices
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel
import torch
from monai.networks.nets.resnet import ResNet
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from geodrift.errors import InputError
from geodrift.stages import stage
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.metrics.settings import WEIGHTS
from geodrift_mri3d.segmenter import SegmentationNetwork, Segmenter, shipped

Features = Callable[[Tensor, Grid], Tensor]
"""Features `(B, d)` of volumes `(B, X, Y, Z)` in [-1, 1]."""

_SEED = 0
_STAGES = (1, 2, 3, 4)
_MEANS = torch.tensor([0.406, 0.456, 0.485])[:, None, None]  # of natural images, blue first


def network(name: str) -> Features:
    """The network of this name.

    Raises:
        InputError: When a file has no weights of a residual network.
    """
    if name.endswith(WEIGHTS):
        return partial(_each, _residual(Path(name)))
    if name == "uncnn":
        return _uncnn
    return (_untrained() if name == "random" else shipped()).features


def _untrained() -> Segmenter:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        return Segmenter(SegmentationNetwork().eval(), {})


def _uncnn(volumes: Tensor, grid: Grid) -> Tensor:
    import uncnn

    with TemporaryDirectory() as folder, torch.random.fork_rng(devices=[]):
        path = Path(folder) / "volume.nii.gz"
        model = uncnn.load_model(device="cpu")

        def features(volume: Tensor) -> Tensor:
            nibabel.save(nibabel.Nifti1Image(volume.numpy(), grid.affine), path)
            return torch.from_numpy(uncnn.extract_features(path, batch_size=1, device="cpu", model=model)[0])

        return _each(features, volumes, grid)


def _each(function: Callable[[Tensor], Tensor], volumes: Tensor, grid: Grid) -> Tensor:
    """The features of one volume after another."""
    found = []
    with stage("features", len(volumes)) as done:
        for volume in volumes:
            found.append(function(volume))
            done(1)
    return torch.stack(found)


def _residual(path: Path) -> Callable[[Tensor], Tensor]:
    """A residual network with the weights of a file, as a function of one volume."""
    try:
        stored = {name.removeprefix("module."): value.float() for name, value in load_file(path).items()}
        network = _shaped(stored)
        network.load_state_dict({name: stored[name] for name in network.state_dict()})
    except (OSError, SafetensorError, LookupError, ValueError, RuntimeError) as error:
        told = str(error).split("\n", 1)[0]
        raise InputError(
            f"{path}: no weights of a residual network ({told}); save its state_dict as safetensors"
        ) from None
    network.eval()
    return partial(_of_volume if stored["conv1.weight"].ndim == 5 else _of_slices, network)


def _shaped(stored: Mapping[str, Tensor]) -> ResNet:
    """A network of the depth and width of these weights."""
    first, strided = stored["conv1.weight"], "layer2.0.downsample.0.weight" in stored
    return ResNet(
        "bottleneck" if "layer1.0.conv3.weight" in stored else "basic",
        [sum(f"layer{at}.{block}.conv1.weight" in stored for block in range(len(stored))) for at in _STAGES],
        [len(stored[f"layer{at}.0.conv1.weight"]) for at in _STAGES],
        spatial_dims=first.ndim - 2,
        n_input_channels=first.shape[1],
        conv1_t_size=first.shape[-1],
        conv1_t_stride=2,
        shortcut_type="B" if strided else "A",
        bias_downsample="layer2.0.downsample.0.bias" in stored,
        feed_forward=False,
    )


@torch.no_grad()
def _of_volume(network: ResNet, volume: Tensor) -> Tensor:
    seen = (volume - volume.mean()) / volume.std().clamp(min=1e-6)
    features: Tensor = network(seen.expand(1, network.conv1.in_channels, *volume.shape))[0]
    return features


@torch.no_grad()
def _of_slices(network: ResNet, volume: Tensor) -> Tensor:
    channels = network.conv1.in_channels
    means = _MEANS if channels == len(_MEANS) else _MEANS.mean(0)
    planes = [((volume.movedim(axis, 0) + 1) / 2)[:, None] - means for axis in range(volume.ndim)]
    return torch.cat([network(plane.expand(-1, channels, -1, -1)).mean(0) for plane in planes])
