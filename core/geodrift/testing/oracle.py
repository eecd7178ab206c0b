r"""Data that are one of some points.

The data are a weighted set of points, in a real field each blurred by a normal law. One point is a Gaussian, several
are a mixture, points without blur are an empirical law, points that are classes any law of classes. The posterior of
the point is :math:`r_m \propto w_m \prod_f q_f(z_f | x_m)` over all elements of all fields, and the prediction its
average: fields and elements may be as dependent as the points make them.

A process of another kind joins by registering its `log_likelihood` and its `average`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from geodrift.layout import Dense, trailing
from geodrift.processes import Affine, Belief, Estimate, Jump, Predictions, Process, Product
from geodrift.rng import Streams
from geodrift.state import State
from geodrift.testing.exact import Law
from geodrift.testing.mixture import Mixture
from geodrift.testing.states import pick


@dataclass(frozen=True, eq=False)
class Points(Law):
    """A law of data: one of these points, plus normal noise where the data are real.

    Arguments:
        points: A tensor `(M, ...)` or a state of `M` samples, in the data's own values, dense or padded alike.
        weights: The probability of each point, `(M,)`.
        std: Standard deviation around each point, `(M,)`; of its real fields.
    """

    points: Any
    weights: Tensor
    std: Tensor | None = None

    def sample(self, rng: Streams, count: int) -> Any:
        """Draw `count` data."""
        chosen = rng.categorical(self.weights.expand(count, -1))
        centres, std = pick(self.points, chosen), self.std
        if std is None:
            return centres

        def blur(x: Tensor) -> Tensor:
            return x + trailing(std[chosen], x) * rng.normal(x) if x.is_floating_point() else x

        return centres.map(blur) if isinstance(centres, State) else blur(centres)

    def log_joint(self, process: Process, z: Any, t: Any) -> Tensor:
        if not isinstance(process, Product):
            fields = [Dense().mask(log_likelihood(process, z, self.points, self.std, t))]
        else:
            times = process.times(t, z)
            fields = [
                z.layouts[name].mask(log_likelihood(part, z[name], self.points[name], self.std, times[name]))
                for name, part in process.parts.items()
            ]
        return torch.log(self.weights) + torch.stack([v.reshape(len(v), -1, v.shape[-1]).sum(1) for v in fields]).sum(0)

    def predict(self, process: Process, z: Any, t: Any) -> Any:
        posterior = torch.softmax(self.log_joint(process, z, t), -1)
        if not isinstance(process, Product):
            return average(process, posterior, z, self.points, self.std, t)
        times = process.times(t, z)
        return Predictions(
            {
                name: average(part, posterior, z[name], self.points[name], self.std, times[name])
                for name, part in process.parts.items()
            }
        )

    def mixture(self) -> Mixture:
        return Mixture.blurred(self.points, self.weights, self.std)


@singledispatch
def log_likelihood(part: Process, z: Tensor, points: Tensor, std: Tensor | None, t: Tensor) -> Tensor:
    """Log-likelihood of each element of `z`, `(B, ...)`, under each point, `(B, ..., M)`."""
    raise TypeError(f"no exact denoiser for {type(part).__name__}; register its likelihood")


@singledispatch
def average(part: Process, posterior: Tensor, z: Tensor, points: Tensor, std: Tensor | None, t: Tensor) -> Any:
    """The prediction, given the posterior of the points, `(B, M)`."""
    raise TypeError(f"no exact denoiser for {type(part).__name__}; register its average")


@log_likelihood.register
def _(part: Affine, z: Tensor, points: Tensor, std: Tensor | None, t: Tensor) -> Tensor:
    if not part.scored:
        raise TypeError(f"noise of {part.source} is not normal; see ExactStudentT for a Student-t one")
    x, blur = _centres(part, points, std)
    at = part.at(t, z[..., None])
    variance = torch.square(at.alpha * blur) + torch.square(at.sigma)
    normal = torch.square(z[..., None] - at.alpha * x) / variance + torch.log(2 * torch.pi * variance)
    return -normal / 2


@average.register
def _(part: Affine, posterior: Tensor, z: Tensor, points: Tensor, std: Tensor | None, t: Tensor) -> Estimate:
    x, blur = _centres(part, points, std)
    at = part.at(t, z[..., None])
    gain = at.alpha * torch.square(blur) / (torch.square(at.alpha * blur) + torch.square(at.sigma))
    mean = weigh(posterior, x + gain * (z[..., None] - at.alpha * x))
    now = part.at(t, z)
    return Estimate(mean, (z - now.alpha * mean) / now.sigma)


@log_likelihood.register
def _(part: Jump, z: Tensor, points: Tensor, std: Tensor | None, t: Tensor) -> Tensor:
    alpha, pi = part.schedule.alpha(trailing(t, z[..., None])), torch.tensor(part.source)[z][..., None]
    return torch.log(alpha * (z[..., None] == points.movedim(0, -1)) + (1 - alpha) * pi)


@average.register
def _(part: Jump, posterior: Tensor, z: Tensor, points: Tensor, std: Tensor | None, t: Tensor) -> Belief:
    return beliefs(posterior, points, part.classes)


def beliefs(posterior: Tensor, points: Tensor, classes: int) -> Belief:
    """Probabilities of the classes of each element, given the posterior of the points, `(B, M)`."""
    return Belief(torch.log(torch.einsum("bm,m...k->b...k", posterior, one_hot(points, classes).to(posterior))))


def _centres(part: Affine, points: Tensor, std: Tensor | None) -> tuple[Tensor, Tensor]:
    x = part.embedding.embed(points)
    blur = torch.zeros(len(x), dtype=x.dtype) if std is None or not points.is_floating_point() else std
    return x.movedim(0, -1), trailing(blur, x).movedim(0, -1)


def weigh(posterior: Tensor, values: Tensor) -> Tensor:
    """The mean of values `(B, ..., M)` over a posterior of points, `(B, M)`."""
    weights = posterior.reshape(len(posterior), *(1,) * (values.ndim - 2), -1)
    return (weights * values).sum(-1)
