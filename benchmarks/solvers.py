"""Error at equal network calls and time outside the network, beside diffusers and azula in one process.

    python benchmarks/solvers.py

Error: the distance from the exact flow of a mixture, root mean square, or between the laws (W1) where a method draws
noise; on the variance-preserving path, from the same starts, on the same times, equal in log-SNR; the last prediction
is the sample. Overhead: CPU time of a step without the network, of a volume 64^3 and of a state of five fields, median
of runs that alternate. diffusers is in the dev extra; azula joins where it is installed
(`pip install --no-deps azula einops`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import pairwise
from statistics import median
from types import SimpleNamespace
from typing import Any, NamedTuple

import diffusers
import torch
from torch import Tensor, nn

from geodrift.denoiser import Denoiser
from geodrift.parametrization import Noise
from geodrift.processes import Affine, Product
from geodrift.rng import Streams
from geodrift.schedules import VP
from geodrift.solvers import rk4, solvers
from geodrift.solvers.grids import LogSNR
from geodrift.state import State
from geodrift.testing import Exact, Points, run

PATH, GRID, CALLS = VP(), LogSNR(), (6, 10, 20, 40)


class Method(NamedTuple):
    """A sampler: its name, network calls a step, what it does from states at the first of some times, noise or not."""

    name: str
    stages: int
    sample: Callable[[Exact, Tensor, Tensor], Tensor]
    noisy: bool = False


def ours(kind: str) -> Method:
    solver = solvers.build(kind)

    def sample(exact: Exact, z: Tensor, times: Tensor) -> Tensor:
        x: Tensor = exact(run(solver, exact, z, times, Streams.of(1, len(z))), times[-1]).x
        return x

    return Method(kind, solver.stages, sample, kind.startswith("sde"))


def scheduled(name: str, build: Callable[[], Any], noisy: bool = False) -> Method:
    """A scheduler of diffusers, told the noise levels of our times; its own last step goes to zero."""

    def sample(exact: Exact, z: Tensor, times: Tensor) -> Tensor:
        scheduler = build()
        scheduler.set_timesteps(len(times))
        scheduler.sigmas = torch.cat([torch.exp(-PATH.log_snr(times)), torch.zeros(1, dtype=times.dtype)])
        scheduler._step_index = 0
        torch.manual_seed(1)
        for t, told in zip(times, scheduler.timesteps, strict=True):
            z = scheduler.step(exact(z, t).x, told, z).prev_sample
        return z

    return Method(f"diffusers {name}", 1, sample, noisy)


def heun(exact: Exact, z: Tensor, times: Tensor) -> Tensor:
    """The one of diffusers, whose states are divided by the signal and whose levels come twice."""
    scheduler = diffusers.HeunDiscreteScheduler(prediction_type="sample")
    scheduler.set_timesteps(len(times))
    asked = torch.cat([times[:1], times[1:].repeat_interleave(2)])
    scheduler.sigmas = torch.cat([torch.exp(-PATH.log_snr(asked)), torch.zeros(1, dtype=times.dtype)])
    scheduler._step_index, z = 0, z / PATH.alpha(times[0])
    for t in asked:
        z = scheduler.step(exact(z * PATH.alpha(t), t).x, t, z).prev_sample
    return z


def diffused() -> Iterator[Method]:
    options = {"prediction_type": "sample", "lower_order_final": False}
    for order in (2, 3):
        for family in ("dpmsolver++", "sde-dpmsolver++"):
            if family == "dpmsolver++" or order == 2:
                settings = {**options, "solver_order": order, "algorithm_type": family}
                yield scheduled(
                    f"{family} {order}M",
                    lambda settings=settings: diffusers.DPMSolverMultistepScheduler(**settings),  # type: ignore[misc]
                    family.startswith("sde"),
                )
        settings = {"prediction_type": "sample", "solver_order": order}
        yield scheduled(f"UniPC {order}", lambda settings=settings: diffusers.UniPCMultistepScheduler(**settings))  # type: ignore[misc]
    yield Method("diffusers Heun", 2, heun)


def azulas() -> Iterator[Method]:
    """The samplers of azula, where it is installed."""
    if find_spec("azula") is None:
        return
    from azula import sample as azula

    kinds = [("DDIMSampler", 1, {}), ("HeunSampler", 2, {}), ("DDPMSampler", 1, {})]
    kinds += [(f"{form}Sampler", 1, {"order": n}) for form in ("zAB", "vAB", "zEAB", "xEAB", "REAB") for n in (2, 3)]
    for name, stages, options in kinds:

        def sample(exact: Exact, z: Tensor, times: Tensor, name: str = name, options: Any = options) -> Tensor:
            class Timed(getattr(azula, name)):  # type: ignore[misc]
                timesteps = times

            def denoise(z: Tensor, t: Tensor) -> Any:
                return SimpleNamespace(mean=exact(z, t).x)

            denoise.schedule = lambda t: (PATH.alpha(t), PATH.sigma(t))  # type: ignore[attr-defined]
            torch.manual_seed(1)
            x: Tensor = exact(Timed(denoise, silent=True, **options)(z), times[-1]).x
            return x

        yield Method(f"azula {name.removesuffix('Sampler')} {options.get('order', '')}", stages, sample, name == "DDPMSampler")


def errors() -> None:
    """The table of errors, and how the best of each package compare."""
    law = Points(torch.tensor([[-1.0], [1.2]]), torch.tensor([0.35, 0.65]), torch.tensor([0.3, 0.2]))
    exact, count = Exact(Affine(PATH), law), 4096
    z = torch.special.ndtri((torch.arange(count) + 0.5) / count)[:, None]
    end = run(rk4(), exact, z, torch.cat([GRID(200, exact.process), torch.tensor([1e-5])]), Streams.of(0, count))
    kinds = ("ab-2", "ab-3", "dpm-2m", "dpm-3m", "dpm++-1", "dpm++-2m", "dpm++-3m", "unipc-2", "unipc-3", "heun", "dpm++-2s", "dpm++-3s", "sde-dpm++-1")
    methods = [*map(ours, (*kinds, "sde-dpm++-2m")), *diffused(), *azulas()]
    print(f"{'error at network calls':32} " + " ".join(f"{calls:>9}" for calls in CALLS))
    for method in methods:
        row = []
        for calls in CALLS:
            x = method.sample(exact, z, GRID((calls - 1) // method.stages + 1, exact.process)).double()
            a, b = (v.flatten().sort()[0] if method.noisy else v.flatten() for v in (x, end))
            row.append(float((a - b).abs().mean() if method.noisy else (a - b).square().mean().sqrt()))
        print(f"{method.name:32} " + " ".join(f"{value:9.2e}" for value in row))


class Quiet(nn.Module):
    """A network that answers at once."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, z: Any, t: Tensor, cond: Any) -> Any:
        return self.answer


