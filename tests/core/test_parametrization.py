"""Laws of what a network may predict."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import one_hot

from geodrift.embeddings import Identity, OneHot, Ordinal
from geodrift.errors import InputError
from geodrift.parametrization import Classes, Data, Karras, Linear, Noise, Score, V, Velocity
from geodrift.processes import Affine
from geodrift.processes.process import Draw
from geodrift.rng import Streams
from geodrift.schedules import Rectified, Schedule
from geodrift.testing.laws import INSIDE, check_embedding, check_row


def test_row_laws(row: Linear, schedule: Schedule) -> None:
    check_row(row, schedule)


def test_loss_of_a_weighting_is_the_error_of_that_row(row: Linear, schedule: Schedule) -> None:
    """An error of the network, weighted as another row, is the squared error of what it means in that row."""
    source = schedule(torch.ones(()))
    if isinstance(row, (Noise, Score)) and source.alpha < 1e-6 < source.sigma:
        with pytest.raises(InputError, match="predict data, velocity or v"):
            Affine(schedule, parametrization=row)
        return
    x, n, t = torch.cos(3 * INSIDE), torch.sin(2 * INSIDE), INSIDE
    for weighting in (Data(), Velocity(), V()):
        process = Affine(schedule, parametrization=row, weighting=weighting)
        at = schedule(t)
        z, raw = at.alpha * x + at.sigma * n, row.row(at).of(x, n) + 0.1
        meant = process.resolve(raw, z, t)
        expected = torch.square(weighting.row(at).of(meant.x, meant.n) - weighting.row(at).of(x, n))
        torch.testing.assert_close(process.loss(raw, Draw(z, x, n, t)), expected, rtol=1e-6, atol=1e-12)


def test_karras_target_has_unit_variance(schedule: Schedule) -> None:
    p, q = Karras(0.5).row(schedule(INSIDE))
    torch.testing.assert_close(torch.square(0.5 * p) + torch.square(q), torch.ones_like(p))


@pytest.mark.parametrize("embedding", [OneHot(4), OneHot(3, 2.0, 1.0), Ordinal(4), Ordinal(4, 0.7, 1.0)], ids=repr)
def test_embeddings_of_classes(embedding: OneHot | Ordinal) -> None:
    x = torch.arange(3).repeat(2, 1)
    check_embedding(embedding, x)
    torch.testing.assert_close(embedding.points[x], embedding.embed(x))
    far = 100 * torch.randn(50, embedding.channels, generator=torch.Generator().manual_seed(0))
    assert torch.all((embedding.quantize(far) >= 0) & (embedding.quantize(far) < embedding.classes))


def test_identity_embeds_nothing() -> None:
    check_embedding(Identity(), torch.randn(3, 5, generator=torch.Generator().manual_seed(0)))
    with pytest.raises(TypeError, match="no classes"):
        _ = Identity().points


@pytest.mark.parametrize("embedding", [OneHot(3, 2.0, 1.0), Ordinal(3)], ids=repr)
def test_logits_mean_the_expected_point(embedding: OneHot | Ordinal) -> None:
    process = Affine(Rectified(), embedding, Classes())
    x, t = torch.tensor([[0, 2], [1, 1]]), torch.tensor([0.3, 0.8])
    draw = process.corrupt(x, t, Streams.of(0, 2))
    sure = process.resolve(100.0 * one_hot(x, 3), draw.z, t)
    torch.testing.assert_close(sure.x, draw.x)
    torch.testing.assert_close(sure.n, draw.n)
    flat = process.resolve(torch.zeros(2, 2, 3), draw.z, t)
    torch.testing.assert_close(flat.x, embedding.points.mean(0).expand_as(flat.x))
    torch.testing.assert_close(process.loss(torch.zeros(2, 2, 3), draw), torch.full((2, 2), 3.0).log())
