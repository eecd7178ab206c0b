"""The trained segmenter: labels and features of volumes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import max_pool3d

from geodrift.stages import stage
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.segmenter.network import SegmentationNetwork

FOLDER = Path(__file__).parent / "shipped"
WEIGHTS, CARD = "model.safetensors", "card.json"
_VOXELS = 2**21  # of a batch


@dataclass(frozen=True, eq=False)
class Segmenter:
    """A trained network.

    Arguments:
        network: The network.
        card: How it was trained, and its Dice on held-out subjects.
    """

    network: SegmentationNetwork
    card: dict[str, Any]

    @torch.no_grad()
    def __call__(self, volumes: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
        """Labels `(B, X, Y, Z)`, 0 background, 1 CSF, 2 GM, 3 WM, and features `(B, d)` of volumes in [-1, 1]."""
        spacing, each = float(torch.tensor(grid.spacing).log().mean().exp()), max(1, _VOXELS // volumes[0].numel())
        labels, features = [], []
        with stage("segmentation", len(volumes)) as done:
            for start in range(0, len(volumes), each):
                found = self._batch(volumes[start : start + each], spacing)
                labels.append(found[0])
                features.append(found[1])
                done(len(found[0]))
        return torch.cat(labels), torch.cat(features)

    def labels(self, volumes: Tensor, grid: Grid) -> Tensor:
        """The labels alone."""
        return self(volumes, grid)[0]

    def features(self, volumes: Tensor, grid: Grid) -> Tensor:
        """The features alone."""
        return self(volumes, grid)[1]

    def _batch(self, volumes: Tensor, spacing: float) -> tuple[Tensor, Tensor]:
        x, y, z = volumes.shape[1:]
        seen = self.network.encode(volumes, spacing)
        labels = self.network.decode(seen).argmax(1)
        brain = max_pool3d((labels[:, None] > 0).float(), self.network.factor)
        mean = (seen[-1] * brain).sum((2, 3, 4)) / brain.sum((2, 3, 4)).clamp(min=1)
        return labels[:, :x, :y, :z].to(torch.uint8), mean

    @property
    def dice(self) -> dict[str, dict[str, float]]:
        """Dice on held-out subjects, by spacing and tissue."""
        found: dict[str, dict[str, float]] = self.card["dice"]
        return found


def opened(folder: Path) -> Segmenter:
    """The segmenter in a folder."""
    network = SegmentationNetwork()
    network.load_state_dict({name: value.float() for name, value in load_file(folder / WEIGHTS).items()})
    return Segmenter(network.eval(), json.loads((folder / CARD).read_text(encoding="utf-8")))


@cache
def shipped() -> Segmenter:
    """The segmenter that comes with the package."""
    return opened(FOLDER)
