"""How likely data are under a model: exactly by its flow, or from below by a bound."""

from geodrift.likelihood import evidence  # noqa: F401 - registers what evidence costs
from geodrift.likelihood.bound import Bound, Chain, Continuous, Steps
from geodrift.likelihood.divergence import Divergence, ExactTrace, Hutchinson, Normal, Rademacher
from geodrift.likelihood.estimate import Likelihood, LogLikelihood
from geodrift.likelihood.flow import FlowLikelihood, flows
from geodrift.likelihood.pace import Pace
from geodrift.likelihood.scores import Scores, score, suited

__all__ = [
    "Bound",
    "Chain",
    "Continuous",
    "Divergence",
    "ExactTrace",
    "FlowLikelihood",
    "Hutchinson",
    "Likelihood",
    "LogLikelihood",
    "Normal",
    "Pace",
    "Rademacher",
    "Scores",
    "Steps",
    "flows",
    "score",
    "suited",
]
