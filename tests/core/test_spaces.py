"""Laws of the spaces."""

from __future__ import annotations

import networkx
import pytest
import torch

from geodrift.layout import Padded, Ragged
from geodrift.spaces import (
    SPD,
    Categorical,
    Centred,
    Euclidean,
    Product,
    Relative,
    Simplex,
    Space,
    Sphere,
    Symmetric,
    Torus,
)
from geodrift.spaces.symmetric import pack, pairs, positions, size, unpack
from geodrift.state import State
from geodrift.testing import assert_equivariant, assert_same, check_space

SPACES: list[tuple[Space[torch.Tensor], tuple[int, ...]]] = [
    (Euclidean(), (5, 3)),
    (Symmetric(), (2, 4, 4)),
    (Symmetric(), (2, 4, 4, 3)),
    (Symmetric(), (2, 1, 1)),
    (Torus(), (5, 3)),
    (Torus(2 * torch.pi), (7,)),
    (Sphere(), (5, 2)),
    (Sphere(), (4, 3, 5)),
    (SPD(), (4, 3, 3)),
    (SPD(), (2, 3, 2, 2)),
    (Simplex(), (5, 3)),
    (Simplex(), (4, 2, 6)),
    (Relative(2.0), (3, 4, 2)),
    (Relative(2.0).on(Padded.of(torch.tensor([4, 2, 1]))), (3, 4, 2)),
    (Centred(), (3, 4, 2)),
    (Centred().on(Padded.of(torch.tensor([4, 2, 1]))), (3, 4, 2)),
]


@pytest.mark.parametrize(("space", "shape"), SPACES, ids=str)
def test_laws(space: Space[torch.Tensor], shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    z, v = torch.randn(2, *shape, generator=generator)
    check_space(space, inner(space, z), 0.1 * v)


@pytest.mark.parametrize("kind", [Centred, Relative])
def test_laws_of_centred_rows(kind: type[Centred | Relative]) -> None:
    """As many rows as samples, so that the first sample is the first row."""
    space = kind(layout=Ragged.of(torch.tensor([1, 3, 2])))
    check_space(space, torch.arange(12.0).reshape(6, 2).cos(), 0.1 * torch.arange(12.0).reshape(6, 2).sin())


def inner(space: Space[torch.Tensor], z: torch.Tensor) -> torch.Tensor:
    """A point away from the boundary of a space that has one, near `z` elsewhere."""
    if isinstance(space, SPD):
        return z @ z.mT + torch.eye(z.shape[-1])
    return torch.softmax(z / 2, -1) if isinstance(space, Simplex) else z


def test_classes_do_not_move() -> None:
    space, z = Categorical(3), torch.tensor([0, 2, 1])
    v = torch.ones(3)
    assert torch.equal(space.exp(z, v), z)
    assert torch.all(space.tangent(z, v) == 0)
    assert torch.all(space.log(z, z) == 0)
    assert torch.equal(space.project(torch.tensor([-1, 5, 1])), torch.tensor([0, 2, 1]))


def test_a_product_moves_each_field_on_its_own_space() -> None:
    space = Product({"x": Euclidean(), "k": Categorical(3)})
    z = State({"x": torch.tensor([1.0, 2.0]), "k": torch.tensor([0, 2])})
    v = State({"x": torch.tensor([0.5, 0.5]), "k": torch.zeros(2)})
    moved = space.exp(z, v)
    assert_same(moved, State({"x": torch.tensor([1.5, 2.5]), "k": torch.tensor([0, 2])}))
    assert_same(space.log(z, moved)["x"], v["x"])
    assert_same(space.project(z), z)
    assert_same(space.tangent(z, v)["x"], v["x"])


@pytest.mark.parametrize("n", [1, 2, 3, 7])
@pytest.mark.parametrize("trailing", [(), (2,)], ids=str)
def test_unpack_undoes_pack(n: int, trailing: tuple[int, ...]) -> None:
    packed = torch.randn(3, size(n), *trailing, generator=torch.Generator().manual_seed(n))
    dense = unpack(packed, n)
    assert dense.shape == (3, n, n, *trailing)
    assert torch.equal(pack(dense), packed)
    assert torch.equal(dense, dense.transpose(1, 2))
    assert torch.all(torch.diagonal(dense, dim1=1, dim2=2) == 0)


def test_packed_order_is_column_by_column() -> None:
    i, j = pairs(5)
    assert torch.equal(j * (j - 1) // 2 + i, torch.arange(size(5)))
    assert torch.all(i < j)
    assert positions(4)[0, 3] == positions(4)[3, 0] == 3
    assert positions(4)[2, 2] == size(4)


def test_a_smaller_graph_is_a_prefix() -> None:
    """Padding the matrix appends to the packed entries and moves none."""
    graph = torch.from_numpy(networkx.to_numpy_array(networkx.petersen_graph()))[None]
    padded = torch.nn.functional.pad(graph, (0, 3, 0, 3))
    assert torch.equal(pack(padded)[:, : size(10)], pack(graph))
    assert torch.all(pack(padded)[:, size(10) :] == 0)
    assert torch.equal(unpack(pack(padded)[:, : size(10)], 10), graph)


def test_packing_commutes_with_relabelling() -> None:
    permutation = torch.tensor([2, 0, 3, 1])

    def relabel(packed: torch.Tensor) -> torch.Tensor:
        return pack(unpack(packed, 4)[:, permutation][:, :, permutation])

    packed = torch.arange(6.0)[None]
    assert_equivariant(lambda v: torch.square(v), packed, relabel, atol=0)
    assert sorted(relabel(packed)[0].tolist()) == packed[0].tolist()


def test_packing_has_gradients() -> None:
    packed = torch.randn(2, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: unpack(v, 4), packed)
