r"""How the segmenter is trained: cross-entropy and soft Dice on whole volumes of two spacings, one and its double.

A volume of 4 mm is the average of eight voxels of 2 mm, its labels are the most frequent of them. Volumes are whole,
as those that are measured: group normalisation makes a network see a part of one, with less background, otherwise.
Half of them are moved, which takes the edge off labels; the others are mirrored at most. Half get noise, half are
blurred, and all a random contrast, so that a volume that is not quite a measured one is still segmented.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import avg_pool3d, cross_entropy, one_hot

from geodrift.rng import Streams
from geodrift.train.ema import MovingAverage
from geodrift_mri3d.augmentation import Augmentation
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.segmenter.network import SegmentationNetwork
from geodrift_mri3d.segmenter.segmenter import CARD, WEIGHTS, Segmenter
from geodrift_mri3d.tissue import CLASSES, TISSUES

_MOVED = Augmentation(rotation=6.0, scaling=0.04, shift=3.0, elastic=1.5, bias=0.04)
_MIRRORED = Augmentation(rotation=0.0, scaling=0.0, shift=0.0, elastic=0.0, bias=0.04)
_FINE, _COARSE = 1, 4  # volumes of a step
_NOISE = 0.04
_BLUR = 0.6  # the largest part that the mean over neighbours takes
_CONTRAST = 0.05  # standard deviation of the logarithm of gamma
_DECAY = 0.99


def halved(volumes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Volumes `(B, X, Y, Z)` and their labels with voxels of twice the size."""
    each = one_hot(labels.long(), CLASSES).movedim(-1, 1).float()
    return avg_pool3d(volumes[:, None], 2)[:, 0], avg_pool3d(each, 2).argmax(1).to(labels.dtype)


def batch(volumes: Tensor, labels: Tensor, spacing: float, step: int) -> tuple[Tensor, Tensor, float]:
    """What a step sees: volumes in [-1, 1], labels, and the voxels' size, every other step doubled."""
    coarse, moving = step % 2, step // 2 % 2
    count = _COARSE if coarse else _FINE
    rng = Streams.of(0, torch.arange(step * _COARSE, step * _COARSE + count))
    rows = (rng.uniform(torch.empty(count)) * len(volumes)).long()
    change = _MOVED if moving else _MIRRORED
    seen, told = change(volumes[rows].float() / 127.5 - 1, (spacing,) * 3, rng, labels[rows])
    assert told is not None
    if coarse:
        seen, told = halved(seen, told)
    return disturbed(seen, rng), told, spacing * (1 + coarse)


def disturbed(volumes: Tensor, rng: Streams) -> Tensor:
    """Volumes `(B, X, Y, Z)` in another contrast, half of them blurred, half of them noisy."""

    def level(largest: float) -> Tensor:
        return rng.uniform(torch.empty(len(volumes), 1, 1, 1)).float().sub(0.5).clamp(min=0) * 2 * largest

    gamma = torch.exp(rng.normal(torch.empty(len(volumes), 1, 1, 1)) * _CONTRAST)
    seen = ((volumes + 1) / 2).clamp(0, 1) ** gamma * 2 - 1
    around = avg_pool3d(seen[:, None], 3, stride=1, padding=1, count_include_pad=False)[:, 0]
    return torch.lerp(seen, around, level(_BLUR)) + level(_NOISE) * rng.normal(torch.empty_like(seen))


def loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy plus one minus the mean soft Dice of the tissues."""
    shares, truth = logits.softmax(1), one_hot(labels.long(), CLASSES).movedim(-1, 1).to(logits)
    both, each = (shares * truth).sum((0, 2, 3, 4)), (shares + truth).sum((0, 2, 3, 4))
    return cross_entropy(logits, labels.long()) + 1 - (2 * both / each.clamp(min=1))[1:].mean()


def train(
    network: SegmentationNetwork,
    volumes: Tensor,
    labels: Tensor,
    spacing: float,
    steps: range,
    tell: Callable[[int, float], None],
    lr: float = 3e-3,
) -> SegmentationNetwork:
    """Train on volumes `(n, X, Y, Z)` in bytes with their labels; the averaged network.

    Arguments:
        network: To begin with.
        volumes, labels: The data.
        spacing: Size of their voxels, mm.
        steps: Numbers of the steps, which decide what is drawn in each.
        tell: Called with each and its loss.
        lr: Highest learning rate.
    """
    mean = MovingAverage(network, _DECAY)
    tuner = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=1e-2)
    plan = torch.optim.lr_scheduler.OneCycleLR(tuner, lr, total_steps=len(steps))
    for step in steps:
        seen, truth, size = batch(volumes, labels, spacing, step)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(seen, size)
        value = loss(logits.float(), truth)
        tuner.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        tuner.step()
        plan.step()
        mean.update(network, step - steps.start)
        tell(step, float(value.detach()))
    network.load_state_dict(mean.weights)
    return network.eval()


def dice(segmenter: Segmenter, volumes: Tensor, labels: Tensor, grid: Grid) -> dict[str, float]:
    """Mean Dice of each tissue over volumes `(n, X, Y, Z)` in [-1, 1]."""
    found = segmenter.labels(volumes, grid)
    scores = {}
    for number, name in enumerate(TISSUES, 1):
        one, other = (found == number).flatten(1), (labels == number).flatten(1)
        scores[name] = float((2 * (one & other).sum(1) / (one.sum(1) + other.sum(1)).clamp(min=1)).mean())
    return scores


def save(segmenter: Segmenter, folder: Path, about: Mapping[str, object]) -> None:
    """Write the network, in half precision, and its card."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.half().contiguous() for name, value in segmenter.network.state_dict().items()}
    save_file(weights, folder / WEIGHTS)
    told = {**about, "written": time.strftime("%Y-%m-%d")}
    (folder / CARD).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
