"""The domain of crystals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure
from torch import nn

from geodrift import __version__
from geodrift.domain import Reading, Symmetry
from geodrift.metric import Metric
from geodrift.processes import Product
from geodrift.registry import Role
from geodrift.solvers import solvers
from geodrift_crystals import processes
from geodrift_crystals.apart import Apart
from geodrift_crystals.codec import CrystalCodec
from geodrift_crystals.likeness import answering
from geodrift_crystals.networks.equivariant import Equivariant
from geodrift_crystals.networks.message_passing import MessagePassing
from geodrift_crystals.structures import FAILED
from geodrift_crystals.symmetry import PERMUTATION, ROTATION, TRANSLATION

networks = Role("network")
networks.register("message-passing")(MessagePassing)
networks.register("equivariant")(Equivariant)

solvers.register("apart")(Apart)

data = Role("data")
data.register("crystals")(CrystalCodec.fit)
READING = ("where",)
DEFAULT = "perov"
ORIGIN = [0.0, 0.0, 0.0]


class Crystals:
    """Crystals: pymatgen structures, ordered, in cells of up to some hundred atoms."""

    name = "crystals"
    version = __version__
    formats = ("ase", "parquet")
    fields: Mapping[str, str] = {
        "frac": "fractional positions, ragged (M, 3)",
        "species": "elements, ragged (M,)",
        "lattice": "numbers of the lattice (B, C)",
    }

    def presets(self) -> Mapping[str, Path]:
        return _presets()

    def read(self, path: Path, where: Mapping[str, str]) -> Reading:
        from geodrift_crystals.files import read

        return read(path, where)

    def samples(self, path: Path) -> list[Any]:
        from geodrift_crystals.files import samples

        return list(samples(path))

    def write(self, objects: Sequence[Any], folder: Path, formats: Sequence[str] = ()) -> list[Path]:
        from geodrift_crystals.files import write

        return write(objects, folder, formats)

    def answering(self, sample: Any, thing: Any, place: int) -> Any:
        return answering(sample, thing, place)

    def choose(self, groups: Sequence[Sequence[Any]], known: Sequence[Any]) -> list[int]:
        from geodrift_crystals.consensus import choose

        return choose(groups, known)

    def fit(self, objects: Sequence[Any], options: Mapping[str, Any]) -> CrystalCodec:
        asked = {key: value for key, value in options.items() if key not in READING}
        fitted: CrystalCodec = data.build({"kind": "crystals", **asked}, crystals=objects)
        return fitted

    def codec(self, values: Mapping[str, Any]) -> CrystalCodec:
        return CrystalCodec.load(values)

    def process(self, spec: Mapping[str, Any], codec: CrystalCodec) -> Product:
        built: Product = processes.processes.build({"kind": "bayesian-flow", **spec}, codec=codec)
        return built

    def network(self, spec: Mapping[str, Any], codec: CrystalCodec, process: Product) -> nn.Module:
        built: nn.Module = networks.build(
            {"kind": "message-passing", **spec},
            **process.channels,
            elements=codec.elements,
            cell=codec.lattice,
            conditions=codec.scales,
        )
        return built

    def evaluate(
        self, samples: Sequence[Any], reference: Sequence[Any], training: Sequence[Any], options: Mapping[str, Any]
    ) -> list[Metric]:
        from geodrift_crystals.evaluation import evaluate

        return evaluate(samples, reference, training, options)

    def rows(
        self, samples: Sequence[Any], reference: Sequence[Any], options: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        from geodrift_crystals.evaluation import rows

        return rows(samples, reference, options)

    def glance(self, samples: Sequence[Any]) -> dict[str, float]:
        from geodrift_crystals.evaluation import glance

        return glance(samples)

    def report(self, samples: Sequence[Any], reference: Sequence[Any], metrics: Sequence[Metric]) -> str:
        from geodrift_crystals.report import body

        return body(samples, reference, metrics)

    def examples(self) -> list[Any]:
        middle, quarter = [0.5, 0.5, 0.5], [0.25, 0.25, 0.25]
        faces = [[0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
        return [
            Structure(_face_centred(5.64), ["Na", "Cl"], [ORIGIN, middle]),
            Structure(Lattice.cubic(4.12), ["Cs", "Cl"], [ORIGIN, middle]),
            Structure(Lattice.cubic(3.905), ["Sr", "Ti", "O", "O", "O"], [ORIGIN, middle, *faces]),
            Structure(_face_centred(5.41), ["Zn", "S"], [ORIGIN, quarter]),
            Structure(_face_centred(3.567), ["C", "C"], [ORIGIN, quarter]),
        ]

    def symmetries(self) -> Mapping[str, Symmetry]:
        return {
            "order of the atoms": PERMUTATION,
            "origin of the cell": TRANSLATION,
            "orientation of the lattice": ROTATION,
        }

    def same(self, one: Any, other: Any) -> bool:
        if FAILED in one.properties or FAILED in other.properties:
            return FAILED in one.properties and FAILED in other.properties and one.composition == other.composition
        matcher = StructureMatcher(ltol=0.01, stol=0.01, angle_tol=0.5, scale=False)
        return bool(one.composition.reduced_formula == other.composition.reduced_formula and matcher.fit(one, other))


def _face_centred(length: float) -> Lattice:
    """The primitive lattice of a face-centred cube with sides of this length, Å."""
    half = length / 2
    return Lattice([[0, half, half], [half, 0, half], [half, half, 0]])


@cache
def _presets() -> Mapping[str, Path]:
    folder = Path(__file__).parent / "presets"
    found = {path.parent.name: path.parent for path in sorted(folder.glob("*/config.toml"))}
    return {DEFAULT: found[DEFAULT], **found} if DEFAULT in found else found


domain = Crystals()
