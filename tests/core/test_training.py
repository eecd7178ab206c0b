"""Laws of the training loop, each against what it should be and not against itself."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from geodrift.config import Train, resolve
from geodrift.denoiser import Denoiser
from geodrift.errors import InputError
from geodrift.layout import Dense
from geodrift.objectives import Loss, Matching
from geodrift.processes import Affine, Product
from geodrift.schedules import Rectified
from geodrift.state import State
from geodrift.train.data import Feed
from geodrift.train.ema import MovingAverage
from geodrift.train.loop import Progress, Watchers, optimizer, rate, run

ROWS = 10
SETTINGS = Train(steps=6, batch_size=4, lr=0.1, warmup=2, clip=0.5, ema=0.9)


class Numbers:
    """A codec of numbers, enough for `Feed`."""

    def batch(self, arrays: Any, index: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return arrays["x"][index], {}


def feed(batch_size: int = 4) -> Feed:
    return Feed(Numbers(), {"x": torch.arange(ROWS)[:, None].to(torch.get_default_dtype())}, ROWS, 3, batch_size)  # type: ignore[arg-type]


class Line(nn.Module):
    """One weight, and the type in which it was multiplied."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, 1))
        self.types: list[torch.dtype] = []

    def forward(self, z: Tensor, t: Tensor, cond: Any) -> Tensor:
        answer = z @ self.weight
        self.types.append(answer.dtype)
        return answer


def started(network: nn.Module, config: Train = SETTINGS) -> Progress:
    denoiser = Denoiser(network, Affine(Rectified()))
    return Progress(denoiser, MovingAverage(denoiser, config.ema), optimizer(denoiser, config))


def trained(
    config: Train = SETTINGS, precision: Any = "32-true", objective: Matching | None = None, **watch: Any
) -> tuple[Line, Progress]:
    network = Line()
    progress = started(network, config)
    fabric = Fabric(accelerator="cpu", devices=1, precision=precision)
    run(fabric, progress, objective or Matching(), feed(config.batch_size), config, Watchers(**watch))
    return network, progress


def test_the_average_follows_its_recursion() -> None:
    """The mean moves by 1 - min(d, (1 + k) / (10 + k)) of the way, for the weights as they were after each step."""
    seen: list[float] = []
    _, progress = trained(tick=lambda progress, loss: seen.append(progress.denoiser.network.weight.item()))
    mean = 1.0
    for k, weight in enumerate(seen):
        mean += (1 - min(0.9, (1 + k) / (10 + k))) * (weight - mean)
    assert seen[0] != seen[-1] != 1
    assert float(progress.average.weights["network.weight"]) == pytest.approx(mean, rel=1e-6)


def test_the_rate_warms_up_and_falls_to_nothing() -> None:
    config = Train(steps=1000, lr=2.0, warmup=100)
    assert rate(0, config) == pytest.approx(2.0 / 100)
    assert rate(99, config) == pytest.approx(2.0 * 0.5 * (1 + math.cos(math.pi * 0.099)))
    assert rate(500, config) == pytest.approx(1.0)
    assert rate(999, config) < 1e-5


def test_the_optimiser_gets_the_rate_of_each_step() -> None:
    rates: list[float] = []
    trained(tick=lambda progress, loss: rates.append(progress.optimizer.param_groups[0]["lr"]))
    assert rates == [rate(step, SETTINGS) for step in range(6)]


def test_every_epoch_is_another_permutation() -> None:
    places = torch.cat([feed().indices(step) for step in range(10)])
    epochs = places[: 4 * ROWS].reshape(4, ROWS)
    assert torch.equal(epochs.sort(1)[0], torch.arange(ROWS).expand(4, -1))
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 4


def test_processes_share_a_step_without_overlap() -> None:
    whole, _, streams = feed().batch(7)
    parts = [feed().batch(7, rank, 2) for rank in range(2)]
    assert torch.equal(torch.cat([part[0] for part in parts]).sort(0)[0], whole.sort(0)[0])
    noise = streams.normal(torch.zeros(4, 3))
    shared = torch.stack([part[2].normal(torch.zeros(2, 3)) for part in parts], 1).flatten(0, 1)
    assert torch.equal(noise, shared)


def test_every_step_has_noise_of_its_own() -> None:
    drawn = torch.cat([feed().batch(step)[2].normal(torch.zeros(4, 1)) for step in range(50)])
    assert len(torch.unique(drawn)) == 200


