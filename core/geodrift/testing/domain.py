r"""The laws that every domain keeps, on objects of its own.

`geodrift check NAME` runs them, and a plugin runs them in its tests::

    @pytest.mark.parametrize("law", LAWS)
    def test_law(law): law(Subject.of(domain))

A law is a function that returns when it holds and raises when it does not.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from geodrift import __version__, checkpoint
from geodrift.checkpoint import Manifest
from geodrift.config import Config
from geodrift.domain import Domain, Symmetry
from geodrift.model import Model, restore
from geodrift.objectives.matching import Matching
from geodrift.rng import Streams
from geodrift.state import State
from geodrift.testing.assertions import assert_equivariant
from geodrift.testing.states import assert_same, pick, ragged
from geodrift.testing.subject import Subject

__all__ = ["LAWS", "Outcome", "Subject", "check"]

_CLOSE = {"rtol": 1e-3, "atol": 1e-4}


def _chunks(index: Tensor) -> Iterator[Tensor]:
    for size in (1, 3):
        yield from torch.split(index, size)


def write_read(subject: Subject) -> None:
    """What is written is what is read, by `samples` and by `read`."""
    with TemporaryDirectory() as name:
        written = subject.domain.write(subject.objects, Path(name))
        assert written, "write() names no files"
        assert all(path.is_file() for path in written), "write() names a file that it did not write"
        _same(subject, subject.domain.samples(Path(name)), "samples()")
        reading = subject.domain.read(Path(name), {}) if len(written) > 1 else subject.domain.read(written[0], {})
        _same(subject, reading.objects, "read()")


def _same(subject: Subject, found: list[Any], by: str) -> None:
    count = len(subject.objects)
    assert len(found) == count, f"{by} gives {len(found)} objects of {count}"
    pairs = zip(subject.objects, found, strict=True)
    differing = [place for place, (one, other) in enumerate(pairs) if not subject.domain.same(one, other)]
    assert not differing, f"{by} gives something else for the examples {differing}"


def encode_decode(subject: Subject) -> None:
    """Encoding and decoding gives the same objects."""
    state, _ = subject.model.codec.batch(subject.arrays, subject.everything)
    _same(subject, subject.model.codec.decode(state), "decode()")


def codec_stored(subject: Subject) -> None:
    """A codec that was stored as JSON encodes as before."""
    values = json.loads(json.dumps(subject.model.codec.dump()))
    loaded = subject.domain.codec(values)
    assert json.loads(json.dumps(loaded.dump())) == values, "codec(dump()) is another codec"
    assert_same(loaded.compact(subject.objects).arrays, subject.arrays)


def batch_mates(subject: Subject) -> None:
    """What the network answers for a sample does not depend on the rest of its batch."""
    with torch.no_grad():
        together = subject.raw(subject.everything)
        for chunk in _chunks(subject.everything):
            assert_same(ragged(subject.raw(chunk)), ragged(pick(together, chunk)), **_CLOSE)


def layouts(subject: Subject) -> None:
    """The loss of a sample is over its own elements, whatever the padding."""
    with torch.no_grad():
        together = _losses(subject, subject.everything)
        for chunk in _chunks(subject.everything):
            alone = {name: loss[chunk] for name, loss in together.items()}
            assert_same(_losses(subject, chunk), alone, **_CLOSE)


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
    tuner, losses = torch.optim.Adam(model.denoiser.parameters(), 1e-3), []
    for _ in range(5):
        loss = Matching()(model.denoiser, x, cond, Streams.of(0, subject.everything)).total
        tuner.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        tuner.step()
        losses.append(float(loss.detach()))
    idle = [name for name, weights in model.denoiser.named_parameters() if weights.grad is None]
    assert all(map(math.isfinite, losses)), f"the loss is not finite: {losses}"
    assert not idle, f"weights without a gradient: {', '.join(idle)}"
    assert losses[-1] < losses[0], f"the loss does not go down: {losses}"


def sampling(subject: Subject) -> None:
    """A sample depends on the seed and its number alone, not on its batch."""
    count = min(len(subject.objects), 6)
    draw = partial(
        subject.model.draw, seed=0, settings=subject.model.config.sample.model_copy(update={"steps": 4}), conditions={}
    )
    together = draw(range(count))
    assert len(subject.model.codec.decode(together)) == count, "decode() does not give one object for each sample"
    for chunk in _chunks(torch.arange(count)):
        alone = draw(range(int(chunk[0]), int(chunk[-1]) + 1))
        assert_same(ragged(alone), ragged(pick(together, chunk)), **_CLOSE)


def checkpoints(subject: Subject) -> None:
    """A model that was stored answers as before."""
    model = subject.model
    about = Manifest(
        geodrift=__version__,
        domain=model.domain.name,
        domain_version=model.domain.version,
        config=model.config.model_dump(),
        codec=model.codec.dump(),
    )
    with TemporaryDirectory() as name:
        stored = checkpoint.write(Path(name) / "checkpoint", about, {"model": model.denoiser.state_dict()})
        again = restore(checkpoint.Checkpoint.open(stored.folder), "model")
    draw, t, cond = subject.noisy(subject.everything)
    with torch.no_grad():
        again.denoiser.eval()
        assert_same(again.denoiser.raw(draw.z, t, cond), subject.raw(subject.everything))


def figures(subject: Subject) -> None:
    """Samples can be measured and shown."""
    domain, objects = subject.domain, subject.objects
    metrics = domain.evaluate(objects, objects, objects, {"jobs": 1})
    body = domain.report(objects, objects, metrics)
    assert all(math.isfinite(value) for value in domain.glance(objects).values()), "glance() gives what is not a number"
    assert isinstance(body, str), "report() does not give text"
    assert "http://" not in body.replace("http://www.w3.org", ""), "report() loads something from elsewhere"


LAWS: tuple[Callable[[Subject], None], ...] = (
    write_read,
    encode_decode,
    codec_stored,
    batch_mates,
    layouts,
    symmetries,
    training,
    sampling,
    checkpoints,
    figures,
)


@dataclass(frozen=True)
class Outcome:
    """What became of one law.

    Arguments:
        law: Its name.
        says: What it says.
        passed: Whether it holds.
        reason: Why it does not.
        seconds: Time that it took.
    """

    law: str
    says: str
    passed: bool
    reason: str
    seconds: float


def check(domain: Domain, config: Config | None = None) -> Iterator[Outcome]:
    """The outcome of each law; only the first, if the domain cannot be built."""
    built: list[Subject] = []

    def builds() -> None:
        """Examples give a codec, a process and a network."""
        built.append(Subject.of(domain, config))

    yield _outcome(builds)
    for law in LAWS if built else ():
        yield _outcome(law, built[0])


def _outcome(law: Callable[..., None], *subject: Subject) -> Outcome:
    start, reason = time.perf_counter(), ""
    try:
        law(*subject)
    except Exception as error:  # whatever the plugin does is the result
        reason = f"{type(error).__name__}: {error}".removeprefix("AssertionError: ")
    says = (law.__doc__ or "").strip()
    return Outcome(law.__name__, says, not reason, " ".join(reason.split()), time.perf_counter() - start)
