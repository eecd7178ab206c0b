r"""The Gaussian with the mean and covariance of the data: an exact denoiser and an exact flow without a network.

For data :math:`N(\mu, \Sigma)` with eigenpairs :math:`\lambda_k, e_k` and a path :math:`z = \alpha x + \sigma n`
everything happens along the axes. With the coordinates :math:`c_k = e_k \cdot (z - \alpha \mu)` the expected data and
noise, and the probability flow from :math:`t` to :math:`s`, are

.. math:: \hat x = \mu + \sum_k \frac{\alpha \lambda_k}{v_k} c_k e_k, \quad
   \hat n = \sum_k \frac{\sigma}{v_k} c_k e_k, \quad
   z_s = \alpha_s \mu + \sum_k \sqrt{\frac{v_k(s)}{v_k(t)}}\, c_k e_k, \qquad v_k = \alpha^2 \lambda_k + \sigma^2.

Of many axes the strongest are kept and the rest share one variance. High-variance axes settle first, so that this flow
is that of any data while the noise is large: the outline comes first.

A process of several fields has a Gaussian for each, independent of the others: with schedules of their own a flow of
correlated fields has no closed form. In a dense field a draw is a whole sample; in a padded or ragged one it is one
element, whose place in its sample means nothing.

References:
    | Diffusion Models Generate Images Like Painters (Wang, Vastola, 2023), https://arxiv.org/abs/2303.02490
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from geodrift.denoiser import Conditions
from geodrift.errors import InputError
from geodrift.layout import Dense, Layout, Padded
from geodrift.moments import Moments, Running
from geodrift.prediction import Estimate
from geodrift.processes import Affine, Predictions, Process, Product
from geodrift.schedules import Coefficients
from geodrift.state import State

Fitted = Moments | Mapping[str, Moments]
"""The moments of a tensor, or of each field of a state."""


def fit(process: Process, batches: Iterable[Any], rank: int) -> Fitted:
    """The moments of data as the process sees them, in one pass.

    Arguments:
        process: An affine process, or a product of them: it says how values are embedded.
        batches: Tensors `(B, ...)` or states.
        rank: Axes kept, at most.

    Raises:
        InputError: When a field is not on an affine path.
    """
    parts = _affine(process)
    running = {name: Running(rank) for name in parts}
    for batch in batches:
        fields, layouts = (batch, batch.layouts) if isinstance(batch, State) else ({"": batch}, {"": Dense()})
        for name, part in parts.items():
            running[name].add(_draws(part.embedding.embed(fields[name]), layouts[name]))
    found = {name: each.moments() for name, each in running.items()}
    return found if isinstance(process, Product) else found[""]


def _affine(process: Process) -> dict[str, Affine]:
    for name, part in process.leaves.items():
        if not isinstance(part, Affine) or not part.scored:
            field = f"field {name}" if name else "this process"
            raise InputError(f"{field} ({part}) is not data plus normal noise; only that has a Gaussian closed form")
    return dict(process.leaves)  # type: ignore[arg-type]


def _draws(x: Tensor, layout: Layout) -> Tensor:
    return x[layout.present] if isinstance(layout, Padded) else x


class GaussianDenoiser:
    """The exact denoiser of Gaussian data: a baseline without training.

    Arguments:
        process: An affine process, or a product of them.
        moments: The mean and covariance of the embedded data, of each field of a product.

    Raises:
        InputError: When a field is not on an affine path, or has no moments.
    """

    def __init__(self, process: Process, moments: Fitted) -> None:
        self.process = process
        self._parts = _affine(process)
        self._moments = {"": moments} if isinstance(moments, Moments) else dict(moments)
        if self._parts.keys() != self._moments.keys():
            asked, given = (", ".join(map(repr, names)) for names in (self._parts, self._moments))
            raise InputError(f"moments of the fields {given}; this process moves {asked}")

    def __call__(self, z: Any, t: Any, cond: Conditions | None = None) -> Any:
        """The prediction; no condition is looked at."""
        if not isinstance(self.process, Product):
            return _estimate(self._parts[""], self._moments[""], z, torch.as_tensor(t))
        times = self.process.times(t, z)
        estimates = {n: _estimate(part, self._moments[n], z[n], times[n]) for n, part in self._parts.items()}
        return Predictions(estimates)

    def centre(self, z: Any) -> Any:
        """The mean of the data, shaped like `z`."""
        if not isinstance(self.process, Product):
            return self._moments[""].mean.expand_as(z)
        return State({n: self._moments[n].mean.expand_as(z[n]) for n in self._parts}, z.layouts).masked()

    def flow(self, z: Any, t: Any, s: Any) -> Any:
        """Where the probability flow takes the state from `t` to `s`, in either direction."""
        if not isinstance(self.process, Product):
            return _flow(self._parts[""], self._moments[""], z, torch.as_tensor(t), torch.as_tensor(s))
        now, then = self.process.times(t, z), self.process.times(s, z)
        moved = {n: _flow(part, self._moments[n], z[n], now[n], then[n]) for n, part in self._parts.items()}
        return State(moved, z.layouts).masked()


def _estimate(part: Affine, moments: Moments, z: Tensor, t: Tensor) -> Estimate:
    at = part.at(t.to(z), moments.flat(z))
    from_mean = moments.flat(z) - at.alpha * moments.flat(moments.mean)
    gain = moments.scale(from_mean, lambda variance: at.alpha * variance / _spread(at, variance))
    noise = moments.scale(from_mean, lambda variance: at.sigma / _spread(at, variance))
    return Estimate(moments.mean + gain.reshape(z.shape), noise.reshape(z.shape))


def _flow(part: Affine, moments: Moments, z: Tensor, t: Tensor, s: Tensor) -> Tensor:
    flat, mean = moments.flat(z), moments.flat(moments.mean)
    now, then = part.at(t.to(z), flat), part.at(s.to(z), flat)
    from_mean = flat - now.alpha * mean
    stretched = moments.scale(from_mean, lambda variance: torch.sqrt(_spread(then, variance) / _spread(now, variance)))
    return (then.alpha * mean + stretched).reshape(z.shape)


def _spread(at: Coefficients, variance: Tensor) -> Tensor:
    """The variance of the state along an axis on which the data have this one."""
    return torch.square(at.alpha) * variance + torch.square(at.sigma)
