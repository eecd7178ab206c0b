"""Brains: T1-weighted MRI in three dimensions, as images with a place in the world."""

from geodrift_mri3d.domain import domain

__all__ = ["domain"]