def test_gradients_are_clipped(monkeypatch: pytest.MonkeyPatch) -> None:
    norms: list[float] = []
    step = torch.optim.AdamW.step

    def watched(self: torch.optim.AdamW, *rest: Any) -> Any:
        norms.append(float(torch.cat([p.grad.flatten() for g in self.param_groups for p in g["params"]]).norm()))
        return step(self, *rest)

    monkeypatch.setattr(torch.optim.AdamW, "step", watched)
    trained()
    assert max(norms) == pytest.approx(0.5, rel=1e-4)


def test_mixed_precision_reaches_the_network_and_not_the_loss() -> None:
    torch.set_default_dtype(torch.float32)  # float64 is never reduced; the fixture of the folder sets it back
    losses: list[Loss] = []

    class Kept(Matching):
        def __call__(self, *batch: Any) -> Loss:
            losses.append(super().__call__(*batch))
            return losses[-1]

    network, _ = trained(precision="bf16-mixed", objective=Kept())
    assert set(network.types) == {torch.bfloat16}
    assert {loss.total.dtype for loss in losses} == {torch.float32}


def test_a_gradient_that_is_not_finite_stops_with_advice() -> None:
    class Root(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1, 1))

        def forward(self, z: Tensor, t: Tensor, cond: Any) -> Tensor:
            return z + torch.sqrt(self.weight)  # the loss is finite, its gradient is not

    with pytest.raises(InputError, match=r"the gradient is not finite at step 0; lower train\.lr"):
        run(Fabric(accelerator="cpu", devices=1), started(Root()), Matching(), feed(), SETTINGS, Watchers())


class Pair:
    """A fabric of two processes, as far as the check of the batch sees it."""

    world_size = 2


def test_a_batch_that_does_not_divide_is_refused() -> None:
    config = SETTINGS.model_copy(update={"batch_size": 3})
    with pytest.raises(InputError, match="3 samples do not divide among 2 processes"):
        run(Pair(), started(Line()), Matching(), feed(3), config, Watchers())  # type: ignore[arg-type]


SCRIPT = """
from pathlib import Path
import torch
from tests_of_training import SETTINGS, feed, run, started, Line, Matching, Watchers, Fabric
torch.set_default_dtype(torch.float64)
fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp")
fabric.launch()
progress = started(Line())
run(fabric, progress, Matching(), feed(), SETTINGS, Watchers())
Path(f"weight-{fabric.global_rank}").write_text(repr(progress.denoiser.network.weight.item()))
"""


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """Gradients of the shares average to that of the batch, so both processes end where one does."""
    folder = tmp_path / "two"
    folder.mkdir()
    (folder / "tests_of_training.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "script.py").write_text(SCRIPT, encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if name not in {"RANK", "WORLD_SIZE", "LOCAL_RANK"}}
    subprocess.run([sys.executable, "script.py"], cwd=folder, env=clean, capture_output=True, timeout=120, check=True)
    one, other = (float((folder / f"weight-{rank}").read_text()) for rank in range(2))
    network, _ = trained()
    assert one == other == pytest.approx(network.weight.item(), rel=1e-9)


def test_fields_with_clocks_of_their_own_reach_the_network() -> None:
    seen: list[Any] = []

    def network(z: State, t: Any, cond: Any) -> State:
        seen.append(t)
        return z

    denoiser = Denoiser(nn.Module(), Product({"a": Affine(Rectified()), "b": Affine(Rectified())}))
    denoiser.network.forward = network  # type: ignore[assignment]
    z = State({"a": torch.ones(3, 1), "b": torch.ones(3, 1)}, {"a": Dense()})
    denoiser.raw(z, {"a": torch.tensor(0.2), "b": torch.tensor([0.1, 0.5, 0.9])})
    assert {name: times.tolist() for name, times in seen[0].items()} == {"a": [0.2] * 3, "b": [0.1, 0.5, 0.9]}


def test_single_precision_may_be_written_as_a_number() -> None:
    asked = {"domain": "any", "train": {"precision": 32}}
    assert resolve(asked, "config").train.precision == "32"
    with pytest.raises(InputError, match="input should be '32' or 'bf16', not 16"):
        resolve({"domain": "any", "train": {"precision": 16}}, "config")
