r"""Where a field lives: the few maps that a solver needs to move on it.

A point plus a tangent is :math:`\exp_z(v)`; :math:`\log_z(y)` is the tangent that leads from :math:`z` to :math:`y`.
On a vector space they are addition and subtraction. A space is told apart from how data are written in it: see
`geodrift.embeddings`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from torch import Tensor

from geodrift.state import State

Point = TypeVar("Point", Tensor, State)


class Space(ABC, Generic[Point]):
    """A set of points with straight lines."""

    @abstractmethod
    def project(self, z: Point) -> Point:
        """The point nearest to an ambient `z`."""

    @abstractmethod
    def tangent(self, z: Point, v: Point) -> Point:
        """The part of an ambient vector `v` that is tangent at `z`."""

    @abstractmethod
    def exp(self, z: Point, v: Point) -> Point:
        """Go from `z` along the tangent `v` for unit time."""

    @abstractmethod
    def log(self, z: Point, y: Point) -> Point:
        """The tangent at `z` that leads to `y` in unit time."""
