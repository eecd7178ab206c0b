"""Laws of a domain's networks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from geodrift.domain import Symmetry
from geodrift.model import Model
from geodrift.objectives.matching import Matching
from geodrift.rng import Streams
from geodrift.state import State
from geodrift.testing.assertions import assert_equivariant
from geodrift.testing.states import assert_same, pick, ragged
from geodrift.testing.subject import Subject

CLOSE = {"rtol": 1e-3, "atol": 1e-4}
"""How close single precision gets."""


def chunks(index: Tensor) -> Iterator[Tensor]:
    """Parts of a batch, of one sample and of three."""
    for size in (1, 3):
        yield from torch.split(index, size)


def batch_mates(subject: Subject) -> None:
    """What the network answers for a sample does not depend on the rest of its batch."""
    with torch.no_grad():
        together = subject.raw(subject.everything)
        for chunk in chunks(subject.everything):
            assert_same(ragged(subject.raw(chunk)), ragged(pick(together, chunk)), **CLOSE)


def layouts(subject: Subject) -> None:
    """The loss of a sample is over its own elements, whatever the padding."""
    with torch.no_grad():
        together = _losses(subject, subject.everything)
        for chunk in chunks(subject.everything):
            alone = {name: loss[chunk] for name, loss in together.items()}
            assert_same(_losses(subject, chunk), alone, **CLOSE)


def _losses(subject: Subject, index: Tensor) -> dict[str, Tensor]:
    draw, t, cond = subject.noisy(index)
    denoiser = subject.model.denoiser
    errors = denoiser.process.loss(denoiser.raw(draw.z, t, cond), draw)
    return {name: errors.layouts[name].mean(error) for name, error in errors.items()}


def symmetries(subject: Subject) -> None:
    """The network keeps the symmetries that the domain declares."""
    draw, t, cond = subject.noisy(subject.everything)
    network = partial(subject.model.denoiser.raw, t=t, cond=cond)
    with torch.no_grad():
        for symmetry in subject.domain.symmetries().values():
            assert_equivariant(network, draw.z, *_moves(symmetry, len(subject.objects)), atol=1e-4)


def _moves(symmetry: Symmetry, count: int) -> tuple[Callable[[State], State], Callable[[State], State]]:
    return lambda z: symmetry.state(z, Streams.of(1, count)), lambda raw: symmetry.output(raw, Streams.of(1, count))


def training(subject: Subject) -> None:
    """Every weight has a gradient, and steps along it lower the loss."""
    model = Model.build(subject.model.config, subject.model.codec)
    model.denoiser.load_state_dict(subject.model.denoiser.state_dict())
    x, cond = model.codec.batch(subject.arrays, subject.everything)
    tuner, losses = torch.optim.Adam(model.denoiser.parameters(), 1e-4), []
    for _ in range(5):
        loss = Matching()(model.denoiser, x, cond, Streams.of(0, subject.everything)).total
        tuner.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        tuner.step()
        losses.append(float(loss.detach()))
    idle = [name for name, weights in model.denoiser.named_parameters() if weights.grad is None and weights.numel()]
    assert all(map(math.isfinite, losses)), f"the loss is not finite: {losses}"
    assert not idle, f"weights without a gradient: {', '.join(idle)}"
    assert losses[-1] < losses[0], f"the loss does not go down: {losses}"
