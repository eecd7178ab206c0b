"""What is installed and what a checkpoint is."""

import shutil
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from geodrift import plugins
from geodrift.testing.command import command


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two domains that cannot be loaded, beside the real ones."""
    (tmp_path / "geodrift_needy.py").write_text("import nothing_of_this_name\n")
    (tmp_path / "geodrift_faulty.py").write_text("domain = 1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    names = ("needy", "faulty")
    entries = {name: EntryPoint(name, f"geodrift_{name}:domain", plugins.GROUP) for name in names}
    installed = {**plugins.entries(), **entries}
    monkeypatch.setattr(plugins, "entries", lambda: installed)
    plugins.status.cache_clear()


def test_domains_say_what_they_hold() -> None:
    (graphs,) = [entry for entry in command("domains", "--json").document if entry["name"] == "graphs"]
    assert graphs["status"] == "ok"
    assert graphs["fields"].keys() == {"nodes", "edges"}
    assert {"qm9", "qm9-gdss"} <= graphs["presets"].keys()
    assert all(isinstance(preset["weights"], bool) for preset in graphs["presets"].values())


@pytest.mark.usefixtures("install")
def test_a_domain_that_fails_leaves_the_others_alone() -> None:
    found = {entry["name"]: entry for entry in command("domains", "--json").document}
    assert found["graphs"]["status"] == "ok"
    assert found["needy"]["status"] == "missing dependency"
    assert found["needy"]["reason"] == "No module named 'nothing_of_this_name'; pip install nothing_of_this_name"
    assert found["faulty"]["status"] == "broken"
    assert found["faulty"]["reason"] == "ZeroDivisionError: division by zero"
    result = command("domains")
    assert result.code == 0
    assert all(name in result.output for name in found)


@pytest.mark.usefixtures("install")
def test_using_a_domain_that_fails_says_what_helps(tmp_path: Path) -> None:
    result = command("generate", "needy", "--out", tmp_path / "out")
    assert result.code == 2
    assert result.message == (
        "geodrift: domain needy: missing dependency: No module named 'nothing_of_this_name'; "
        "pip install nothing_of_this_name"
    )


def test_info_of_a_training(trained: Path) -> None:
    found = command("info", trained, "--json").document
    assert found["weights"] is True
    assert found["folder"].endswith("step-00000012")
    assert found["step"] == 12
    assert found["parameters"] > 1000
    assert found["metrics"]["loss"] > 0
    assert found["config"]["network"]["hidden"] == 16
    assert found["data"]["tokens"] == ["C", "O", "N", "F"]
    assert found["files"].keys() == {"model.safetensors", "ema.safetensors", "optimizer.safetensors"}
    assert min(found["files"].values()) > 4 * found["parameters"]
    table = command("info", trained)
    assert (table.code, "config.network.hidden" in table.output) == (0, True)


def test_info_of_a_checkpoint_without_the_optimiser(trained: Path, tmp_path: Path) -> None:
    """A preset is such a checkpoint."""
    folder = shutil.copytree(trained / "checkpoints/step-00000012", tmp_path / "shipped")
    assert command("info", folder, "--json").document["step"] == 12


def test_info_of_a_preset() -> None:
    found = command("info", "graphs/qm9", "--json").document
    assert found["config"]["domain"] == "graphs"
    assert found["config"]["process"]["kind"] == "discrete-flow"
