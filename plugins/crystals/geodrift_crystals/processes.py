r"""Crystals on every kind of path: positions on a torus, elements as classes, a lattice as numbers without units.

A position moves as evidence on the circle (the periodic Bayesian flow of CrysBFN, in its closed form), along geodesics
of the torus (FlowMM), or with wrapped normal noise (DiffCSP); elements as evidence or as classes that are masked; the
lattice as evidence or as a straight flow. In a model of structures of given compositions the elements are seen and not
moved.

References:
    | A Periodic Bayesian Flow for Material Generation (Wu et al., 2025), https://arxiv.org/abs/2502.02016
    | FlowMM: Generating Materials with Riemannian Flow Matching (Miller et al., 2024), https://arxiv.org/abs/2406.04713
    | Crystal Structure Prediction by Joint Equivariant Diffusion (Jiao et al., 2023), https://arxiv.org/abs/2309.04475
"""

from __future__ import annotations

from geodrift.embeddings import Identity, OneHot
from geodrift.processes import Affine, Bayesian, Geodesic, Given, Jump, Process, Product, Wrapped
from geodrift.processes.accuracy import Accuracy, Entropy, Exponential, Quadratic
from geodrift.processes.families import Categorical, Gaussian
from geodrift.processes.periodic import Head, Periodic, Vector
from geodrift.registry import Positive, Role
from geodrift.schedules import VE, Rectified, Schedule
from geodrift.spaces import Torus
from geodrift_crystals.codec import CrystalCodec

processes = Role("process")


def _species(codec: CrystalCodec, moving: Process) -> Process:
    return Given(OneHot(len(codec.elements))) if codec.given == "composition" else moving


def _crystal(codec: CrystalCodec, frac: Process, species: Process, lattice: Process) -> Product:
    return Product({"frac": frac, "species": _species(codec, species), "lattice": lattice})


@processes.register("bayesian-flow")
def bayesian_flow(
    codec: CrystalCodec,
    head: Head = Vector(),
    positions: Accuracy = Entropy(),
    elements: Accuracy = Quadratic(),
    lattice: Accuracy = Exponential(),
) -> Product:
    """Evidence about positions, elements and lattice that grows towards the data.

    Arguments:
        head: What the network says about a position.
        positions: Accuracy of the evidence about positions.
        elements: Accuracy of the evidence about elements.
        lattice: Accuracy of the evidence about the numbers of the lattice.
    """
    return _crystal(
        codec,
        Bayesian(Periodic(head=head), positions),
        Bayesian(Categorical(len(codec.elements)), elements),
        Bayesian(Gaussian(width=codec.lattice.size), lattice),
    )


@processes.register("riemannian-flow")
def riemannian_flow(codec: CrystalCodec, schedule: Schedule = Rectified()) -> Product:
    """Geodesics of the torus, classes that are masked, and straight lines of the lattice.

    Arguments:
        schedule: The time of all three.
    """
    return _crystal(
        codec,
        Geodesic(Torus(1.0), schedule),
        Jump.masked(len(codec.elements), schedule=schedule),
        Affine(schedule, Identity(codec.lattice.size)),
    )


@processes.register("wrapped-diffusion")
def wrapped_diffusion(codec: CrystalCodec, least: Positive = 0.005, most: Positive = 0.5) -> Product:
    """Wrapped normal noise on the torus, classes that are masked, and a variance-preserving lattice.

    Arguments:
        least: Noise of the positions at the data, in cells.
        most: Noise of the positions at the source.
    """
    return _crystal(
        codec,
        Wrapped(VE(least, most), Torus(1.0)),
        Jump.masked(len(codec.elements)),
        Affine(Rectified(), Identity(codec.lattice.size)),
    )
