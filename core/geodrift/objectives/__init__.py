"""What training minimises."""

from geodrift.objectives.matching import Loss, Matching, objectives

__all__ = ["Loss", "Matching", "objectives"]
