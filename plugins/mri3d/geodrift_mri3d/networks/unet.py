"""MONAI's U-Net of diffusion models.

References:
    | MONAI, https://github.com/Project-MONAI/MONAI
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from geodrift.errors import InputError
from geodrift.registry import Count
from geodrift_mri3d.networks.body import Body, networks

_TICKS = 1000  # of MONAI's embedding of times


@networks.register("unet")
class UNet(Body):
    """A U-Net with attention at its lowest level.

    Arguments:
        inputs, outputs, told, places: Channels in and out, numbers known of a subject, places along each axis.
        channels: Of each level; each level has half the side of the one before.
        attention: Levels with attention, by default the last; the lowest blocks have it where the last level has.
        blocks: Residual blocks at each level.
        head: Channels of an attention head.
        groups: Of the group normalisation.
        recompute: Compute activations again for the gradient instead of keeping them: less memory, a third more time.

    Raises:
        InputError: When the sides cannot be halved as often as there are levels.
    """

    anywhere: ClassVar[bool] = True

    def __init__(
        self,
        inputs: int,
        outputs: int,
        told: int,
        places: Sequence[int],
        channels: list[Count] | None = None,
        attention: list[bool] | None = None,
        blocks: Count = 1,
        head: Count = 16,
        groups: Count = 16,
        recompute: bool = False,
    ) -> None:
        super().__init__()
        from monai.networks.nets.diffusion_model_unet import DiffusionModelUNet

        widths = channels or [64, 96]
        if any(side % 2 ** (len(widths) - 1) for side in places):
            raise InputError(
                f"network.channels: {len(widths)} levels cannot halve the sides {tuple(places)}; use fewer"
            )
        attended = attention or [False] * (len(widths) - 1) + [True]
        net: Any = DiffusionModelUNet(
            spatial_dims=3,
            in_channels=inputs,
            out_channels=outputs,
            channels=widths,
            attention_levels=attended,
            num_res_blocks=blocks,
            num_head_channels=head,
            norm_num_groups=groups,
            num_class_embeds=1,
            use_flash_attention=True,
        )
        if not attended[-1]:  # MONAI attends there whatever the levels do
            net.middle_block.attention = nn.Identity()
        # MONAI looks a class up; here the vector is computed from what is known of the subject.
        wide = 4 * widths[0]
        net.class_embedding = nn.Sequential(nn.Linear(told, wide), nn.SiLU(), nn.Linear(wide, wide))
        self.net: nn.Module = net
        self.recompute = recompute

    def forward(self, inputs: Tensor, t: Tensor, told: Tensor) -> Tensor:
        if not (self.recompute and self.training):
            return self._run(inputs, t, told)
        answer: Tensor = checkpoint(self._run, inputs, t, told, use_reentrant=False)
        return answer

    def _run(self, inputs: Tensor, t: Tensor, told: Tensor) -> Tensor:
        answer: Tensor = self.net(inputs, t * _TICKS, class_labels=told.to(inputs.dtype))
        return answer
