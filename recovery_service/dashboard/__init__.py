"""The dashboard of the clinic's staff, one module per page."""

from flask import Flask


def init_dashboard(app: Flask) -> None:
    """Mount the pages."""
