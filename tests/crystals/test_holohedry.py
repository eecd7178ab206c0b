"""The settings of a cell: as many as the holohedry has elements, and the same crystal in each."""

from __future__ import annotations

import pytest
import torch
from pymatgen.core import Lattice, Structure
from torch import Tensor

from geodrift.rng import Streams
from geodrift.train.data import Feed
from geodrift_crystals import domain
from geodrift_crystals.lattice.holohedry import LARGEST, matrices, settings

ORDERS = {
    "triclinic": (Lattice.from_parameters(3, 4, 5, 80, 85, 70), 2),
    "monoclinic": (Lattice.monoclinic(3, 4, 5, 100), 4),
    "orthorhombic": (Lattice.orthorhombic(3, 4, 5), 8),
    "tetragonal": (Lattice.tetragonal(3, 5), 16),
    "rhombohedral": (Lattice.rhombohedral(4, 75), 12),
    "hexagonal": (Lattice.hexagonal(3, 5), 24),
    "cubic": (Lattice.cubic(4), 48),
    "face-centred": (Lattice([[0, 2, 2], [2, 0, 2], [2, 2, 0]]), 48),
    "body-centred": (Lattice([[-2, 2, 2], [2, -2, 2], [2, 2, -2]]), 48),
}


def reduced(lattice: Lattice) -> Tensor:
    return torch.tensor(lattice.get_niggli_reduced_lattice().matrix)


@pytest.mark.parametrize("name", ORDERS)
def test_the_order_of_the_holohedry(name: str) -> None:
    lattice, order = ORDERS[name]
    (group,) = settings(reduced(lattice)[None])
    counts = torch.bincount(group.long())
    assert len(group) == LARGEST
    assert (counts > 0).sum() == order
    assert set(counts[counts > 0].tolist()) == {LARGEST // order}, "each as often"


def test_the_metric_does_not_change() -> None:
    cells = torch.stack([reduced(lattice) for lattice, _ in ORDERS.values()])
    change, gram = matrices()[settings(cells).long()].double(), (cells @ cells.mT)[:, None]
    torch.testing.assert_close(change @ gram @ change.mT, gram.expand(-1, LARGEST, -1, -1), atol=1e-5, rtol=0)


def test_nearly_symmetric_cells_are_not_taken_for_symmetric() -> None:
    for strained, order in ((Lattice.from_parameters(4, 4, 4.02, 90, 90, 90), 16), (Lattice.cubic(4.0001), 48)):
        assert len(set(settings(reduced(strained)[None])[0].tolist())) == order


def test_training_sees_the_same_crystal_in_other_settings(crystals: list[Structure]) -> None:
    codec = domain.fit(crystals, {})
    compact = codec.compact(crystals)
    feed = Feed(codec, compact.arrays, len(crystals), seed=0, batch_size=len(crystals))
    seen = []
    for step in range(6):
        state, _, _ = feed.batch(step)
        plain, _ = codec.batch(compact.arrays, feed.indices(step))
        pairs = zip(codec.decode(state), codec.decode(plain), strict=True)
        assert all(domain.same(one, other) for one, other in pairs)
        assert torch.equal(state["lattice"], plain["lattice"])
        assert torch.equal(state["frac"], state["frac"] % 1)
        seen.append((state["frac"] - plain["frac"]).abs().max() > 0.1)
    assert all(seen)


def test_every_setting_is_as_likely() -> None:
    """Of a point in general position in a cubic cell: 48 images, each with a share of 1/48."""
    thing = Structure(Lattice.cubic(4), ["Cs", "Cl"], [[0, 0, 0], [0.1, 0.23, 0.37]])
    codec, n = domain.fit([thing], {}), 9600
    arrays, rows = codec.compact([thing]).arrays, torch.zeros(n, dtype=torch.int64)
    state, _ = codec.augmented(arrays, rows, Streams.of(0, torch.arange(n)))
    apart = (state["frac"][1::2] - state["frac"][::2]) % 1
    _, counts = torch.unique((apart * 100).round(), dim=0, return_counts=True)
    assert len(counts) == LARGEST
    assert float(((counts - n / LARGEST) ** 2 / (n / LARGEST)).sum()) < 85  # 47 degrees of freedom, p = 0.0006
