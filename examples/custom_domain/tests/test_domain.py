"""The laws that every domain of geodrift keeps, and that this one learns."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from geodrift.cli import main
from geodrift.testing.domain import LAWS, Subject

from geodrift_points import domain


@pytest.fixture(scope="module")
def subject() -> Subject:
    return Subject.of(domain)


@pytest.mark.parametrize("law", LAWS, ids=[law.__name__ for law in LAWS])
def test_law(law: Callable[[Subject], None], subject: Subject) -> None:
    law(subject)


def test_learns_a_circle(tmp_path: Path) -> None:
    data, run, out = tmp_path / "circle.csv", tmp_path / "run", tmp_path / "samples"
    data.write_text("".join(f"{math.cos(i)},{math.sin(i)}\n" for i in range(512)))
    quick = ["--set", "train.steps=400", "--set", "train.lr=5e-3"]
    assert main(["train", "points", "--preset", "default", "--data", str(data), "--out", str(run), *quick]) == 0
    assert main(["generate", "points", "--checkpoint", str(run), "-n", "256", "--out", str(out)]) == 0
    radii = [math.hypot(x, y) for x, y in domain.samples(out)]
    assert abs(sum(radii) / len(radii) - 1) < 0.1
    assert sum((radius - 1) ** 2 for radius in radii) / len(radii) < 0.04
