r"""Classifier-free guidance: go further in the direction in which a condition moves the prediction.

.. math:: p_w = p_\varnothing + w\,(p_c - p_\varnothing)

in the coordinates of the prediction: expected data and noise of a continuous process, log-probabilities of classes.
Both branches are evaluated, once with the condition and once without. :math:`w = 1` is plain conditioning.

References:
    | Classifier-Free Diffusion Guidance (Ho, Salimans, 2022), https://arxiv.org/abs/2207.12598
    | Unlocking Guidance for Discrete State-Space Diffusion and Flow Models (Nisonoff et al., 2024), https://arxiv.org/abs/2406.01572
"""

from __future__ import annotations

from typing import Any

from geodrift.denoiser import Conditions, Denoise


class ClassifierFree:
    """A denoiser guided by its own conditional prediction.

    Arguments:
        denoise: A denoiser trained with condition dropout.
        scale: The guidance :math:`w`; one asks for the conditional prediction alone.
    """

    def __init__(self, denoise: Denoise, scale: float) -> None:
        self.denoise, self.process, self.scale = denoise, denoise.process, scale

    def __call__(self, z: Any, t: Any, cond: Conditions | None = None) -> Any:
        conditional = self.denoise(z, t, cond)
        if self.scale == 1 or not cond:
            return conditional
        kept = {name: value for name, value in cond.items() if name in self.process.anchors}
        return conditional.extrapolate(self.denoise(z, t, kept), self.scale)
