r"""The error of a denoiser relative to that of the best linear one.

At each noise level and in each channel the squared error of the expected data is divided by what the linear denoiser
leaves unknown, :math:`|\hat x - x|^2 / s^2`, so that no level and no sub-band outweighs another by its mere size; a
channel may count by a power of its variance, zero for all alike, one for the energy that it has in voxels. The log
holds `relative`, the loss over that of the linear denoiser on the same draws: 1 is no better than linear.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.conditioning import drop
from geodrift.denoiser import Conditions, Denoiser, samples
from geodrift.errors import InputError
from geodrift.objectives import Loss, Objective, objectives
from geodrift.objectives.times import TimeLaw, Uniform
from geodrift.registry import Share
from geodrift.rng import Streams
from geodrift.state import State
from geodrift_mri3d.codec import FIELD
from geodrift_mri3d.networks.volume_network import VolumeNetwork

LAW = Uniform(1e-3)


@objectives.register("relative")
@dataclass(frozen=True)
class Relative(Objective):
    """The relative objective.

    Arguments:
        times: The law of training times.
        condition_dropout: Probability that a sample is trained without its conditions.
        balance: Power of the variance of a channel by which it counts.

    Raises:
        InputError: When the network has no linear denoiser.
    """

    times: TimeLaw = LAW
    condition_dropout: Share = 0.1
    balance: Share = 0.5

    def __call__(self, denoiser: Denoiser, x: State, cond: Conditions, rng: Streams) -> Loss:
        network = denoiser.network
        if not isinstance(network, VolumeNetwork) or network.linear is None:
            raise InputError("objective: relative needs a network with skip = true; choose matching")
        t = self.times.stratified(samples(x), x.device, rng)
        draw = denoiser.process.corrupt(x, t, rng)
        seen = drop(cond, self.condition_dropout, rng)
        expected = denoiser(draw.z, t, seen)[FIELD].x
        with torch.no_grad():
            linear, deviation = network.baseline(draw.z, t, seen)
            weight = self._weight(network) / deviation**2
        error = (weight * (expected - x[FIELD]) ** 2).mean()
        base = (weight * (linear - x[FIELD]) ** 2).mean()
        return Loss(error, {"relative": (error / base).detach()})

    def _weight(self, network: VolumeNetwork) -> Tensor:
        """The weight of each channel, `(C, 1, 1, 1)`, one on average."""
        assert network.linear is not None
        power: Tensor = network.linear.energy.pow(self.balance)
        return (power / power.mean())[:, None, None, None]
