"""Molecules: atoms as tokens, properties, corrections."""
