"""The exponential integrators by their published names: `dpm` integrates the noise, `dpm++` the data.

`m` methods remember, `s` methods have stages; `sde` methods draw noise, `noise` times as much, which above one makes up
for what a network loses (the :math:`S_{noise}` of EDM); `ab` is the Adams–Bashforth method on the
straight path, which has no singular end.
"""

from __future__ import annotations

from collections.abc import Callable

from geodrift.registry import NotNegative, Share
from geodrift.solvers.exponential.forms import Data, Form, Noise, Straight
from geodrift.solvers.exponential.multistep import Multistep
from geodrift.solvers.exponential.quadrature import central, exact
from geodrift.solvers.exponential.singlestep import Singlestep
from geodrift.solvers.exponential.unipc import UniPC
from geodrift.solvers.solver import solvers

STAGES = {2: (1 / 2,), 3: (1 / 3, 2 / 3)}
RULES = {2: central, 3: exact}


def _multistep(form: type[Form], order: int) -> Callable[..., Multistep]:
    def build(settle: Share = 0.0) -> Multistep:
        return Multistep(form(), order, settle)

    return build


def _noisy(form: type[Form], order: int) -> Callable[..., Multistep]:
    def build(eta: NotNegative = 1.0, settle: Share = 0.0, noise: NotNegative = 1.0) -> Multistep:
        return Multistep(form(eta, noise), order, settle)

    return build


def _singlestep(form: type[Form], order: int) -> Callable[..., Singlestep]:
    def build() -> Singlestep:
        return Singlestep(form(), STAGES[order], RULES[order])

    return build


def _corrected(order: int) -> Callable[..., UniPC]:
    def build() -> UniPC:
        return UniPC(Data(), order)

    return build


for family, form in (("dpm", Noise), ("dpm++", Data)):
    solvers.register(f"{family}-1")(_multistep(form, 1))
    for order in (2, 3):
        solvers.register(f"{family}-{order}m")(_multistep(form, order))
        solvers.register(f"{family}-{order}s")(_singlestep(form, order))
    solvers.register(f"sde-{family}-1")(_noisy(form, 1))
    solvers.register(f"sde-{family}-2m")(_noisy(form, 2))
for order in (2, 3):
    solvers.register(f"ab-{order}")(_multistep(Straight, order))
    solvers.register(f"unipc-{order}")(_corrected(order))
