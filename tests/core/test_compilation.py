"""Compiled networks say what the plain ones say, for any number of samples, and training does not use them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from geodrift.denoiser import Denoiser
from geodrift.errors import InputError
from geodrift.processes import Affine
from geodrift.schedules import VP
from geodrift.testing.command import command


class Small(nn.Module):
    """Two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 8), nn.SiLU(), nn.Linear(8, 2))

    def forward(self, z: Tensor, t: Tensor, cond: Any) -> Tensor:
        answer: Tensor = self.layers(torch.cat([z, t[:, None]], 1))
        return answer


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch, in torch
def test_a_compiled_network_agrees_with_the_plain_one() -> None:
    network, process = Small(), Affine(VP())
    plain, fused = Denoiser(network, process).eval(), Denoiser(network, process, compiled=True).eval()
    assert plain.state_dict().keys() == fused.state_dict().keys()
    with torch.no_grad():
        for n in (4, 7, 1):
            z, t = torch.randn(n, 2, generator=torch.Generator().manual_seed(n)), torch.tensor(0.5)
            torch.testing.assert_close(fused(z, t).x, plain(z, t).x, rtol=0, atol=1e-6)
    assert fused.calls == 3


def test_training_and_plain_sampling_compile_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    z, t = torch.zeros(2, 2), torch.tensor(0.5)
    Denoiser(Small(), Affine(VP()), compiled=True).train()(z, t)
    Denoiser(Small(), Affine(VP())).eval()(z, t)


def test_a_machine_without_a_compiler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(InputError, match=r"sample.compile: there is no C\+\+ compiler no-such-compiler; install it"):
        Denoiser(Small(), Affine(VP()), compiled=True).eval()(torch.zeros(2, 2), torch.tensor(0.5))


def test_the_config_of_sampling_asks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    result = command(
        "generate", "graphs", "--preset", "qm9", "-n", 1, "--set", "sample.compile=true", "--out", tmp_path / "run"
    )
    assert result.code == 2
    assert "sample.compile: there is no C++ compiler" in result.message
    assert not (tmp_path / "run" / "manifest.json").exists()
