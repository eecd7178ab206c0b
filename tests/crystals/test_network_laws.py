"""Every network on every process: the laws of networks, and the declared symmetries in single precision."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import pytest
import torch

from geodrift.config import Config
from geodrift.rng import Streams
from geodrift.testing import assert_equivariant
from geodrift.testing.domain.files import checkpoints
from geodrift.testing.domain.network import batch_mates, layouts, training
from geodrift.testing.subject import Subject
from geodrift_crystals import domain
from geodrift_crystals.domain import networks
from geodrift_crystals.processes import processes

PAIRS = [(network, process) for network in networks.kinds for process in processes.kinds]


@cache
def subject(network: str, process: str, chart: str = "polar") -> Subject:
    small = {"kind": network, "hidden": 16, "layers": 1}
    data = {"lattice": chart}
    return Subject.of(domain, Config(domain="crystals", data=data, network=small, process={"kind": process}))


@pytest.mark.parametrize("law", [batch_mates, layouts, training, checkpoints])
@pytest.mark.parametrize(("network", "process"), PAIRS)
def test_laws(law: Callable[[Subject], None], network: str, process: str) -> None:
    law(subject(network, process))


@pytest.mark.parametrize("chart", ["polar", "matrix"])
@pytest.mark.parametrize(("network", "process"), PAIRS)
def test_symmetries(network: str, process: str, chart: str) -> None:
    """To 1e-5 in single precision."""
    bench = subject(network, process, chart)
    draw, t, cond = bench.noisy(bench.everything)
    count = len(bench.objects)
    with torch.no_grad():
        for symmetry in domain.symmetries().values():
            assert_equivariant(
                partial(bench.model.denoiser.raw, t=t, cond=cond),
                draw.z,
                lambda z, move=symmetry.state: move(z, Streams.of(1, count)),
                lambda raw, move=symmetry.output: move(raw, Streams.of(1, count)),
            )
