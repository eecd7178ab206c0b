"""How elements look: their usual colours, and radii in Å."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from monty.serialization import loadfn
from pymatgen.core import Element

_SHARE = 0.42  # of the atomic radius, so that an atom does not hide its neighbours
_RADIUS = 1.5  # Å, of an element without one


def colour(symbol: str) -> str:
    """The colour of an element in Jmol's scheme, or one by its atomic number where that has none."""
    red, green, blue = _scheme().get(symbol) or _turned(Element(symbol).Z)
    return f"#{int(red):02x}{int(green):02x}{int(blue):02x}"


def radius(symbol: str) -> float:
    """The radius of its ball in Å."""
    return round(_SHARE * float(Element(symbol).atomic_radius or _RADIUS), 3)


def _turned(number: int) -> list[float]:
    return [255 * part for part in colorsys.hsv_to_rgb(number * 0.618 % 1, 0.5, 0.8)]


@cache
def _scheme() -> Mapping[str, list[float]]:
    table: Mapping[str, Mapping[str, list[float]]] = loadfn(str(files("pymatgen.vis") / "ElementColorSchemes.yaml"))
    return table["Jmol"]
