"""A browser for tests: keeps cookies, and finds the tokens of the forms it was shown."""

import re
from html import unescape
from typing import Any
from uuid import UUID

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.factories import PASSWORD, ClinicWithStaff

_HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Browser:
    """What a person does with the dashboard."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()

    def get(self, path: str, **options: Any) -> TestResponse:
        """Open an address; redirects are answers here."""
        return self.client.get(path, headers=_HTML, **options)

    def post(self, path: str, form: dict[str, str], **headers: str) -> TestResponse:
        """Send a form as it is given."""
        return self.client.post(path, data=form, headers=_HTML | headers)

    def send(self, path: str, form: dict[str, str], *, shown_on: str = "/") -> TestResponse:
        """Send a form with the token of a page that shows one."""
        token = hidden(self.get(shown_on), "csrf_token")
        return self.post(path, {"csrf_token": token, **form})

    def sign_in(self, email: str, password: str = PASSWORD, **more: str) -> TestResponse:
        """Fill the sign-in form and send it."""
        token = hidden(self.get("/sign-in"), "form_token")
        form = {"form_token": token, "email": email, "password": password, **more}
        return self.post("/sign-in", form)

    def cookie(self, name: str = "recovery") -> str | None:
        """Return a cookie's value."""
        found = self.client.get_cookie(name)
        return found.value if found else None


def signed_in(app: Flask, clinic: ClinicWithStaff, role: str = "physiotherapist") -> Browser:
    """Return the browser of the clinic's person of a role."""
    browser = Browser(app)
    answer = browser.sign_in(clinic.emails[role])
    assert answer.status_code == 303, answer.text
    return browser


def hidden(page: TestResponse, name: str) -> str:
    """Return the value of a hidden field of a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page.text)
    assert found, f"no field {name}: {page.status_code} {page.text[:300]}"
    return unescape(found[1])


def registration(**changes: str) -> dict[str, str]:
    """Return a form that registers a patient."""
    return {
        "name": "Ada Example",
        "date_of_birth": "1970-05-04",
        "external_system": "Hospital number",
        "external_value": "",
        "procedure": "lumbar_microdiscectomy",
        "plan_template": "",
        "surgery_date": "2026-02-27",
        "discharge_date": "2026-03-01",
        "levels": "L4/5, L5/S1",
        "side": "left",
        "contact_mode": "app",
        "locale": "en",
        "phone": "+44 20 7946 0001",
        "email": "",
        "time_zone": "Europe/London",
        "plan": "draft",
    } | changes


def patient_of(answer: TestResponse) -> UUID:
    """Return whose sheet the browser is sent to."""
    found = re.search(r"/patients/([0-9a-f-]{36})/sheet", answer.headers.get("Location", ""))
    assert found, answer.text
    return UUID(found[1])
