r"""Evidence about a crystal: the periodic Bayesian flow, in its closed form and as it was published.

The published flow takes :math:`n` steps, of which a position receives a von Mises observation each. Evidence about
elements and lattice after :math:`i` steps is that of the continuous flow at :math:`t = 1 - i / n`, and the losses of a
step are those there up to a factor that is the same at all steps; so the steps are those of the positions alone, and
training looks at their times.

References:
    | A Periodic Bayesian Flow for Material Generation (Wu et al., 2025), https://arxiv.org/abs/2502.02016
    | Bayesian Flow Networks (Graves et al., 2023), https://arxiv.org/abs/2308.07037
"""

from __future__ import annotations

from geodrift.processes import Bayesian, Product
from geodrift.processes.accuracy import Accuracy, Entropy, Exponential, Quadratic
from geodrift.processes.families import Categorical, Gaussian
from geodrift.processes.periodic import Head, Periodic, Vector
from geodrift.processes.von_mises import VonMisesFlow
from geodrift.registry import Count, Positive
from geodrift_crystals.codec import CrystalCodec
from geodrift_crystals.processes.assembly import crystal, processes


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
    return crystal(codec, Bayesian(Periodic(head=head), positions), *_others(codec, elements, lattice))


@processes.register("crysbfn")
def crysbfn(
    codec: CrystalCodec,
    steps: Count = 50,
    total: Positive = 1000.0,
    elements: Accuracy = Quadratic(0.5),
    lattice: Accuracy = Exponential(10**-1.5),
) -> Product:
    """The published flow of this many steps, in training and in sampling; sample it with `ancestral`.

    Arguments:
        steps: The number of steps.
        total: The concentration of the belief about a position that the accuracies aim at.
        elements: Accuracy of the evidence about elements.
        lattice: Accuracy of the evidence about the numbers of the lattice.
    """
    return crystal(codec, VonMisesFlow(steps, total), *_others(codec, elements, lattice))


def _others(codec: CrystalCodec, elements: Accuracy, lattice: Accuracy) -> tuple[Bayesian, Bayesian]:
    """The flows of elements and lattice."""
    classes, size = len(codec.elements), codec.lattice.size
    return Bayesian(Categorical(classes), elements), Bayesian(Gaussian(width=size), lattice)
