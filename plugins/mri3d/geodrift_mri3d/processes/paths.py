r"""From volumes to noise: a path, and what a network predicts on it.

The strategies of medforj are rows of one table: on the variance-preserving path the *noise*, the *clean* volume, the
*velocity* :math:`v = \alpha n - \sigma x`, or the *flow* :math:`n - x`; on the straight path the flow again, which is
the velocity there. Beside them stand the quarter circle (*cosine*), and *edm* with its heavy-tailed relative, *pfgm++*,
whose radius is never clipped: in :math:`10^5` dimensions its law is narrow, and a clip moves all of it.

References:
    | medforj (Remedios et al., 2025), https://arxiv.org/abs/2510.26834
    | Elucidating the Design Space of Diffusion-Based Generative Models (Karras et al., 2022), https://arxiv.org/abs/2206.00364
    | PFGM++ (Xu et al., 2023), https://arxiv.org/abs/2302.04265
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from geodrift.embeddings import Identity
from geodrift.parametrization import Data, Karras, Linear, Noise, Row, V, Velocity, parametrizations
from geodrift.processes import Affine, Product
from geodrift.registry import NotNegative, Positive, Role
from geodrift.schedules import EDM, VP, Coefficients, Cosine, Rectified, Schedule
from geodrift.sources import Normal, Source, StudentT
from geodrift_mri3d.codec import FIELD, VolumeCodec

processes = Role("process")


@parametrizations.register("difference")
@dataclass(frozen=True)
class Difference(Linear):
    """The noise without the data, :math:`n - x`."""

    def row(self, at: Coefficients) -> Row:
        return Row(-torch.ones_like(at.alpha), torch.ones_like(at.alpha))


def _path(codec: VolumeCodec, schedule: Schedule, target: Linear, source: Source = Normal()) -> Product:
    return Product({**codec.given, FIELD: Affine(schedule, Identity(codec.channels), target, source=source)})


@processes.register("noise")
def noise(codec: VolumeCodec, beta_min: NotNegative = 0.1, beta_max: Positive = 20.0) -> Product:
    """The noise on the variance-preserving path."""
    return _path(codec, VP(beta_min, beta_max), Noise())


@processes.register("clean")
def clean(codec: VolumeCodec, beta_min: NotNegative = 0.1, beta_max: Positive = 20.0) -> Product:
    """The volume on the variance-preserving path."""
    return _path(codec, VP(beta_min, beta_max), Data())


@processes.register("velocity")
def velocity(codec: VolumeCodec, beta_min: NotNegative = 0.1, beta_max: Positive = 20.0) -> Product:
    """The rotated target on the variance-preserving path."""
    return _path(codec, VP(beta_min, beta_max), V())


@processes.register("flow")
def flow(codec: VolumeCodec, beta_min: NotNegative = 0.1, beta_max: Positive = 20.0) -> Product:
    """The difference of noise and volume on the variance-preserving path."""
    return _path(codec, VP(beta_min, beta_max), Difference())


@processes.register("rectified-flow")
def rectified_flow(codec: VolumeCodec, target: Linear = Velocity()) -> Product:
    """The straight path.

    Arguments:
        target: What the network predicts.
    """
    return _path(codec, Rectified(), target)


@processes.register("cosine")
def cosine(codec: VolumeCodec, target: Linear = V()) -> Product:
    """The quarter circle.

    Arguments:
        target: What the network predicts.
    """
    return _path(codec, Cosine(), target)


@processes.register("edm")
def edm(codec: VolumeCodec, sigma_max: Positive = 80.0) -> Product:
    """Growing noise, with EDM's preconditioning.

    Arguments:
        sigma_max: Noise at the source, in units of the channels.
    """
    return _path(codec, EDM(sigma_max), Karras(1.0))


@processes.register("pfgm++")
def pfgm(codec: VolumeCodec, sigma_max: Positive = 80.0, freedom: Positive = 65536.0) -> Product:
    """The same from a Student-t source of a whole volume.

    Arguments:
        sigma_max: Noise at the source, in units of the channels.
        freedom: The augmented dimension :math:`D`.
    """
    return _path(codec, EDM(sigma_max), Karras(1.0), StudentT(freedom))
