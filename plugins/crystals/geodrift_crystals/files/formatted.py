"""A crystal as text: CIF of its P1 cell, and a frame of extended XYZ."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

import numpy as np
from pymatgen.core import Structure

from geodrift_crystals.structures import formula, symbols


class Sample(Protocol):
    """A crystal with its number and the space group that was found in it."""

    @property
    def index(self) -> int: ...
    @property
    def structure(self) -> Structure: ...
    @property
    def group(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def like(self) -> str: ...


_CIF = """# P1 cell of sample {index} as generated.
# Space group found by spglib with symprec {symprec} angstrom: {group} ({number}).
data_{index:05}
_symmetry_space_group_name_H-M 'P 1'
_symmetry_Int_Tables_number 1
_cell_length_a {a:.10f}
_cell_length_b {b:.10f}
_cell_length_c {c:.10f}
_cell_angle_alpha {alpha:.10f}
_cell_angle_beta {beta:.10f}
_cell_angle_gamma {gamma:.10f}
_cell_volume {volume:.8f}
_chemical_formula_sum '{formula}'
_geodrift_space_group_found '{group}'
_geodrift_space_group_number_found {number}
_geodrift_symprec {symprec}
{like}loop_
 _symmetry_equiv_pos_as_xyz
 'x, y, z'
loop_
 _atom_site_type_symbol
 _atom_site_label
 _atom_site_fract_x
 _atom_site_fract_y
 _atom_site_fract_z
 _atom_site_occupancy
{atoms}"""


def cif(sample: Sample, symprec: float) -> str:
    """The P1 cell in CIF; the space group found stands in items of our own, since the symmetry of the file is P1."""
    structure, seen = sample.structure, Counter[str]()
    rows = []
    for name, (x, y, z) in zip(symbols(structure), structure.frac_coords, strict=True):
        rows.append(f" {name} {name}{seen[name]} {x:.10f} {y:.10f} {z:.10f} 1\n")
        seen[name] += 1
    a, b, c, alpha, beta, gamma = structure.lattice.parameters
    return _CIF.format(
        **{"a": a, "b": b, "c": c, "alpha": alpha, "beta": beta, "gamma": gamma, "volume": structure.volume},
        **{"index": sample.index, "group": sample.group, "number": sample.number, "symprec": symprec},
        like=f"_geodrift_like '{sample.like}'\n" if sample.like else "",
        formula=formula(symbols(structure)),
        atoms="".join(rows),
    )


def frame(sample: Sample, symprec: float) -> str:
    """A frame of extended XYZ, positions in Å."""
    structure = sample.structure
    lattice = " ".join(f"{value:.10f}" for value in np.round(structure.lattice.matrix.ravel(), 10) + 0.0)  # −0 is 0
    head = (
        f'Lattice="{lattice}" Properties=species:S:1:pos:R:3 sample={sample.index} space_group="{sample.group}" '
        f'space_group_number={sample.number} symprec={symprec} {_like(sample)}pbc="T T T"'
    )
    rows = [
        f"{name} {x:.10f} {y:.10f} {z:.10f}"
        for name, (x, y, z) in zip(symbols(structure), structure.cart_coords, strict=True)
    ]
    return "\n".join([str(len(structure)), head, *rows, ""])


def _like(sample: Sample) -> str:
    return f'like="{sample.like}" ' if sample.like else ""
