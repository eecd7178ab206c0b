"""Plain numbers as the JSON values of a checkpoint, and back, checked against the types of a dataclass."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from geodrift.errors import InputError

T = TypeVar("T")


def dumped(thing: Any, without: Collection[str] = ()) -> dict[str, Any]:
    """The fields of a dataclass as JSON values, except those named."""
    values: dict[str, Any] = TypeAdapter(type(thing)).dump_python(thing, mode="json", exclude=set(without))
    return values


def loaded(kind: type[T], values: Mapping[str, Any], name: str) -> T:
    """What `dumped` gave, as it was.

    Arguments:
        kind: The dataclass.
        values: Its fields.
        name: What it is called in errors.

    Raises:
        InputError: When a value is missing, unknown, of the wrong type or inconsistent.
    """
    try:
        return TypeAdapter(kind).validate_python(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([name, *map(str, first["loc"])])
        reason = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{place}: {reason}; the checkpoint is damaged") from None
