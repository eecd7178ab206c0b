"""Times at which a sampler stops."""

from geodrift.solvers.grids.grid import Grid, grids
from geodrift.solvers.grids.log_snr import LogSNR
from geodrift.solvers.grids.powers import Karras, Power, Uniform, quadratic
from geodrift.solvers.grids.trained import Trained, train_grid

__all__ = ["Grid", "Karras", "LogSNR", "Power", "Trained", "Uniform", "grids", "quadratic", "train_grid"]
