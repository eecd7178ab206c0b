"""How likely native objects are under a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from geodrift.denoiser import Denoiser
from geodrift.domain import Refusal
from geodrift.embeddings import Identity
from geodrift.errors import InputError
from geodrift.likelihood.bound import Bound
from geodrift.likelihood.divergence import Hutchinson
from geodrift.likelihood.estimate import Likelihood, LogLikelihood
from geodrift.likelihood.flow import FlowLikelihood
from geodrift.processes import Affine, Flow, Given, Process
from geodrift.rng import Streams

if TYPE_CHECKING:
    from geodrift.model import Model


@dataclass(frozen=True, eq=False)
class Scores:
    """Likelihoods of objects.

    Arguments:
        kept: The place in the list of each object that was measured.
        found: What is known of them, in the same order.
        refused: Objects that the model cannot represent.
        meaning: What the figures are, in a sentence.
    """

    kept: list[int]
    found: LogLikelihood
    refused: list[Refusal]
    meaning: str


def suited(process: Process) -> Likelihood:
    """The likelihood by the flow, with random directions, where every field flows, else the bound."""
    exact = all(isinstance(part, Flow | Given) for part in process.leaves.values())
    return FlowLikelihood(25, Hutchinson(4)) if exact else Bound()


def score(
    model: Model,
    objects: Sequence[Any],
    way: Likelihood | None = None,
    seed: int = 0,
    batch_size: int = 64,
    tick: Callable[[float], None] = lambda count: None,
) -> Scores:
    """How likely objects are.

    Arguments:
        model: A trained model.
        objects: Native objects, measured as they are written: in the order of their elements, given their number.
        way: How; by default as `suited` says.
        seed: Of random directions and times.
        batch_size: Objects at once; does not change the figures.
        tick: Called with the number of objects of each batch that is done.

    Raises:
        InputError: When the process has no likelihood of this kind, or none of the objects can be represented.
    """
    process = model.denoiser.process
    way = way or suited(process)
    compact = model.codec.compact(objects)
    if not compact.kept:
        why = f"; the first: {compact.refused[0].reason}" if compact.refused else ""
        raise InputError(f"none of the {len(objects)} objects can be represented by this model{why}")
    denoise = Denoiser(model.denoiser.network, process).eval()  # in full precision
    found = []
    for rows in torch.split(torch.arange(len(compact.kept)), batch_size):
        x, cond = model.codec.batch(compact.arrays, rows)
        known = {name: value.to(model.device) for name, value in cond.items() if name in process.anchors}
        rng = Streams.of(seed, torch.tensor(compact.kept)[rows], model.device)
        found.append(_home(way(denoise, x.to(model.device), rng, known)))
        tick(float(len(rows)))
    return Scores(compact.kept, _join(found), compact.refused, meaning(process, found[0]))


def meaning(process: Process, found: LogLikelihood) -> str:
    """What the figures are, in a sentence."""
    if not found.exact:
        return (
            "a lower bound, in the mean over draws, of the log-probability of each object in the order in which it is "
            "written, given its size"
        )
    noise = ", ".join(f"{name or 'data'} {std:.3g}" for name, std in found.noise.items())
    law = f"the log-density, per unit volume of the embedded data, of the model's law smoothed by noise ({noise})"
    affine = [part for part in process.leaves.values() if isinstance(part, Affine)]
    if all(isinstance(part.embedding, Identity) for part in affine):
        return law
    return f"{law}; classes are measured at the points that stand for them: a density of relaxed data, no probability"


def _home(found: LogLikelihood) -> LogLikelihood:
    entities = None if found.entities is None else found.entities.cpu()
    return replace(
        found, nats=found.nats.cpu(), error=found.error.cpu(), dims=found.dims.cpu(), entities=entities
    )  # fmt: skip


def _join(found: Sequence[LogLikelihood]) -> LogLikelihood:
    counts = [part.entities for part in found if part.entities is not None]
    return replace(
        found[0],
        nats=torch.cat([part.nats for part in found]),
        error=torch.cat([part.error for part in found]),
        dims=torch.cat([part.dims for part in found]),
        entities=torch.cat(counts) if counts else None,
    )
