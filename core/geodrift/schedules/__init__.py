"""Signal and noise in time."""

from geodrift.schedules.bridging import Bridge, MeanReverting, Residual
from geodrift.schedules.diffusing import EDM, OU, VE, VP, SubVP
from geodrift.schedules.interpolating import Cosine, Rectified
from geodrift.schedules.kinetic import KineticOptimal
from geodrift.schedules.schedule import Coefficients, Schedule, schedules
from geodrift.schedules.separation import Separation

__all__ = [
    "EDM",
    "OU",
    "VE",
    "VP",
    "Bridge",
    "Coefficients",
    "Cosine",
    "KineticOptimal",
    "MeanReverting",
    "Rectified",
    "Residual",
    "Schedule",
    "Separation",
    "SubVP",
    "schedules",
]
