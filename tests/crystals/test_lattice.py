"""Lattices as numbers: exact inverses, blind to rotations, positive volumes, crystal families as subspaces."""

import math

import pytest
import torch
from pymatgen.core import Lattice
from torch import Tensor

from geodrift_crystals.lattice import CHARTS, FAMILIES, Representation, project, standard

pytestmark = pytest.mark.usefixtures("double")

N = 500


def lattices() -> tuple[Tensor, Tensor]:
    """Right-handed lattices of any shape, not nearly flat, and numbers of atoms."""
    g = torch.Generator().manual_seed(0)
    cells = torch.randn(4 * N, 3, 3, generator=g) * 4
    flat = torch.linalg.det(cells).abs() < 0.05 * cells.norm(dim=2).prod(1)
    cells = cells[~flat][:N]
    cells = torch.where(torch.linalg.det(cells)[:, None, None] < 0, -cells, cells)
    return cells, torch.randint(1, 40, (len(cells),), generator=g)


def rotations(n: int) -> Tensor:
    q, _ = torch.linalg.qr(torch.randn(n, 3, 3, generator=torch.Generator().manual_seed(1)))
    return q * torch.linalg.det(q)[:, None, None]


def representation(kind: str) -> Representation:
    return Representation.fit(kind, *lattices())  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", CHARTS)
