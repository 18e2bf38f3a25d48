"""Messages between a patient and the care team, both sides.

Defects planted, each seen red: the id's content not compared (another text was answered as
stored); `staff_read` taken for `patient_read`.
"""

# ruff: noqa: RUF001 - Turkish has a dotless i.

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text, update

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import (
    Advice,
    Alert,
    AlertEvent,
    AuditEvent,
    CareTeamMember,
    Destination,
    Episode,
    Message,
    StaffNotice,
)
from tests.calls import Caller
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_clinic, make_patient

pytestmark = pytest.mark.usefixtures("app_context")

Call = Callable[..., Any]
CRISIS, URGENT = "Some days I want to die.", "Since noon I can't pee at all"


@pytest.fixture
def patient(clinic: ClinicWithStaff) -> PatientAtHome:
    made = make_patient(clinic, now=MONDAY)
    with transaction(clinic.id) as session:
        session.add(
            CareTeamMember(
                clinic_id=clinic.id,
                id=uuid4(),
                patient_id=made.id,
                staff_id=clinic.staff["physiotherapist"],
                lead=True,
                from_date=MONDAY.date(),
            )
        )
    return made


@pytest.fixture
def me(client: FlaskClient, patient: PatientAtHome) -> Call:
    return Caller(client, patient.bearer)


@pytest.fixture
def staff(client: FlaskClient, clinic: ClinicWithStaff) -> Call:
    return Caller(client, clinic.bearer)


def write(call: Call, said: str, *, path: str = "/me/messages", **more: Any) -> Any:
    return call("POST", path, json={"id": str(uuid4()), "text": said} | more)


def thread(patient: PatientAtHome) -> str:
    return f"/episodes/{patient.episode_id}/messages"


def stored(clinic: ClinicWithStaff, model: Any) -> list[Any]:
    with transaction(clinic.id) as session:
        return list(session.scalars(select(model)))


def end(patient: PatientAtHome) -> None:
    with transaction(patient.clinic_id) as session:
        session.execute(
            update(Episode).values(state="ended", end_reason="completed", ended_on=MONDAY.date())
        )


def test_a_message_is_answered_with_who_reads_it_and_whom_to_call(me: Call) -> None:
    answer = write(me, "May I take a bath?")
    assert answer.status_code == 201
    told = answer.get_json()
    assert told["message"]["text"] == "May I take a bath?"
    assert (told["message"]["number"], told["message"]["read"]) == (1, False)
    assert told["advice"] == []
    assert "not in real time" in told["summary"]
    assert told["monitoring"]["state"] in {"watched", "out_of_hours", "not_monitored"}
    assert "Do not wait for an answer" in told["monitoring"]["until_then"]


def test_the_same_id_is_one_message_and_other_content_is_refused(
    me: Call, clinic: ClinicWithStaff
) -> None:
    body = {"id": str(uuid4()), "text": CRISIS}
    first, again = (me("POST", "/me/messages", json=body) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.get_json()["advice"] == first.get_json()["advice"] != []
    other = me("POST", "/me/messages", json=body | {"text": "Something else"})
    assert (other.status_code, other.get_json()["code"]) == (409, "client_id_reused")
    assert other.get_json()["stored"]["text"] == CRISIS
    assert len(stored(clinic, Message)) == len(stored(clinic, Advice)) == 1


def test_an_id_of_somebody_elses_message_tells_nothing(
    me: Call, client: FlaskClient, clinic: ClinicWithStaff
) -> None:
    other = Caller(client, make_patient(clinic, now=MONDAY).bearer)
    taken = str(uuid4())
    assert write(other, "Mine", id=taken).status_code == 201
    answer = write(me, "Mine", id=taken)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "client_id_reused")
    assert not answer.get_json().get("stored")
    assert me("GET", "/me/messages").get_json()["items"] == []


@pytest.mark.parametrize(
    ("said", "status"),
    [("", 422), ("   ", 422), ("x" * 4001, 422), ("x" * 4000, 201), ("a\x07b", 422), ("ş\nğ", 201)],
)
def test_text_has_limits(me: Call, said: str, status: int) -> None:
    answer = write(me, said)
    assert answer.status_code == status
    if status == 422:
        assert answer.get_json()["errors"][0]["pointer"] == "/text"


def test_nul_is_refused(me: Call) -> None:
    assert write(me, "a\x00b").status_code in {400, 422}


