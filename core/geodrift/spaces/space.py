r"""Where a field lives: the few maps that a solver needs to move on it.

A point plus a tangent is :math:`\exp_z(v)`; :math:`\log_z(y)` is the tangent that leads from :math:`z` to :math:`y`.
On a vector space they are addition and subtraction. Tangents are written so that the squares of their entries add up to
their squared length: as ambient vectors mostly, elsewhere in coordinates that the space names. A space is told apart
from how data are written in it: see `geodrift.embeddings`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

from torch import Tensor

from geodrift.errors import InputError
from geodrift.layout import Layout
from geodrift.rng import Streams
from geodrift.state import State

Point = TypeVar("Point", Tensor, State)


class Space(ABC, Generic[Point]):
    """A set of points with straight lines.

    Where `embedded` is true, tangents at different points may be added, and `retract` goes by the sum: then every
    Runge–Kutta method keeps its order. Elsewhere only exponential maps are left, and they keep the order two.
    """

    embedded: ClassVar[bool] = False

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

    def uniform(self, like: Point, rng: Streams) -> Point:
        """A point of the uniform law, shaped like `like`.

        Raises:
            InputError: On a space that has no uniform law.
        """
        raise InputError(f"{type(self).__name__} has no uniform law; choose a source of its own, such as a normal one")

    def uniform_log_prob(self, z: Tensor) -> Tensor:
        """The log-density of the uniform law, elementwise, where the space is flat.

        Raises:
            InputError: On a space that is curved or has no uniform law.
        """
        raise InputError(f"densities on {self} are not known; likelihoods are those of vector spaces and of the torus")

    def retract(self, z: Point, v: Point) -> Point:
        """Go from `z` by `v`, a sum of tangents at points nearby, and stay on the space."""
        return self.project(z + v) if self.embedded else self.exp(z, v)

    def on(self, layout: Layout) -> Space[Point]:
        """The space for a field with this layout; only spaces that join the elements of a sample depend on it."""
        return self
