"""Figures of sets of volumes, a noun a file."""
