"""What training minimises."""

from geodrift.objectives.matching import Loss, Matching

__all__ = ["Loss", "Matching"]
