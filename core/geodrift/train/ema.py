r"""The moving average of the weights, :math:`\bar\theta \leftarrow d\,\bar\theta + (1 - d)\,\theta`.

The decay warms up as :math:`\min(d, (1 + k) / (10 + k))` at step :math:`k`, so that the initial weights are forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class MovingAverage:
    """A copy of a module's weights that follows them slowly.

    Arguments:
        module: The module whose weights are followed.
        decay: The highest decay, :math:`d`.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {name: value.detach().clone() for name, value in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move towards the module's weights after this many steps."""
        rate = 1 - min(self.decay, (1 + step) / (10 + step))
        pairs = [(self.weights[name], value) for name, value in module.state_dict().items()]
        moving = [(mean, value) for mean, value in pairs if mean.is_floating_point()]
        torch._foreach_lerp_([mean for mean, _ in moving], [value for _, value in moving], rate)
        for mean, value in pairs:
            if not mean.is_floating_point():
                mean.copy_(value)

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take over stored averages."""
        for name, value in weights.items():
            self.weights[name].copy_(value)
