"""The share of the molecules of a file that encoding and decoding gives back, and the reasons where it does not.

python benchmarks/roundtrip.py FILE
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from geodrift_graphs import domain
from geodrift_graphs.codec import MoleculeCodec
from geodrift_graphs.molecules.vocabulary import sanitised, smiles

BATCH = 10_000


def main() -> None:
    reading = domain.read(Path(sys.argv[1]), {})
    codec = MoleculeCodec.fit(reading.objects)
    kept, refused = 0, Counter(refusal.reason for refusal in reading.refused)
    for start in range(0, len(reading.objects), BATCH):
        part = reading.objects[start : start + BATCH]
        encoded = codec.encode(part)
        refused.update(refusal.reason for refusal in encoded.refused)
        back = map(sanitised, codec.decode(encoded.state))
        pairs = zip((part[place] for place in encoded.kept), back, strict=True)
        kept += sum(found is not None and smiles(found) == smiles(given) for given, found in pairs)
    total = len(reading.objects) + len(reading.refused)
    print(f"{kept:,} of {total:,} molecules come back ({kept / total:.4%}); {len(codec.tokens)} atom types")
    for reason, count in refused.most_common():
        print(f"  {count:,} × {reason}")


if __name__ == "__main__":
    main()
