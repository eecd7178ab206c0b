r"""A trained model on another schedule.

Two affine paths :math:`z = \alpha_t x + \sigma_t n` and :math:`\bar z = \bar\alpha_r x + \bar\sigma_r n` are the same
up to scale where their signal-to-noise ratios agree: with :math:`t_r` the time of the first that has the ratio of the
second at :math:`r` and :math:`c = \bar\sigma_r / \sigma_{t_r}`, the state :math:`\bar z / c` has the law of the first
at :math:`t_r`. The expected data and noise there are those of :math:`\bar z`, and the process of the new schedule makes
its velocity :math:`\bar\alpha' \hat x + \bar\sigma' \hat n`, its score and its steps of them. This is exact; a ratio
beyond the last that the model was trained on is taken as that one.

References:
    | Inference-Time Scaling for Flow Models (Kim et al., 2025), section 4.2, https://arxiv.org/abs/2503.19385
    | Multisample Flow Matching (Pooladian et al., 2023), https://arxiv.org/abs/2304.14772
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.errors import InputError, unknown
from geodrift.layout import Dense, Layout
from geodrift.parametrization import Data
from geodrift.prediction import Estimate
from geodrift.processes import Affine, Predictions, Process, Product
from geodrift.schedules import Schedule


class Retimed:
    """A denoiser of affine paths on other schedules than it was trained on.

    Arguments:
        denoise: A denoiser, trained, guided or exact.
        schedules: The new schedule, or that of each field that gets a new one.

    Raises:
        InputError: For a field that does not exist or is not affine.
    """

    def __init__(self, denoise: Denoise, schedules: Schedule | Mapping[str, Schedule]) -> None:
        self.denoise = denoise
        self._schedules = {"": schedules} if isinstance(schedules, Schedule) else dict(schedules)
        self.process = self._on_new(denoise.process)

    def _on_new(self, process: Process) -> Process:
        for name in self._schedules:
            if name not in process.leaves:
                raise unknown("field to re-time", name, process.leaves)
        parts = {name: self._leaf(name, part) for name, part in process.leaves.items()}
        return Product(parts) if isinstance(process, Product) else parts[""]

    def _leaf(self, name: str, part: Process) -> Process:
        if name not in self._schedules:
            return part
        if not isinstance(part, Affine):
            raise InputError(f"{type(part).__name__} has no signal-to-noise ratio to re-time by; leave its field out")
        # What the network predicts is resolved on its own path.
        return replace(part, schedule=self._schedules[name], parametrization=Data(), weighting=None)

    def __call__(self, z: Any, t: Any, cond: Conditions | None = None) -> Any:
        process = self.denoise.process
        if not isinstance(process, Product):
            scaled, when, _ = _translate(process, self.process, z, torch.as_tensor(t), Dense())
            return _plain(self.denoise(scaled, when, cond))
        clock = t if isinstance(t, Mapping) else dict.fromkeys(process.parts, torch.as_tensor(t))
        moved = {
            name: _translate(process.parts[name], self.process.leaves[name], z[name], clock[name], z.layouts[name])
            for name in z
        }
        state = z.replace({name: scaled for name, (scaled, *_) in moved.items()})
        found = self.denoise(state, {name: when for name, (_, when, _) in moved.items()}, cond)
        return Predictions({name: _plain(p) if moved[name][2] else p for name, p in found.items()})


def _translate(old: Process, new: Process, z: Tensor, t: Tensor, layout: Layout) -> tuple[Tensor, Tensor, bool]:
    """The state and the time that the old path calls this one, and whether they differ."""
    if old is new or not isinstance(old, Affine) or not isinstance(new, Affine):
        return z, t, False
    least = old.schedule.log_snr(torch.ones((), dtype=torch.float64, device=t.device))  # of what the old path knows
    when = old.schedule.time(torch.maximum(new.schedule.log_snr(t).double(), least)).clamp(max=1).to(t)
    scale = new.schedule.sigma(t) / old.schedule(when).sigma
    return z / layout.expand(scale, z).to(z), when, True


def _plain(p: Estimate) -> Estimate:
    return Estimate(p.x, p.n)
