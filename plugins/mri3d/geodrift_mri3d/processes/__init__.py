"""Noise on the channels of a volume: the strategies of the field as rows of the core."""

from geodrift_mri3d.processes.paths import processes

__all__ = ["processes"]
