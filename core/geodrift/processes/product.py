r"""Several processes at once: the fields of a state, each on its own path, coupled only through the network.

Times are spread over each field through its layout and losses come back through it, so that the leaves never see how
a batch is put together. A field may have a clock of its own: a time is one tensor for all, or one for each field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from geodrift.errors import InputError
from geodrift.kernel import Joint, Kernel
from geodrift.layout import Layout
from geodrift.prediction import Prediction
from geodrift.processes.process import Draw, Flow, Move, Process
from geodrift.rng import Streams
from geodrift.schedules import Schedule
from geodrift.spaces import Product as ProductSpace
from geodrift.state import State

Times = Tensor | Mapping[str, Tensor]


class Predictions(dict[str, Any], Prediction):
    """The prediction for each field."""

    def extrapolate(self, base: Mapping[str, Any], scale: float) -> Predictions:
        return Predictions({name: p.extrapolate(base[name], scale) for name, p in self.items()})

    def tempered(self, temperature: float) -> Predictions:
        return Predictions({name: p.tempered(temperature) for name, p in self.items()})


@dataclass(frozen=True)
class Product(Process):
    """Independent processes of the fields of a state.

    Arguments:
        parts: The process of each field; those that are made of steps, of equally many.
    """

    parts: Mapping[str, Process]

    def __post_init__(self) -> None:
        made = {name: part.steps for name, part in self.parts.items() if part.steps is not None}
        if len(set(made.values())) > 1:
            raise ValueError(f"the fields move together, in equally many steps, not {made}")

    @property
    def space(self) -> ProductSpace:  # type: ignore[override]
        return ProductSpace({name: part.space for name, part in self.parts.items()})

    @property
    def leaves(self) -> Mapping[str, Process]:
        return self.parts

    @property
    def clock(self) -> Schedule | None:
        return next((part.clock for part in self.parts.values() if part.clock is not None), None)

    @property
    def steps(self) -> int | None:  # type: ignore[override]
        return next((part.steps for part in self.parts.values() if part.steps is not None), None)

    @property
    def anchors(self) -> frozenset[str]:  # type: ignore[override]
        return frozenset().union(*(part.anchors for part in self.parts.values()))

    @property
    def categorical(self) -> bool:
        return any(part.categorical for part in self.parts.values())

    @property
    def channels(self) -> dict[str, tuple[int, int]]:
        return {name: part.channels for name, part in self.parts.items()}

    def times(self, t: Times, like: State) -> dict[str, Tensor]:
        """The time of each field: a scalar, or one for each leading entry."""
        clock = t if isinstance(t, Mapping) else dict.fromkeys(self.parts, t)
        return {name: like.layouts[name].spread(clock[name]) for name in self.parts}

    def _check(self, z: Mapping[str, Any]) -> None:
        if z.keys() != self.parts.keys():
            raise InputError(f"a state of fields {', '.join(z)}; this process moves {', '.join(self.parts)}")

    def _on(self, like: State) -> dict[str, Process]:
        self._check(like)
        return {name: part.on(like.layouts[name]) for name, part in self.parts.items()}

    def _map(self, act: Callable[[Process, str, Tensor], Tensor], t: Times, like: State) -> State:
        times = self.times(t, like)
        return State({name: act(part, name, times[name]) for name, part in self._on(like).items()}, like.layouts)

    def admit(self, times: Tensor) -> None:
        for part in self.parts.values():
            part.admit(times)

    def enter(self, x: State, cond: Mapping[str, Tensor]) -> State:
        return x.replace({name: part.enter(x[name], cond) for name, part in self._on(x).items()}).masked()

    def leave(self, x: State, cond: Mapping[str, Tensor]) -> State:
        return x.replace({name: part.leave(x[name], cond) for name, part in self._on(x).items()}).masked()

    def embed(self, x: State) -> State:
        return x.replace({name: part.embed(x[name]) for name, part in self._on(x).items()})

    def prior(self, like: State, rng: Streams, t: Any = 1.0) -> State:
        parts = self._on(like)
        fields = {name: part.prior(like[name], rng.on(like.layouts[name]), t) for name, part in parts.items()}
        return State(fields, like.layouts).masked()

    def partner(self, x: State, rng: Streams) -> State:
        """Sources of the fields that move continuously; the others have none."""
        flows = {name: part for name, part in self._on(x).items() if isinstance(part, Flow)}
        fields = {name: part.partner(x[name], rng.on(x.layouts[name])) for name, part in flows.items()}
        return State(fields, {name: x.layouts[name] for name in fields}).masked()

    def start(self, n: State, rng: Streams, t: Any = 1.0) -> State:
        parts = self._on(n)
        fields = {name: part.start(n[name], rng.on(n.layouts[name]), t) for name, part in parts.items()}
        return State(fields, n.layouts).masked()

    def corrupt(self, x: State, t: Times, rng: Streams, n: State | None = None) -> Draw:
        times, parts = self.times(t, x), self._on(x)
        draws = {
            name: part.corrupt(x[name], times[name], rng.on(x.layouts[name]), None if n is None else n.get(name))
            for name, part in parts.items()
        }
        z, clean, noise = (
            State({name: getattr(draw, kind) for name, draw in draws.items()}, x.layouts) for kind in ("z", "x", "n")
        )
        return Draw(z.masked(), clean, noise, times)

    def mirror(self, draw: Draw) -> Draw:
        fields = {name: part.mirror(_of(draw, name)) for name, part in self._on(draw.z).items()}
        z = State({name: one.z for name, one in fields.items()}, draw.z.layouts)
        noise = State({name: one.n for name, one in fields.items()}, draw.z.layouts)
        return Draw(z.masked(), draw.x, noise, draw.t)

    def inputs(self, z: State, t: Times) -> State:
        return self._map(lambda part, name, u: part.inputs(z[name], u), t, z).masked()

    def resolve(self, raw: State, z: State, t: Times) -> Predictions:
        times = self.times(t, z)
        return Predictions({name: part.resolve(raw[name], z[name], times[name]) for name, part in self._on(z).items()})

    def loss(self, raw: State, draw: Draw) -> State:
        fields = {name: part.loss(raw[name], _of(draw, name)) for name, part in self._on(draw.z).items()}
        return State(fields, draw.z.layouts)

    def kernel(self, p: Predictions, z: State, t: Times, s: Times) -> Joint:
        return self.each(_own, p, z, t, s)

    def each(self, move: Move, p: Predictions, z: State, t: Times, s: Times) -> Joint:
        now, then = self.times(t, z), self.times(s, z)
        laws = {
            name: move(part, p[name], z[name], now[name], then[name], z.layouts[name])
            for name, part in self._on(z).items()
        }
        return Joint(laws, z)

    def finish(self, p: Predictions, z: State, rng: Streams) -> State:
        fields = {name: part.finish(p[name], z[name], rng.on(z.layouts[name])) for name, part in self._on(z).items()}
        return State(fields, z.layouts).masked()

    def velocity(self, p: Predictions, z: State, t: Times) -> State:
        return self._map(lambda part, name, u: part.velocity(p[name], z[name], u), t, z)

    def jump(self, p: Predictions, z: State, t: Times, s: Times, rng: Streams) -> State:
        then = self.times(s, z)
        return self._map(
            lambda part, name, u: part.jump(p[name], z[name], u, then[name], rng.on(z.layouts[name])), t, z
        )


def _of(draw: Draw, name: str) -> Draw:
    return Draw(draw.z[name], draw.x[name], draw.n[name], draw.t[name])


def _own(part: Process, p: Any, z: Tensor, t: Tensor, s: Tensor, layout: Layout) -> Kernel:
    return part.kernel(p, z, t, s)
