"""Crystals and a model with random weights that tests can ask for."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pymatgen.core import Lattice, Structure
from torch import Tensor, nn

from geodrift.config import Config
from geodrift.denoiser import Denoiser
from geodrift.embeddings import Identity, OneHot
from geodrift.model import Model
from geodrift.parametrization import Velocity
from geodrift.processes import Affine, Given, Jump, Process, Product
from geodrift.schedules import Rectified
from geodrift.state import State
from geodrift.testing.command import Result, command
from geodrift_crystals import domain
from geodrift_crystals.codec import CrystalCodec

CIF = """data_test
_symmetry_space_group_name_H-M 'P 1'
_cell_length_a 4.1
_cell_length_b 4.1
_cell_length_c 4.2(3)
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_chemical_formula_sum 'Sr1 Ti1 O3'
_cell_formula_units_Z 1
loop_
 _symmetry_equiv_pos_site_id
 _symmetry_equiv_pos_as_xyz
  1 'x, y, z'
loop_
 _atom_site_type_symbol
 _atom_site_label
 _atom_site_symmetry_multiplicity
 _atom_site_fract_x
 _atom_site_fract_y
 _atom_site_fract_z
 _atom_site_occupancy
  Sr Sr0 1 0.0 0.0 -0.01 1
  Ti Ti1 1 0.5 0.5 0.5 1
  O O2 1 0.5 0.5 0.0 1
  O O3 1 0.5 0.0 0.5 1
  O O4 1 0.0 0.5 0.5 1
"""


@pytest.fixture
def double() -> Iterator[None]:
    """Laws hold in float64."""
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def cif() -> str:
    """A CIF with one crystal."""
    return CIF


def skewed(seed: int, elements: tuple[str, ...] = ("Si", "O", "O", "C", "N")) -> Structure:
    """A crystal without symmetry, in a reduced right-handed cell, no two atoms near each other."""
    rng = np.random.default_rng(seed)
    lattice = Lattice(np.diag(rng.uniform(4, 7, 3)) + rng.uniform(-0.8, 0.8, (3, 3)))
    spread = np.stack(np.meshgrid(*[[0.1, 0.4, 0.7]] * 3), -1).reshape(-1, 3)
    places = rng.permutation(spread)[: len(elements)] + rng.uniform(0, 0.1, (len(elements), 3))
    return Structure(lattice, list(elements), places)


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of fingerprints and distances that a module shares with no other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEODRIFT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def crystals() -> list[Structure]:
    """The domain's examples and some crystals without symmetry."""
    return [*domain.examples(), *(skewed(seed) for seed in range(6)), skewed(6, ("Fe", "O"))]


@pytest.fixture(scope="session")
def roomy() -> Callable[..., CrystalCodec]:
    """Fits a codec that knows cells of 1 to 12 atoms; those that there are not among the crystals are very rare."""

    def fit(crystals: list[Structure], **options: object) -> CrystalCodec:
        codec = domain.fit(crystals, {"max_atoms": 12, **options})
        return replace(codec, sizes=tuple(share or 1e-9 for share in codec.sizes))

    return fit


class Tiny(nn.Module):
    """A network that looks at each atom and at the mean of its crystal."""

    def __init__(self, channels: Mapping[str, tuple[int, int]]) -> None:
        super().__init__()
        atom = channels["species"][0] + 3
        self.outs = {name: out for name, (_, out) in channels.items()}
        self.atoms = nn.Linear(2 * atom + channels["lattice"][0], self.outs["species"] + 3)
        self.lattice = nn.Linear(atom + channels["lattice"][0], self.outs["lattice"])

    def forward(self, z: State, t: Tensor, cond: Mapping[str, Tensor]) -> State:
        layout = z.layouts["frac"]
        each = torch.cat([z["species"], z["frac"]], -1)
        total = torch.zeros(len(z["lattice"]), each.shape[1]).to(each).index_add(0, layout.index, each)  # type: ignore[attr-defined]
        whole = torch.cat([total / layout.sum(torch.ones(len(each)))[:, None], z["lattice"]], -1)
        species, frac = self.atoms(torch.cat([each, layout.spread(whole)], -1)).split([self.outs["species"], 3], -1)
        return State({"frac": frac, "species": species, "lattice": self.lattice(whole)}, z.layouts)


@pytest.fixture
def model() -> Callable[[CrystalCodec], Model]:
    """Makes a model with random weights for a codec: masked species, or given ones, and straight paths for the rest."""

    def make(codec: CrystalCodec) -> Model:
        classes, size = len(codec.elements), codec.lattice.size
        species: Process = Jump.masked(classes) if codec.given == "nothing" else Given(OneHot(classes))
        real = {name: Affine(Rectified(), Identity(n), Velocity()) for name, n in (("frac", 3), ("lattice", size))}
        process = Product({"frac": real["frac"], "species": species, "lattice": real["lattice"]})
        torch.manual_seed(0)
        return Model(domain, codec, Denoiser(Tiny(process.channels), process), Config(domain="crystals"))

    return make


CONFIG = """
domain = "crystals"
data = { given = "composition" }
network = { hidden = 16, layers = 1, harmonics = 2 }
train = { steps = 4, batch_size = 4, warmup = 1, log_every = 2 }
sample = { steps = 3 }
"""


def _table(path: Path, structures: list[Structure]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["material_id", "cif"])
        writer.writerows([100 + i, structure.to(fmt="cif")] for i, structure in enumerate(structures))
    return path


@pytest.fixture(scope="session")
def as_table() -> Callable[[Path, list[Structure]], Path]:
    """Writes structures as a table with a column `cif`, named by numbers from 100."""
    return _table


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The domain's examples as a table."""
    return _table(tmp_path_factory.mktemp("data") / "known.csv", domain.examples())


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, table: Path) -> Path:
    """The folder of a training of some steps on the domain's examples; its config is beside it."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "tiny.toml").write_text(CONFIG)
    result = command("train", "crystals", "--preset", folder / "tiny.toml", "--data", table, "--out", folder / "run")
    assert result.code == 0, result.errors
    return folder / "run"


@pytest.fixture
def generate(trained: Path, tmp_path: Path) -> Callable[..., Result]:
    """Generates with that model into the folder `out`."""

    def run(*arguments: object) -> Result:
        return command("generate", "crystals", "--checkpoint", trained, "--out", tmp_path / "out", *arguments)

    return run
