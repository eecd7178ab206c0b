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
        channels = self.outer.channels
        groups = inputs.shape[1] // channels
        written, flags = inputs[:, : groups * channels], inputs[:, groups * channels :]
        seen = self.inner.forward(self.outer.inverse(written.reshape(-1, channels, *inputs.shape[2:])))
        seen = seen.reshape(len(inputs), -1, *seen.shape[2:])
        wide = flags[:, :, :1, :1, :1].expand(-1, -1, *seen.shape[2:])
        answer: Tensor = self.body(torch.cat([seen, wide], 1), t, told)
        return self.outer.forward(self.inner.inverse(answer))
