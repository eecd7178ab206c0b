r"""Classes drawn from a sharpened belief, :math:`p^{1/\tau}` normalised.

Below one the temperature :math:`\tau` trades diversity for fidelity; at one the law is the network's own.
"""

from __future__ import annotations

from typing import Any

from geodrift.denoiser import Conditions, Denoise


class Tempered:
    """A denoiser with sharpened beliefs about classes.

    Arguments:
        denoise: Any denoiser of classes.
        temperature: :math:`\\tau > 0`.
    """

    def __init__(self, denoise: Denoise, temperature: float) -> None:
        self.denoise, self.process, self.temperature = denoise, denoise.process, temperature

    def __call__(self, z: Any, t: Any, cond: Conditions | None = None) -> Any:
        return self.denoise(z, t, cond).tempered(self.temperature)
