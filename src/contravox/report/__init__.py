"""The report: one HTML file on one system or several on one trial list."""

from contravox.report.page import write_report

__all__ = ["write_report"]
