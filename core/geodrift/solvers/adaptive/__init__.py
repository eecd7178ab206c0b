"""Methods that choose their own steps."""

from geodrift.solvers.adaptive.adaptive import Adaptive, Pair, Progress, Trial
from geodrift.solvers.adaptive.exponential import Exponential
from geodrift.solvers.adaptive.runge_kutta import BOSH3, DOPRI5, Embedded, bosh3, dopri5

__all__ = ["BOSH3", "DOPRI5", "Adaptive", "Embedded", "Exponential", "Pair", "Progress", "Trial", "bosh3", "dopri5"]
