"""Train the segmenter of brains and measure it on held-out subjects.

python tools/segmenter.py IXI --out plugins/mri3d/geodrift_mri3d/segmenter/shipped
python tools/segmenter.py IXI --out FOLDER --start plugins/mri3d/geodrift_mri3d/segmenter/shipped
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from nibabel import Nifti1Image

from geodrift_mri3d.files import read
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.preparation import prepared
from geodrift_mri3d.segmenter import SegmentationNetwork, Segmenter
from geodrift_mri3d.segmenter.segmenter import opened
from geodrift_mri3d.segmenter.training import dice, halved, save, train
from geodrift_mri3d.volume import LABELS

GRID = Grid((80, 96, 80), (2.0, 2.0, 2.0))
COARSE = Grid((40, 48, 40), (4.0, 4.0, 4.0))
ABOUT = {
    "trained on": "136 subjects of IXI, https://brain-development.org/ixi-dataset/, CC BY-SA 3.0; labels are automatic",
    "licence of the weights": "CC BY-SA 3.0, as the data",
}


def loaded(data: Path, subjects: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Volumes in bytes and labels of these subjects, `(n, X, Y, Z)`."""
    images = [prepared(image, GRID) for image in read(data, {"subjects": subjects}).objects]
    return torch.stack([_bytes(image) for image in images]), torch.stack([_labels(image) for image in images])


def _bytes(image: Nifti1Image) -> torch.Tensor:
    return torch.from_numpy(((np.asarray(image.dataobj) + 1) * 127.5).round().astype(np.uint8))


def _labels(image: Nifti1Image) -> torch.Tensor:
    return torch.from_numpy(np.asarray(image.extra[LABELS].dataobj).astype(np.uint8))


def main(
    data: Path, out: Annotated[Path, typer.Option()], steps: int = 900, start: Path | None = None, lr: float = 3e-3
) -> None:
    began, (volumes, labels) = time.process_time(), loaded(data, "training")
    torch.manual_seed(0)
    before = Segmenter(SegmentationNetwork(), {"steps": 0, "cpu seconds": 0}) if start is None else opened(start)
    done = int(before.card["steps"])

    def tell(step: int, value: float) -> None:
        if step % 20 == 0:
            print(f"step {step}: loss {value:.4f}, {time.process_time() - began:.0f} CPU s", flush=True)

    network = train(before.network, volumes, labels, 2.0, range(done, done + steps), tell, lr)
    segmenter = Segmenter(network, {})
    held, truth = loaded(data, "held-out")
    fine = held.float() / 127.5 - 1
    coarse, coarse_truth = halved(fine, truth)
    scores = {"2 mm": dice(segmenter, fine, truth, GRID), "4 mm": dice(segmenter, coarse, coarse_truth, COARSE)}
    seconds = int(before.card["cpu seconds"]) + round(time.process_time() - began)
    save(
        segmenter, out, {**ABOUT, "dice": scores, "held out": len(held), "steps": done + steps, "cpu seconds": seconds}
    )
    print(scores)


if __name__ == "__main__":
    typer.run(main)
