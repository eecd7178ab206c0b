"""The domain of brains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from nibabel import Nifti1Image
from torch import nn

from geodrift import __version__
from geodrift.config import Config
from geodrift.domain import Reading, Refusal, Symmetry
from geodrift.metric import Metric
from geodrift.processes import Product
from geodrift.registry import Role
from geodrift_mri3d import objective, processes  # noqa: F401 - the objective registers itself
from geodrift_mri3d.codec import VolumeCodec
from geodrift_mri3d.details import DetailCodec
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.networks import network
from geodrift_mri3d.phantom import phantoms
from geodrift_mri3d.volume import CONDITIONS, FAILED, conditions, name, volume

data = Role("data")
data.register("volumes")(VolumeCodec.fit)
data.register("details")(DetailCodec.fit)
READING = ("where",)
DEFAULT = "ixi-4mm"


class Brains:
    """Brains: T1-weighted MRI as nibabel images."""

    name = "mri3d"
    version = __version__
    formats: Sequence[str] = ()
    fields: Mapping[str, str] = {"volume": "channels of a volume (B, C, X, Y, Z)"}

    def presets(self) -> Mapping[str, Path]:
        return _presets()

    def read(self, path: Path, where: Mapping[str, str]) -> Reading:
        from geodrift_mri3d.files import read

        return read(path, where)

    def samples(self, path: Path) -> list[Any]:
        from geodrift_mri3d.files import samples

        return list(samples(path))

    def write(self, objects: Sequence[Any], folder: Path, formats: Sequence[str] = ()) -> list[Path]:
        from geodrift_mri3d.files import write
        from geodrift_mri3d.report.pictures import mosaic

        shown = [image for image in objects if FAILED not in image.extra]
        return [*write(objects, folder), *([mosaic(shown, folder)] if shown else [])]

    def answering(self, sample: Any, thing: Any, place: int) -> Any:
        told = {CONDITIONS: dict(conditions(thing)), "like": name(thing, str(place))}
        return volume(sample.dataobj, sample.affine, {**sample.extra, **told})

    def prepare(self, objects: Sequence[Any], options: Mapping[str, Any], folder: Path) -> list[Refusal]:
        from geodrift_mri3d.files import write_prepared

        first = Grid.of(objects[0])
        grid = Grid(tuple(options.get("shape", first.shape)), tuple(options.get("spacing", first.spacing)))
        return write_prepared(objects, grid, folder)

    def fit(self, objects: Sequence[Any], options: Mapping[str, Any]) -> VolumeCodec:
        asked = {key: value for key, value in options.items() if key not in READING}
        fitted: VolumeCodec = data.build({"kind": "volumes", **asked}, images=objects)
        return fitted

    def codec(self, values: Mapping[str, Any]) -> VolumeCodec:
        return (DetailCodec if values.get("kind") == "details" else VolumeCodec).load(values)

    def process(self, spec: Mapping[str, Any], codec: VolumeCodec) -> Product:
        built: Product = processes.processes.build({"kind": "rectified-flow", **spec}, codec=codec)
        return built

    def network(self, spec: Mapping[str, Any], codec: VolumeCodec, process: Product) -> nn.Module:
        return network(spec, codec, process)

    def cost(self, config: Config, size: Sequence[int]) -> dict[str, Any]:
        from geodrift_mri3d.cost import cost

        return cost(config, size)

    def evaluate(
        self, samples: Sequence[Any], reference: Sequence[Any], training: Sequence[Any], options: Mapping[str, Any]
    ) -> list[Metric]:
        from geodrift_mri3d.evaluation import evaluate

        return evaluate(samples, reference, training, options)

    def rows(
        self, samples: Sequence[Any], reference: Sequence[Any], options: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        from geodrift_mri3d.evaluation import rows

        return rows(samples, reference, options)

    def glance(self, samples: Sequence[Any]) -> dict[str, float]:
        from geodrift_mri3d.evaluation import glance

        return glance(samples)

    def report(self, samples: Sequence[Any], reference: Sequence[Any], metrics: Sequence[Metric]) -> str:
        from geodrift_mri3d.report import body

        return body(samples, reference, metrics)

    def examples(self) -> list[Nifti1Image]:
        return phantoms()

    def symmetries(self) -> Mapping[str, Symmetry]:
        return {}

    def same(self, one: Any, other: Any) -> bool:
        if FAILED in one.extra or FAILED in other.extra:
            return FAILED in one.extra and FAILED in other.extra
        if one.shape != other.shape or not np.allclose(one.affine, other.affine, atol=1e-3):
            return False
        return bool(np.allclose(np.asarray(one.dataobj), np.asarray(other.dataobj), atol=_CLOSE))


_CLOSE = 1e-3  # of intensities in [-1, 1]


@cache
def _presets() -> Mapping[str, Path]:
    folder = Path(__file__).parent / "presets"
    found = {path.parent.name: path.parent for path in sorted(folder.glob("*/config.toml"))}
    return {DEFAULT: found[DEFAULT], **found} if DEFAULT in found else found


domain = Brains()
