"""Paths from data to a source, and back."""

from geodrift.processes.affine import Affine
from geodrift.processes.bayesian import BayesianCategorical
from geodrift.processes.jump import Jump
from geodrift.processes.process import Belief, Draw, Estimate, Flow, Move, Prediction, Process, Scored
from geodrift.processes.product import Predictions, Product

__all__ = [
    "Affine",
    "BayesianCategorical",
    "Belief",
    "Draw",
    "Estimate",
    "Flow",
    "Jump",
    "Move",
    "Prediction",
    "Predictions",
    "Process",
    "Product",
    "Scored",
]
