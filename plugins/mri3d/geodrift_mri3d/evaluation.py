"""Which figures a set of brains gets, each with the number of volumes and what real subjects reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from nibabel import Nifti1Image

from geodrift.errors import InputError
from geodrift.metric import Better, Metric, mean, share
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.metrics.appearance import asymmetries
from geodrift_mri3d.metrics.comparison import Comparison
from geodrift_mri3d.metrics.fidelity import Ageing
from geodrift_mri3d.metrics.floors import Floors
from geodrift_mri3d.metrics.measured import Measured
from geodrift_mri3d.metrics.memory import copied, nearest
from geodrift_mri3d.metrics.settings import Settings
from geodrift_mri3d.metrics.similarity import LEAST, similarities
from geodrift_mri3d.segmenter import shipped
from geodrift_mri3d.tissue import TISSUES
from geodrift_mri3d.volume import FAILED, conditions, name, tensor

_LEAST = 2


def evaluate(
    samples: Sequence[Any], reference: Sequence[Any], training: Sequence[Any], options: Mapping[str, Any]
) -> list[Metric]:
    """All figures of these volumes; those that need an absent (empty) set are left out.

    Arguments:
        samples: Generated images; those that failed are counted and not measured.
        reference: Held-out subjects.
        training: What the model has seen, for floors and for copies.
        options: See `geodrift_mri3d.metrics.settings.Settings`.

    Raises:
        InputError: For options that make no sense, images that cannot be prepared, or too few of them.
    """
    settings, rng = Settings.of(options), np.random.default_rng(options.get("seed", 0))
    whole = [sample for sample in samples if FAILED not in sample.extra]
    if not samples:
        return []
    finite = share("finite", len(whole), len(samples))
    if len(whole) < _LEAST:
        return [finite]
    real = _measured(reference, whole[0], settings, "reference")
    seen = _measured(training, whole[0], settings, "training")
    ours = Measured.of(whole, Grid.of(whole[0]), settings.features)
    figures = [*_against(ours, real, seen, settings, rng), *_alone(ours, real, settings, rng)]
    return [finite, *_explained(figures)]


def _measured(images: Sequence[Nifti1Image], first: Nifti1Image, settings: Settings, what: str) -> Measured | None:
    if not images:
        return None
    if len(images) < _LEAST:
        raise InputError(f"{what}: one image is no distribution; give {_LEAST} at least")
    return Measured.of(images, Grid.of(first), settings.features)


def _against(
    ours: Measured, real: Measured | None, seen: Measured | None, settings: Settings, rng: np.random.Generator
) -> Iterator[Metric]:
    """Figures against other sets."""
    if real is not None:
        others = None if seen is None else seen.summary
        floors = Floors.of(len(ours), real.summary, others, settings.draws, rng)
        yield from Comparison(ours.summary, real.summary, floors, settings, rng).figures()
    if real is not None and seen is not None:
        hits = copied(nearest(ours, seen), nearest(real, seen))
        found = share("memorised", hits, len(ours), 0.05, Better.LOWER)
        yield replace(found, protocol="nearer to training, mirrored too, than the 5th percentile of the reference")


def _alone(ours: Measured, real: Measured | None, settings: Settings, rng: np.random.Generator) -> Iterator[Metric]:
    """Figures of the volumes themselves, beside those of the reference."""
    if min(ours.grid.shape) >= LEAST:
        pairs = [similarities(part.volumes, settings.pairs, rng) for part in (ours, real) if part is not None]
        found = mean("ms_ssim", pairs[0], rng, float(pairs[1].mean()) if real is not None else None, Better.LOWER)
        yield replace(found, protocol="n random pairs of samples; floor: pairs of the reference")
    beside = None if real is None else float(asymmetries(real.labels).mean())
    yield mean("asymmetry", asymmetries(ours.labels), rng, beside, Better.LOWER)
    for place, tissue in enumerate(TISSUES):
        beside = None if real is None else float(real.summary.millilitres[:, place].mean())
        yield mean(f"{tissue.lower()}_ml", ours.summary.millilitres[:, place], rng, beside)
    yield from _ageing(Ageing.of(ours), None if real is None else Ageing.of(real), rng)


def _ageing(ours: Ageing | None, real: Ageing | None, rng: np.random.Generator) -> Iterator[Metric]:
    if ours is None:
        return
    ends = [np.quantile(draws, (0.025, 0.975)) for draws in ours.drawn(rng)]
    told = "age asked against the share of CSF measured; the slope is that of a decade"
    floors = (None, None) if real is None else (real.correlation, real.slope)
    values = (ours.correlation, ours.slope)
    for label, value, (low, high), floor in zip(("age_r", "age_slope"), values, ends, floors, strict=True):
        yield Metric(label, value, len(ours.age), float(low), float(high), floor, Better.HIGHER, {}, told)


def _explained(figures: Sequence[Metric]) -> list[Metric]:
    """The figures, with a word on the segmenter at the first of them."""
    dice = "; ".join(
        f"{size}: " + ", ".join(f"{k} {v:.3f}" for k, v in d.items()) for size, d in shipped().dice.items()
    )
    first = replace(figures[0], protocol=f"{figures[0].protocol}; Dice of the segmenter on held-out subjects: {dice}")
    return [first, *figures[1:]]


def rows(samples: Sequence[Any], reference: Sequence[Any], options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Tissue volumes of each sample and its nearest reference, a row each; one that failed has its reason."""
    settings = Settings.of(options)
    whole = [place for place, sample in enumerate(samples) if FAILED not in sample.extra]
    measured = (
        Measured.of([samples[place] for place in whole], Grid.of(samples[whole[0]]), settings.features)
        if whole
        else None
    )
    close = None
    if measured is not None and reference:
        others = Measured.of(reference, measured.grid, settings.features)
        close = nearest(measured, others), others.names
    asked = sorted({key for sample in samples for key in conditions(sample)})
    found = {place: _row(measured, row, close) for row, place in enumerate(whole) if measured is not None}
    return [
        {"name": name(sample, str(place)), "failed": sample.extra.get(FAILED)}
        | {key: conditions(sample).get(key) for key in asked}
        | found.get(place, dict.fromkeys((*_COLUMNS, *(_CLOSE if close else ()))))
        for place, sample in enumerate(samples)
    ]


_COLUMNS = ("csf_ml", "gm_ml", "wm_ml", "csf_fraction")
_CLOSE = ("nearest", "distance")


def _row(measured: Measured, row: int, close: Any) -> dict[str, Any]:
    values = (*measured.summary.millilitres[row], measured.csf_fraction[row])
    told: dict[str, Any] = dict(zip(_COLUMNS, (round(float(value), 4) for value in values), strict=True))
    if close is not None:
        told |= {"nearest": close[1][close[0].index[row]], "distance": round(float(close[0].distance[row]), 5)}
    return told


def glance(samples: Sequence[Any]) -> dict[str, float]:
    """The share that is finite and, of those, the mean intensity and the share of background: cheap, for a log."""
    whole = [tensor(sample) for sample in samples if FAILED not in sample.extra]
    if not samples:
        return {}
    found = {"finite": len(whole) / len(samples)}
    if whole:
        found["mean_intensity"] = float(np.mean([float(volume.mean()) for volume in whole]))
        found["background"] = float(np.mean([float((volume < _DARK).float().mean()) for volume in whole]))
    return found


_DARK = -0.95
