r"""Where voxels are: nearest anatomical axes, the box of what is shown, and voxels of another size.

An affine :math:`A` takes voxel :math:`i` to the world :math:`A (i, 1)` in millimetres. Whatever is done to the voxels
is a map :math:`i = M j` from new to old ones, so the new affine is :math:`A M`, and a landmark keeps its place in the
world. Axes are exchanged and flipped, never turned: an oblique image keeps its oblique axes.
"""

from geodrift_mri3d.geometry.foreground import centre, foreground
from geodrift_mri3d.geometry.orientation import canonical
from geodrift_mri3d.geometry.sampling import Sampling

__all__ = ["Sampling", "canonical", "centre", "foreground"]
