r"""A network on top of the linear denoiser.

With the linear expectation :math:`L(z)` and the root mean square :math:`s` of what it leaves unknown, the denoiser is
:math:`\hat x = L(z) + s\,f(z, L, t)`, told in whatever the process says that its network predicts. Untrained it is
:math:`L`: coherent volumes from the first step on; trained it has learned what is not Gaussian.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from geodrift.layout import trailing
from geodrift.parametrization import Linear
from geodrift.processes import Affine
from geodrift.schedules import Coefficients
from geodrift.state import State
from geodrift_mri3d.codec import FIELD
from geodrift_mri3d.details import COARSE
from geodrift_mri3d.networks.body import Body
from geodrift_mri3d.networks.linear import LinearDenoiser
from geodrift_mri3d.networks.local import LocalDenoiser
from geodrift_mri3d.networks.told import Told
from geodrift_mri3d.tissue import TISSUE


class VolumeNetwork(nn.Module):
    """A network for states whose field `volume` moves, beside coarse volumes where those are given.

    Arguments:
        path: The process of the field.
        told: What is known of subjects.
        body: Sees the state, the linear expectation where there is one, the coarse volume and the map of tissues where
            there are such.
        linear: The linear denoiser, if it is to be built upon.
        tissue: Channels of a map of tissues.
    """

    def __init__(
        self,
        path: Affine,
        told: Told,
        body: Body,
        linear: LinearDenoiser | LocalDenoiser | None,
        tissue: int = 0,
    ) -> None:
        super().__init__()
        assert isinstance(path.parametrization, Linear)
        self.path, self.row = path, path.parametrization
        self.told, self.body, self.linear, self.tissue = told, body, linear, tissue

    def forward(self, inputs: State, t: Tensor, cond: Mapping[str, Tensor]) -> State:
        seen = inputs[FIELD]
        told = self.told(cond, t)
        if self.linear is None:
            return inputs.replace({FIELD: self.body(self._seen(inputs, cond, seen), t, told)})
        at, z = self._at(seen, t)
        known = inputs.get(COARSE, told)
        expected, deviation = self.linear(z, known, at), self.linear.deviation(known, at)
        answer = self.body(self._seen(inputs, cond, seen, expected), t, told)
        return inputs.replace({FIELD: self._raw(expected + deviation * answer.to(z), z, at)})

    def _at(self, seen: Tensor, t: Tensor) -> tuple[Coefficients, Tensor]:
        """The coefficients, and the state itself, of which the process shows a scaled copy."""
        at = self.path.schedule(trailing(t, seen))
        return at, seen * torch.sqrt((at.alpha * self.path.data_std) ** 2 + at.sigma**2)

    def _raw(self, x: Tensor, z: Tensor, at: Coefficients) -> Tensor:
        raw: Tensor = self.row.row(at).of(x, (z - at.alpha * x) / at.sigma)
        return raw

    def _seen(self, inputs: State, cond: Mapping[str, Tensor], *parts: Tensor) -> Tensor:
        coarse = [inputs[COARSE]] if COARSE in inputs else []
        tissue = _map(cond.get(TISSUE), parts[0], self.tissue) if self.tissue else ()
        return torch.cat([*parts, *coarse, *tissue], 1)

    def baseline(self, z: State, t: Tensor, cond: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The linear expectation of a state and the root mean square of its error, `(B, C, 1, 1, 1)`."""
        assert self.linear is not None
        at, known = self.path.schedule(trailing(t, z[FIELD])), z.get(COARSE, self.told(cond, t))
        return self.linear(z[FIELD], known, at), self.linear.deviation(known, at)


def _map(tissue: Tensor | None, like: Tensor, channels: int) -> tuple[Tensor, Tensor]:
    """The channels of a map, zero where it is unknown, and a flag that says whether it is known."""
    if tissue is None:
        return like.new_zeros(len(like), channels, *like.shape[2:]), like.new_zeros(len(like), 1, *like.shape[2:])
    known = ~tissue[:, :1].isnan()
    return tissue.nan_to_num().to(like), known.to(like)
