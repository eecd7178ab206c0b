r"""Mixtures of Gaussians with any covariance, and all that is closed about them.

Under an affine path, in vectors :math:`z = A x + S n` with diagonal :math:`A` and :math:`S` (fields have schedules of
their own), a mixture stays one: :math:`\mu_k \to A \mu_k`, :math:`\Sigma_k \to C_k = A \Sigma_k A + S^2`. With its
score :math:`s` and Hessian :math:`H` of the log-density, mean and covariance of the data given the state are

.. math:: E[x | z] = \sum_k r_k \left[\mu_k + \Sigma_k A C_k^{-1} (z - A \mu_k)\right], \qquad
   A \operatorname{Cov}[x | z] A = S^2 + S^2 H S^2,

and the velocity :math:`\alpha' \hat x + \sigma' \hat n` has the divergence

.. math:: \sum_i \frac{\sigma'_i}{\sigma_i} + \left(\alpha'_i - \alpha_i \frac{\sigma'_i}{\sigma_i}\right)
   \frac{\alpha_i \operatorname{Var}[x_i | z]}{\sigma_i^2}.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from geodrift.diagnostics.flat import Flat
from geodrift.layout import Dense
from geodrift.prediction import Estimate
from geodrift.processes import Affine, Predictions, Process, Product
from geodrift.rng import Streams
from geodrift.state import State
from geodrift.testing.exact import Law


class Scales(NamedTuple):
    """The coefficients of a path for each entry of a vector, `(B, D)` or `(1, D)` each."""

    alpha: Tensor
    sigma: Tensor
    d_alpha: Tensor
    d_sigma: Tensor


@dataclass(frozen=True, eq=False)
class Mixture(Law):
    """A mixture of Gaussians.

    Arguments:
        means: A tensor `(M, ...)` or a dense state of `M` samples, whose real fields are joined.
        weights: The probability of each component, `(M,)`.
        covariances: Of the vectors of the samples, `(M, D, D)`; zero for points.
    """

    means: Any
    weights: Tensor
    covariances: Tensor

    @classmethod
    def blurred(cls, points: Any, weights: Tensor, std: Tensor | None = None) -> Mixture:
        """Points with the same normal noise on every entry, `(M,)`; none by default."""
        vectors = Flat.of(points).join(points)
        width = torch.zeros(len(vectors)) if std is None else std
        return cls(points, weights, torch.diag_embed(torch.square(width.to(vectors))[:, None].expand_as(vectors)))

    @property
    def vectors(self) -> Tensor:
        """The means as vectors, `(M, D)`."""
        return Flat.of(self.means).join(self.means)

    def sample(self, rng: Streams, count: int) -> Any:
        chosen = rng.categorical(self.weights.expand(count, -1))
        noise = rng.normal(self.vectors.new_empty(count, self.vectors.shape[1]))
        values, axes = torch.linalg.eigh(self.covariances)
        root = axes * values.clamp(min=0).sqrt()[:, None]
        drawn = self.vectors[chosen] + (root[chosen] @ noise[..., None])[..., 0]
        return Flat.of(_blank(self.means, count)).split(drawn)

    def mixture(self) -> Mixture:
        return self

    def noisy(self, process: Process, t: Any, like: Any) -> Noisy:
        """The law of the state at the time `t`, for states shaped like `like`."""
        at = scales(process, t, like)
        a, c = at.alpha[:, None], at.alpha[:, None, :, None] * self.covariances * at.alpha[:, None, None]
        return Noisy(a * self.vectors, self.weights, c + torch.diag_embed(torch.square(at.sigma))[:, None])

    def log_joint(self, process: Process, z: Any, t: Any) -> Tensor:
        return self.noisy(process, t, z).log_joint(Flat.of(z).join(z))

    def predict(self, process: Process, z: Any, t: Any) -> Any:
        v, at = Flat.of(z).join(z), scales(process, t, z)
        law = self.noisy(process, t, z)
        pulls = law.pulls(v)
        each = self.vectors + (self.covariances @ (at.alpha[:, None] * pulls)[..., None])[..., 0]
        shares = law.shares(v)
        x, n = _average(shares, each), at.sigma * _average(shares, pulls)
        return _prediction(process, z, x, n)

    def covariance(self, process: Process, z: Any, t: Any) -> Tensor:
        """The covariance of the data given the state, `(B, D, D)`."""
        v, at = Flat.of(z).join(z), scales(process, t, z)
        law = self.noisy(process, t, z)
        gain = self.covariances * at.alpha[:, None, None]
        each = self.vectors + (gain @ law.pulls(v)[..., None])[..., 0]
        within = self.covariances - gain @ torch.linalg.solve(law.covariances, gain.mT)
        shares = law.shares(v)
        away = each - _average(shares, each)[:, None]
        return _average(shares, within + away[..., None] * away[..., None, :])

    def divergence(self, process: Process, z: Any, t: Any) -> Tensor:
        """The divergence of the velocity, `(B,)`."""
        at = scales(process, t, z)
        variance = self.covariance(process, z, t).diagonal(dim1=1, dim2=2)
        rate = at.d_sigma / at.sigma
        return (rate + (at.d_alpha - at.alpha * rate) * at.alpha * variance / torch.square(at.sigma)).sum(1)

    def laplacian(self, process: Process, z: Any, t: Any) -> Tensor:
        """The divergence of the score, `(B,)`."""
        return self.noisy(process, t, z).hessian(Flat.of(z).join(z)).diagonal(dim1=1, dim2=2).sum(1)

    def cdf(self, x: Tensor, axis: Tensor) -> Tensor:
        """The distribution function of the data's coordinate along a vector `(D,)`, at the numbers `x`."""
        mean = self.vectors @ axis
        std = torch.sqrt((axis @ self.covariances @ axis).clamp(min=0))
        level: Tensor = torch.special.ndtr((x[..., None] - mean) / std) @ self.weights
        return level


