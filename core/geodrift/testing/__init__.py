"""Laws, exact denoisers and measures that the tests of the core and of plugins share."""

from geodrift.testing import geodesic as _geodesic  # noqa: F401 - registers its exact denoisers
from geodrift.testing import periodic as _periodic  # noqa: F401 - registers its exact denoisers
from geodrift.testing import wrapped as _wrapped  # noqa: F401 - registers its exact denoisers
from geodrift.testing.assertions import (
    Counted,
    assert_batch_invariant,
    assert_equivariant,
    assert_invariant,
    assert_padding_ignored,
)
from geodrift.testing.evidence import Averaged
from geodrift.testing.exact import Exact, Law
from geodrift.testing.heavy_tailed import ExactStudentT
from geodrift.testing.laws import (
    check_accuracy,
    check_embedding,
    check_gradients,
    check_grid,
    check_row,
    check_schedule,
    check_space,
    check_time_law,
)
from geodrift.testing.mixture import Mixture
from geodrift.testing.oracle import Points
from geodrift.testing.orders import Moments, Probe, order, propagate, run
from geodrift.testing.states import assert_same, pick, ragged, widen
from geodrift.testing.statistics import chi_square, correlation, kolmogorov_smirnov
from geodrift.testing.transport import ExactTransport

__all__ = [
    "Averaged",
    "Counted",
    "Exact",
    "ExactStudentT",
    "ExactTransport",
    "Law",
    "Mixture",
    "Moments",
    "Points",
    "Probe",
    "assert_batch_invariant",
    "assert_equivariant",
    "assert_invariant",
    "assert_padding_ignored",
    "assert_same",
    "check_accuracy",
    "check_embedding",
    "check_gradients",
    "check_grid",
    "check_row",
    "check_schedule",
    "check_space",
    "check_time_law",
    "chi_square",
    "correlation",
    "kolmogorov_smirnov",
    "order",
    "pick",
    "propagate",
    "ragged",
    "run",
    "widen",
]
