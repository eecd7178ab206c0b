"""The spaces that fields live on."""

from geodrift.spaces.categorical import Categorical
from geodrift.spaces.euclidean import Euclidean
from geodrift.spaces.product import Product
from geodrift.spaces.space import Space
from geodrift.spaces.still import Still
from geodrift.spaces.symmetric import Symmetric

__all__ = ["Categorical", "Euclidean", "Product", "Space", "Still", "Symmetric"]
