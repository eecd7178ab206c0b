"""What there is to know about a domain's model that is neither right nor wrong.

A report is a function that gives a number, or nothing where the question makes no sense.
"""

from __future__ import annotations

import time

import torch

from geodrift.diagnostics.conservativity import estimated_asymmetry
from geodrift.diagnostics.fields import score_field
from geodrift.processes import Affine, has_score
from geodrift.rng import Streams
from geodrift.testing.subject import Subject

_PROBES = 4


def weights(subject: Subject) -> float:
    """Weights of the network."""
    return float(sum(values.numel() for values in subject.model.denoiser.parameters()))


def call_time(subject: Subject) -> float:
    """Milliseconds of a network call for one of the examples, all at once."""
    draw, t, cond = subject.noisy(subject.everything)
    start = time.perf_counter()
    with torch.no_grad():
        subject.model.denoiser.raw(draw.z, t, cond)
    return (time.perf_counter() - start) * 1000 / len(subject.objects)


def signal_left(subject: Subject) -> float | None:
    """Signal by noise where sampling starts, at most; what is left there, pure noise does not have."""
    one = torch.ones(())
    parts = [part for part in subject.model.denoiser.process.leaves.values() if isinstance(part, Affine)]
    at = [(part.data_std, part.schedule(one)) for part in parts]
    return max((float(std * c.alpha / c.sigma) for std, c in at), default=None)


def asymmetry(subject: Subject) -> float | None:
    """How far the scores are from a gradient, before training: 0 is one, 4 a rotation; most networks are neither."""
    denoiser = subject.model.denoiser
    if not any(map(has_score, denoiser.process.leaves.values())):
        return None
    draw, t, cond = subject.noisy(subject.everything)
    rng = Streams.of(1, subject.everything)
    return float(estimated_asymmetry(score_field(denoiser, t, cond), draw.z, rng, _PROBES))
