"""A domain on the bench: its examples as data, and a network that answers something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geodrift.config import Config
from geodrift.denoiser import Conditions
from geodrift.domain import Domain
from geodrift.model import Model
from geodrift.processes.process import Draw
from geodrift.rng import Streams
from geodrift.state import State


@dataclass(frozen=True)
class Subject:
    """A domain with its examples as data and a network with random weights.

    Arguments:
        domain: The domain.
        objects: Its examples.
        arrays: The same as a data set.
        model: A model that fits them, not trained.
    """

    domain: Domain
    objects: list[Any]
    arrays: dict[str, Tensor]
    model: Model

    @classmethod
    def of(cls, domain: Domain, config: Config | None = None) -> Subject:
        """The domain with this config, by default its own."""
        config = config or Config(domain=domain.name)
        objects = domain.examples()
        assert len(objects) > 1, "examples() gives fewer than two objects"
        codec = domain.fit(objects, config.data)
        compact = codec.compact(objects)
        assert not compact.refused, f"the codec refuses an example: {compact.refused[:1]}"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return cls(domain, objects, compact.arrays, _shaken(Model.build(config, codec)))

    @property
    def everything(self) -> Tensor:
        """The numbers of all examples, `(B,)`."""
        return torch.arange(len(self.objects))

    def noisy(self, index: Tensor) -> tuple[Draw, Tensor, Conditions]:
        """Examples with noise that belongs to each of them, the times `(B,)` and conditions."""
        x, cond = self.model.codec.batch(self.arrays, index)
        t = (index + 0.5) / len(self.objects)
        return self.model.denoiser.process.corrupt(x, t, Streams.of(0, index)), t, cond

    def raw(self, index: Tensor) -> State:
        """What the network answers to noisy examples."""
        draw, t, cond = self.noisy(index)
        answer: State = self.model.denoiser.raw(draw.z, t, cond)
        return answer


def _shaken(model: Model) -> Model:
    """The model with no weight at zero, where a new network may answer nothing."""
    with torch.no_grad():
        for weights in model.denoiser.parameters():
            weights.add_(0.02 * torch.randn_like(weights))
    model.denoiser.eval()
    return model
