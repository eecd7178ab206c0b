"""How many samples at once: as many as pay and fit."""

from __future__ import annotations

import pytest
import torch

from geodrift import fitting as module
from geodrift.fitting import fitting

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("overhead", "each", "memory", "most", "expected"),
    [
        (10.0, 0.1, 1000, 64, 64),  # the larger the better
        (10.0, 0.1, 1000, 50, 50),
        (0.0, 1.0, 1000, 64, 1),  # nothing is gained
        (1.0, 10.0, 1000, 64, 2),  # 11, 10.5 and 10.25 for each: the last gains too little
        (10.0, 0.1, 40, 64, 8),  # 8 need 16 of 40, twice as many more than half
    ],
)
def test_it_takes_what_pays_and_fits(
    overhead: float, each: float, memory: int, most: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    monkeypatch.setattr(module, "_seconds", lambda draw, size, device: (draw(size), overhead + each * size)[1])
    monkeypatch.setattr(module, "_peak", lambda device: 7 + 2 * max(drawn) - 2 if drawn else 7)
    monkeypatch.setattr(module, "_memory", lambda device: memory)
    assert fitting(drawn.append, most, CPU) == expected
    assert max(drawn) <= 2 * expected


def test_memory_is_that_of_this_machine() -> None:
    before = module._peak(CPU)
    held = torch.ones(1 << 27, dtype=torch.uint8)
    assert module._peak(CPU) >= before
    assert module._memory(CPU) > module._peak(CPU) > len(held)
