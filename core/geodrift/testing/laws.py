r"""What every part of a kind promises, as functions that raise where one does not.

A plugin runs them on its own parts, the core on all of its own; times and values are float64.
"""

from __future__ import annotations

import torch
from torch import Tensor

from geodrift.embeddings import Embedding
from geodrift.objectives.times import TimeLaw
from geodrift.parametrization import Linear
from geodrift.processes import Process
from geodrift.processes.accuracy import Accuracy
from geodrift.schedules import Schedule
from geodrift.solvers.grids import Grid
from geodrift.spaces import Space

INSIDE = torch.linspace(0.02, 0.98, 49, dtype=torch.float64)


def check_schedule(schedule: Schedule, starts_at_data: bool = True) -> None:
    """Derivatives are those of the scales, and again, the signal fades, and the noise is that of the schedule's SDE.

    Arguments:
        schedule: The schedule.
        starts_at_data: False for one with noise at time zero, such as VE.
    """
    h = 1e-6
    at, before, after = schedule(INSIDE), schedule(INSIDE - h), schedule(INSIDE + h)
    _close(at.d_alpha, (after.alpha - before.alpha) / (2 * h), 1e-6)
    _close(at.d_sigma, (after.sigma - before.sigma) / (2 * h), 1e-6)
    for name in ("d_alpha", "d_sigma"):
        _close(_slope(schedule, name), (getattr(after, name) - getattr(before, name)) / (2 * h), 1e-5)
    assert torch.all(torch.diff(torch.log(at.alpha / at.sigma)) < 0), "the signal-to-noise ratio does not decrease"
    assert torch.all(at.diffusion > 0), "the squared diffusion is not positive"
    growth = (torch.square(after.sigma) - torch.square(before.sigma)) / (2 * h)
    _close(growth, 2 * at.d_alpha / at.alpha * torch.square(at.sigma) + at.diffusion, 1e-6)
    start = schedule(torch.zeros((), dtype=torch.float64))
    assert start.alpha == 1, "the signal does not start at one"
    assert (start.sigma == 0) == starts_at_data, "the noise does not start where it should"


def check_accuracy(accuracy: Accuracy) -> None:
    """Evidence grows from none at the source, at the rate it says, and its root is its root."""
    h = 1e-6
    rate = (accuracy.rho(INSIDE - h) - accuracy.rho(INSIDE + h)) / (2 * h)
    _close(accuracy.rate(INSIDE), rate, 1e-5)
    _close(torch.square(accuracy.root(INSIDE)), accuracy.rho(INSIDE), 1e-12)
    assert torch.all(torch.diff(accuracy.rho(torch.linspace(0, 1, 4001, dtype=torch.float64))) < 0), "evidence is lost"
    assert accuracy.rho(torch.ones((), dtype=torch.float64)) == 0, "there is evidence at the source"


def _slope(schedule: Schedule, name: str) -> Tensor:
    """The derivative in time of a coefficient, by differentiation through it."""
    t = INSIDE.clone().requires_grad_()
    value = getattr(schedule(t), name)
    return torch.autograd.grad(value.sum(), t)[0] if value.requires_grad else torch.zeros_like(t)


def check_row(row: Linear, schedule: Schedule) -> None:
    """What a perfect network predicts resolves to the data and the noise, and errors convert as the row says."""
    at = schedule(INSIDE)
    x, n = torch.cos(7 * INSIDE), torch.sin(5 * INSIDE)
    z = at.alpha * x + at.sigma * n
    raw = row.row(at).of(x, n)
    meant = row.row(at).resolve(raw, z, at)
    for found, true in ((meant.x, x), (meant.n, n)):
        _close(found, true, 1e-12 * float(_condition(row, schedule)))
    delta = 1e-3
    wrong = row.row(at).resolve(raw + delta, z, at).x
    _close(delta**2 / torch.square(wrong - x), row.row(at).error_scale(at), 1e-6)


def _condition(row: Linear, schedule: Schedule) -> Tensor:
    at = schedule(INSIDE)
    p, q = row.row(at)
    size = (torch.abs(at.alpha) + torch.abs(at.sigma)) * (torch.abs(p) + torch.abs(q))
    return torch.clamp(size / row.row(at).determinant(at).abs(), min=1).max()


def check_space(space: Space[Tensor], z: Tensor, v: Tensor) -> None:
    """Exponential and logarithm are inverse, projections are idempotent, tangents stay tangent; `v` is short.

    The distance is the same from both ends, derivatives are finite where a step is zero, and a sample moves alone.
    """
    z, v = space.project(z), space.tangent(space.project(z), v)
    y = space.exp(z, v)
    _close(space.project(y), y, 1e-12)
    _close(space.project(space.project(z)), space.project(z), 1e-12)
    _close(space.tangent(z, v), v, 1e-12)
    _close(space.log(z, y), v, 1e-10)
    _close(space.exp(z, space.log(z, y)), y, 1e-10)
    _close(space.exp(z, torch.zeros_like(v)), z, 1e-12)
    _close(torch.square(space.log(z, y)).sum(), torch.square(space.log(y, z)).sum(), 1e-10)
    _close(space.retract(z, 1e-4 * v), space.exp(z, 1e-4 * v), 1e-6)
    _close(space.exp(z[:1], v[:1]), y[:1], 1e-12)
    check_gradients(space, z, z)


def check_gradients(space: Space[Tensor], z: Tensor, y: Tensor) -> None:
    """The maps between two points, and the projection there, have finite values and finite derivatives."""
    one, other = z.detach().clone().requires_grad_(), y.detach().clone().requires_grad_()
    way = space.log(one, other)
    weights = torch.cos(torch.arange(z.numel(), dtype=z.dtype)).reshape(z.shape)
    for found in (way, space.exp(one, way), space.retract(one, way), space.project(one), space.tangent(one, other)):
        total = (found * weights).sum()
        slopes = torch.autograd.grad(total, [one, other], retain_graph=True, materialize_grads=True)
        for value in (found, *slopes):
            assert torch.all(torch.isfinite(value)), f"{space} has a value or a derivative that is not finite"


def check_grid(grid: Grid, process: Process) -> None:
    """Times decrease from the first and stay above zero."""
    for steps in (1, 2, 10, 1000):
        times = grid(steps, process)
        assert len(times) == steps, "a grid of N steps has N times"
        assert times.dtype == torch.float64, "times are float64"
        assert times[0] == grid.first, "a grid starts at its first time"
        assert times[-1] > 0, "the last time is above zero"
        assert torch.all(torch.diff(times) < 0), "times do not decrease"


def check_time_law(law: TimeLaw) -> None:
    """Uniform numbers become times in the unit interval, in the same order."""
    t = law.place(torch.linspace(1e-6, 1 - 1e-6, 1001, dtype=torch.float64))
    assert torch.all((t > 0) & (t <= 1)), "a time is outside of (0, 1]"
    assert torch.all(torch.diff(t) > 0), "times do not increase"


def check_embedding(embedding: Embedding, x: Tensor) -> None:
    """Every data value returns from its point, also from near it."""
    points = embedding.embed(x)
    assert points.shape == (*x.shape, embedding.channels) or points.shape == x.shape
    assert points.dtype == torch.get_default_dtype(), "points have the default type"
    near = points + 1e-3 * torch.cos(torch.arange(points.numel()).reshape(points.shape).to(points))
    if x.is_floating_point():
        _close(embedding.quantize(points), x, 0)
    else:
        assert torch.equal(embedding.quantize(near), x), "a class is not the nearest to its own point"


def _close(actual: Tensor, expected: Tensor, tolerance: float) -> None:
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)
