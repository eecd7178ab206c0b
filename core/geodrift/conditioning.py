r"""Numbers that steer generation, as a vector a network can read.

Each condition is standardised and enters beside a flag that says whether it is known: NaN marks what is missing in the
data, dropped in training, or not asked for. One network so learns every conditional law and the unconditional one.

References:
    | Classifier-Free Diffusion Guidance (Ho, Salimans, 2022), https://arxiv.org/abs/2207.12598
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from geodrift.errors import InputError
from geodrift.layout import trailing
from geodrift.rng import Streams

Asked = float | str
"""What a condition may be asked to be: a number in its unit, or a text that a codec understands, such as a formula."""


def number(name: str, value: Asked) -> Tensor:
    """The value of a condition that is a number, `()`.

    Raises:
        InputError: When it is none.
    """
    try:
        found = float(value)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise InputError(f"condition {name}={value}: not a number")
    return torch.tensor(found)


class Conditioner(nn.Module):
    """Embeds conditions as a vector, zero at initialisation.

    Arguments:
        scales: For each condition its mean and its standard deviation in the training data, in the condition's unit.
        width: Size of the vector.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, scales: Mapping[str, tuple[float, float]], width: int) -> None:
        super().__init__()
        self.names = tuple(scales)
        self.register_buffer("mean", torch.tensor([scales[name][0] for name in self.names]))
        self.register_buffer("std", torch.tensor([max(scales[name][1], 1e-6) for name in self.names]))
        last = nn.Linear(width, width)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.net = nn.Sequential(nn.Linear(2 * len(self.names), width), nn.SiLU(), last)

    def forward(self, cond: Mapping[str, Tensor], t: Tensor) -> Tensor:
        """The vectors `(B, width)` of conditions `(B,)`; `t`, `(B,)`, gives batch size, type and device."""
        unknown = torch.full_like(t, torch.nan)
        values = torch.stack([cond.get(name, unknown) for name in self.names], -1).to(t)
        known = ~torch.isnan(values)
        standard = torch.where(known, (values - self.mean.to(t)) / self.std.to(t), torch.zeros_like(values))
        vector: Tensor = self.net(torch.cat([standard, known.to(t)], -1))
        return vector


def drop(cond: Mapping[str, Tensor], probability: float, rng: Streams, kept: Collection[str] = ()) -> dict[str, Tensor]:
    """Forget conditions of samples, as guidance asks of training, so that any of them may be asked for alone.

    Arguments:
        cond: Conditions, `(B,)` each, or with more axes.
        probability: That a sample forgets all its conditions; of the other samples, each condition is forgotten with
            the same probability once more where there are several.
        rng: One stream for each sample.
        kept: Names of conditions that are never forgotten, such as the anchor of a path.
    """
    free = {name: value for name, value in cond.items() if name not in kept}
    if not free or probability == 0:
        return dict(cond)
    first = next(iter(free.values()))
    chances = rng.uniform(first.new_empty(len(first), 1 + len(free)))
    forget = chances < probability
    gone = forget[:, :1] | forget[:, 1:] & (len(free) > 1)
    dropped = {
        name: torch.where(trailing(lost, value), torch.nan, value)
        for (name, value), lost in zip(free.items(), gone.unbind(-1), strict=True)
    }
    return {**cond, **dropped}
