"""Errors that a user can act on."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something a user gave is wrong; the message is one line: the file or key, what is wrong, what to do."""


def unknown(what: str, name: str, known: Iterable[str]) -> InputError:
    """The error for a name that does not exist, with the nearest name and all the others."""
    names = sorted(known)
    nearest = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f' (did you mean "{nearest[0]}"?)' if nearest else ""
    return InputError(f'no {what} "{name}"{hint}; available: {", ".join(names) or "none"}')
