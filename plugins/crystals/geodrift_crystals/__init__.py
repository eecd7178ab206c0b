"""geodrift's plugin for crystals."""

from geodrift_crystals.domain import domain

__all__ = ["domain"]
