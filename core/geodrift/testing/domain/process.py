"""Laws of a domain's process and of sampling with it."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from geodrift.denoiser import Denoise
from geodrift.diagnostics.fields import score
from geodrift.errors import InputError
from geodrift.processes import Process, has_score
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.solvers import Solver, solvers
from geodrift.solvers.grids import Grid, grids
from geodrift.solvers.solver import steady
from geodrift.testing.assertions import Counted
from geodrift.testing.domain.files import assert_recovered
from geodrift.testing.domain.network import CLOSE, chunks
from geodrift.testing.perfect import Perfect
from geodrift.testing.states import assert_same, pick, ragged, tensors
from geodrift.testing.subject import Subject

STEPS = 4


def _steps(process: Process) -> int:
    """The number of steps to sample in: few, unless the process is made of a number of its own."""
    return process.steps or STEPS


def _route(subject: Subject) -> tuple[Solver, Grid]:
    settings = subject.model.config.sample
    return solvers.build(settings.solver), grids.build(settings.grid)


def _sampled(subject: Subject, denoise: Denoise) -> Any:
    solver, grid = _route(subject)
    x, cond = subject.model.codec.batch(subject.arrays, subject.everything)
    rng = Streams.of(0, subject.everything)
    return sample(denoise, x, solver, rng, steps=_steps(denoise.process), grid=grid, cond=cond)


def known_answer(subject: Subject) -> None:
    """With a network that knows the answer, sampling generates the examples."""
    x, cond = subject.model.codec.batch(subject.arrays, subject.everything)
    found = _sampled(subject, Perfect(subject.model.denoiser.process, x, cond))
    assert_recovered(subject, subject.model.codec.decode(found), "sampling")


def ends(subject: Subject) -> None:
    """All that a solver asks for is finite where the time grid begins and where it ends."""
    denoiser, (_, grid) = subject.model.denoiser, _route(subject)
    process = denoiser.process
    times = grid(subject.model.config.sample.steps, process)
    x, cond = subject.model.codec.batch(subject.arrays, subject.everything)
    x, rng = process.enter(x, cond), Streams.of(0, subject.everything)
    first, last = (t.to(torch.get_default_dtype()) for t in (times[0], times[-1]))
    for t, z in ((first, process.prior(x, rng, first)), (last, process.corrupt(x, last, rng).z)):
        with torch.no_grad():
            p = denoiser(z, t, cond)
        _finite(process.inputs(z, t), f"what the network sees at time {float(t):.3g}")
        if _steady(process, t):
            _finite(process.velocity(p, z, t), f"the velocity at time {float(t):.3g}")
        if any(map(has_score, process.leaves.values())):
            _finite(score(process, p, z, t), f"the score at time {float(t):.3g}")


def _steady(process: Process, t: Tensor) -> bool:
    """Whether a solver may ask for a velocity there."""
    try:
        steady(process, t)
    except InputError:
        return False
    return True


def _finite(value: Any, what: str) -> None:
    bad = [name or "the state" for name, v in tensors(value).items() if not torch.isfinite(v).all()]
    assert not bad, f"{what} is not finite in {', '.join(bad)}"


def network_calls(subject: Subject) -> None:
    """A step asks the network once a stage, for all fields together."""
    counted, (solver, _) = Counted(subject.model.denoiser), _route(subject)
    _sampled(subject, counted)
    steps = _steps(subject.model.denoiser.process)
    expected = solver.stages * (steps - 1) + 1
    assert counted.calls == expected, f"{counted.calls} network calls in {steps} steps, not {expected}"


def sampling(subject: Subject) -> None:
    """A sample depends on the seed and its number alone, not on its batch."""
    count = min(len(subject.objects), 6)
    steps = _steps(subject.model.denoiser.process)
    settings = subject.model.config.sample.model_copy(update={"steps": steps})
    draw = partial(subject.model.draw, seed=0, settings=settings, conditions={})
    together = draw(range(count))
    assert len(subject.model.codec.decode(together)) == count, "decode() does not give one object for each sample"
    for chunk in chunks(torch.arange(count)):
        alone = draw(range(int(chunk[0]), int(chunk[-1]) + 1))
        assert_same(ragged(alone), ragged(pick(together, chunk)), **CLOSE)
