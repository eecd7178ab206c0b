"""The tables of the parts that a config of crystals may ask for."""

from __future__ import annotations

from geodrift.registry import Role

processes = Role("process")
networks = Role("network")
data = Role("data")
