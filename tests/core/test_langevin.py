"""Laws of the stochastic steps: what they see and what their knobs do."""

from __future__ import annotations

import torch
from torch import Tensor

from geodrift.processes import Affine
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import VP
from geodrift.solvers import EulerMaruyama, Langevin, PredictorCorrector, euler
from geodrift.testing import Exact, Points, assert_batch_invariant


def mixture_of_two() -> Points:
    return Points(torch.tensor([[-1.0], [1.2]]), torch.tensor([0.35, 0.65]), torch.tensor([0.2, 0.2]))


def test_a_langevin_step_does_not_see_the_batch() -> None:
    """The published step is measured on the batch; ours depends on the time alone."""
    exact, t = Exact(Affine(VP()), mixture_of_two()), torch.tensor(0.5)
    z = torch.linspace(-2, 2, 6)[:, None]

    def step(index: Tensor) -> Tensor:
        law = exact.process.each(Langevin().law, exact(z[index], t), z[index], t, t)
        moved: Tensor = law.sample(Streams.of(0, index))
        return moved

    assert_batch_invariant(step, 6)


def test_temperature_sharpens_and_scale_zero_is_the_flow() -> None:
    n, exact = 500, Exact(Affine(VP()), mixture_of_two())
    like = torch.zeros(n, 1)
    cold, warm = (
        sample(exact, like, PredictorCorrector(snr=0.3, temperature=heat), Streams.of(0, n), steps=40)
        for heat in (0.5, 1)
    )
    assert cold.abs().std() < warm.abs().std()
    quiet, flow = (
        sample(exact, like, solver, Streams.of(0, n), steps=20) for solver in (EulerMaruyama(scale=0.0), euler())
    )
    torch.testing.assert_close(quiet, flow)
