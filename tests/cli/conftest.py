"""A small training that the commands can work with."""

from __future__ import annotations

from pathlib import Path

import pytest

from geodrift.testing.command import command

MOLECULES = (
    "C CC CCC CCO CC=O CC#N C1CC1 c1ccoc1 CNC OCC=O CC(C)O CCN C1CCC1 NC=O FC(F)F CC(=O)N O=C=O C#C C=C CCCO CCOC "
    "CC(N)=O c1cc[nH]c1 C1CO1 C1CN1 OCCO CC(C)C CCCC NCCO CC(F)C"
)
CONFIG = """
domain = "graphs"

[network]
hidden = 16
edge_hidden = 8
layers = 1
heads = 2

[train]
steps = 12
batch_size = 8
warmup = 2
save_every = 4
log_every = 4

[sample]
solver = "reveal"
steps = 5
"""


@pytest.fixture(scope="session")
def molecules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of small molecules."""
    path = tmp_path_factory.mktemp("data") / "molecules.smi"
    path.write_text("".join(f"{smiles}\n" for smiles in MOLECULES.split()))
    return path


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config that trains in a second."""
    path = tmp_path_factory.mktemp("config") / "tiny.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, molecules: Path, config: Path) -> Path:
    """The folder of a training that finished; tests that change it copy it first."""
    folder = tmp_path_factory.mktemp("runs") / "trained"
    result = command("train", "graphs", "--preset", config, "--data", molecules, "--out", folder)
    assert result.code == 0, result.errors
    return folder
