"""Methods that move a state from the source to the data."""

from geodrift.solvers.ancestral import Ancestral
from geodrift.solvers.ctmc import CTMC
from geodrift.solvers.driven import AdaptiveEulerMaruyama, DrivenEulerMaruyama
from geodrift.solvers.langevin import EulerMaruyama, Langevin, PredictorCorrector
from geodrift.solvers.reveal import Reveal
from geodrift.solvers.reversible import ReversibleHeun
from geodrift.solvers.runge_kutta import RungeKutta, euler, heun, midpoint, rk4
from geodrift.solvers.solver import Solver, solvers
from geodrift.solvers.splitting import S4, Strang

__all__ = [
    "CTMC",
    "S4",
    "AdaptiveEulerMaruyama",
    "Ancestral",
    "DrivenEulerMaruyama",
    "EulerMaruyama",
    "Langevin",
    "PredictorCorrector",
    "Reveal",
    "ReversibleHeun",
    "RungeKutta",
    "Solver",
    "Strang",
    "euler",
    "heun",
    "midpoint",
    "rk4",
    "solvers",
]
