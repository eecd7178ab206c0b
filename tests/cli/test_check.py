"""The laws of a domain: ours keeps them, and one that does not is found out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.config import Config
from geodrift.domain import Symmetry
from geodrift.processes import Process, Product
from geodrift.rng import Streams
from geodrift.schedules import VP
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
    assert len(result.document) == 17


def test_a_model_with_scores_is_measured() -> None:
    """Numbers beside the laws: what is asked of a score, and of the source where sampling starts."""
    result = command("check", "graphs", "--json", *SETTINGS, "--set", "process.kind=gdss")
    values = {outcome["law"]: outcome["value"] for outcome in result.document if outcome["value"] is not None}
    assert result.code == 0
    assert values.keys() == {"weights", "call_time", "signal_left", "asymmetry"}
    assert 0 < values["asymmetry"] < 4
    assert 0 < values["signal_left"] < 1
    assert values["weights"] > 1000


class Confused(Graphs):
    """Its process says that another class was meant than the network answered."""

    def process(self, spec: Mapping[str, Any], codec: Any) -> Process:
        product: Any = super().process(spec, codec)

        @dataclass(frozen=True)
        class Shifted(type(product.parts["nodes"])):  # type: ignore[misc]
            def resolve(self, raw: Any, z: Any, t: Any) -> Any:
                return super().resolve(raw.roll(1, -1), z, t)

        nodes = product.parts["nodes"]
        own = {field.name: getattr(nodes, field.name) for field in fields(nodes)}
        return Product({**product.parts, "nodes": Shifted(**own)})


class Endless(Graphs):
    """Its path of nodes has no data end: what the network is shown there is not a number."""

    def process(self, spec: Mapping[str, Any], codec: Any) -> Process:
        product: Any = super().process({"kind": "gdss"}, codec)
        nodes = product.parts["nodes"]
        return Product({**product.parts, "nodes": replace(nodes, schedule=Broken())})


class Broken(VP):
    def sigma(self, t: Tensor) -> Tensor:
        return torch.where(t < 0.05, torch.nan, super().sigma(t))


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


WRONG = {
    Lossy: "write_read",
    Boastful: "symmetries",
    Stuck: "builds",
    Confused: "known_answer",
    Endless: "ends",
}


@pytest.mark.parametrize(("wrong", "law"), WRONG.items())
def test_a_broken_law_is_found(wrong: Any, law: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geodrift.model.find", lambda name: wrong())
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
