"""How elements jump: discrete flow matching from a mask or from any element.

References:
    | Generative Flows on Discrete State-Spaces (Campbell et al., 2024), https://arxiv.org/abs/2402.04997
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from geodrift.processes import Jump
from geodrift.registry import role


class Species(ABC):
    """A source of the elements."""

    @abstractmethod
    def jump(self, elements: int) -> Jump:
        """The process of this many elements."""


kinds = role("species", Species)


@kinds.register("masked")
@dataclass(frozen=True)
class Masked(Species):
    """Elements that are masked one by one."""

    def jump(self, elements: int) -> Jump:
        return Jump.masked(elements)


@kinds.register("uniform")
@dataclass(frozen=True)
class Uniform(Species):
    """Elements that are replaced by any element."""

    def jump(self, elements: int) -> Jump:
        return Jump.uniform(elements)
