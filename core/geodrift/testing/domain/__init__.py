r"""The laws that every domain keeps, on objects of its own.

`geodrift check NAME` runs them, and a plugin runs them in its tests::

    @pytest.mark.parametrize("law", LAWS)
    def test_law(law): law(Subject.of(domain))

A law is a function that returns when it holds and raises when it does not; a report gives a number that is worth
knowing and neither right nor wrong.
"""

from geodrift.testing.domain.check import LAWS, REPORTS, Outcome, check
from geodrift.testing.subject import Subject

__all__ = ["LAWS", "REPORTS", "Outcome", "Subject", "check"]
