"""Points in the plane, rows `x,y` of a csv file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from geodrift import InputError, metric
from geodrift.domain import Reading, Refusal, Symmetry
from geodrift.metric import Metric
from geodrift.processes import Affine, Product
from geodrift.registry import Role
from geodrift.schedules import Rectified

from geodrift_points.codec import Codec, Point
from geodrift_points.network import Network

networks = Role("network")
networks.register("mlp")(Network)


class Points:
    """Points in the plane: one field, one process, one network."""

    name, version = "points", "0.1.0"
    fields: Mapping[str, str] = {"points": "coordinates, dense (B, 2)"}

    def presets(self) -> Mapping[str, Path]:
        return {path.parent.name: path.parent for path in (Path(__file__).parent / "presets").glob("*/config.toml")}

    def read(self, path: Path, where: Mapping[str, str]) -> Reading:
        objects, refused = [], []
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").split(), 1):
            try:
                x, y = map(float, line.split(","))
                objects.append((x, y))
            except ValueError:
                refused.append(Refusal(number, line, "not two numbers"))
        if not objects:
            raise InputError(f"{path}: no points in it; write one x,y a line")
        return Reading(objects, refused)

    def samples(self, path: Path) -> list[Point]:
        return self.read(path / "points.csv" if path.is_dir() else path, {}).objects

    def write(self, objects: Sequence[Point], folder: Path) -> list[Path]:
        path = folder / "points.csv"
        path.write_text("".join(f"{x!r},{y!r}\n" for x, y in objects), encoding="utf-8")
        return [path]

    def fit(self, objects: Sequence[Point], options: Mapping[str, Any]) -> Codec:
        return Codec.fit(objects)

    def codec(self, values: Mapping[str, Any]) -> Codec:
        return Codec(**values)

    def process(self, spec: Mapping[str, Any], codec: Codec) -> Product:
        return Product({"points": Affine(Rectified())})

    def network(self, spec: Mapping[str, Any], codec: Codec, process: Product) -> Network:
        built: Network = networks.build({"kind": "mlp", **spec})
        return built

    def evaluate(
        self,
        samples: Sequence[Point],
        reference: Sequence[Point],
        training: Sequence[Point],
        options: Mapping[str, Any],
    ) -> list[Metric]:
        floor = float(_radii(training).mean()) if training else None
        return [metric.mean("radius", _radii(samples), np.random.default_rng(0), floor)]

    def glance(self, samples: Sequence[Point]) -> dict[str, float]:
        return {"radius": float(_radii(samples).mean())}

    def report(self, samples: Sequence[Point], reference: Sequence[Point], metrics: Sequence[Metric]) -> str:
        dots = "".join(f'<circle cx="{x:.4g}" cy="{-y:.4g}" r="0.02"/>' for x, y in samples[:2000])
        return f'<svg viewBox="-2 -2 4 4" width="480" fill="currentColor">{dots}</svg>'

    def examples(self) -> list[Point]:
        return [(1.0, 0.0), (0.6, 0.8), (0.0, 1.0), (-0.6, 0.8), (-1.0, 0.0), (0.0, -1.0)]

    def symmetries(self) -> Mapping[str, Symmetry]:
        return {}

    def same(self, one: Point, other: Point) -> bool:
        return bool(np.allclose(one, other, atol=1e-5))


def _radii(points: Sequence[Point]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.linalg.norm(np.asarray(points, np.float64), axis=1)


domain = Points()
