"""The dashboard of the clinic's staff, one module per page.

Server-rendered, with one style sheet and one small script of our own: no build step,
and nothing is loaded from another host.
"""

from flask import Flask

from recovery_service.auth.access import open_route
from recovery_service.dashboard import (
    alerts,
    caseload,
    content_approvals,
    enrolment,
    messages,
    patient,
    phases,
    plan,
    register,
    rejected_reports,
    sign_in,
)
from recovery_service.dashboard.pages import pages, secure_pages, use_error_page

__all__ = ["init_dashboard"]

# Each of these adds its routes to `pages` when it is imported.
PAGES = (
    sign_in, caseload, register, patient, alerts, phases, messages, rejected_reports, plan,
    enrolment, content_approvals,
)  # fmt: skip


def init_dashboard(app: Flask) -> None:
    """Mount the pages, and let errors look like them."""
    app.register_blueprint(pages)
    open_route(app, "dashboard.static", "style and script of the sign-in page too")
    app.after_request(secure_pages)
    use_error_page(app)
