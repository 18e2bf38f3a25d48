"""Messages in the queue of a phone, and in its copy."""

from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text, update

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import Episode, Message, StaffMember
from tests.calls import Caller
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.syncing_phones import SyncingPhone, driver_url, phone_by, statuses

pytestmark = pytest.mark.usefixtures("app_context")

URGENT = "Since noon I can't pee at all"


@pytest.fixture
def patient(clinic: ClinicWithStaff) -> PatientAtHome:
    return make_patient(clinic, now=MONDAY)


@pytest.fixture
def call(client: FlaskClient, patient: PatientAtHome) -> Caller:
    return Caller(client, patient.bearer)


@pytest.fixture
def phone(call: Caller, clock: ManualClock) -> SyncingPhone:
    return phone_by(call, clock)


@pytest.fixture
def staff(client: FlaskClient, clinic: ClinicWithStaff) -> Caller:
    return Caller(client, clinic.bearer)


def test_messages_are_sent_once_in_the_order_in_which_they_were_written(
    phone: SyncingPhone, clinic: ClinicWithStaff
) -> None:
    """Planted: without `happened` they were numbered in the order of the batch."""
    written = [(MONDAY - timedelta(hours=hours)).isoformat() for hours in (1, 3)]
    late = phone.do("message", text=URGENT, written_at=written[0])
    early = phone.do("message", text="May I walk?", written_at=written[1])
    queue, cursor = list(phone.queue), phone.cursor
    first = phone.sync()
    phone.queue, phone.cursor = queue, cursor
    again = phone.sync()
    assert (statuses(first), statuses(again)) == (["created"] * 2, ["duplicate"] * 2)
    assert again["results"][0]["advice"] == first["results"][0]["advice"] != []
    assert {each["id"]: each["number"] for each in phone.copy["messages"].values()} == {
        early: 1, late: 2,
    }  # fmt: skip
    phone.do("message", id=early, text="Something else")
    answer = phone.sync()
    assert statuses(answer) == ["conflict"]
    assert answer["results"][0]["stored"]["text"] == "May I walk?"
    with transaction(clinic.id) as session:
        assert len(session.scalars(select(Message)).all()) == 2


def test_a_message_that_nobody_reads_any_more_is_answered_with_whom_to_call(
    phone: SyncingPhone, patient: PatientAtHome
) -> None:
    """Planted: told `rejected` only, a phone had nothing to show to who writes in distress."""
    with transaction(patient.clinic_id) as session:
        session.execute(update(Episode).values(monitored_until=MONDAY.date() - timedelta(days=1)))
    phone.do("message", text=URGENT)
    (result,) = phone.sync()["results"]
    assert (result["status"], result["code"]) == ("rejected", "messages_closed")
    assert "call the emergency number now" in result["stored"]["advice"][0]["text"]
    assert phone.copy["messages"] == {}


def test_what_staff_do_with_messages_comes_with_the_next_answer_and_once(
    phone: SyncingPhone, staff: Caller, patient: PatientAtHome, clinic: ClinicWithStaff
) -> None:
    """Planted: without the trigger on the author's name, or the withdrawals, a copy is stale."""
    own = phone.do("message", text="May I walk?")
    phone.sync()
    thread, reply = f"/episodes/{patient.episode_id}/messages", str(uuid4())
    assert staff("POST", thread, json={"id": reply, "text": "Yes"}).status_code == 201
    assert staff("POST", f"{thread}/read", json={"up_to": 1}).status_code == 200
    told = phone.sync()["changes"]
    assert [each["id"] for each in told["messages"]] == [reply]
    assert told["message_thread"] == {"read_by_me": 0, "read_by_care_team": 1, "unread": 1}
    with transaction(clinic.id) as session:
        session.get_one(StaffMember, (clinic.id, clinic.staff["physiotherapist"])).name = "New Name"
    told = phone.sync()["changes"]
    assert [each["author"] for each in told["messages"]] == ["New Name"]
    with transaction(clinic.id) as session:
        session.execute(update(StaffMember).values(locale="tr"))
    assert phone.sync()["changes"]["messages"] == []
    assert staff("POST", f"/messages/{reply}/withdraw").status_code == 204
    (gone,) = phone.sync()["changes"]["messages"]
    assert (gone["id"], gone["text"], bool(gone["withdrawn_at"])) == (reply, None, True)
    assert phone.sync()["changes"]["messages"] == []
    assert set(phone.copy["messages"]) == {own, reply}


def test_a_message_that_is_deleted_leaves_a_stone(
    app: Flask, phone: SyncingPhone, clinic: ClinicWithStaff
) -> None:
    """Only the owner of the tables can. Planted: without the trigger the phone keeps it."""
    own = phone.do("message", text="May I walk?")
    phone.sync()
    with psycopg.connect(driver_url(app, "MIGRATOR_DATABASE_URL")) as owner:
        for table in ("message", "episode", "patient", "tombstone"):
            owner.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        assert owner.execute("DELETE FROM message WHERE id = %s", [UUID(own)]).rowcount == 1
        for table in ("message", "episode", "patient", "tombstone"):
            owner.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    assert phone.sync()["tombstones"] == [{"collection": "messages", "id": own}]
    assert phone.copy["messages"] == {}
    with transaction(clinic.id) as session:
        assert session.scalar(text("SELECT count(*) FROM tombstone")) == 1
