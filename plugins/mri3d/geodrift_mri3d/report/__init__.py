r"""The body of the report on generated brains: three planes of each, slices to slide through, figures, distributions.

Pictures are PNGs within the page, so that it needs no network. They follow the neurological convention: the subject's
left is on the left, and the front is up.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from nibabel import Nifti1Image

from geodrift.metric import Metric
from geodrift.report.figures import table
from geodrift.report.histogram import histograms
from geodrift.report.parts import fragment, grid, part, section
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.metrics.measured import Measured
from geodrift_mri3d.metrics.memory import nearest
from geodrift_mri3d.report.meanings import meanings
from geodrift_mri3d.report.pictures import inline, planes, stack
from geodrift_mri3d.tissue import TISSUES
from geodrift_mri3d.volume import FAILED, conditions

__all__ = ["body"]

DRAWN = 64
SLID = 16
PAIRED = 8
MEASURED = 128
_NONE = [np.empty(0)] * 4
_CONVENTION = "in the neurological convention: the subject's left is on the left; sagittal planes face right."


def body(samples: Sequence[Nifti1Image], reference: Sequence[Nifti1Image], metrics: Sequence[Metric]) -> str:
    """An HTML fragment with its own style and script, below a page's heading.

    Arguments:
        samples: Generated images, those that failed among them.
        reference: Real ones, for the nearest of them and for distributions; an empty list is an absent one.
        metrics: What was measured; an empty list leaves the table out.
    """
    sound = [(number, image) for number, image in enumerate(samples) if FAILED not in image.extra]
    figures = section("Metrics", table(metrics, meanings(m.name for m in metrics))) if metrics else ""
    style = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    return fragment(
        _mosaic(samples, sound), _slices(sound), _anatomy(sound, reference), figures, _lost(samples), style=style
    )


def _mosaic(samples: Sequence[Nifti1Image], sound: Sequence[tuple[int, Nifti1Image]]) -> str:
    if not sound:
        return section("Samples", "<p>There are no samples that can be shown.</p>")
    lost = len(samples) - len(sound)
    count = f"{len(samples):,} volumes" + (f", {lost:,} failed ({part(lost, len(samples))})" if lost else "")
    shape = " × ".join(map(str, sound[0][1].shape))
    size = " × ".join(f"{zoom:g}" for zoom in sound[0][1].header.get_zooms()[:3])
    about = f"<p>{count}, of {shape} voxels of {size} mm. Axial, coronal and sagittal planes through the middle, "
    cards = [_card(number, image) for number, image in sound[:DRAWN]]
    return section("Samples", f"{about}{_CONVENTION}</p>", grid("brains", cards))


def _card(number: int, image: Nifti1Image) -> str:
    told = ", ".join(
        f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}" for key, value in conditions(image).items()
    )
    label = escape(f"Brain {number}" + (f": {told}" if told else ""))
    return f'<figure><img src="{inline(planes(image))}" alt="{label}"><figcaption>{label}</figcaption></figure>'


def _slices(sound: Sequence[tuple[int, Nifti1Image]]) -> str:
    if not sound:
        return ""
    cards = [_slider(number, image) for number, image in sound[:SLID]]
    script = Path(__file__).with_name("slider.js").read_text(encoding="utf-8")
    return section(
        "Slices",
        "<p>Slide from the lowest to the highest axial slice.</p>",
        grid("slides", cards),
        f"<script>\n{script}</script>",
    )


def _slider(number: int, image: Nifti1Image) -> str:
    x, y, z = image.shape
    picture = (
        f'<div class="slide" style="background-image: url({inline(stack(image))}); aspect-ratio: {x} / {y}"></div>'
    )
    bar = f'<input type="range" min="0" max="{z - 1}" value="{z // 2}" data-slices="{z}" aria-label="Slice">'
    return f"<figure>{picture}{bar}<figcaption>Brain {number}</figcaption></figure>"


def _anatomy(sound: Sequence[tuple[int, Nifti1Image]], reference: Sequence[Nifti1Image]) -> str:
    """Distributions of tissue volumes, and beside samples the nearest of the reference."""
    if not sound:
        return ""
    images = [image for _, image in sound[:MEASURED]]
    ours = Measured.of(images, Grid.of(images[0]))
    real = Measured.of(reference, ours.grid) if reference else None
    return _distributions(ours, real) + ("" if real is None else _nearest(ours, real))


def _distributions(ours: Measured, real: Measured | None) -> str:
    names = [f"{tissue}, ml" for tissue in TISSUES] + ["CSF by all tissues"]
    generated, measured = ([*part.summary.millilitres.T, part.csf_fraction] if part else _NONE for part in (ours, real))
    return section("Tissues", histograms(names, generated, measured, (len(ours), len(real) if real else 0)))


def _nearest(ours: Measured, real: Measured) -> str:
    found = nearest(ours, real)
    cards = []
    for row in range(min(PAIRED, len(ours))):
        near, away = int(found.index[row]), float(found.distance[row])
        pair = np.concatenate([planes(part.volumes[at].numpy()) for part, at in ((ours, row), (real, near))])
        label = escape(f"Brain {row} above {real.names[near]}, {away:.3f} apart")
        cards.append(f'<figure><img src="{inline(pair)}" alt="{label}"><figcaption>{label}</figcaption></figure>')
    about = "<p>Generated, above the nearest real subject; distances are root mean squares of coarse volumes.</p>"
    return section("Nearest real subjects", about, grid("brains", cards))


def _lost(samples: Sequence[Nifti1Image]) -> str:
    bad = [(number, image.extra[FAILED]) for number, image in enumerate(samples) if FAILED in image.extra]
    listed = "".join(f"<li>{number}: {escape(str(reason))}</li>" for number, reason in bad)
    return f"<details><summary>{len(bad):,} failed</summary><ul>{listed}</ul></details>\n" if bad else ""
