"""The processes that share a run: those that torchrun or SLURM started, or this one alone."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from geodrift.precision import has_bfloat16

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Precision = Literal["32", "bf16"]
_PRECISION: dict[str, Any] = {"32": "32-true", "bf16": "bf16-mixed"}
_PATIENCE = timedelta(days=7)  # one process may be done long before another


def several() -> bool:
    """Whether other processes share the run."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def fabric(device: str, precision: Precision = "32") -> Fabric:
    """The runtime: device, precision, and the processes that torchrun started.

    Arguments:
        device: `cpu`, `cuda` or one card, `cuda:1`.
        precision: Of the arithmetic inside networks; `32` in place of `bf16` where the device is slow in that.
    """
    from lightning_fabric import Fabric  # more than a second of imports
    from lightning_fabric.strategies.ddp import DDPStrategy

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it announces the precision
    if several():
        world, here = (int(os.environ[name]) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
        shared: Any = {"strategy": DDPStrategy(timeout=_PATIENCE), "devices": here, "num_nodes": world // here}
    else:
        shared = {"devices": 1 if device == "cpu" else "auto"}
    possible = precision if has_bfloat16(device.partition(":")[0]) else "32"
    runtime = Fabric(accelerator=device, precision=_PRECISION[possible], **shared)
    runtime.launch()
    return runtime
