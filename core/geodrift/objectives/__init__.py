"""What training minimises."""

from geodrift.objectives.antithetic import Antithetic
from geodrift.objectives.matching import Loss, Matching, objectives

__all__ = ["Antithetic", "Loss", "Matching", "objectives"]
