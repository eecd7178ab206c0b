"""Gradients through sampling."""

from geodrift.gradients.adjoint import Adjoint, even_noise
from geodrift.gradients.reversible import Reversible
from geodrift.gradients.stepwise import Checkpointed, Direct, Gradient, differentiable

__all__ = ["Adjoint", "Checkpointed", "Direct", "Gradient", "Reversible", "differentiable", "even_noise"]
