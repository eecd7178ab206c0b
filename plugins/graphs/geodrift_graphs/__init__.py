"""geodrift's plugin for graphs: molecules and graphs without labels."""

from geodrift_graphs.domain import domain

__all__ = ["domain"]
