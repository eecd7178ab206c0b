"""One of several drafts of each sample: a prediction is one answer, and drafts that agree are worth more than one.

Drafts are drawn in rounds: of `n` samples with `k` drafts each, draft `i` is one of sample `i mod n`, so that the first
round is what is drawn without a choice. Which draft is best, and which is known already, is the domain's to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geodrift.contents import digest
from geodrift.domain import Domain
from geodrift.errors import InputError


@dataclass(frozen=True)
class Choice:
    """How many drafts a sample has, and what it is not to be.

    Arguments:
        drafts: Of each sample; with one there is nothing to choose.
        known: Objects that are passed over where a draft is left that is none of them.
        path, where: The file that they are from, and which rows of it.
    """

    drafts: int = 1
    known: Sequence[Any] = ()
    path: Path | None = None
    where: Mapping[str, str] = field(default_factory=dict)

    def check(self, domain: Domain) -> None:
        """Raise `InputError` when there is nothing to choose from, or the domain has no choice."""
        if self.drafts == 1 and self.path is not None:
            raise InputError(f"--avoid {self.path}: needs drafts to choose from; draw some with --best-of")
        if self.drafts > 1 and not hasattr(domain, "choose"):
            raise InputError(f"--best-of {self.drafts}: {domain.name} cannot be ranked by their drafts")

    def of(self, domain: Domain, drafts: Sequence[Any], n: int) -> list[Any]:
        """The best draft of each of `n` samples; a sample whose drafts are not there yet is left out."""
        if self.drafts == 1:
            return list(drafts)
        groups = [drafts[i::n] for i in range(min(n, len(drafts)))]
        places: Sequence[int] = domain.choose(groups, self.known)
        return [group[place] for group, place in zip(groups, places, strict=True)]

    def described(self) -> dict[str, Any] | None:
        """The choice in a few JSON values."""
        if self.drafts == 1:
            return None
        return {"drafts": self.drafts, "avoid": self._avoided(self.path) if self.path else None}

    def _avoided(self, path: Path) -> dict[str, Any]:
        known = {"where": dict(self.where), "count": len(self.known)}
        return {"path": str(path), "sha256": digest(path), **known}
