"""Methods that move a state from the source to the data."""

from geodrift.solvers.adaptive import Adaptive, bosh3, dopri5
from geodrift.solvers.ancestral import Ancestral
from geodrift.solvers.churn import Churn
from geodrift.solvers.ctmc import CTMC
from geodrift.solvers.driven import AdaptiveEulerMaruyama, DrivenEulerMaruyama
from geodrift.solvers.exponential import Multistep, Singlestep, UniPC
from geodrift.solvers.langevin import EulerMaruyama, Langevin, PredictorCorrector
from geodrift.solvers.renoise import Renoise
from geodrift.solvers.reveal import Reveal
from geodrift.solvers.reversible import ReversibleHeun
from geodrift.solvers.runge_kutta import RungeKutta, euler, heun, midpoint, rk4
from geodrift.solvers.solver import Solver, solvers
from geodrift.solvers.splitting import S4, Strang
from geodrift.solvers.teleport import Teleport, suggest_skip

__all__ = [
    "CTMC",
    "S4",
    "Adaptive",
    "AdaptiveEulerMaruyama",
    "Ancestral",
    "Churn",
    "DrivenEulerMaruyama",
    "EulerMaruyama",
    "Langevin",
    "Multistep",
    "PredictorCorrector",
    "Renoise",
    "Reveal",
    "ReversibleHeun",
    "RungeKutta",
    "Singlestep",
    "Solver",
    "Strang",
    "Teleport",
    "UniPC",
    "bosh3",
    "dopri5",
    "euler",
    "heun",
    "midpoint",
    "rk4",
    "solvers",
    "suggest_skip",
]
