"""What a model of a size costs: what can be known exactly is, and the times are those of the same calls."""

from __future__ import annotations

import pytest

from geodrift.config import resolve
from geodrift.errors import InputError
from geodrift.testing.command import command
from geodrift_mri3d.cost import cost

SMALL = {"kind": "unet", "channels": [16, 16], "head": 8, "groups": 8, "rank": 2}


def test_parameters_are_those_of_the_network_and_larger_volumes_cost_more() -> None:
    config = resolve({"domain": "mri3d", "network": SMALL}, "test")
    small, large = (cost(config, (side,) * 3) for side in (32, 128))
    assert small["parameters"] == large["parameters"] > 10_000
    for key in ("seconds a network call", "seconds a training step of one volume"):
        assert large[key] > 20 * small[key]  # 64 times the places
    assert large["GiB while training, one volume at a time"] > large["GiB while sampling"] > 0
    assert small["seconds a sample"] == pytest.approx(config.sample.steps * small["seconds a network call"])


def test_a_size_that_does_not_divide_is_refused() -> None:
    with pytest.raises(InputError, match="multiples of 4"):
        cost(resolve({"domain": "mri3d"}, "test"), (33, 32, 32))


def test_a_model_of_details_begins_with_a_coarse_volume() -> None:
    data = {"kind": "details", "coarse": "ixi-4mm"}
    network = {key: value for key, value in SMALL.items() if key != "rank"}
    config = resolve({"domain": "mri3d", "network": network, "data": data, "sample": {"steps": 2}}, "test")
    found = cost(config, (32, 32, 32))
    assert found["seconds a sample"] > 2 * found["seconds a network call"]


def test_the_command_says_it_for_a_domain_and_refuses_where_there_is_no_size() -> None:
    document = command("info", "mri3d", "--size", "16", "24", "16", "--json").document
    assert document["preset"] == "mri3d/ixi-4mm"
    assert document["size"] == [16, 24, 16]
    assert "no size to choose" in command("info", "graphs/qm9", "--size", "8", "8", "8").errors
