"""Laws of random numbers that belong to samples."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from geodrift import rng
from geodrift.layout import Dense, Padded, Ragged
from geodrift.rng import Streams
from geodrift.testing import assert_batch_invariant, chi_square, correlation, kolmogorov_smirnov

SEEDS = [0, 1, 2, 2**31, -7, 2**63 - 1]


def identity(u: Tensor) -> Tensor:
    return u


@pytest.mark.parametrize("seed", SEEDS)
def test_laws(seed: int) -> None:
    """Many samples with few positions, and few samples with many."""
    for shape in ((40000, 2), (2, 40000), (300, 300)):
        rng = Streams.of(seed, shape[0])
        assert kolmogorov_smirnov(rng.uniform(torch.empty(shape)), identity) < 3
        assert kolmogorov_smirnov(rng.normal(torch.empty(shape)), torch.special.ndtr) < 3


def test_later_draws_keep_the_law() -> None:
    rng = Streams.of(0, 100)
    draws = torch.stack([rng.uniform(torch.empty(100, 3)) for _ in range(200)])
    assert kolmogorov_smirnov(draws, identity) < 3
    assert kolmogorov_smirnov(draws[:, 0, 0], identity) < 3


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_nothing_is_correlated(seed: int) -> None:
    """Neighbours in sample, draw, position and seed, and a stream with one split off from it."""
    shape, rng = torch.empty(200, 200), Streams.of(seed, 200)
    first, second = rng.uniform(shape), rng.uniform(shape)
    child = rng.on(Dense())
    assert abs(correlation(first[1:], first[:-1])) < 3.5
    assert abs(correlation(first[:, 1:], first[:, :-1])) < 3.5
    assert abs(correlation(first, second)) < 3.5
    assert abs(correlation(first, child.uniform(shape))) < 3.5
    assert abs(correlation(first, Streams.of(seed + 1, 200).uniform(shape))) < 3.5
    assert abs(correlation(first, first.T)) < 3.5
    shifted = Streams.of(seed, torch.arange(1, 201)).uniform(shape)
    assert torch.equal(shifted[:-1], first[1:]), "a sample is known by its index"


def test_no_number_comes_twice() -> None:
    rng = Streams.of(0, 100)
    draws = [rng.uniform(torch.empty(100, 50)) for _ in range(10)] + [rng.on(Dense()).uniform(torch.empty(100, 50))]
    numbers = torch.cat([*draws, Streams.of(1, 100).uniform(torch.empty(100, 50))])
    assert len(numbers.unique()) == numbers.numel()


def test_the_same_numbers_in_any_batch() -> None:
    def draw(index: Tensor) -> Tensor:
        rng = Streams.of(3, index)
        rng.normal(torch.empty(len(index)))
        return rng.on(Dense()).normal(torch.empty(len(index), 4, 2))

    assert_batch_invariant(draw, 7)


def test_the_same_numbers_under_any_padding_and_none() -> None:
    """Ragged rows get what padded rows get, and more padding moves nothing."""
    lengths = torch.tensor([3, 0, 5, 1])
    short, long, packed = Padded.of(lengths), Padded.of(lengths, 9), Ragged.of(lengths)
    for trailing in ((), (2,), (2, 3)):
        padded = Streams.of(0, 4).on(short).normal(torch.empty(4, 5, *trailing))
        wide = Streams.of(0, 4).on(long).normal(torch.empty(4, 9, *trailing))
        rows = Streams.of(0, 4).on(packed).normal(torch.empty(9, *trailing))
        assert torch.equal(padded[short.present], rows)
        assert torch.equal(wide[long.present], rows)


@pytest.mark.parametrize("shape", [(3, 50), (1, 5000), (5000,), (7, 11, 13), (2, 0), (0, 3)])
def test_the_same_numbers_in_chunks_of_any_size(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Streams.of(3, shape[0]).normal(torch.empty(shape))
    for chunk in (1, 7, 64):
        monkeypatch.setattr(rng, "_CHUNK", chunk)
        assert torch.equal(Streams.of(3, shape[0]).normal(torch.empty(shape)), whole)


def test_streams_start_again_where_they_are_moved() -> None:
    rng = Streams.of(0, 3)
    first = rng.uniform(torch.empty(3))
    assert torch.equal(rng.to("cpu").uniform(torch.empty(3)), first)
    ragged = Streams.of(0, 2).on(Ragged.of(torch.tensor([2, 1])))
    assert torch.equal(ragged.to("cpu").uniform(torch.empty(3)), ragged.uniform(torch.empty(3)))


def test_uniform_is_inside_of_the_unit_interval() -> None:
    u = Streams.of(0, 1000).uniform(torch.empty(1000, 1000))
    assert 0 < u.min() < 1e-5
    assert 1 - 1e-5 < u.max() < 1
    assert torch.isfinite(Streams.of(0, 1000).normal(torch.empty(1000, 1000))).all()


def test_types() -> None:
    assert Streams.of(0, 2).uniform(torch.empty(2, dtype=torch.float32)).dtype == torch.float64
    assert Streams.of(0, 2).normal(torch.empty(2, dtype=torch.float32)).dtype == torch.float32


@pytest.mark.parametrize("law", [[0.5, 0.3, 0.2], [0.0, 0.4, 0.0, 0.6, 0.0], [1e-3, 1.0], [5.0, 15.0]], ids=str)
def test_categories_have_their_frequencies(law: list[float]) -> None:
    weights = torch.tensor(law)
    drawn = Streams.of(0, 50000).categorical(weights.expand(50000, -1))
    assert chi_square(torch.bincount(drawn, minlength=len(law)).double(), weights / weights.sum()) < 3


def test_a_class_of_probability_zero_is_never_drawn() -> None:
    """Not even at the ends of the uniform numbers."""

    class Extreme(Streams):
        def uniform(self, like: Tensor) -> Tensor:
            ends = torch.tensor([2.0**-53, 1 - 2.0**-53])
            return ends[torch.arange(like.numel()) % 2].reshape(like.shape)

    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(2000, 1, 6, generator=generator).expand(-1, 2, -1).clone()
    weights[..., [0, 3, 5]] = 0
    drawn = Extreme(torch.zeros(2000, dtype=torch.int64)).categorical(weights)
    assert torch.all(weights.gather(-1, drawn[..., None]) > 0)


def test_categories_of_float32_probabilities_follow_rounded_sums() -> None:
    probs = torch.full((1000, 3), 1 / 3, dtype=torch.float32)
    assert set(Streams.of(0, 1000).categorical(probs).tolist()) == {0, 1, 2}
