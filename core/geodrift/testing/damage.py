"""Files as they are after an accident, or as somebody hostile writes them."""

from __future__ import annotations

import gzip
import random
import re
import struct
import zlib
from collections.abc import Callable

_NUMBERS = (b"nan", b"inf", b"-1", b"0", b"1e309", b"99999999999999999999", b"0x10", b"1_000", b"--5", b"\xff", b"")
_TOKENS = (
    b"\x00",
    b'"',
    b"'",
    b"[[[[",
    b"(((((",
    b"{",
    b"<",
    b"../../x",
    b"\r",
    b"\xf0\x9f\xa7\xaa",
    b"loop_",
    b"#",
    b"%",
)
_PACKED = (struct.pack("<h", -1), struct.pack("<h", 32767), struct.pack("<f", float("nan")), struct.pack("<q", 2**62))
_LONGEST = 4096  # bytes of a piece that is moved or repeated


def damaged(content: bytes, dice: random.Random) -> bytes:
    """The content after one to four accidents; what is compressed is damaged inside or outside."""
    if content[:2] == b"\x1f\x8b" and dice.random() < 0.7:
        inside = damaged(gzip.decompress(content), dice)
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        return packer.compress(inside) + packer.flush()
    for _ in range(dice.randint(1, 4)):
        content = dice.choice(_ACCIDENTS)(content, dice)
    return content


def _piece(content: bytes, dice: random.Random) -> slice:
    start = dice.randrange(len(content) + 1)
    return slice(start, min(len(content), start + dice.randint(0, _LONGEST)))


def _flip(content: bytes, dice: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(dice.randint(1, 8) if changed else 0):
        changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed)


def _cut(content: bytes, dice: random.Random) -> bytes:
    return content[: dice.randrange(len(content) + 1)]


def _lose(content: bytes, dice: random.Random) -> bytes:
    piece = _piece(content, dice)
    return content[: piece.start] + content[piece.stop :]


def _repeat(content: bytes, dice: random.Random) -> bytes:
    piece = _piece(content, dice)
    return content[: piece.stop] + content[piece] * dice.choice((1, 2, 20)) + content[piece.stop :]


def _insert(content: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(content) + 1)
    token = dice.choice((dice.choice(_TOKENS), dice.randbytes(dice.randint(1, 64)), dice.choice(_TOKENS) * 3000))
    return content[:place] + token + content[place:]


def _renumber(content: bytes, dice: random.Random) -> bytes:
    found = list(re.finditer(rb"-?\d+(\.\d+)?", content[: 1 << 16]))
    if not found:
        return content
    number = dice.choice(found)
    return content[: number.start()] + dice.choice(_NUMBERS) + content[number.end() :]


def _overwrite(content: bytes, dice: random.Random) -> bytes:
    """A number of a binary header, mostly near the beginning, becomes an extreme one."""
    place, packed = dice.randrange(min(len(content), dice.choice((352, 1 << 16))) + 1), dice.choice(_PACKED)
    return content[:place] + packed + content[place + len(packed) :]


def _shuffle(content: bytes, dice: random.Random) -> bytes:
    lines = content.split(b"\n")
    place, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    lines[place], lines[other] = lines[other], lines[place]
    return b"\n".join(lines[:-1] if dice.random() < 0.3 else lines)


Accident = Callable[[bytes, random.Random], bytes]
_ACCIDENTS: tuple[Accident, ...] = (_flip, _cut, _lose, _repeat, _insert, _renumber, _overwrite, _shuffle)
