"""Laws of states and layouts: however a batch is put together, its samples are the same."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from geodrift.denoiser import Denoiser
from geodrift.embeddings import OneHot
from geodrift.errors import InputError
from geodrift.layout import Dense, Layout, Padded, Ragged
from geodrift.objectives import Matching
from geodrift.parametrization import Classes
from geodrift.processes import Affine, Bayesian, Jump, Product
from geodrift.processes.accuracy import Quadratic
from geodrift.processes.families import Categorical
from geodrift.processes.periodic import Periodic
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import VE, VP
from geodrift.solvers import Reveal, ReversibleHeun, Solver
from geodrift.state import State
from geodrift.testing import assert_batch_invariant, assert_padding_ignored, assert_same, pick, ragged, widen

LENGTHS = torch.tensor([3, 1, 4, 2])
PROCESS = Product(
    {
        "vectors": Affine(VP()),
        "atoms": Jump.masked(3),
        "bonds": Bayesian(Categorical(3), Quadratic()),
        "angles": Bayesian(Periodic(), Quadratic(50.0)),
        "kinds": Affine(VE(0.05, 5.0), OneHot(3), Classes()),
    }
)


def data() -> State:
    """Four samples of different length in four fields, padded."""
    generator = torch.Generator().manual_seed(0)
    fields = {name: torch.randint(3, (4, 4), generator=generator) for name in ("atoms", "bonds", "kinds")}
    fields = {"vectors": torch.randn(4, 4, 2, generator=generator), **fields}
    fields["angles"] = torch.rand(4, 4, generator=generator)
    return State(fields, dict.fromkeys(fields, Padded.of(LENGTHS))).masked()


class Pooled(nn.Module):
    """Rows see themselves, the time and the mean of all rows of their sample."""

    def __init__(self, channels: Mapping[str, tuple[int, int]]) -> None:
        super().__init__()
        width = sum(seen for seen, _ in channels.values())
        torch.manual_seed(0)
        self.heads = nn.ModuleDict({name: nn.Linear(seen + width + 1, out) for name, (seen, out) in channels.items()})

    def forward(self, z: State, t: Tensor, cond: Mapping[str, Tensor]) -> State:
        sums = {name: self._sum(z.layouts[name], v) for name, v in z.items()}
        pooled = torch.cat([*sums.values(), t[:, None]], 1)
        fields = {}
        for name, v in z.items():
            lead = v.shape[: v.ndim - 1]
            spread = torch.stack([z.layouts[name].expand(column, v[..., 0]).expand(lead) for column in pooled.T], -1)
            fields[name] = self.heads[name](torch.cat([v, spread], -1))
        return State(fields, z.layouts).masked()

    def _sum(self, layout: Layout, v: Tensor) -> Tensor:
        return torch.stack([layout.sum(v[..., channel]) for channel in range(v.shape[-1])], -1) / 4


def denoiser(process: Product = PROCESS) -> Denoiser:
    channels = {**process.channels, "vectors": (2, 2)}
    return Denoiser(Pooled({name: channels[name] for name in process.parts}), process)


def moved(solver: Solver) -> Product:
    """The fields that a solver can move, beside one that every solver can."""
    times = torch.linspace(1, 0.1, 6)

    def admitted(name: str) -> bool:
        if isinstance(solver, ReversibleHeun) and name != "vectors":
            return False  # a few steps are too long for it where a flow contracts fast
        try:
            solver.admit(Product({"vectors": PROCESS.parts["vectors"], name: PROCESS.parts[name]}), times)
        except InputError:
            return False
        return True

    return Product({name: part for name, part in PROCESS.parts.items() if admitted(name)})


def test_losses_do_not_depend_on_the_layout() -> None:
    x, model = data(), denoiser()
    padded, packed, wide = (
        Matching()(model, state, {}, Streams.of(0, 4)) for state in (x, ragged(x), widen(x, dict.fromkeys(x, 3), 1))
    )
    assert_same(padded.parts, packed.parts, rtol=1e-12)
    assert_same(padded.parts, wide.parts, rtol=1e-12)


def test_a_dense_field_is_a_padded_one_without_padding() -> None:
    full = pick(data(), torch.tensor([2]))
    dense = State(dict(full))
    assert all(isinstance(layout, Dense) for layout in dense.layouts.values())
    model = denoiser()
    losses = [Matching()(model, state, {}, Streams.of(0, 1)) for state in (full, dense, ragged(full))]
    assert_same(losses[0].parts, losses[1].parts, rtol=1e-12)
    assert_same(losses[0].parts, losses[2].parts, rtol=1e-12)


def test_sampling_ragged_is_sampling_padded(any_solver: Solver) -> None:
    if isinstance(any_solver, Reveal):
        return  # dense and padded fields only
    model = denoiser(moved(any_solver))
    x = only(data(), *model.process.parts)
    padded, packed = (sample(model, like, any_solver, Streams.of(5, 4), steps=6) for like in (x, ragged(x)))
    assert_same(dict(ragged(padded)), dict(packed), rtol=1e-9, atol=1e-9)
    assert_same(padded, padded.masked())


def test_samples_do_not_depend_on_their_batch(any_solver: Solver) -> None:
    model = denoiser(moved(any_solver))
    x = only(data(), *model.process.parts)

    def draw(index: Tensor) -> State:
        generated: State = sample(model, pick(x, index), any_solver, Streams.of(5, index), steps=6)
        return generated

    assert_batch_invariant(draw, 4, rtol=1e-9, atol=1e-9)


def test_padding_is_ignored_by_every_map_of_a_process() -> None:
    x, t = data(), torch.tensor([0.2, 0.5, 0.7, 0.9])
    extra = dict.fromkeys(x, 2)
    draw = PROCESS.corrupt(x, t, Streams.of(0, 4))
    assert_same(draw.z, draw.z.masked())
    assert_padding_ignored(lambda z: PROCESS.inputs(z, t), draw.z, extra, fill=1)

    def moved(z: State) -> State:
        state: State = PROCESS.kernel(denoiser()(z, t), z, t, t / 2).mode
        return state

    assert_padding_ignored(moved, draw.z, extra, fill=1, atol=1e-12)
    raw = denoiser().raw(draw.z, t)
    junk = raw.replace(
        {name: torch.where(x.layouts[name].mask(torch.ones_like(v)) > 0, v, 1e9) for name, v in raw.items()}
    )
    clean, dirty = (PROCESS.loss(r, draw) for r in (raw, junk))
    for name in x:
        assert_same(x.layouts[name].mean(clean[name]), x.layouts[name].mean(dirty[name]))


def only(x: State, *names: str) -> State:
    return State({name: x[name] for name in names}, {name: x.layouts[name] for name in names})


def test_log_probabilities_add_over_fields_and_elements() -> None:
    x, t = only(data(), "vectors", "atoms", "bonds"), torch.tensor(0.6)
    process = Product({name: PROCESS.parts[name] for name in x})
    model = Denoiser(Pooled({**process.channels, "vectors": (2, 2)}), process)
    z = process.corrupt(x, t, Streams.of(0, 4)).z
    law = process.kernel(model(z, t), z, t, torch.tensor(0.3))
    drawn = law.sample(Streams.of(1, 4))
    total = sum(part.log_prob(drawn[name])[i][: LENGTHS[i]].sum() for name, part in law.parts.items() for i in [0])
    torch.testing.assert_close(law.log_prob(drawn)[0], total)
    assert law.log_prob(drawn).shape == (4,)
    vectors = Product({"vectors": PROCESS.parts["vectors"]})
    gaussian = vectors.kernel({"vectors": model(z, t)["vectors"]}, only(z, "vectors"), t, t / 2)
    torch.testing.assert_close(gaussian.kl(gaussian), torch.zeros(4))


def test_a_field_may_have_its_own_clock() -> None:
    x, clocks = data(), {name: torch.tensor([0.1, 0.3, 0.5, 0.7]) * (i + 1) / 4 for i, name in enumerate(PROCESS.parts)}
    draw = PROCESS.corrupt(x, clocks, Streams.of(0, 4))
    alone = PROCESS.corrupt(x, clocks["vectors"], Streams.of(0, 4))
    assert_same(draw.z["vectors"], alone.z["vectors"])
    packed = PROCESS.corrupt(ragged(x), clocks, Streams.of(0, 4))
    assert_same(dict(ragged(draw.z)), dict(packed.z))


@pytest.mark.parametrize("layout", [Dense(), Padded.of(LENGTHS), Ragged.of(LENGTHS)], ids=["dense", "padded", "ragged"])
def test_layouts_sum_and_spread(layout: Layout) -> None:
    lead = (10,) if isinstance(layout, Ragged) else (4, 4)
    z = torch.randn(*lead, 2, generator=torch.Generator().manual_seed(1))
    t = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert layout.samples(z) == 4
    spread = layout.expand(t, z)
    torch.testing.assert_close(layout.sum(layout.mask(spread * torch.ones_like(z))), t * layout.sum(torch.ones_like(z)))
    assert layout.expand(torch.tensor(2.0), z).ndim == 0
    each = torch.full((4,), 4) if isinstance(layout, Dense) else LENGTHS
    torch.testing.assert_close(layout.sum(torch.ones_like(z)), 2.0 * each)
    torch.testing.assert_close(layout.mean(torch.ones_like(z)), torch.ones(4))
    torch.testing.assert_close(layout.mean(z) * 2 * each, layout.sum(z))
    torch.testing.assert_close(layout.sum(z[..., 0]) + layout.sum(z[..., 1]), layout.sum(z))
    moved = layout.map(lambda v: v.clone())
    torch.testing.assert_close(moved.sum(z), layout.sum(z))


def test_a_sample_without_elements_averages_to_zero() -> None:
    for layout, z in (
        (Padded.of(torch.tensor([0, 2])), torch.ones(2, 2)),
        (Ragged.of(torch.tensor([0, 2])), torch.ones(2)),
    ):
        torch.testing.assert_close(layout.mean(z), torch.tensor([0.0, 1.0]))


def test_padding_with_nan_is_zero_after_masking() -> None:
    layout = Padded.of(torch.tensor([1, 2]))
    z = torch.tensor([[1.0, torch.nan], [2.0, 3.0]])
    assert layout.sum(z).tolist() == [1.0, 5.0]
    assert layout.mask(z).tolist() == [[1.0, 0.0], [2.0, 3.0]]


def test_state_is_a_vector() -> None:
    a = State({"x": torch.arange(6.0).reshape(2, 3), "y": torch.tensor([[1.0], [2.0]])})
    b, per_sample = a.map(torch.ones_like), torch.tensor([2.0, 3.0])
    assert_same(a + b - b, a)
    assert_same((a * per_sample)["x"], a["x"] * per_sample[:, None])
    assert_same(2 * a, a + a)
    assert_same(-(a / 2), a * -0.5)
    assert_same(a * b, a)
    assert_same((a * a)["y"], torch.square(a["y"]))
    assert a.samples == 2
    assert len(a) == 2
    assert list(a) == ["x", "y"]
    assert repr(a) == "State(x: (2, 3), y: (2, 1))"
    assert_same(a.replace({"y": b["y"]})["y"], b["y"])


def test_state_spreads_sample_numbers_through_its_layout() -> None:
    x, scale = ragged(data()), torch.tensor([1.0, 2.0, 3.0, 4.0])
    rows = torch.repeat_interleave(scale, LENGTHS)
    assert_same((x * scale)["vectors"], x["vectors"] * rows[:, None])
    assert x.samples == 4
    assert_same(pick(x, torch.tensor([2, 0]))["atoms"], torch.cat([x["atoms"][4:8], x["atoms"][:3]]))
