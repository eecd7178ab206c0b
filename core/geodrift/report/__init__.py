"""The report: one HTML file that needs nothing else."""

from geodrift.report.page import page

__all__ = ["page"]