def test_decoding_is_the_inverse_up_to_a_rotation(kind: str) -> None:
    cells, atoms = lattices()
    code = representation(kind)
    found = code.decode(code.encode(cells, atoms), atoms)
    turn = torch.linalg.solve(cells, found)  # found = cells @ turn
    torch.testing.assert_close(turn @ turn.mT, torch.eye(3).expand(len(cells), 3, 3), rtol=0, atol=1e-10)
    torch.testing.assert_close(torch.linalg.det(turn), torch.ones(len(cells)), rtol=0, atol=1e-10)
    torch.testing.assert_close(found, standard(cells), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", ["polar", "parameters"])  # a matrix has an orientation, which decoding sets
def test_encoding_is_the_inverse_of_decoding(kind: str) -> None:
    code = representation(kind)
    z = torch.randn(N, code.size, generator=torch.Generator().manual_seed(2))
    atoms = torch.arange(N) % 20 + 1
    torch.testing.assert_close(code.encode(code.decode(z, atoms), atoms), z, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("kind", CHARTS)
def test_numbers_do_not_see_a_rotation(kind: str) -> None:
    cells, atoms = lattices()
    code = representation(kind)
    turned = code.encode(cells @ rotations(len(cells)), atoms)
    torch.testing.assert_close(turned, code.encode(cells, atoms), rtol=1e-9, atol=1e-9)


def test_a_matrix_turns_with_its_lattice() -> None:
    cells, atoms = lattices()
    code, turn = representation("matrix"), rotations(len(cells))
    z = code.encode(cells, atoms)
    torch.testing.assert_close(code.decode(code.rotated(z, turn), atoms), code.decode(z, atoms), rtol=1e-9, atol=1e-9)
    assert (code.rotated(z, turn) - z).abs().max() > 1
    polar = representation("polar")
    assert polar.rotated(polar.encode(cells, atoms), turn).equal(polar.encode(cells, atoms))


@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("kind", CHARTS)
def test_any_numbers_decode_to_a_volume(kind: str, scale: float) -> None:
    code = representation(kind)
    z = scale * torch.randn(N, code.size, generator=torch.Generator().manual_seed(3))
    z[0] = scale
    cells = code.decode(z, torch.arange(N) % 20 + 1)
    assert torch.isfinite(cells).all()
    assert (cells.diagonal(dim1=1, dim2=2) > 0).all()
    assert cells.triu(1).abs().max() == 0


def test_lengths_and_angles_are_those_of_the_lattice() -> None:
    cells, atoms = lattices()
    numbers = CHARTS["parameters"].numbers(cells, atoms)
    for cell, count, x in zip(cells[:20], atoms, numbers, strict=False):
        known = Lattice(cell.numpy())
        lengths = x[:3].exp() * count ** (1 / 3)
        torch.testing.assert_close(lengths, torch.tensor(known.abc))
        cosines = torch.tensor([known.gamma, known.beta, 180 - known.reciprocal_lattice.alpha]).deg2rad().cos()
        torch.testing.assert_close(x[3:].tanh(), cosines)


def test_the_sixth_polar_number_is_the_volume_of_an_atom_and_the_others_do_not_see_it() -> None:
    cells, atoms = lattices()
    numbers, larger = (CHARTS["polar"].numbers(scale * cells, atoms) for scale in (1.0, 1.7))
    torch.testing.assert_close((3 * numbers[:, 5]).exp(), torch.linalg.det(cells) / atoms)
    torch.testing.assert_close(larger[:, :5], numbers[:, :5], rtol=1e-9, atol=1e-9)


MEMBERS = {
    "triclinic": Lattice.from_parameters(4, 5, 6, 70, 80, 100),
    "monoclinic": Lattice.monoclinic(4, 5, 6, 105),
    "orthorhombic": Lattice.orthorhombic(4, 5, 6),
    "tetragonal": Lattice.tetragonal(4, 6),
    "rhombohedral": Lattice.rhombohedral(5, 73),
    "hexagonal": Lattice.hexagonal(4, 6),
    "cubic": Lattice.cubic(4),
}
FREEDOM = {
    "triclinic": 6,
    "monoclinic": 4,
    "orthorhombic": 3,
    "tetragonal": 2,
    "rhombohedral": 2,
    "hexagonal": 2,
    "cubic": 1,
}


def numbers(lattice: Lattice) -> Tensor:
    return CHARTS["polar"].numbers(torch.tensor(lattice.matrix.copy())[None], torch.tensor([3]))


@pytest.mark.parametrize("name", FAMILIES)
def test_members_of_a_family_stay(name: str) -> None:
    x = numbers(MEMBERS[name])
    torch.testing.assert_close(project(x, FAMILIES[name]), x, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", FAMILIES)
def test_projection_gives_a_member_with_the_freedom_of_its_family(name: str) -> None:
    x = torch.randn(200, 6, generator=torch.Generator().manual_seed(4)) * 0.3
    y = project(x, FAMILIES[name])
    torch.testing.assert_close(project(y, FAMILIES[name]), y)
    moves = y - project(torch.zeros(1, 6), FAMILIES[name])
    assert torch.linalg.matrix_rank(moves, atol=1e-9) == FREEDOM[name]
    for cell in CHARTS["polar"].lattice(y[:5], torch.ones(5)):
        assert fits(name, Lattice(cell.numpy()))


def fits(name: str, lattice: Lattice) -> bool:
    (a, b, c), (alpha, beta, gamma) = lattice.abc, lattice.angles
    alike = {
        "triclinic": True,
        "monoclinic": math.isclose(alpha, 90) and math.isclose(gamma, 90),
        "orthorhombic": all(math.isclose(x, 90) for x in (alpha, beta, gamma)),
        "rhombohedral": math.isclose(a, b)
        and math.isclose(b, c)
        and math.isclose(alpha, beta)
        and math.isclose(beta, gamma),
        "hexagonal": math.isclose(a, b) and math.isclose(gamma, 120) and math.isclose(alpha, 90),
    }
    square = alike["orthorhombic"] and math.isclose(a, b)
    return {**alike, "tetragonal": square, "cubic": square and math.isclose(b, c)}[name]


def test_projection_is_the_nearest_member() -> None:
    x = torch.randn(100, 6, generator=torch.Generator().manual_seed(5)) * 0.3
    y = project(x, FAMILIES["rhombohedral"])
    logarithm = CHARTS["polar"].logarithm  # type: ignore[attr-defined]

    def apart(z: Tensor) -> Tensor:
        return (logarithm(x, torch.ones(100)) - logarithm(z, torch.ones(100))).norm(dim=(1, 2))

    for step in 0.01 * torch.randn(10, 100, 6, generator=torch.Generator().manual_seed(6)):
        assert (apart(project(y + step, FAMILIES["rhombohedral"])) >= apart(y) - 1e-12).all()


def test_projection_of_standardised_numbers() -> None:
    code = representation("polar")
    atoms = torch.full((50,), 4)
    z = torch.randn(50, 6, generator=torch.Generator().manual_seed(7)) * 0.2
    cells = code.decode(code.project(z, "tetragonal"), atoms)
    assert all(fits("tetragonal", Lattice(cell.numpy())) for cell in cells)
    torch.testing.assert_close(torch.linalg.det(cells), torch.linalg.det(code.decode(z, atoms)))
    with pytest.raises(TypeError, match="not of matrix"):
        representation("matrix").project(torch.zeros(1, 9), "cubic")


def test_training_lattices_have_unit_scale() -> None:
    cells, atoms = lattices()
    z = representation("polar").encode(cells, atoms)
    torch.testing.assert_close(z.mean(0), torch.zeros(6), rtol=0, atol=1e-9)
    torch.testing.assert_close(z.std(0, correction=0), torch.ones(6))
    same = Representation.fit("polar", cells[:1].expand(5, 3, 3), atoms[:1].expand(5))
    assert same.std == (0.01,) * 6


@pytest.mark.parametrize("kind", CHARTS)
def test_inner_products_are_those_of_the_lattice(kind: str) -> None:
    """Also where the lattice is a cube, of which they have gradients."""
    cells, atoms = lattices()
    code = representation(kind)
    gram = code.gram(code.encode(cells, atoms), atoms)
    torch.testing.assert_close(gram, cells @ cells.mT, rtol=1e-8, atol=1e-8)
    cube = code.encode(4 * torch.eye(3)[None], torch.ones(1)).requires_grad_()
    (slope,) = torch.autograd.grad(code.gram(cube, torch.ones(1))[0, 0, 0], cube)
    assert torch.isfinite(slope).all()
    assert slope.abs().max() > 0
