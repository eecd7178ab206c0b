r"""A denoiser whose score is a gradient by construction.

The network answers one number a sample, :math:`\phi`; with what a process shows it, :math:`y = z / c_t`, the
log-density is :math:`\varphi(z, t) = c_t\,\phi(z / c_t, t)` up to a number of the time's, and the score, its gradient,
is :math:`\nabla_y \phi`.

References:
    | Should EBMs model the energy or the score? (Salimans, Ho, 2021), https://openreview.net/forum?id=9AS-TF2jRNb
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from geodrift.denoiser import Conditions, Denoiser
from geodrift.errors import InputError
from geodrift.parametrization import Score
from geodrift.processes import Affine, Process


class Gradient(nn.Module):
    """The gradient of a network of one number, as a network.

    Arguments:
        network: Maps what the process shows it `(B, ...)`, times `(B,)` and conditions `(B,)` to `(B,)`.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, y: Tensor, t: Tensor, cond: Conditions) -> Tensor:
        graph = torch.is_grad_enabled()
        with torch.inference_mode(False), torch.enable_grad():
            y = y if y.requires_grad else y.detach().clone().requires_grad_()
            found: Tensor = torch.autograd.grad(self.network(y, t, cond).sum(), y, create_graph=graph)[0]
        return found


class Potential(Denoiser):
    """A denoiser with a log-density.

    Arguments:
        network: Maps what the process shows it `(B, ...)`, times `(B,)` and conditions `(B,)` to one number each.
        process: An affine process whose network predicts the score.

    Raises:
        InputError: For another process.
    """

    def __init__(self, network: nn.Module, process: Process) -> None:
        if not (isinstance(process, Affine) and process.scored and isinstance(process.parametrization, Score)):
            raise InputError(f"a potential predicts the score of data plus normal noise, not {process}")
        super().__init__(Gradient(network), process)

    def noise_std(self, t: Tensor) -> Tensor:
        """The standard deviation of the noise at these times, `(B,)`."""
        return cast(Affine, self.process).noise_std(t, t)

    def log_prob(self, z: Tensor, t: Any, cond: Conditions | None = None) -> Tensor:
        """The log-density of each sample at the time `t`, `(B,)`, up to a number of the time's."""
        clock = torch.as_tensor(t, dtype=z.dtype, device=z.device).expand(len(z))
        scale: Tensor = 1 / self.process.inputs(torch.ones_like(clock), clock)
        number: Tensor = cast(Gradient, self.network).network(self.process.inputs(z, clock), clock, cond or {})
        return number * scale
