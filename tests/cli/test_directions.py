"""The example of a domain in a hundred lines: it is that short, keeps the laws, and learns a law on the sphere."""

import json
import math
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "directions"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the module, and with the metadata that its installation would leave."""
    folder = tmp_path_factory.mktemp("directions") / "package"
    shutil.copytree(EXAMPLE, folder)
    about = folder / "geodrift_directions-0.1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: geodrift-directions\nVersion: 0.1.0\n")
    (about / "entry_points.txt").write_text("[geodrift.domains]\ndirections = geodrift_directions:domain\n")
    return folder


def geodrift(place: Path, *arguments: str) -> str:
    path = os.pathsep.join(filter(None, [str(place), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "geodrift", *arguments]
    done = subprocess.run(command, cwd=place, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def cap(count: int, rng: random.Random) -> str:
    """Directions within 30 degrees of the north pole, evenly spread, and as many opposite ones."""
    heights = [rng.uniform(math.cos(math.pi / 6), 1) * rng.choice((-1, 1)) for _ in range(count)]
    return "".join(f"{math.degrees(math.asin(h))},{rng.uniform(-180, 180)}\n" for h in heights)


def energy(place: Path, samples: str) -> float:
    table = json.loads(geodrift(place, "evaluate", "directions", samples, "--reference", "held_out.csv", "--json"))
    return float(table["metrics"][0]["value"])


def test_it_has_a_hundred_lines() -> None:
    lines = (EXAMPLE / "geodrift_directions.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 100


def test_it_keeps_the_laws(place: Path) -> None:
    assert '"passed": false' not in geodrift(place, "check", "directions", "--json")


def test_it_learns_two_caps(place: Path) -> None:
    rng = random.Random(0)
    (place / "caps.csv").write_text(cap(4000, rng))
    (place / "held_out.csv").write_text(cap(1000, rng))
    (place / "uniform.csv").write_text(
        "".join(f"{math.degrees(math.asin(rng.uniform(-1, 1)))},{rng.uniform(-180, 180)}\n" for _ in range(1000))
    )
    brief = ["--set", "train.steps=1000", "--quiet"]
    geodrift(place, "train", "directions", "--preset", "default", "--data", "caps.csv", "--out", "run", *brief)
    geodrift(place, "generate", "directions", "--checkpoint", "run", "-n", "1000", "--out", "new", "--quiet")
    assert (place / "new" / "report.html").is_file()
    assert energy(place, "new") < energy(place, "uniform.csv") / 10
