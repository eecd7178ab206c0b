"""Signal and noise in time."""

from geodrift.schedules.diffusing import EDM, OU, VE, VP, SubVP
from geodrift.schedules.interpolating import Cosine, Rectified
from geodrift.schedules.schedule import Coefficients, Schedule, schedules

__all__ = ["EDM", "OU", "VE", "VP", "Coefficients", "Cosine", "Rectified", "Schedule", "SubVP", "schedules"]
