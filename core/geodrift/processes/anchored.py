r"""Paths around a known point of each sample, such as a degraded image: restoration, bridges, residuals.

.. math:: z_t = \alpha_t x + (1 - \alpha_t) y + \sigma_t n \quad\Longleftrightarrow\quad
   z_t - y = \alpha_t (x - y) + \sigma_t n

Seen from its anchor :math:`y` the path is data plus noise, the data being the residual :math:`x - y`. Everything works
in this frame: training enters it, sampling leaves it, and between the two every solver moves the residual as it moves
any data. With `MeanReverting` or an Ornstein–Uhlenbeck schedule it is the mean-reverting SDE, with `Bridge` the
Brownian bridge and I2SB, with `Residual` the path of ResShift and CTMSR.

The network sees the noisy residual :math:`z_t - y`, scaled to unit variance, and the anchor as one of its conditions;
it adds the two if it wants the state itself. What it predicts is about the residual. The anchor is part of the path:
it is never dropped in training, and guidance gives it to both branches.

References:
    | Image Restoration with Mean-Reverting SDEs (Luo et al., 2023), https://arxiv.org/abs/2301.11699
    | MaRS: A Fast Sampler for Mean Reverting Diffusion (Li et al., 2025), https://arxiv.org/abs/2502.07856
    | I2SB: Image-to-Image Schrödinger Bridge (Liu et al., 2023), https://arxiv.org/abs/2302.05872
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from geodrift.embeddings import Identity
from geodrift.errors import InputError
from geodrift.processes.affine import Affine


@dataclass(frozen=True)
class Anchored(Affine):
    """Noise added to the scaled difference of data and anchor.

    Arguments:
        anchor: Name of the condition that is the anchor, shaped like the data of the field.

    Raises:
        InputError: For data that are classes, which have no difference.
    """

    anchor: str = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.embedding, Identity):
            raise InputError(f"the anchor {self.anchor} is subtracted from the data, and classes have no difference")

    @property
    def anchors(self) -> frozenset[str]:  # type: ignore[override]
        return frozenset({self.anchor})

    def enter(self, x: Tensor, cond: Mapping[str, Tensor]) -> Tensor:
        return x - self._of(x, cond)

    def leave(self, x: Tensor, cond: Mapping[str, Tensor]) -> Tensor:
        return x + self._of(x, cond)

    def _of(self, x: Tensor, cond: Mapping[str, Tensor]) -> Tensor:
        if self.anchor not in cond:
            given = ", ".join(cond) or "none"
            raise InputError(f'no condition "{self.anchor}", which anchors the path; conditions given: {given}')
        y = cond[self.anchor]
        if y.shape != x.shape:
            raise InputError(f'anchor "{self.anchor}" of shape {tuple(y.shape)} for data of shape {tuple(x.shape)}')
        return y.to(x)