@dataclass(frozen=True, eq=False)
class Noisy:
    """A mixture of Gaussians over vectors, one for all or one for each of the vectors it is asked about.

    Arguments:
        means: `(B, M, D)` or `(1, M, D)`.
        weights: `(M,)`.
        covariances: `(B, M, D, D)` or `(1, M, D, D)`.
    """

    means: Tensor
    weights: Tensor
    covariances: Tensor

    def log_joint(self, v: Tensor) -> Tensor:
        """The log-density of vectors together with each component, `(B, M)`."""
        factor = torch.linalg.cholesky(self.covariances)
        away = torch.linalg.solve_triangular(factor, (v[:, None] - self.means)[..., None], upper=False)[..., 0]
        volume = factor.diagonal(dim1=2, dim2=3).log().sum(2) + v.shape[1] / 2 * torch.log(torch.tensor(2 * torch.pi))
        joint: Tensor = torch.log(self.weights) - torch.square(away).sum(2) / 2 - volume
        return joint

    def shares(self, v: Tensor) -> Tensor:
        """The posterior of the components, `(B, M)`."""
        return torch.softmax(self.log_joint(v), -1)

    def pulls(self, v: Tensor) -> Tensor:
        """How each component draws, :math:`C_k^{-1} (v - \\mu_k)`, `(B, M, D)`."""
        pulls: Tensor = torch.linalg.solve(self.covariances, (v[:, None] - self.means)[..., None])
        return pulls[..., 0]

    def score(self, v: Tensor) -> Tensor:
        """The gradient of the log-density, `(B, D)`."""
        return -_average(self.shares(v), self.pulls(v))

    def hessian(self, v: Tensor) -> Tensor:
        """The second derivatives of the log-density, `(B, D, D)`."""
        pulls, score = self.pulls(v), self.score(v)
        each = pulls[..., None] * pulls[..., None, :] - torch.linalg.inv(self.covariances)
        return _average(self.shares(v), each) - score[..., None] * score[:, None]


def _average(shares: Tensor, values: Tensor) -> Tensor:
    """The mean of values `(B, M, ...)` over the components."""
    mean: Tensor = torch.einsum("bm,bm...->b...", shares, values)
    return mean


def scales(process: Process, t: Any, like: Any) -> Scales:
    """The coefficients of an affine process, or of a product of them on dense states, for each entry of a vector.

    Raises:
        TypeError: For another process.
    """
    fields, times = ({"": like}, {"": t}) if isinstance(like, Tensor) else (like, _times(process, t, like))
    found = []
    for name, part in process.leaves.items():
        if not isinstance(part, Affine):
            raise TypeError(f"no closed form for {type(part).__name__} on a mixture of Gaussians")
        at = part.at(torch.as_tensor(times[name]), fields[name])
        width = fields[name][0].numel()
        found.append([getattr(at, key).reshape(-1, 1).expand(-1, width) for key in Scales._fields])
    return Scales(*(torch.cat(pieces, 1) for pieces in zip(*found, strict=True)))


def _times(process: Process, t: Any, like: State) -> Any:
    if not isinstance(process, Product) or any(not isinstance(layout, Dense) for layout in like.layouts.values()):
        raise TypeError("no closed form but for products of affine paths on dense states")
    return process.times(torch.as_tensor(t), like)


def _blank(means: Any, count: int) -> Any:
    if isinstance(means, State):
        return means.map(lambda x: x.new_zeros(count, *x.shape[1:]))
    return means.new_zeros(count, *means.shape[1:])


def _prediction(process: Process, z: Any, x: Tensor, n: Tensor) -> Any:
    flat = Flat.of(z)
    data, noise = flat.split(x), flat.split(n)
    if not isinstance(process, Product):
        return Estimate(data, noise)
    return Predictions({name: Estimate(data[name], noise[name]) for name in process.parts})
