"""The example of a cluster: evaluation on two Dask workers gives the figures of one process."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from geodrift.plugins import domain

SCRIPT = Path(__file__).parent.parent / "examples" / "cluster.py"


def test_two_workers_measure_what_one_process_does(tmp_path: Path) -> None:
    pytest.importorskip("dask.distributed", reason="needs the extra dask")
    (tmp_path / "made.smi").write_text("".join(_chain(i) for i in range(540)) + "C(C)(C)(C)(C)C\n")
    (tmp_path / "real.smi").write_text("".join(_chain(i) for i in range(500, 600)))
    command = [sys.executable, str(SCRIPT), "graphs", "made.smi", "--reference", "real.smi"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = domain("graphs")
    objects, real = found.samples(tmp_path / "made.smi"), found.read(tmp_path / "real.smi", {}).objects
    alone = [asdict(metric) for metric in found.evaluate(objects, real, (), {"jobs": 1})]
    figures = json.loads(done.stdout)
    assert {figure["name"]: figure["n"] for figure in figures}["valid"] == 541
    assert figures == json.loads(json.dumps(alone))


def _chain(index: int) -> str:
    """A molecule for each number, in a line."""
    return f"C{'C' * (index % 5)}{'NOS'[index % 3]}{'C' * (index // 15 % 5)}{'=C' * (index // 75)}\n"
