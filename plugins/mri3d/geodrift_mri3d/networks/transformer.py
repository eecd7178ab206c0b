r"""A transformer on patches of a volume, with adaptive layer normalisation.

Each patch of :math:`p^3` places is a token; a block attends over all tokens and then acts on each, both scaled, shifted
and gated by the time and by what is known of the subject, the gates zero at the beginning.

References:
    | Scalable Diffusion Models with Transformers (Peebles, Xie, 2023), https://arxiv.org/abs/2212.09748
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint

from geodrift.errors import InputError
from geodrift.registry import Count
from geodrift_mri3d.networks.body import Body, networks

_SLOWEST = 1e4


def waves(x: Tensor, size: int) -> Tensor:
    """Cosines and sines of numbers `(...)` at geometric frequencies from 1 down, `(..., size)`."""
    half = size // 2
    angles = x[..., None] * torch.exp(-math.log(_SLOWEST) * torch.arange(half, device=x.device) / half)
    return torch.cat([angles.cos(), angles.sin()], -1)


class Block(nn.Module):
    """Attention and a network on each token, told by a vector.

    Arguments:
        width: Of a token and of the vector.
        heads: Of attention.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.first, self.second = (nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.modulate = nn.Linear(width, 6 * width)
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)

    def forward(self, x: Tensor, vector: Tensor) -> Tensor:
        """Tokens `(B, N, W)`, told by `(B, W)`."""
        shift, scale, gate, shift2, scale2, gate2 = self.modulate(vector)[:, None].chunk(6, -1)
        x = x + gate * self._attend(self.first(x) * (1 + scale) + shift)
        told: Tensor = x + gate2 * self.mlp(self.second(x) * (1 + scale2) + shift2)
        return told

    def _attend(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        attended: Tensor = self.out(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return attended


@networks.register("transformer")
class Transformer(Body):
    """A transformer on patches.

    Arguments:
        inputs, outputs, told, places: Channels in and out, numbers known of a subject, places along each axis.
        width: Of a token.
        layers: Blocks.
        heads: Of attention.
        patch: Places of a patch along each axis.
        recompute: Compute activations again for the gradient instead of keeping them.

    Raises:
        InputError: When the patches do not fill the volume.
    """

    positions: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        told: int,
        places: Sequence[int],
        width: Count = 256,
        layers: Count = 6,
        heads: Count = 4,
        patch: Count = 2,
        recompute: bool = False,
    ) -> None:
        super().__init__()
        if any(side % patch for side in places) or width % (6 * heads):
            raise InputError(
                f"network: patch = {patch} must divide the sides {tuple(places)}, and 6 x heads = {6 * heads} the width"
            )
        self.enter = nn.Conv3d(inputs, width, patch, patch)
        self.leave = nn.ConvTranspose3d(width, outputs, patch, patch)
        self.told = nn.Sequential(nn.Linear(told + width, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.recompute, self.width = recompute, width
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]
        self.register_buffer("positions", _positions([side // patch for side in places], width), persistent=False)

    def forward(self, inputs: Tensor, t: Tensor, told: Tensor) -> Tensor:
        patches = self.enter(inputs)
        x = patches.flatten(2).transpose(1, 2) + self.positions.to(patches)
        vector = self.told(torch.cat([waves(t * 1000, self.width).to(inputs), told.to(inputs)], -1))
        for block in self.blocks:
            x = (
                checkpoint(block, x, vector, use_reentrant=False)
                if self.recompute and self.training
                else block(x, vector)
            )
        answer: Tensor = self.leave(self.norm(x).transpose(1, 2).unflatten(2, patches.shape[2:]))
        return answer


def _positions(sides: Sequence[int], width: int) -> Tensor:
    """Waves of the place along each axis, `(N, width)`."""
    axes = torch.meshgrid(*(torch.arange(side, dtype=torch.float32) for side in sides), indexing="ij")
    return torch.cat([waves(axis.flatten(), width // 3) for axis in axes], -1)
