"""Laws of the Gaussian baseline: moments in one pass, the exact denoiser and the exact flow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from geodrift.embeddings import OneHot
from geodrift.errors import InputError
from geodrift.gaussian import GaussianDenoiser, fit
from geodrift.layout import Padded
from geodrift.moments import Moments
from geodrift.processes import Affine, Jump, Product
from geodrift.rng import Streams
from geodrift.schedules import EDM, VP, Rectified, Schedule
from geodrift.state import State
from geodrift.testing import Exact, Mixture, assert_same

EIGENVALUES = (4.0, 1.0, 0.25, 0.05, 0.0, 0.0)


def normal(*shape: int, seed: int = 5) -> Tensor:
    return Streams.of(seed, shape[0]).normal(torch.empty(shape))


def rotation(d: int) -> Tensor:
    return torch.linalg.qr(normal(d, d)).Q


def known(d: int = 6) -> Moments:
    """Six axes of which two are flat; the four strong ones kept."""
    variances = torch.tensor(EIGENVALUES[:d])
    return Moments(torch.linspace(-1, 1, d), rotation(d).T[:4], variances[:4], torch.zeros(()))


@pytest.mark.parametrize("sizes", [(200,), (7, 1, 92, 100), (100, 100)], ids=str)
def test_moments_do_not_depend_on_the_batches(sizes: tuple[int, ...]) -> None:
    """All axes kept: exactly the mean and covariance of the data."""
    x = normal(200, 3, 2) @ normal(2, 2, seed=1) + 5
    found = Moments.fit(torch.split(x, sizes), rank=6)
    rows = x.flatten(1)
    torch.testing.assert_close(found.mean, x.mean(0))
    torch.testing.assert_close(found.covariance(), torch.cov(rows.T, correction=0))
    assert torch.all(found.variances[:-1] >= found.variances[1:])


def test_the_strongest_axes_are_kept_and_the_rest_share_what_is_left() -> None:
    x = normal(5000, 30) * torch.cat([torch.tensor([6.0, 3.0]), 0.2 * torch.ones(28)])
    found = Moments.fit(torch.split(x, 250), rank=2)
    true = torch.cov(x.T, correction=0)
    values, vectors = torch.linalg.eigh(true)
    torch.testing.assert_close(found.variances, values.flip(0)[:2], rtol=1e-4, atol=0)
    overlap = (found.axes @ vectors.flip(1)[:, :2]).abs()
    torch.testing.assert_close(overlap, torch.eye(2), rtol=0, atol=1e-3)
    torch.testing.assert_close(found.axes @ found.axes.T, torch.eye(2))
    torch.testing.assert_close(torch.trace(found.covariance()), torch.trace(true))
    assert float(found.rest) == pytest.approx(float(values[:-2].mean()), rel=1e-3)


def test_many_entries_and_few_draws() -> None:
    """More entries than draws, as in a volume: no matrix of entries by entries is made."""
    x = normal(20, 40_000)
    found = Moments.fit([x[:12], x[12:]], rank=19)
    centred = x - x.mean(0)
    torch.testing.assert_close(found.variances, torch.linalg.eigvalsh(centred @ centred.T).flip(0)[:19] / 20)
    assert float(found.rest) == pytest.approx(0, abs=1e-10)


def test_one_draw_has_no_covariance() -> None:
    with pytest.raises(InputError, match="two or more"):
        Moments.fit([torch.zeros(1, 3)], 2)


@pytest.mark.parametrize("time", [0.1, 0.6, 0.999])
def test_the_denoiser_is_that_of_the_gaussian(schedule: Schedule, time: float) -> None:
    moments, t = Moments.fit([normal(50, 2, 3) @ normal(3, 3, seed=2)], rank=3), torch.full((8,), time)
    exact = Exact(Affine(schedule), Mixture(moments.mean[None], torch.ones(1), moments.covariance()[None]))
    z = exact.process.corrupt(exact.law.sample(Streams.of(0, 8), 8), t, Streams.of(1, 8)).z
    assert_same(GaussianDenoiser(exact.process, moments)(z, t), exact(z, t), rtol=1e-8, atol=1e-8)


CASES = [(VP(), 1.0, (0.5, 0.1, 1e-3)), (EDM(80.0), 1.0, (0.5, 0.01 / 80)), (Rectified(), 1.0, (0.4, 0.01))]


@pytest.mark.parametrize(("chosen", "start", "ends"), CASES, ids=["vp", "edm", "rectified"])
def test_the_flow_is_that_of_the_equation(chosen: Schedule, start: float, ends: tuple[float, ...]) -> None:
    """The closed form against DOP853, from the source to near the data."""
    gaussian, t = GaussianDenoiser(Affine(chosen), known()), torch.tensor(start)
    z = gaussian.process.corrupt(torch.zeros(2, 6) + known().mean, t, Streams.of(3, 2)).z

    def rate(time: float, flat: Any) -> Any:
        v, at = torch.from_numpy(flat.copy()).reshape(2, 6), torch.tensor(time)
        return gaussian.process.velocity(gaussian(v, at), v, at).flatten().numpy()

    found = solve_ivp(rate, (start, ends[-1]), z.flatten().numpy(), "DOP853", np.array(ends), rtol=1e-11, atol=1e-12)
    for end, reached in zip(ends, found.y.T, strict=True):
        closed = gaussian.flow(z, t, torch.tensor(end))
        torch.testing.assert_close(closed, torch.from_numpy(reached).reshape(2, 6), rtol=0, atol=1e-8)


def test_flows_compose_and_return(schedule: Schedule) -> None:
    gaussian, z = GaussianDenoiser(Affine(schedule), known()), normal(4, 6)
    t, u, s = (torch.full((4,), v) for v in (0.9, 0.5, 0.2))
    torch.testing.assert_close(gaussian.flow(gaussian.flow(z, t, u), u, s), gaussian.flow(z, t, s))
    torch.testing.assert_close(gaussian.flow(gaussian.flow(z, t, s), s, t), z)


def molecules() -> tuple[Product, list[State]]:
    """Padded classes and a dense vector, each on a path of its own."""
    layout = Padded.of(torch.tensor([3, 1, 2, 3]))
    nodes = torch.tensor([[2, 0, 1], [1, 0, 0], [1, 2, 0], [0, 0, 2]])
    state = State({"nodes": nodes, "cell": normal(4, 2)}, {"nodes": layout})
    return Product({"nodes": Affine(VP(), OneHot(3)), "cell": Affine(Rectified())}), [state, state]


def test_elements_of_a_padded_field_are_draws() -> None:
    """Moments over the elements that exist, whatever their place; a dense field by samples."""
    process, data = molecules()
    found: Any = fit(process, data, rank=3)
    hot = torch.nn.functional.one_hot(torch.tensor([2, 0, 1, 1, 1, 2, 0, 0, 2]), 3).double()
    torch.testing.assert_close(found["nodes"].mean, hot.mean(0))
    torch.testing.assert_close(found["nodes"].covariance(), torch.cov(hot.T, correction=0))
    torch.testing.assert_close(found["cell"].covariance(), torch.cov(data[0]["cell"].T, correction=0))


def test_a_state_moves_as_its_fields() -> None:
    process, data = molecules()
    found: Any = fit(process, data, rank=3)
    gaussian, t, s = GaussianDenoiser(process, found), torch.linspace(0.6, 0.9, 4), torch.linspace(0.1, 0.4, 4)
    z = process.corrupt(data[0], t, Streams.of(0, 4)).z
    moved, p = gaussian.flow(z, t, s), gaussian(z, t)
    assert_same(moved, moved.masked())
    for name, part in process.parts.items():
        alone = GaussianDenoiser(part, found[name])
        assert_same(z.layouts[name].mask(alone.flow(z[name], t, s)), moved[name])
        assert_same(alone(z[name], t), p[name])


def test_classes_have_no_gaussian() -> None:
    process = Product({"nodes": Jump.masked(3)})
    with pytest.raises(InputError, match="field nodes"):
        fit(process, [], 2)
    with pytest.raises(InputError, match="moments of the fields"):
        GaussianDenoiser(Product({"a": Affine(VP())}), known())
