"""The laws of a domain: ours keeps them, and one that does not is found out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from geodrift.config import Config
from geodrift.domain import Symmetry
from geodrift.rng import Streams
from geodrift.state import State
from geodrift.testing.command import command
from geodrift.testing.domain import check
from geodrift_graphs.domain import Graphs

SMALL = {"hidden": 16, "edge_hidden": 8, "layers": 1, "heads": 2}
SETTINGS = [argument for key, value in SMALL.items() for argument in ("--set", f"network.{key}={value}")]


def test_graphs_keep_the_laws() -> None:
    result = command("check", "graphs", "--json", *SETTINGS)
    broken = [outcome for outcome in result.document if not outcome["passed"]]
    assert (result.code, broken) == (0, [])
    assert len(result.document) == 11


class Lossy(Graphs):
    """Writes all but the last."""

    def write(self, objects: Sequence[Any], folder: Path) -> list[Path]:
        written: list[Path] = super().write(objects[:-1], folder)
        return written


class Boastful(Graphs):
    """Declares a symmetry that its network has not: each node may be another atom."""

    def symmetries(self) -> dict[str, Symmetry]:
        def shift(state: State, rng: Streams) -> State:
            return state.replace({"nodes": (state["nodes"] + 1) % 2})

        return {"alchemy": Symmetry(shift, lambda raw, rng: raw)}


class Stuck(Graphs):
    """Has no example that its codec can encode."""

    def examples(self) -> list[Any]:
        return []


@pytest.mark.parametrize(("wrong", "law"), [(Lossy, "write_read"), (Boastful, "symmetries"), (Stuck, "builds")])
def test_a_broken_law_is_found(wrong: Any, law: str) -> None:
    outcomes = {outcome.law: outcome for outcome in check(wrong(), Config(domain="graphs", network=SMALL))}
    assert [name for name, outcome in outcomes.items() if not outcome.passed] == [law]
    assert "\n" not in outcomes[law].reason


def test_a_broken_law_is_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geodrift.plugins.domain", lambda name: Stuck())
    result = command("check", "graphs")
    assert result.code == 1
    assert result.message == "geodrift: graphs breaks 1 of 1 laws"
    assert "FAIL" in result.output
    assert "examples() gives fewer than two objects" in " ".join(result.output.split())
