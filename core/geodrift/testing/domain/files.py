"""Laws of what a domain reads, writes, stores and shows."""

from __future__ import annotations

import contextlib
import json
import math
import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from geodrift import __version__, checkpoint
from geodrift.checkpoint import Manifest
from geodrift.errors import InputError
from geodrift.presets import restore
from geodrift.testing.damage import damaged
from geodrift.testing.states import assert_same
from geodrift.testing.subject import Subject

_DAMAGES = 20  # of each file


def write_read(subject: Subject) -> None:
    """What is written is what is read, by `samples` and by `read`."""
    with TemporaryDirectory() as name:
        written = subject.domain.write(subject.objects, Path(name))
        assert written, "write() names no files"
        assert all(path.is_file() for path in written), "write() names a file that it did not write"
        assert_recovered(subject, subject.domain.samples(Path(name)), "samples()")
        reading = subject.domain.read(Path(name), {}) if len(written) > 1 else subject.domain.read(written[0], {})
        assert_recovered(subject, reading.objects, "read()")


def damaged_files(subject: Subject) -> None:
    """Whatever happened to a file, it is read or refused by `InputError`."""
    dice = random.Random(0)
    with TemporaryDirectory() as name:
        written = subject.domain.write(subject.objects, Path(name))
        for path in written:
            whole = path.read_bytes()
            for _ in range(_DAMAGES):
                path.write_bytes(damaged(whole, dice))
                with contextlib.suppress(InputError):
                    subject.domain.read(Path(name) if len(written) > 1 else path, {})
            path.write_bytes(whole)


def assert_recovered(subject: Subject, found: list[Any], by: str) -> None:
    """The objects are the examples, in order."""
    count = len(subject.objects)
    assert len(found) == count, f"{by} gives {len(found)} objects of {count}"
    pairs = zip(subject.objects, found, strict=True)
    differing = [place for place, (one, other) in enumerate(pairs) if not subject.domain.same(one, other)]
    assert not differing, f"{by} gives something else for the examples {differing}"


def encode_decode(subject: Subject) -> None:
    """Encoding and decoding gives the same objects."""
    state, _ = subject.model.codec.batch(subject.arrays, subject.everything)
    assert_recovered(subject, subject.model.codec.decode(state), "decode()")


def codec_stored(subject: Subject) -> None:
    """A codec that was stored as JSON encodes as before."""
    values = json.loads(json.dumps(subject.model.codec.dump()))
    loaded = subject.domain.codec(values)
    assert json.loads(json.dumps(loaded.dump())) == values, "codec(dump()) is another codec"
    assert_same(loaded.compact(subject.objects).arrays, subject.arrays)


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
