r"""What a model may be asked for: the columns of a table of participants.

A column is numbers with a unit and a range, or texts, the categories, which are written as their places in the list. A
value outside the range or the list is refused: the model has never seen one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from geodrift.conditioning import Asked
from geodrift.errors import InputError, unknown

UNITS = {"age": "years", "weight": "kg", "height": "cm", "csf": "ml", "gm": "ml", "wm": "ml", "icv": "ml"}
_MARGIN = 0.05  # of the range seen in training, allowed beyond it


@dataclass(frozen=True)
class Column:
    """A column of numbers, or of categories.

    Arguments:
        mean: Of the numbers, or of the places of the categories.
        std: Their standard deviation.
        low: The least number that may be asked for.
        high: The largest.
        unit: Of the numbers.
        categories: The texts, where they are texts.
    """

    mean: float
    std: float
    low: float
    high: float
    unit: str = ""
    categories: tuple[str, ...] = ()

    @classmethod
    def fit(cls, name: str, values: Sequence[Any]) -> Self:
        """The column of these values of the training subjects.

        Raises:
            InputError: When no subject has one, or some are numbers and others texts.
        """
        known = [value for value in values if value is not None]
        if not known:
            raise InputError(f'data.conditions: no subject has "{name}"; give a participants.tsv with this column')
        texts = [value for value in known if isinstance(value, str)]
        if texts and len(texts) < len(known):
            raise InputError(f'data.conditions: "{name}" has numbers and texts such as {texts[0]!r}; correct the table')
        return cls._categories(texts) if texts else cls._numbers(name, known)

    @classmethod
    def _numbers(cls, name: str, known: Iterable[Any]) -> Self:
        found = np.array([float(value) for value in known])
        margin = _MARGIN * float(np.ptp(found))
        ends = float(found.min()) - margin, float(found.max()) + margin
        return cls(float(found.mean()), max(float(found.std()), 1e-6), *ends, UNITS.get(name, ""))

    @classmethod
    def _categories(cls, texts: Sequence[str]) -> Self:
        names = tuple(sorted(set(texts)))
        places = np.array([names.index(text) for text in texts])
        return cls(float(places.mean()), max(float(places.std()), 1e-6), 0.0, len(names) - 1.0, "", names)

    def ask(self, name: str, value: Asked) -> float:
        """The number that a wish means.

        Raises:
            InputError: When it is not one of the categories, no number or outside the range.
        """
        if self.categories:
            return float(self._place(name, str(value)))
        try:
            found = float(value)
        except ValueError:
            found = math.nan
        if not math.isfinite(found):
            raise InputError(f"condition {name}={value}: not a number")
        if not self.low <= found <= self.high:
            span = f"{self.low:.4g} to {self.high:.4g} {self.unit}".rstrip()
            raise InputError(f"condition {name}={value}: the model knows {span}; ask for a value within")
        return found

    def _place(self, name: str, value: str) -> int:
        if value not in self.categories:
            raise unknown(f"value of {name}", value, self.categories)
        return self.categories.index(value)

    def number(self, value: Any) -> float:
        """A value of a table; NaN where it is missing or unknown."""
        if self.categories:
            return float(self.categories.index(value)) if value in self.categories else math.nan
        return float(value) if isinstance(value, int | float) else math.nan

    def told(self, number: float) -> float | str:
        """The value that a number stands for."""
        return self.categories[round(number)] if self.categories else number


def indicators(columns: Mapping[str, Column]) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of each input of a network: a number as it is, a category as its own indicator."""
    found = {}
    for name, column in columns.items():
        if column.categories:
            share = 1 / len(column.categories)
            found.update({f"{name}={text}": (share, (share * (1 - share)) ** 0.5) for text in column.categories})
        else:
            found[name] = (column.mean, column.std)
    return found
