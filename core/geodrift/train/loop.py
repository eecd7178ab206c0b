r"""The training loop, plain, over Lightning Fabric.

All randomness of step :math:`k` is a function of the seed and :math:`k`: the rows, the times, the noise, the dropped
conditions. What a checkpoint must hold is then the weights, their average, the optimiser and the number of the step,
and resuming equals never having stopped, bit for bit. The learning rate warms up linearly and follows a cosine to zero.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from geodrift.config import Train
from geodrift.denoiser import Denoiser
from geodrift.errors import InputError
from geodrift.objectives import Loss, Objective
from geodrift.train.data import Feed
from geodrift.train.ema import MovingAverage


class Batch:
    """One step's data, opaque to anything between the loop and the objective."""

    def __init__(self, x: Any, cond: Mapping[str, Tensor], rng: Any) -> None:
        self.x, self.cond, self.rng = x, cond, rng


class Trainee(nn.Module):
    """A denoiser whose forward pass is its loss, so that one wrapper serves precision and several processes.

    Arguments:
        denoiser: What is trained.
        objective: What it minimises.
    """

    def __init__(self, denoiser: Denoiser, objective: Objective) -> None:
        super().__init__()
        self.denoiser, self.objective = denoiser, objective

    def forward(self, batch: Batch) -> Loss:
        return self.objective(self.denoiser, batch.x, batch.cond, batch.rng)


def rate(step: int, config: Train) -> float:
    """The learning rate of a step."""
    warm = min(1.0, (step + 1) / max(config.warmup, 1))
    return config.lr * warm * 0.5 * (1 + math.cos(math.pi * step / config.steps))


def optimizer(module: nn.Module, config: Train) -> torch.optim.AdamW:
    """AdamW, with weight decay on matrices only."""
    weights = [p for p in module.parameters() if p.ndim > 1]
    others = [p for p in module.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, 0.99), fused=True)


@dataclass
class Progress:
    """Where a training stands; changed by the loop alone.

    Arguments:
        denoiser: The network being trained.
        average: The moving average of its weights.
        optimizer: The optimiser, with its moments.
        step: Steps done.
    """

    denoiser: Denoiser
    average: MovingAverage
    optimizer: torch.optim.AdamW
    step: int = 0


@dataclass(frozen=True)
class Watchers:
    """What happens beside the steps; each is called with the progress.

    Arguments:
        log: Every `log_every` steps, with the mean losses since and the rate.
        save: Every `save_every` steps and at the end.
        glance: Every `sample_every` steps, before a checkpoint is saved.
        tick: After every step, with its loss.
        stop: Asked after every step; the training stops, and is saved, when one of the processes says so.
    """

    log: Callable[[Progress, dict[str, float]], None] = lambda progress, values: None
    save: Callable[[Progress], None] = lambda progress: None
    glance: Callable[[Progress], None] = lambda progress: None
    tick: Callable[[Progress, float], None] = lambda progress, loss: None
    stop: Callable[[], bool] = lambda: False


@dataclass
class _Means:
    """Running means of the losses between two lines of the log."""

    sums: dict[str, Tensor] = field(default_factory=dict)
    count: int = 0
    since: float = field(default_factory=time.perf_counter)

    def add(self, values: Mapping[str, Tensor]) -> None:
        self.count += 1
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.detach()

    def take(self) -> dict[str, float]:
        seconds = time.perf_counter() - self.since
        means = {name: float(total) / self.count for name, total in self.sums.items()}
        return {**means, "steps_per_second": self.count / max(seconds, 1e-9)}


def run(fabric: Fabric, progress: Progress, objective: Objective, feed: Feed, config: Train, watch: Watchers) -> None:
    """Train until `config.steps`, or until it is asked to stop.

    Raises:
        InputError: When the loss or its gradient is no longer finite, with the field and the step; the last checkpoint
            stays. When the batch does not divide among the processes.
    """
    if config.batch_size % fabric.world_size:
        raise InputError(
            f"train.batch_size: {config.batch_size} samples do not divide among {fabric.world_size} processes"
        )
    module, tuner = fabric.setup(Trainee(progress.denoiser, objective), progress.optimizer)
    module.train()
    means, last = _Means(), progress.step >= config.steps
    while not last:
        loss = _step(fabric, module, tuner, feed, progress.step, config)
        progress.average.update(progress.denoiser, progress.step)
        progress.step += 1
        last = progress.step == config.steps or _stopped(fabric, watch)
        means.add({"loss": loss.total, **loss.parts, "lr": torch.tensor(rate(progress.step - 1, config))})
        watch.tick(progress, float(loss.total.detach()))
        if progress.step % config.log_every == 0 or last:
            watch.log(progress, means.take())
            means = _Means()
        if config.sample_every and progress.step % config.sample_every == 0:
            watch.glance(progress)
            means.since = time.perf_counter()
        if progress.step % config.save_every == 0 or last:
            watch.save(progress)


def _stopped(fabric: Fabric, watch: Watchers) -> bool:
    asked = watch.stop()
    return asked if fabric.world_size == 1 else bool(fabric.all_reduce(torch.tensor(float(asked)), reduce_op="sum"))


def _step(fabric: Fabric, module: Any, tuner: Any, feed: Feed, step: int, config: Train) -> Loss:
    x, cond, rng = feed.batch(step, fabric.global_rank, fabric.world_size)
    device = fabric.device
    batch = Batch(x.to(device), {name: value.to(device) for name, value in cond.items()}, rng.to(device))
    for group in tuner.param_groups:
        group["lr"] = rate(step, config)
    loss: Loss = module(batch)
    _check(loss.total, loss.parts, "loss", step)
    fabric.backward(loss.total)
    norm = fabric.clip_gradients(module, tuner, max_norm=config.clip, error_if_nonfinite=False)
    _check(torch.as_tensor(norm), {}, "gradient", step)
    tuner.step()
    tuner.zero_grad()
    return loss


def _check(total: Tensor, parts: Mapping[str, Tensor], what: str, step: int) -> None:
    if torch.isfinite(total):
        return
    bad = ", ".join(name for name, part in parts.items() if not torch.isfinite(part))
    raise InputError(
        f"training: the {what}{f' of {bad}' if bad else ''} is not finite at step {step}; "
        "lower train.lr or train.clip, or resume from the last checkpoint with --resume"
    )
