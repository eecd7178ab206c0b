r"""One page for several folders of samples: each report in a frame of its own, below the command that made it.

Frames keep the scripts and styles of the reports apart, and their text is inside the page: it needs no network.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from geodrift import samples
from geodrift.errors import InputError
from geodrift.metric import Metric
from geodrift.report.figures import table
from geodrift.samples import Manifest

_PAGE = Path(__file__).with_name("gallery.html")


@dataclass(frozen=True)
class Exhibit:
    """Samples of one run.

    Arguments:
        folder: Where they are.
        manifest: What they are.
        report: Their page.
        metrics: What was measured on them.
    """

    folder: Path
    manifest: Manifest
    report: str
    metrics: Sequence[Metric]

    @classmethod
    def of(cls, folder: Path) -> Exhibit:
        """The samples in a folder.

        Raises:
            InputError: When there are none, or no report of them.
        """
        manifest, path = samples.opened(folder), folder / samples.REPORT
        if not path.is_file():
            raise InputError(f"{path}: no such file; write it with: geodrift report {folder}")
        return cls(folder, manifest, path.read_text(encoding="utf-8"), samples.figures(folder))


def gallery(exhibits: Sequence[Exhibit]) -> str:
    """A whole HTML document."""
    links = " ".join(f'<a href="#e{n}">{html.escape(each.manifest.model)}</a>' for n, each in enumerate(exhibits))
    shown = "\n".join(_exhibit(n, each) for n, each in enumerate(exhibits))
    return Template(_PAGE.read_text(encoding="utf-8")).substitute(links=links, exhibits=shown)


def _exhibit(number: int, exhibit: Exhibit) -> str:
    manifest = exhibit.manifest
    told = manifest.command or "made from Python"
    figures = f'<div class="wide">{table(exhibit.metrics, {})}</div>' if exhibit.metrics else ""
    title = f"{manifest.count:,} samples of {manifest.model}"
    return (
        f'<section id="e{number}"><h2>{html.escape(title)}</h2><pre>{html.escape(told)}</pre>{figures}\n'
        f'<iframe title="{html.escape(title)}" srcdoc="{html.escape(exhibit.report)}"></iframe></section>'
    )
