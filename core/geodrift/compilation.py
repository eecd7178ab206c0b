r"""Networks as compiled code.

`torch.compile` joins the elementwise operations of a network and those that gather and add along edges, which saves
memory traffic: what it computes differs by rounding alone. Compiling takes one or two minutes, once for a network and a
machine: the result is kept on disk by torch. It pays for runs that are longer than that.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from geodrift.errors import InputError


def compiled(network: nn.Module) -> Callable[..., Any]:
    """The network as a function of its inputs, of any batch size, that is compiled when it is first called.

    Raises:
        InputError: When there is no C++ compiler.
    """
    compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    if not shutil.which(compiler):
        raise InputError(f"sample.compile: there is no C++ compiler {compiler}; install it, or leave this out")
    fused: Callable[..., Any] = torch.compile(network.forward, dynamic=True)
    return fused