def test_words_of_crisis_raise_the_alert_of_a_check_ins_note(
    me: Call, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    told = write(me, CRISIS).get_json()
    assert [one["tier"] for one in told["advice"]] == ["same_day"]
    assert "hurting yourself" in told["advice"][0]["text"]
    (alert,) = stored(clinic, Alert)
    assert (alert.tier, alert.state, alert.patient_id) == ("same_day", "open", patient.id)
    (event,) = stored(clinic, AlertEvent)
    assert (event.check_in_id, str(event.message_id)) == (None, told["message"]["id"])
    assert [one.staff_id for one in stored(clinic, StaffNotice)] == [
        clinic.staff["physiotherapist"]
    ]
    assert told["message"]["sounds"] == "crisis"


@pytest.mark.parametrize("said", [URGENT, "Bacaklarımı hissetmiyorum", "GÖĞSÜM AĞRIYOR"])
def test_words_of_an_emergency_are_met_at_once_and_seen_by_staff(
    me: Call, staff: Call, clinic: ClinicWithStaff, said: str
) -> None:
    told = write(me, said).get_json()
    (advice,) = told["advice"]
    assert advice["rule"] == "MSG1_URGENT_WORDS"
    assert "call the emergency number now" in advice["text"]
    (alert,) = stored(clinic, Alert)
    story = staff("GET", f"/alerts/{alert.id}").get_json()
    assert story["title"] == "Words of an emergency in a message"
    assert story["facts"][0]["text"].startswith("Words in a message")
    assert story["events"][0]["message_id"] == told["message"]["id"]


def test_the_patient_sees_what_an_advice_answered(me: Call) -> None:
    told = write(me, URGENT).get_json()
    (advice,) = me("GET", "/me/advice").get_json()["items"]
    assert (advice["message_id"], advice["check_in_id"]) == (told["message"]["id"], None)


def test_the_answer_is_in_the_patients_language(me: Call) -> None:
    told = write(me, URGENT, path="/me/messages")
    answer = me(
        "POST", "/me/messages", headers={"Accept-Language": "tr"},
        json={"id": str(uuid4()), "text": URGENT},
    )  # fmt: skip
    assert "acil numarayı arayın" in answer.get_json()["advice"][0]["text"]
    assert told.get_json()["advice"][0]["text"] != answer.get_json()["advice"][0]["text"]


def test_both_sides_see_what_is_unread_and_what_was_read(
    me: Call, staff: Call, patient: PatientAtHome
) -> None:
    for said in ("One", "Two"):
        write(me, said)
    assert staff("GET", thread(patient)).get_json()["unread"] == 2
    assert staff("POST", f"{thread(patient)}/read", json={"up_to": 1}).get_json() == {"unread": 1}
    items = me("GET", "/me/messages").get_json()["items"]
    assert [(one["text"], one["read"]) for one in items] == [("Two", False), ("One", True)]
    reply = write(staff, "Yes, from Thursday on.", path=thread(patient))
    assert reply.status_code == 201
    mine = me("GET", "/me/messages").get_json()
    assert (mine["unread"], mine["items"][0]["sender"]) == (1, "staff")
    assert mine["items"][0]["author"]
    assert me("POST", "/me/messages/read", json={"up_to": 3}).get_json() == {"unread": 0}
    assert me("POST", "/me/messages/read", json={"up_to": 1}).get_json() == {"unread": 0}
    assert staff("GET", thread(patient)).get_json()["items"][0]["read"] is True


def test_what_is_still_to_come_cannot_have_been_read(me: Call, staff: Call) -> None:
    answer = me("POST", "/me/messages/read", json={"up_to": 1})
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/up_to")
    write(me, "One")
    assert me("POST", "/me/messages/read", json={"up_to": 2}).status_code == 422


def test_a_page_follows_a_page(me: Call) -> None:
    for number in range(5):
        write(me, f"Number {number}")
    seen, cursor = [], ""
    while True:
        page = me("GET", f"/me/messages?limit=2{cursor}").get_json()
        seen += [one["number"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [5, 4, 3, 2, 1]


def test_the_inbox_tells_who_waits_and_not_what_was_written(
    me: Call, staff: Call, client: FlaskClient, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    other = make_patient(clinic, now=MONDAY)
    write(Caller(client, other.bearer), "Hello")
    write(me, URGENT)
    both = staff("GET", "/messages?unread=true").get_json()["items"]
    assert {one["patient_id"] for one in both} == {str(patient.id), str(other.id)}
    (mine,) = staff("GET", "/messages?mine=true").get_json()["items"]
    assert (mine["patient_id"], mine["unread"], mine["sounds"]) == (str(patient.id), 1, "urgent")
    assert mine["awaits_reply"] is True
    assert "text" not in mine
    staff("POST", f"{thread(patient)}/read", json={"up_to": 1})
    assert staff("GET", "/messages?mine=true&unread=true").get_json()["items"] == []
    assert len(staff("GET", "/messages?unread=false").get_json()["items"]) == 1
    page = staff("GET", "/messages?limit=1").get_json()
    rest = staff("GET", f"/messages?limit=1&cursor={page['next_cursor']}").get_json()
    assert {page["items"][0]["episode_id"], rest["items"][0]["episode_id"]} == {
        str(patient.episode_id), str(other.episode_id),
    }  # fmt: skip


def test_what_nobody_read_is_a_reason_in_the_caseload(
    me: Call, staff: Call, patient: PatientAtHome, clock: ManualClock
) -> None:
    write(me, "May I drive?")

    def reasons() -> dict[str, Any]:
        (entry,) = staff("GET", "/patients").get_json()["items"]
        return {one["code"]: one for one in entry["reasons"]}

    first = reasons()["message_unread"]
    clock.advance(timedelta(days=1))
    assert reasons()["message_unread"]["urgency"] > first["urgency"]
    staff("POST", f"{thread(patient)}/read", json={"up_to": 1})
    assert "message_unread" not in reasons()


def test_a_reply_is_told_to_the_phone_by_a_silent_push(
    staff: Call, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    with transaction(clinic.id) as session:
        session.execute(update(Destination).values(sync_due_at=None))
    write(staff, "Yes", path=thread(patient))
    (push,) = [one for one in stored(clinic, Destination) if one.channel == "webpush"]
    assert push.sync_due_at is not None


def test_what_was_entered_in_error_is_hidden_and_kept(
    me: Call, staff: Call, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    wrong = write(staff, "Meant for somebody else", path=thread(patient)).get_json()
    for _ in range(2):
        assert staff("POST", f"/messages/{wrong['id']}/withdraw").status_code == 204
    (shown,) = me("GET", "/me/messages").get_json()["items"]
    assert (shown["text"], bool(shown["withdrawn_at"])) == (None, True)
    assert [one.text for one in stored(clinic, Message)] == ["Meant for somebody else"]
    own = write(me, "Mine").get_json()["message"]
    assert staff("POST", f"/messages/{own['id']}/withdraw").status_code == 404


def test_once_nobody_reads_it_is_said_whom_to_call_and_nothing_is_stored(
    me: Call, staff: Call, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    body = {"id": str(uuid4()), "text": "Before the end"}
    assert me("POST", "/me/messages", json=body).status_code == 201
    end(patient)
    answer = write(me, URGENT)
    told = answer.get_json()
    assert (answer.status_code, told["code"]) == (409, "messages_closed")
    assert "nobody" in told["detail"]
    assert told["stored"]["monitoring"]["state"] == "not_monitored"
    assert "call the emergency number now" in told["stored"]["advice"][0]["text"]
    assert me("POST", "/me/messages", json=body).status_code == 200
    assert [one["text"] for one in me("GET", "/me/messages").get_json()["items"]] == [
        "Before the end"
    ]
    refused = write(staff, "Too late", path=thread(patient))
    assert (refused.status_code, refused.get_json()["code"]) == (409, "episode_ended")
    assert stored(clinic, Alert) == []


def test_once_monitoring_is_over_nobody_is_told_that_somebody_reads(
    me: Call, clinic: ClinicWithStaff
) -> None:
    with transaction(clinic.id) as session:
        yesterday = MONDAY.date() - timedelta(days=1)
        session.execute(update(Episode).values(monitored_until=yesterday))
    assert write(me, "Hello?").get_json()["code"] == "messages_closed"


def test_messages_stay_inside_a_clinic(
    me: Call, client: FlaskClient, patient: PatientAtHome
) -> None:
    write(me, "Hello")
    foreign = Caller(client, make_clinic(now=MONDAY, name="Other").bearer)
    assert foreign("GET", thread(patient)).status_code == 404
    assert foreign("GET", "/messages").get_json()["items"] == []


def test_reading_and_writing_is_audited_without_what_was_written(
    me: Call, staff: Call, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    write(me, "A secret")
    staff("GET", thread(patient))
    staff("POST", f"{thread(patient)}/read", json={"up_to": 1})
    write(staff, "A reply", path=thread(patient))
    found = [each for each in stored(clinic, AuditEvent) if each.patient_id == patient.id]
    assert sorted(each.action for each in found) == [
        "message_sent", "messages_marked_read", "messages_read",
    ]  # fmt: skip
    with transaction(clinic.id) as session:
        rows = str(session.execute(text("SELECT to_jsonb(a) FROM audit_event a")).all())
    assert "secret" not in rows


def test_messages_at_once_are_numbered_without_gaps_and_raise_one_alert(
    app: Flask, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    calls = [Caller(app.test_client(), patient.bearer) for _ in range(6)]
    bearer = patient.bearer()

    def one(_: int) -> int:
        with app.app_context():
            return int(write(Caller(app.test_client(), lambda: bearer), CRISIS).status_code)

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(one, range(len(calls)))) == {201}
    assert sorted(each.number for each in stored(clinic, Message)) == [1, 2, 3, 4, 5, 6]
    assert len(stored(clinic, Alert)) == 1
    assert len(stored(clinic, Advice)) == 6
