"""Every strategy: with the exact denoiser of a Gaussian in, every solver gives that Gaussian out."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from geodrift.denoiser import Denoiser
from geodrift.parametrization import Linear
from geodrift.processes import Affine, Product
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import VP
from geodrift.solvers import solvers
from geodrift.solvers.grids import grids
from geodrift.sources import StudentT
from geodrift.state import State
from geodrift_mri3d.codec import FIELD, VolumeCodec
from geodrift_mri3d.networks.body import Body
from geodrift_mri3d.networks.linear import LinearDenoiser
from geodrift_mri3d.networks.told import Told
from geodrift_mri3d.networks.volume_network import VolumeNetwork
from geodrift_mri3d.processes import processes

KINDS = ["noise", "clean", "velocity", "flow", "rectified-flow", "cosine", "edm", "pfgm++"]
ODE = ["dpm++-2m", "dpm++-2s", "heun", "unipc-2", {"kind": "ancestral", "eta": 0.0}]
SDE: list[Any] = ["ancestral", "sde-dpm++-2m"]
MEAN, STD = 0.3, 0.25
COUNT = 512


def codec() -> VolumeCodec:
    return VolumeCodec(
        shape=(2, 2, 2), spacing=(1, 1, 1), representation={"kind": "haar", "levels": 1}, units=(1.0,) * 8
    )


class Silent(Body):
    """Adds nothing to the linear denoiser."""

    def forward(self, inputs: torch.Tensor, t: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(inputs[:, :8])


def exact(kind: str) -> Denoiser:
    """The exact denoiser of independent numbers with one mean and deviation, through the network's own code."""
    process: Product = processes.build(kind, codec=codec())
    path, linear = process.parts[FIELD], LinearDenoiser((8, 1, 1, 1), 1, 1)
    assert isinstance(path, Affine)
    linear.mean.fill_(MEAN)
    linear.variance.fill_(STD**2)
    linear.basis.fill_(1.0)
    linear.spread.fill_(STD**2)
    return Denoiser(VolumeNetwork(path, Told({}), Silent(), linear), process).double().eval()


def drawn(kind: str, solver: Any, steps: int) -> torch.Tensor:
    with torch.no_grad():
        like = State({FIELD: torch.zeros(COUNT, 8, 1, 1, 1, dtype=torch.float64)})
        grid = grids.build("log-snr" if kind not in ("edm", "pfgm++") else "karras")
        z: State = sample(exact(kind), like, solvers.build(solver), Streams.of(1, COUNT), steps=steps, grid=grid)
    return z[FIELD].flatten()


def test_all_kinds_are_here() -> None:
    assert sorted(KINDS) == processes.kinds


@pytest.fixture(autouse=True)
def _double() -> Any:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("solver", ODE, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_the_right_law_comes_out(kind: str, solver: Any) -> None:
    found = drawn(kind, solver, 64 if isinstance(solver, str) else 256)  # DDIM is of first order
    heavy = 0.02 if kind == "pfgm++" else 0.0
    assert float(found.mean()) == pytest.approx(MEAN, abs=0.012)
    assert float(found.std()) == pytest.approx(STD, abs=0.008 + heavy)


@pytest.mark.parametrize("solver", SDE, ids=str)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "pfgm++"])
def test_with_fresh_noise_too(kind: str, solver: Any) -> None:
    found = drawn(kind, solver, 256)
    assert float(found.mean()) == pytest.approx(MEAN, abs=0.012)
    assert float(found.std()) == pytest.approx(STD, abs=0.012)


@pytest.mark.parametrize("kind", KINDS)
def test_more_steps_come_nearer(kind: str) -> None:
    few, many = (abs(float(drawn(kind, "dpm++-2m", steps).std()) - STD) for steps in (4, 128))
    assert many < max(few, 0.01)


@pytest.mark.parametrize(
    ("kind", "p", "q"),
    [
        ("noise", lambda a, s: 0, lambda a, s: 1),
        ("clean", lambda a, s: 1, lambda a, s: 0),
        ("velocity", lambda a, s: -s, lambda a, s: a),
        ("flow", lambda a, s: -1, lambda a, s: 1),
    ],
)
def test_the_strategies_of_medforj_predict_what_they_are_named_for(kind: str, p: Any, q: Any) -> None:
    path = processes.build(kind, codec=codec()).parts[FIELD]
    assert isinstance(path.schedule, VP)
    assert isinstance(path.parametrization, Linear)
    at = path.schedule(torch.tensor(0.4))
    row = path.parametrization.row(at)
    assert (float(row.p), float(row.q)) == pytest.approx((float(p(at.alpha, at.sigma)), float(q(at.alpha, at.sigma))))


@pytest.mark.parametrize("time", [0.01, 0.5, 0.99])
def test_on_the_straight_path_flow_and_velocity_are_one(time: float) -> None:
    straight = processes.build("rectified-flow", codec=codec()).parts[FIELD]
    flow = processes.build({"kind": "rectified-flow", "target": "difference"}, codec=codec()).parts[FIELD]
    at = straight.schedule(torch.tensor(time))
    torch.testing.assert_close(
        torch.stack(tuple(straight.parametrization.row(at))), torch.stack(tuple(flow.parametrization.row(at)))
    )


def test_the_radius_of_pfgm_is_not_clipped() -> None:
    path = processes.build({"kind": "pfgm++", "freedom": 128.0}, codec=codec()).parts[FIELD]
    assert isinstance(path.source, StudentT)
    noise = path.prior(torch.zeros(4000, 8, 1, 1, 1), Streams.of(0, 4000)) / 80
    # a Student-t law of 128 degrees of freedom has the variance 128 / 126
    assert float(noise.var()) == pytest.approx(128 / 126, rel=0.02)
