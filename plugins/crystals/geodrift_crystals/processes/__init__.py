r"""Crystals on every kind of path: positions on a torus, elements as classes, a lattice as numbers without units.

A position moves as evidence on the circle (the periodic Bayesian flow of CrysBFN, in its closed form or in steps, as
published), along geodesics of the torus (FlowMM), on the way of a stochastic interpolant (OMatG), or with wrapped
normal noise (DiffCSP). In a model of structures of given compositions the elements are seen and not moved.
"""

from __future__ import annotations

from geodrift_crystals.processes.assembly import processes
from geodrift_crystals.processes.bayesian import bayesian_flow, crysbfn
from geodrift_crystals.processes.diffusion import wrapped_diffusion
from geodrift_crystals.processes.interpolant import stochastic_interpolant
from geodrift_crystals.processes.riemannian import riemannian_flow

__all__ = ["bayesian_flow", "crysbfn", "processes", "riemannian_flow", "stochastic_interpolant", "wrapped_diffusion"]
