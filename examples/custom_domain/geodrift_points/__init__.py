"""The domain points, found through the entry point `geodrift.domains`."""

from geodrift_points.domain import domain

__all__ = ["domain"]
