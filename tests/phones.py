"""A patient's phone as it calls the API, and codes that let one in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from recovery_service.database import transaction
from recovery_service.extensions import parts
from recovery_service.models import Episode, Patient
from recovery_service.services.enrolment import create_code
from tests.factories import PatientAtHome

BORN = "1970-01-01"


@dataclass(frozen=True)
class Phone:
    """Somebody's phone; without headers it is nobody's."""

    app: Flask
    headers: Mapping[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Send a request with JSON."""
        return self.app.test_client().open(
            f"/api/v1{path}", method=method, json=body, headers={**self.headers, **headers}
        )

    def get(self, path: str, **headers: str) -> TestResponse:
        """Read."""
        return self.call("GET", path, **headers)


def phone_of(app: Flask, patient: PatientAtHome) -> Phone:
    """Return the phone of a patient, signed in."""
    with app.app_context():
        return Phone(app, patient.bearer())


def phone_with(app: Flask, tokens: Mapping[str, Any]) -> Phone:
    """Return a phone that holds these tokens."""
    return Phone(app, {"Authorization": f"Bearer {tokens['access_token']}"})


def new_code(app: Flask, patient: PatientAtHome, *, lost_device: bool = False) -> str:
    """Return a fresh enrolment code of a patient."""
    with app.app_context(), transaction(patient.clinic_id) as session:
        return create_code(
            session,
            parts().keys,
            parts().content,
            session.get_one(Patient, (patient.clinic_id, patient.id)),
            session.get_one(Episode, (patient.clinic_id, patient.episode_id)),
            created_by=None,
            lost_device=lost_device,
            now=parts().clock(),
        )


def enrolment(code: str, *, born: str = BORN, **device: Any) -> dict[str, Any]:
    """Return the body of an enrolment by a new phone."""
    own = {
        "id": str(uuid4()),
        "name": "My phone",
        "platform": "ios",
        "time_zone": "Europe/London",
        "locale": "en-GB",
        "app_version": "1.0.0",
    }
    return {
        "code": code,
        "date_of_birth": born,
        "device": own | device,
        "consents": [{"document": "privacy", "version": "1"}],
    }


class RecordedLog:
    """Stands in for a module's log: what it was given, before anything is withheld."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def info(self, event: str, **values: Any) -> None:
        """Keep a line."""
        self.lines.append({"event": event} | values)

    warning = info

    @property
    def events(self) -> list[str]:
        """The names of what happened."""
        return [line["event"] for line in self.lines]


def code_of(answer: TestResponse) -> str:
    """Return the code of a problem."""
    problem = answer.get_json(force=True)
    return str(problem["code"])


def pointers(answer: TestResponse) -> set[str]:
    """Return which fields a problem names."""
    problem = answer.get_json(force=True)
    return {each["pointer"] for each in problem.get("errors", [])}


def enrol(app: Flask, body: dict[str, Any]) -> TestResponse:
    """Send an enrolment."""
    return Phone(app).call("POST", "/enrolments", body)


def rows(app: Flask, patient: PatientAtHome, model: Any) -> list[Any]:
    """Return all rows of a table that are the patient's."""
    with app.app_context(), transaction(patient.clinic_id) as session:
        return list(session.scalars(select(model).where(model.patient_id == patient.id)))
