"""How a volume is written as channels: voxels as they are, or an orthonormal Haar transform of one or more levels."""

from geodrift_mri3d.representation.haar import Haar
from geodrift_mri3d.representation.representation import Representation, Voxels, representations

__all__ = ["Haar", "Representation", "Voxels", "representations"]
