"""Graphs without chemistry, and what molecules share with them: packed arrays."""
