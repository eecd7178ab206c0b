r"""Classes that obey a rule together, such as a composition without charge.

Entries are independent given the belief; under a rule about all of them they no longer are, and their marginals do not
say which go together. So the classes of a sample are drawn together, from the belief given the rule, and the prediction
is the draw:

.. math:: \tilde p(z_s | z_t) = \sum_x p(z_s | z_t, x)\,p(x | z_t, \text{rule})

is the exact law of an ancestral step, and the data that are drawn last obey the rule. Classes that a masked path has
revealed are some of those of a draw, so that the rest can always be completed.

The draw at a time is a function of the state: its random numbers belong to the sample and the time, whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.errors import InputError
from geodrift.prediction import Belief
from geodrift.processes import Predictions, Product
from geodrift.rng import Streams

Draw = Callable[[Belief, Streams], Tensor]
"""From beliefs about classes, `(..., K)`, and a stream for each sample, to the classes of all entries, `(...)`."""


class Joint:
    """A denoiser of states that draws the classes of a field together.

    Arguments:
        denoise: Any denoiser of states.
        field: The name of the field.
        draw: Draws classes that obey the rule.
        rng: One stream for each sample.

    Raises:
        InputError: When the process of the field holds no beliefs about classes.
    """

    def __init__(self, denoise: Denoise, field: str, draw: Draw, rng: Streams) -> None:
        self.denoise, self.process, self.field, self.draw, self.rng = denoise, denoise.process, field, draw, rng
        part = self.process.leaves[field]
        if not part.categorical or not isinstance(self.process, Product):
            raise InputError(f"classes of {field} cannot be drawn: {type(part).__name__} holds no beliefs about them")

    def __call__(self, z: Any, t: Any, cond: Conditions | None = None) -> Any:
        free = self.denoise(z, t, cond)
        own = t[self.field] if not isinstance(t, Tensor) else t
        clock = torch.as_tensor(own, dtype=torch.float64, device=z.device).expand(len(self.rng)).contiguous()
        drawn = self.draw(free[self.field], self.rng.at(clock.view(torch.int64)))
        return Predictions({**free, self.field: free[self.field].told(drawn, torch.ones_like(drawn, dtype=torch.bool))})
