"""`python -m geodrift`, as torchrun starts it."""

import sys

from geodrift.cli import main

if __name__ == "__main__":
    sys.exit(main())
