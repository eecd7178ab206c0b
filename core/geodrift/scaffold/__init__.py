"""A new domain as a package of its own, ready to be changed."""

from geodrift.scaffold.package import scaffold

__all__ = ["scaffold"]
