r"""How many samples at once suit this machine.

Sizes are tried from one on, each twice the last, with two steps of the solver. It ends when twice as many would need
more than half of the memory, by what this many needed, or when a sample no longer takes less time.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import torch

_SHARE = 0.5  # of the memory of the machine that a batch may fill
_GAIN = 0.97  # of the time of a sample, below which twice as many pay


def fitting(draw: Callable[[int], object], most: int, device: torch.device) -> int:
    """The number of samples at once, a power of two or `most`.

    Arguments:
        draw: Draws so many samples.
        most: How many are wanted.
        device: Where.
    """
    draw(1)  # what is done once only, such as choosing algorithms, belongs to none of the sizes
    size, before = 1, _peak(device)
    pace = _seconds(draw, 1, device)
    while size < most:
        needed = _peak(device) - before
        if 2 * needed > _SHARE * _memory(device):
            break
        larger = min(2 * size, most)
        then = _seconds(draw, larger, device) / larger
        if then > _GAIN * pace:
            break
        size, pace = larger, then
    return size


def _seconds(draw: Callable[[int], object], size: int, device: torch.device) -> float:
    start = time.perf_counter()
    draw(size)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def _peak(device: torch.device) -> int:
    """The most memory that was used until now, bytes."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return 0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _memory(device: torch.device) -> int:
    """The memory there is, bytes."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else sys.maxsize
