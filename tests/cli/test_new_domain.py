"""A new domain works from its first minute, as an installed package of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from geodrift.scaffold.package import rendered
from geodrift.testing.command import command

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "custom_domain"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The new package, with the metadata that its installation would leave."""
    folder = tmp_path_factory.mktemp("new") / "spheres"
    assert command("new-domain", "spheres", "--out", folder).code == 0
    about = folder / "geodrift_spheres-0.1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: geodrift-spheres\nVersion: 0.1.0\n")
    (about / "entry_points.txt").write_text("[geodrift.domains]\nspheres = geodrift_spheres:domain\n")
    return folder


def python(package: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")])),
    }
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=package, env=environment, capture_output=True, text=True, check=False)


def test_its_tests_pass(package: Path) -> None:
    done = python(package, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    assert "15 passed" in done.stdout


def test_it_is_found_and_keeps_the_laws(package: Path) -> None:
    done = python(package, "-m", "geodrift", "check", "spheres", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert '"passed": false' not in done.stdout


def test_it_is_small(package: Path) -> None:
    assert len((package / "geodrift_spheres/domain.py").read_text().splitlines()) < 100


def test_the_example_is_what_the_command_writes() -> None:
    files = rendered("points")
    assert {path: (EXAMPLE / path).read_text() for path in files} == files


def test_a_folder_with_files_is_kept(package: Path) -> None:
    result = command("new-domain", "spheres", "--out", package)
    assert result.code == 2
    assert result.message == f"geodrift: {package}: exists already; choose another --out"


@pytest.mark.parametrize("name", ["Spheres", "my-points", "2d", "import ", "../up"])
def test_names_that_no_package_can_have(tmp_path: Path, name: str) -> None:
    result = command("new-domain", name, "--out", tmp_path / "out")
    assert result.code == 2
    assert result.message.startswith(f'geodrift: domain "{name}": use small letters')
    assert not (tmp_path / "out").exists()


def test_an_installed_name_is_not_scaffolded(tmp_path: Path) -> None:
    result = command("new-domain", "graphs", "--out", tmp_path / "graphs")
    assert result.code == 2
    assert result.message == 'geodrift: domain "graphs": is installed already; choose another name'
