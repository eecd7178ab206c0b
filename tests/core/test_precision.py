"""bfloat16 is used where the device has instructions for it, and single precision elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from geodrift import denoiser as denoisers
from geodrift import ranks
from geodrift.denoiser import Denoiser
from geodrift.embeddings import Identity
from geodrift.parametrization import Velocity
from geodrift.precision import has_bfloat16
from geodrift.processes import Affine
from geodrift.schedules import Rectified

ONES = torch.ones(2, 2, dtype=torch.float32)


class Noting(nn.Module):
    """Notes the type in which it computes."""

    kind: torch.dtype

    def forward(self, z: Tensor, t: Tensor, cond: Mapping[str, Tensor]) -> Tensor:
        self.kind = (z.float() @ ONES).dtype
        return z


@pytest.mark.parametrize(("possible", "kind"), [(True, torch.bfloat16), (False, torch.float32)])
def test_it_is_reduced_only_where_that_is_fast(
    possible: bool, kind: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(denoisers, "has_bfloat16", lambda device: possible)
    monkeypatch.setattr(ranks, "has_bfloat16", lambda device: possible)
    network = Noting()
    sampling = Denoiser(network, Affine(Rectified(), Identity(2), Velocity()), mixed=True).eval()
    assert sampling.raw(torch.zeros(3, 2), torch.full((3,), 0.5)).dtype == torch.get_default_dtype()
    assert network.kind == kind
    with ranks.fabric("cpu", "bf16").autocast():
        assert (ONES @ ONES).dtype == kind


def test_a_processor_is_asked_for_its_instructions() -> None:
    capable = any(word in torch.backends.cpu.get_cpu_capability() for word in ("AVX512", "AMX"))
    assert has_bfloat16("cpu") or not capable
