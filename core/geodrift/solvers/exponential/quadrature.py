r"""Integrals of an exponential times a polynomial.

A prediction known at the nodes :math:`u_j` is the polynomial :math:`\sum_j q_j L_j(u)` of Lagrange, and a step needs

.. math:: w_j = y \int_0^1 e^{-y (1 - u)} L_j(u)\,du, \qquad M_p = y \int_0^1 e^{-y (1 - u)} u^p\,du,

with :math:`M_0 = 1 - e^{-y}` and :math:`M_p = 1 - p M_{p-1} / y`, or their series where that cancels. All weights are
finite for an infinite step, :math:`y = \infty`, and for a node that is infinitely far away. With two nodes the
published methods take the value of the line in the middle of the step, times :math:`M_0`; the order is the same.

References:
    | DPM-Solver++ (Lu et al., 2022), https://arxiv.org/abs/2211.01095
    | Exponential integrators (Hochbruck, Ostermann, 2010), https://doi.org/10.1017/S0962492910000048
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import factorial

import numpy as np

from geodrift.schedules.schedule import Number

Integrals = Callable[[int], list[Number]]
"""The integrals of the first powers of `u`, as many as are asked for."""

_TERMS = 20


def moments(y: Number, count: int) -> list[Number]:
    """:math:`M_0 … M_{count - 1}`."""
    if np.ndim(y):
        small = np.abs(y) < 1
        near, far = _series(np.where(small, y, 0.0), count), _recurrence(np.where(small, 1.0, y), count)
        return [np.where(small, a, b) for a, b in zip(near, far, strict=True)]
    return _series(y, count) if abs(y) < 1 else _recurrence(y, count)


def _recurrence(y: Number, count: int) -> list[Number]:
    found = [-np.expm1(-y)]
    for p in range(1, count):
        found.append(1 - p * found[-1] / y)
    return found


def _series(y: Number, count: int) -> list[Number]:
    """:math:`M_p = y\\,p! \\sum_n (-y)^n / (n + p + 1)!`, by Horner's rule; exact to rounding for :math:`|y| < 1`."""
    found = []
    for p in range(count):
        total = y * 0.0
        for n in range(_TERMS, 0, -1):
            total = (1 + total) * -y / (n + p + 1)
        found.append(y * (1 + total) * (factorial(p) / factorial(p + 1)))
    return found


def flat(count: int) -> list[Number]:
    """The integrals without the exponential: :math:`1 / (p + 1)`."""
    return [1 / (p + 1) for p in range(count)]


def exact(integrals: Integrals, count: int) -> list[Number]:
    """The integrals themselves."""
    return integrals(count)


def central(integrals: Integrals, count: int) -> list[Number]:
    """Of a line its value in the middle, which extrapolates less where a step is long; the integrals otherwise."""
    found = integrals(count)
    return [found[0], found[0] / 2] if count == 2 else found


def lagrange(nodes: Sequence[Number]) -> list[list[Number]]:
    """The coefficients of each :math:`L_j`, by powers of `u`; the first node is at zero, the others are not."""
    others = nodes[1:]
    basis = [_product([(1.0, -1 / u) for u in others])]
    for j, u in enumerate(others):
        rest = [other for m, other in enumerate(others) if m != j]
        scale = 1 / u
        for other in rest:
            scale = scale / (1 - u / other)
        basis.append([0.0, *(scale * c for c in _product([(1.0, -1 / other) for other in rest]))])
    return basis


def _product(factors: list[tuple[Number, Number]]) -> list[Number]:
    """The coefficients of a product of linear factors."""
    found: list[Number] = [1.0]
    for constant, slope in factors:
        up = [0.0, *(slope * c for c in found)]
        found = [constant * a + b for a, b in zip([*found, 0.0], up, strict=True)]
    return found


def weights(integrals: Sequence[Number], nodes: Sequence[Number]) -> list[Number]:
    """:math:`w_j` for the prediction at each node."""
    return [sum(c * m for c, m in zip(basis, integrals, strict=True)) for basis in lagrange(nodes)]
