"""What sampling costs beside the network: memory in units of the state."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from geodrift.denoiser import Denoiser
from geodrift.parametrization import Linear, Noise, Velocity
from geodrift.processes import Affine
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import VP, Rectified, Schedule
from geodrift.solvers import solvers

SIDE = 64


class Peak(TorchDispatchMode):
    """The most memory that tensors made under it hold at once, in bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self.most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for made in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(made, Tensor):
                storage = made.untyped_storage()
                self.alive[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
        self.alive = {key: held for key, held in self.alive.items() if not held[0].expired()}
        self.most = max(self.most, sum(size for _, size in self.alive.values()))
        return out


class Plain(nn.Module):
    """A network that needs no memory but its output."""

    def forward(self, z: Tensor, t: Tensor, cond: Any) -> Tensor:
        return torch.tanh(z)


def beyond(kind: str, schedule: Schedule, row: Linear) -> float:
    """Memory of sampling beyond that of a call of the network with its input, in states."""
    like = torch.zeros(1, 1, SIDE, SIDE, SIDE, dtype=torch.float32)
    with Peak() as alone:
        Plain()(like.clone(), torch.zeros(1), {})
    denoiser = Denoiser(Plain(), Affine(schedule, parametrization=row)).eval()
    with Peak() as whole:
        sample(denoiser, like, solvers.build(kind), Streams.of(0, 1), steps=4)
    return (whole.most - alone.most) / like.nbytes


@pytest.mark.parametrize("path", [(Rectified(), Velocity()), (VP(), Noise())], ids=["rectified", "vp"])
@pytest.mark.parametrize("kind", ["euler", "heun", "dpm++-2m", "dpm++-3m", "sde-dpm++-2m", "ancestral"])
def test_a_volume_costs_three_states_at_most(kind: str, path: tuple[Schedule, Linear]) -> None:
    torch.set_default_dtype(torch.float32)
    assert beyond(kind, *path) < 3.2


def test_waste_is_noticed() -> None:
    """The measure sees a tensor that is kept, and forgets one that is not."""
    with Peak() as peak:
        kept = [torch.zeros(1000, dtype=torch.float32) for _ in range(3)]
        for _ in range(5):
            torch.ones(1000, dtype=torch.float32).sum()
    assert 4 * 4000 <= peak.most < 5 * 4000
    assert len(kept) == 3
