"""The command line."""

from geodrift.cli.app import main

__all__ = ["main"]
