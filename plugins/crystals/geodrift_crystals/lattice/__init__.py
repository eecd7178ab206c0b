"""Lattices as real numbers, in three ways, each with its exact inverse."""

from __future__ import annotations

from geodrift_crystals.lattice.charts import CHARTS, Chart, Matrix, Parameters, Polar, standard
from geodrift_crystals.lattice.families import FAMILIES, Family, project
from geodrift_crystals.lattice.invariant import Invariant
from geodrift_crystals.lattice.representation import Kind, Representation

__all__ = [
    "CHARTS",
    "FAMILIES",
    "Chart",
    "Family",
    "Invariant",
    "Kind",
    "Matrix",
    "Parameters",
    "Polar",
    "Representation",
    "project",
    "standard",
]
