"""Laws of the registry: parts by name, and errors that say what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from geodrift.errors import InputError, unknown
from geodrift.parametrization import Linear, Noise
from geodrift.registry import Role
from geodrift.schedules import VE, VP, Cosine, Schedule, schedules
from geodrift.solvers import S4, Ancestral, PredictorCorrector, solvers
from geodrift.solvers.grids import grids

tools = Role("tool")


@tools.register("hammer")
@dataclass(frozen=True)
class Hammer:
    weight: float
    grip: Literal["wood", "steel"] = "wood"
    schedule: Schedule = field(default_factory=Cosine)
    other: Schedule | None = None
    sizes: tuple[int, ...] = ()


@tools.register("rope")
def rope(length: int, knots: int = 0) -> tuple[int, int]:
    return length, knots


def test_every_registered_part_builds_by_name() -> None:
    for table in (schedules, solvers):
        for kind in table.kinds:
            assert type(table.build(kind)) is type(table.build({"kind": kind}))


def test_parameters_and_nested_parts() -> None:
    assert schedules.build({"kind": "ve", "sigma_max": 5}) == VE(sigma_max=5.0)
    built = solvers.build({"kind": "predictor-corrector", "snr": 0.1, "predictor": {"kind": "ancestral", "eta": 0.5}})
    assert built == PredictorCorrector(Ancestral(0.5), 0.1)
    assert solvers.build({"kind": "predictor-corrector", "predictor": "s4"}) == PredictorCorrector(S4())
    deep = {
        "kind": "hammer",
        "weight": 1,
        "schedule": {"kind": "vp", "beta_max": 5},
        "other": "cosine",
        "sizes": [1, 2],
    }
    assert tools.build(deep) == Hammer(1.0, schedule=VP(beta_max=5.0), other=Cosine(), sizes=(1, 2))
    assert tools.build({"kind": "rope", "knots": 3}, length=2) == (2, 3)


def test_what_a_part_does_not_take_is_not_given() -> None:
    assert tools.build("rope", length=2, colour="red") == (2, 0)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("hamer", ['no tool "hamer"', 'did you mean "hammer"', "available: hammer, rope"]),
        ({"weight": 1}, ['tool: no "kind"', "available: hammer, rope"]),
        ({"kind": "hammer", "wieght": 1}, ['no key in tool hammer "wieght"', 'did you mean "weight"']),
        ({"kind": "hammer", "weight": "heavy"}, ["tool.weight", "number", "'heavy'"]),
        ({"kind": "hammer", "weight": 1, "grip": "glass"}, ["tool.grip", "'wood' or 'steel'", "'glass'"]),
        ({"kind": "hammer", "weight": 1, "schedule": "cosin"}, ['no schedule "cosin"', 'did you mean "cosine"']),
        ({"kind": "hammer", "weight": 1, "schedule": {"kind": "vp", "beta": 1}}, ['no key in schedule vp "beta"']),
        ({"kind": "hammer", "weight": 1, "sizes": [1, "x"]}, ["tool.sizes", "integer"]),
        ({"kind": "rope", "length": 3, "knots": 1.5}, ["tool.knots", "integer", "1.5"]),
    ],
    ids=str,
)
def test_errors_name_what_is_wrong_and_the_nearest_match(spec: Any, words: list[str]) -> None:
    with pytest.raises(InputError) as error:
        tools.build(spec)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert "\n" not in str(error.value)


def test_given_arguments_cannot_be_written_in_a_config() -> None:
    with pytest.raises(InputError, match='no key in tool rope "length"'):
        tools.build({"kind": "rope", "length": 5}, length=2)


def test_a_name_belongs_to_one_part() -> None:
    with pytest.raises(InputError, match="registered twice"):
        tools.register("rope")(Hammer)
    assert tools.register("rope")(rope) is rope


def test_unknown_without_anything_near() -> None:
    assert str(unknown("solver", "xyz", [])) == 'no solver "xyz"; available: none'


def test_a_part_of_another_interface_is_refused() -> None:
    """A table may hold more than a parameter takes: classes are a parametrization, but no row of data and noise."""

    def weighed(weighting: Linear | None = None) -> Linear | None:
        return weighting

    scales = Role("scale")
    scales.register("weighed")(weighed)
    assert scales.build({"kind": "weighed", "weighting": "noise"}) == Noise()
    with pytest.raises(InputError, match=r"scale\.weighting: 'classes' is not linear; choose another kind"):
        scales.build({"kind": "weighed", "weighting": "classes"})


@pytest.mark.parametrize(
    ("table", "spec"),
    [
        (schedules, {"kind": "vp", "beta_max": -1}),
        (schedules, {"kind": "ve", "sigma_min": 0}),
        (solvers, {"kind": "ancestral", "eta": 2}),
        (solvers, {"kind": "ctmc", "eta": -5}),
        (solvers, {"kind": "s4", "snr": -0.1}),
        (grids, {"kind": "power", "exponent": 0}),
        (grids, {"kind": "karras", "rho": -1}),
    ],
    ids=str,
)
def test_numbers_out_of_range_are_refused(table: Role, spec: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"input should be (greater|less) than"):
        table.build(spec)
