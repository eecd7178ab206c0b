r"""How far a learned score is from that of any law that moves with its process.

The marginals of a process obey :math:`\partial_t \log p + \nabla \cdot u + u \cdot \nabla \log p = 0` with the velocity
:math:`u = f - \tfrac{g^2}{2} \nabla \log p` of the probability flow; this is the Fokker–Planck equation of
:math:`dz = f dt + g dW`. With a model's :math:`\varphi` for :math:`\log p`, or its :math:`s` for the score, and the
velocity that the model itself implies, what is left are the residuals

.. math:: R = \partial_t \varphi + \nabla \cdot u + u \cdot \nabla \varphi, \qquad
   R_s = \partial_t s + \nabla (\nabla \cdot u + u \cdot s)
       = \partial_t s - \nabla \left\{\tfrac{g^2}{2} (\nabla \cdot s + |s|^2) - f \cdot s - \nabla \cdot f\right\}.

Where :math:`R_s` is zero, samples of the reverse SDE and of the probability-flow ODE have the same law. The first is
also exactly the mismatch of likelihoods: with :math:`q` the density that the model's own flow carries,
:math:`\log q_t(z_t) - \varphi(z_t, t)` grows along the flow at the rate :math:`-R`.

References:
    | Closing the ODE-SDE Gap in Score-Based Diffusion Models (Deveney et al., 2023), https://arxiv.org/abs/2311.15996
    | FP-Diffusion (Lai et al., 2023), https://arxiv.org/abs/2210.04296
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from geodrift.denoiser import Conditions, Denoise, samples
from geodrift.diagnostics.differentials import differentiable, pull, push
from geodrift.diagnostics.fields import score
from geodrift.diagnostics.flat import Flat
from geodrift.diagnostics.traces import ExactTrace, Trace
from geodrift.errors import InputError
from geodrift.processes import Process, has_score
from geodrift.rng import Streams


class Density(Denoise, Protocol):
    """A denoiser with a log-density of its own."""

    def log_prob(self, z: Any, t: Any, cond: Conditions | None = None) -> Tensor:
        """The log-density :math:`\\varphi` of each sample at the time `t`, `(B,)`, up to a number of the time's."""


class _Flow(NamedTuple):
    """A model at a state and time, as vectors with gradients."""

    flat: Flat
    v: Tensor
    t: Tensor
    s: Tensor
    u: Tensor


def admit(process: Process) -> None:
    """Raise `InputError` where the law of a process is not that of one SDE: a field has no score."""
    for name, part in process.leaves.items():
        if not has_score(part):
            field = f"field {name}" if name else "this process"
            raise InputError(f"a Fokker–Planck residual needs a score of every field; {field} ({part}) has none")


def score_residual(
    denoise: Denoise, z: Any, t: Any, rng: Streams, trace: Trace | None = None, cond: Conditions | None = None
) -> Any:
    """The residual :math:`R_s`, shaped like `z`; it may be differentiated by the weights.

    Arguments:
        denoise: A denoiser whose network may be differentiated three times, and answers each sample for itself.
        z: A tensor or state.
        t: One time, or one for each sample `(B,)`.
        rng: One stream for each sample, for the probes of an estimated trace.
        trace: How the divergence is computed; exactly by default.
        cond: Conditions, `(B,)` each.

    Raises:
        InputError: When a field has no score.
    """
    with differentiable():
        flow = _flow(denoise, z, t, cond)
        growth = (trace or ExactTrace())(flow.u, flow.v, rng) + (flow.u * flow.s).sum(1)
        return flow.flat.split(push(flow.s, flow.t, torch.ones_like(flow.t)) + pull(growth, flow.v, _ones(growth)))


def density_residual(
    density: Density, z: Any, t: Any, rng: Streams, trace: Trace | None = None, cond: Conditions | None = None
) -> Tensor:
    """The residual :math:`R` of each sample, `(B,)`, of a model whose score is the gradient of its log-density."""
    with differentiable():
        flow = _flow(density, z, t, cond)
        log_prob = density.log_prob(flow.flat.split(flow.v), flow.t, cond)
        change = pull(log_prob, flow.t, _ones(log_prob))
        along = (pull(log_prob, flow.v, _ones(log_prob)) * flow.u).sum(1)
        return change + along + (trace or ExactTrace())(flow.u, flow.v, rng)


def likelihood_gap(density: Density, z: Any, times: Tensor, rng: Streams, trace: Trace | None = None) -> Tensor:
    """What the density of the model's own flow has over its :math:`\\varphi` at the first time, `(B,)`.

    At the last time, where the flow starts, the two are taken as equal. Both the flow and the integral of the residual
    along it are by the classical Runge–Kutta method, one step between each two times.
    """
    flat, gap = Flat.of(z), torch.zeros(samples(z), dtype=times.dtype, device=times.device)

    def rates(v: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
        state = flat.split(v)
        velocity = density.process.velocity(density(state, at), state, at)
        return flat.join(velocity).detach(), density_residual(density, state, at, rng, trace).detach()

    v = flat.join(z)
    for t, s in pairwise(times):
        h, middle = s - t, (t + s) / 2
        k1, r1 = rates(v, t)
        k2, r2 = rates(v + h / 2 * k1, middle)
        k3, r3 = rates(v + h / 2 * k2, middle)
        k4, r4 = rates(v + h * k3, s)
        v, gap = v + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), gap - h / 6 * (r1 + 2 * r2 + 2 * r3 + r4)
    return gap


def _flow(denoise: Denoise, z: Any, t: Any, cond: Conditions | None) -> _Flow:
    process, flat = denoise.process, Flat.of(z)
    admit(process)
    v = flat.join(z).detach().requires_grad_()
    clock = torch.as_tensor(t, dtype=v.dtype, device=v.device).detach().expand(len(v)).clone().requires_grad_()
    state = flat.split(v)
    p = denoise(state, clock, cond)
    return _Flow(
        flat, v, clock, flat.join(score(process, p, state, clock)), flat.join(process.velocity(p, state, clock))
    )


def _ones(values: Tensor) -> Tensor:
    return torch.ones_like(values)
