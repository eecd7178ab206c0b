"""Networks on the channels of a volume, behind one signature."""

from geodrift_mri3d.networks.assembly import network
from geodrift_mri3d.networks.body import networks

__all__ = ["network", "networks"]
