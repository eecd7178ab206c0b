"""`python -m geodrift`, as torchrun starts it."""

from geodrift.cli import main

main()
