r"""Arithmetic inside networks: single precision, or bfloat16 where the processor has instructions for it.

A processor without them computes convolutions in bfloat16 some thirty times more slowly than in single precision, so
what asks for `bf16` there runs in single precision. Numbers then differ by rounding, as they do between processors.
"""

from __future__ import annotations

from functools import cache

import torch


@cache
def has_bfloat16(device: str) -> bool:
    """Whether a kind of device (`cpu`, `cuda`, …) is fast in bfloat16."""
    if device == "cpu":
        return torch.backends.mkldnn.is_available() and bool(  # type: ignore[no-untyped-call]
            torch.ops.mkldnn._is_mkldnn_bf16_supported()
        )
    return device != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)
