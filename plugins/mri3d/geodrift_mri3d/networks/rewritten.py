"""A body that sees the channels of another representation than that of the states."""

from __future__ import annotations

import torch
from torch import Tensor

from geodrift_mri3d.networks.body import Body
from geodrift_mri3d.representation import Representation


class Rewritten(Body):
    """Writes its inputs anew for a body, and the answer of that as before.

    The linear denoiser wants few places, for its components; a convolution wants each detail where it lies.

    Arguments:
        body: Sees and answers channels of `inner`, and as many further channels, the same at all places, as there are.
        outer: Of the states.
        inner: Of the body.
    """

    def __init__(self, body: Body, outer: Representation, inner: Representation) -> None:
        super().__init__()
        self.body, self.outer, self.inner = body, outer, inner

    def forward(self, inputs: Tensor, t: Tensor, told: Tensor) -> Tensor:
        groups = inputs.shape[1] // self.outer.channels
        written, flags = inputs.split([groups * self.outer.channels, inputs.shape[1] % self.outer.channels], 1)
        volumes = self.outer.inverse(written.unflatten(1, (groups, -1)).flatten(0, 1))
        seen = self.inner.forward(volumes).unflatten(0, (-1, groups)).flatten(1, 2)
        wide = flags[:, :, :1, :1, :1].expand(-1, -1, *seen.shape[2:])
        answer: Tensor = self.body(torch.cat([seen, wide], 1), t, told)
        return self.outer.forward(self.inner.inverse(answer))
