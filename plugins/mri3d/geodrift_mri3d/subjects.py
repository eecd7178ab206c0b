r"""Which subjects are held out of training: decided by the name alone, so that no list has to be kept.

A subject is held out when the hash of its name falls below a share. The salt gives 24 of the 160 IXI subjects that the
shipped models were trained on.
"""

from __future__ import annotations

import hashlib

SALT = "held-out 268"
SHARE = 0.15


def held_out(name: str) -> bool:
    """Whether the subject of this name is held out."""
    digest = hashlib.sha256(f"{SALT}:{name}".encode()).digest()
    return int.from_bytes(digest[:4]) / 2**32 < SHARE
