"""Phones that were away for a week meet the service as it runs, over a bad network.

`RECOVERY_CHAOS_PHONES` is how many (6 in the suite, 50 in a night). The web server, the
network and the phones are processes; staff work meanwhile.
"""

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener
from uuid import uuid4

from flask import Flask
from sqlalchemy import select

from recovery_service.clock import ManualClock, SystemClock
from recovery_service.database import transaction
from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.extensions import parts
from recovery_service.models import CheckIn, Message, OccurrenceAction, RejectedReport
from tests.conftest import running_app, settings_for
from tests.e2e.callers import Caller, Refused
from tests.e2e.installation import Installation
from tests.factories import ClinicWithStaff, PatientAtHome, make_clinic, make_patient
from tests.fakes.flaky_network import TROUBLES
from tests.plan_rows import materialise, plan_item

ROOT = Path(__file__).resolve().parents[2]
PHONES = int(os.environ.get("RECOVERY_CHAOS_PHONES", "6"))
SEED = 20260302
WEEK = timedelta(days=7)
TAKEN = ("created", "duplicate")


@contextmanager
def process(*arguments: str) -> Iterator[tuple[Any, Any]]:
    """Run a module; give its standard input and output. It ends when its input does."""
    command = [sys.executable, "-m", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        try:
            yield running.stdin, running.stdout
        finally:
            assert running.stdin is not None
            running.stdin.close()
            running.wait(60)


def at_home(clinic: ClinicWithStaff, now: datetime) -> tuple[PatientAtHome, dict[str, Any]]:
    """Store a patient with a plan since a week; return what the phone is given."""
    home = (now - WEEK - timedelta(days=1)).date()
    surgery = home - timedelta(days=2)
    patient = make_patient(clinic, now=now, zone="UTC", surgery_date=surgery, discharge_date=home)
    item = plan_item(patient, now=now - WEEK, zone="UTC", anchor=home)
    materialise(item, now=now)
    token = patient.bearer()["Authorization"].removeprefix("Bearer ")
    days = [now.date() - timedelta(days=back) for back in range(7)]
    keys = [f"{day:%Y%m%d}.{slot}" for day in days for slot in ("morning", "evening")]
    return patient, {"token": token, "occurrences": [item.occurrence_id(each) for each in keys]}


class Staff(threading.Thread):
    """A clinician who books, moves and answers, patient by patient, until told to stop."""

    def __init__(self, call: Caller, patients: list[PatientAtHome], now: datetime) -> None:
        super().__init__(daemon=True)
        self._call, self._patients, self._now = call, patients, now
        self.enough, self.rounds = threading.Event(), 0
        self.failed: Exception | None = None

    def run(self) -> None:
        try:
            while not self.enough.is_set():
                self._work()
        except Exception as error:  # noqa: BLE001 - told to the test
            self.failed = error

    def _work(self) -> None:
        patient = self._patients[self.rounds % len(self._patients)]
        self.rounds += 1
        episode = f"/episodes/{patient.episode_id}"
        days = [timedelta(days=2 + (self.rounds + more) % 5) for more in (0, 1)]
        first, second = (
            {"starts_at": (self._now + each).isoformat(), "minutes": 30} for each in days
        )
        visit = self._do("POST", f"{episode}/appointments", first | {"kind": "visit"}, 201)
        said = {"id": str(uuid4()), "text": "We have read it."}
        self._do("POST", f"{episode}/messages", said, 201)
        self._do("PATCH", f"/appointments/{visit['id']}", second, 200)

    def _do(self, method: str, path: str, body: Any, expect: int) -> Any:
        """Call, and again where a phone's batch keeps the patient busy, as the answer asks."""
        while True:
            try:
                return self._call.call(method, path, body, expect=expect)
            except Refused as refused:
                if refused.status != HTTPStatus.SERVICE_UNAVAILABLE:
                    raise
                self.enough.wait(1)


def test_phones_that_were_away_for_a_week_agree_with_the_server(
    place: Installation, postgres: EmbeddedPostgres, own_database: str
) -> None:
    """Nothing is lost, nothing is there twice, and every trouble has happened.

    Planted: rejected reports not kept; a cursor of the snapshot's xmax alone.
    """
    now = SystemClock()().replace(second=0, microsecond=0)
    with running_app(settings_for(postgres, own_database), ManualClock(now)) as app:
        with app.app_context():
            clinic = make_clinic(now=now, zone="UTC")
            made = [at_home(clinic, now) for _ in range(PHONES)]
            version = parts().content.check_ins.form_version
            bearer = clinic.bearer()["Authorization"].removeprefix("Bearer ")
        place.start("web")
        patients = [patient for patient, _ in made]
        staff = Staff(Caller(place.origin, bearer), patients, now)
        told: dict[str, Any] = {"origin": place.origin, "form_version": version, "seed": SEED}
        with process("tests.fakes.flaky_network", f"{place.port}", f"{SEED}") as (_, heard):
            told["network"] = f"http://127.0.0.1:{int(heard.readline())}"
            told["phones"] = [given for _, given in made]
            phones = away(told, staff)
            troubles = troubles_of(told["network"])
        assert set(troubles) == set(TROUBLES), "each trouble has happened"
        assert sum(each["lost"] for each in phones) == troubles["lost"] + troubles["asked_in_vain"]
        for patient, phone in zip(patients, phones, strict=True):
            in_step(phone)
            nothing_lost_nothing_twice(app, patient, phone)
        statuses = Counter(one["status"] for each in phones for one in each["results"].values())
        assert {"created", "duplicate", "rejected"} <= set(statuses)


def away(told: dict[str, Any], staff: Staff) -> list[dict[str, Any]]:
    """Let the phones be away and come back while staff work."""
    with process("tests.e2e.phones_away") as (say, heard):
        staff.start()
        say.write(json.dumps(told) + "\n")
        say.flush()
        assert heard.readline() == "away no more\n"
        staff.enough.set()
        staff.join(60)
        assert staff.failed is None, staff.failed
        assert staff.rounds > 0
        say.write("\n")
        say.flush()
        phones: list[dict[str, Any]] = json.loads(heard.readline())
    return phones


def troubles_of(network: str) -> dict[str, int]:
    with build_opener(ProxyHandler({})).open(f"{network}/_troubles", timeout=10) as answer:
        troubles: dict[str, int] = json.load(answer)
    return troubles


def in_step(phone: dict[str, Any]) -> None:
    """Check that a phone that begins anew is told what this one has."""
    assert phone["copy"] == phone["fresh_copy"]
    assert phone["documents"] == phone["fresh_documents"]
    assert len(phone["copy"]["messages"]) > 0


def nothing_lost_nothing_twice(app: Flask, patient: PatientAtHome, phone: dict[str, Any]) -> None:
    """Each operation has an end, and what is stored is what was taken."""
    results, sent = phone["results"], phone["operations"]
    assert set(results) == set(sent)
    assert {each["status"] for each in results.values()} <= {*TAKEN, "rejected"}
    with app.app_context(), transaction(patient.clinic_id) as session:
        episode = {"episode_id": patient.episode_id}
        reports = session.scalars(select(CheckIn.id).filter_by(**episode)).all()
        messages = session.execute(
            select(Message.id, Message.number, Message.sender).filter_by(**episode)
        ).all()
        kept = session.scalars(
            select(RejectedReport.operation_id).filter_by(patient_id=patient.id)
        ).all()
        taps = {f"{each}" for each in session.scalars(select(OccurrenceAction.id))}
    assert sorted(map(str, reports)) == ids(phone, "check_in", *TAKEN)
    own = sorted(str(row.id) for row in messages if row.sender == "patient")
    assert own == ids(phone, "message", *TAKEN) == ids(phone, "message", *TAKEN, "rejected")
    assert sorted(row.number for row in messages) == list(range(1, len(messages) + 1))
    assert set(ids(phone, "occurrence_action", *TAKEN)) <= taps
    assert sorted(map(str, kept)) == ids(phone, "check_in", "rejected")


def ids(phone: dict[str, Any], kind: str, *statuses: str) -> list[str]:
    """Return the operations of a type that ended in one of these ways."""
    return sorted(
        key
        for key, each in phone["results"].items()
        if each["type"] == kind and each["status"] in statuses
    )
