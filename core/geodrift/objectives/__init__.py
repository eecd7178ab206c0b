"""What training minimises."""

from geodrift.objectives.antithetic import Antithetic
from geodrift.objectives.fokker_planck import FokkerPlanck
from geodrift.objectives.matching import Matching
from geodrift.objectives.objective import Loss, Objective, objectives

__all__ = ["Antithetic", "FokkerPlanck", "Loss", "Matching", "Objective", "objectives"]
