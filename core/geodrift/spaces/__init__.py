"""The spaces that fields live on."""

from geodrift.spaces.around import Around
from geodrift.spaces.categorical import Categorical
from geodrift.spaces.centred import Centred
from geodrift.spaces.euclidean import Euclidean
from geodrift.spaces.product import Product
from geodrift.spaces.relative import Relative
from geodrift.spaces.simplex import Simplex
from geodrift.spaces.space import Space
from geodrift.spaces.spd import SPD
from geodrift.spaces.sphere import Sphere
from geodrift.spaces.still import Still
from geodrift.spaces.symmetric import Symmetric
from geodrift.spaces.torus import Torus

__all__ = [
    "SPD",
    "Around",
    "Categorical",
    "Centred",
    "Euclidean",
    "Product",
    "Relative",
    "Simplex",
    "Space",
    "Sphere",
    "Still",
    "Symmetric",
    "Torus",
]
