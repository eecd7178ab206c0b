"""Exact integration of what the network predicts: the DPM-Solver family."""

from geodrift.solvers.exponential import names as _names  # noqa: F401 - registers
from geodrift.solvers.exponential.forms import Data, Form, Noise, Straight
from geodrift.solvers.exponential.multistep import Multistep
from geodrift.solvers.exponential.singlestep import Singlestep
from geodrift.solvers.exponential.unipc import UniPC

__all__ = ["Data", "Form", "Multistep", "Noise", "Singlestep", "Straight", "UniPC"]
