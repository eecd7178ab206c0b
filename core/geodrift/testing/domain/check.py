"""The outcome of every law and report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from geodrift.config import Config
from geodrift.domain import Domain
from geodrift.testing.domain import files, network, process, reports
from geodrift.testing.subject import Subject

LAWS: tuple[Callable[[Subject], None], ...] = (
    files.write_read,
    files.damaged_files,
    files.encode_decode,
    files.codec_stored,
    network.batch_mates,
    network.layouts,
    network.symmetries,
    network.training,
    process.known_answer,
    process.ends,
    process.network_calls,
    process.sampling,
    files.checkpoints,
    files.figures,
)
REPORTS: tuple[Callable[[Subject], float | None], ...] = (
    reports.weights,
    reports.call_time,
    reports.signal_left,
    reports.asymmetry,
)


@dataclass(frozen=True)
class Outcome:
    """What became of one law or report.

    Arguments:
        law: Its name.
        says: What it says.
        passed: Whether it holds; a report holds where it can be made.
        reason: Why it does not.
        seconds: Time that it took.
        value: The number of a report.
    """

    law: str
    says: str
    passed: bool
    reason: str
    seconds: float
    value: float | None = None


def check(domain: Domain, config: Config | None = None) -> Iterator[Outcome]:
    """The outcome of each law and report; only the first, if the domain cannot be built."""
    built: list[Subject] = []

    def builds() -> None:
        """Examples give a codec, a process and a network."""
        built.append(Subject.of(domain, config))

    yield _outcome(builds)
    for law in LAWS if built else ():
        yield _outcome(law, built[0])
    for report in REPORTS if built else ():
        outcome = _outcome(report, built[0])
        if outcome.value is not None or not outcome.passed:
            yield outcome


def _outcome(law: Callable[..., float | None], *subject: Subject) -> Outcome:
    start, reason, value = time.perf_counter(), "", None
    try:
        value = law(*subject)
    except Exception as error:  # whatever the plugin does is the result
        reason = f"{type(error).__name__}: {error}".removeprefix("AssertionError: ")
    says = " ".join((law.__doc__ or "").split())
    return Outcome(law.__name__, says, not reason, " ".join(reason.split()), time.perf_counter() - start, value)