SHAPES = {"nodes": (32, 38, 9), "edges": (32, 200, 4), "lattice": (32, 6), "positions": (32, 20, 3), "charge": (32, 20)}
STEPS = 20


def cost_of_ours(process: Any, z: Any, answer: Any) -> float:
    denoiser, solver = Denoiser(Quiet(answer), process).eval(), solvers.build("dpm++-2m")
    rng, times = Streams.of(0, len(next(iter(z.values())) if isinstance(z, State) else z)), TIMES
    carry, start = solver.init(z, rng), time.process_time()
    with torch.no_grad():
        for t, s in pairwise(times):
            z, carry = solver.step(denoiser, z, t, s, carry, rng)
    return (time.process_time() - start) / (STEPS - 1)


def cost_of_theirs(fields: list[Tensor], answers: list[Tensor]) -> float:
    schedulers = [diffusers.DPMSolverMultistepScheduler() for _ in fields]
    for scheduler in schedulers:
        scheduler.set_timesteps(STEPS)
    start = time.process_time()
    with torch.no_grad():
        for t in schedulers[0].timesteps[:-1]:
            pairs = zip(schedulers, fields, answers, strict=True)
            fields = [scheduler.step(out, t, scheduler.scale_model_input(x, t)).prev_sample for scheduler, x, out in pairs]
    return (time.process_time() - start) / (STEPS - 1)


TIMES = [torch.tensor(t, dtype=torch.float64) for t in GRID(STEPS, Affine(PATH)).tolist()]


def overheads(rounds: int = 60) -> None:
    """Time outside the network: of the same second-order multistep method, on networks that predict noise."""
    part = Affine(PATH, parametrization=Noise())
    volume = torch.randn(1, 1, 64, 64, 64)
    state = State({name: torch.randn(shape) for name, shape in SHAPES.items()})
    cases = [
        ("volume 64^3", part, volume, [volume]),
        ("five fields", Product(dict.fromkeys(SHAPES, part)), state, list(state.values())),
    ]
    for name, process, z, fields in cases:
        answers = [torch.randn_like(field) for field in fields]
        answer = z.replace(dict(zip(SHAPES, answers, strict=True))) if isinstance(z, State) else answers[0]
        found = [(cost_of_ours(process, z, answer), cost_of_theirs(fields, answers)) for _ in range(rounds)]
        a, b = (median(side) * 1e6 for side in zip(*found[rounds // 10 :], strict=True))
        print(f"{name}: {a:.0f} us a step, diffusers {b:.0f} us, ratio {median(x / y for x, y in found):.2f}")


def main() -> None:
    torch.set_num_threads(1)
    if len(__import__("sys").argv) < 2: overheads()
    torch.set_default_dtype(torch.float64)
    errors()


if __name__ == "__main__":
    main()
