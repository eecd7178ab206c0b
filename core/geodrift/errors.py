"""Errors that a user can act on."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_NAMES = 60
_LETTERS = 200


class InputError(ValueError):
    """Something a user gave is wrong; the message is one line: the file or key, what is wrong, what to do."""


def unknown(what: str, name: str, known: Iterable[str]) -> InputError:
    """The error for a name that does not exist, with the nearest name and all the others."""
    names = sorted(known)
    nearest = difflib.get_close_matches(short(name), names, n=1, cutoff=0.5)
    hint = f' (did you mean "{nearest[0]}"?)' if nearest else ""
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    listed = ", ".join(map(short, names[:_NAMES])) or "none"
    return InputError(f'no {what} "{short(name)}"{hint}; available: {listed}{more}')


def short(text: object) -> str:
    """What a file says, short enough for a message."""
    found = str(text)
    return found if len(found) <= _LETTERS else f"{found[:_LETTERS]}…"
