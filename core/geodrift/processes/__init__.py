"""Paths from data to a source, and back."""

from geodrift.prediction import Belief, Estimate, Located, Prediction, Tangent, Transport
from geodrift.processes.affine import Affine
from geodrift.processes.anchored import Anchored
from geodrift.processes.bayesian import Bayesian
from geodrift.processes.geodesic import Geodesic
from geodrift.processes.given import Given
from geodrift.processes.interpolant import Interpolant
from geodrift.processes.jump import Jump
from geodrift.processes.process import Draw, Flow, Move, Process, Scored, has_score
from geodrift.processes.product import Predictions, Product
from geodrift.processes.wrapped import Wrapped

__all__ = [
    "Affine",
    "Anchored",
    "Bayesian",
    "Belief",
    "Draw",
    "Estimate",
    "Flow",
    "Geodesic",
    "Given",
    "Interpolant",
    "Jump",
    "Located",
    "Move",
    "Prediction",
    "Predictions",
    "Process",
    "Product",
    "Scored",
    "Tangent",
    "Transport",
    "Wrapped",
    "has_score",
]
