r"""Parts by name: what a config may ask for.

A config names a part as `{kind = "vp", beta_max = 10}`, or as `"vp"` for its defaults. Each role (schedules,
networks, ...) has one table, and plugins add to the same tables. A name is looked up, never imported or evaluated; the
parameters are checked against the part's signature.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

from pydantic import Field, TypeAdapter, ValidationError

from geodrift.errors import InputError, unknown

Part = TypeVar("Part", bound=Callable[..., Any])
Spec = str | Mapping[str, Any]


class Role:
    """A table of parts that play one role.

    Arguments:
        name: The role in the singular, as errors call it: "schedule".
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._parts: dict[str, Callable[..., Any]] = {}

    def register(self, kind: str) -> Callable[[Part], Part]:
        """Add a class or function to the table under this name."""

        def add(part: Part) -> Part:
            if self._parts.setdefault(kind, part) is not part:
                raise InputError(f'{self.name} "{kind}" is registered twice')
            return part

        return add

    @property
    def kinds(self) -> list[str]:
        return sorted(self._parts)

    def build(self, spec: Spec, **given: Any) -> Any:
        """The part that `spec` describes; `given` are arguments that no config can write (sizes, other parts).

        Raises:
            InputError: For an unknown kind, an unknown key or a value of the wrong type, with the nearest match.
        """
        options = {"kind": spec} if isinstance(spec, str) else dict(spec)
        kind = options.pop("kind", None)
        if kind is None:
            raise InputError(f'{self.name}: no "kind"; available: {", ".join(self.kinds)}')
        if not isinstance(kind, str) or kind not in self._parts:
            raise unknown(self.name, kind, self._parts)
        part = self._parts[kind]
        settings = {key: self._check(part, kind, key, value, given) for key, value in options.items()}
        accepted = inspect.signature(part).parameters
        missing = [name for name in accepted if _needed(accepted[name]) and name not in {**settings, **given}]
        if missing:
            raise InputError(f'{self.name} {kind}: needs "{missing[0]}"; add it')
        return part(**settings, **{key: value for key, value in given.items() if key in accepted})

    def _check(self, part: Callable[..., Any], kind: str, key: str, value: Any, given: Mapping[str, Any]) -> Any:
        names = [name for name in inspect.signature(part).parameters if name not in given]
        if key not in names:
            raise unknown(f"key in {self.name} {kind}", key, names)
        hint = _hints(part).get(key, Any)
        interface = next((kind for kind in (hint, *get_args(hint)) if kind in ROLES), None)
        if interface is not None:
            return self._part(key, value, interface)
        try:
            return TypeAdapter(hint).validate_python(value)
        except ValidationError as error:
            raise InputError(f"{self.name}.{key}: {error.errors()[0]['msg'].lower()}, not {value!r}") from None

    def _part(self, key: str, value: Any, interface: type) -> Any:
        built = ROLES[interface].build(value)
        if not isinstance(built, interface):
            raise InputError(f"{self.name}.{key}: {value!r} is not {interface.__name__.lower()}; choose another kind")
        return built


def _needed(parameter: inspect.Parameter) -> bool:
    rest = parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD
    return parameter.default is parameter.empty and parameter.kind not in rest


def _hints(part: Callable[..., Any]) -> dict[str, Any]:
    """The types of the parameters; those of a dataclass's base are known where the base is."""
    plain = inspect.isclass(part) and not is_dataclass(part)
    return get_type_hints(part.__init__ if plain else part, include_extras=True)


ROLES: dict[type, Role] = {}

Count = Annotated[int, Field(gt=0)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Inside = Annotated[float, Field(gt=0, le=1)]
"""Numbers of configs, checked when a part is built from one."""


def role(name: str, interface: type) -> Role:
    """A new table for the parts with this interface; parameters annotated with the interface are built from it."""
    return ROLES.setdefault(interface, Role(name))
