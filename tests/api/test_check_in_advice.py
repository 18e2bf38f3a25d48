"""The answer to a check-in: advice by tier, whom to call, who looks, and what staff see of it.

Defects planted, each seen red: alerts raised after the commit instead of before it (a cut
connection left a report without its alert); the emergency tier passed over while its alert
was open; silence ignored after a resolution; the phone's verdict taken for ours; a late
report judged on today's date alone.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Barrier, BrokenBarrierError
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.extensions import parts
from recovery_service.models import (
    Advice,
    Alert,
    AlertEvent,
    CareTeamMember,
    CheckIn,
    Episode,
    Site,
    StaffNotice,
)
from recovery_service.services.check_in_judgement import judge
from tests.calls import Caller, at
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient

pytestmark = pytest.mark.usefixtures("app_context")

Send = Callable[..., Any]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FINE = {"nrs_back": 3, "nrs_leg": 2, "saddle_numb": False, "bladder_bowel": "normal"}


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
def call(client: FlaskClient, patient: PatientAtHome) -> Caller:
    return Caller(client, patient.bearer)


@pytest.fixture
def staff(client: FlaskClient, clinic: ClinicWithStaff) -> Caller:
    return Caller(client, clinic.bearer)


@pytest.fixture
def send(call: Caller, clock: ManualClock) -> Send:
    def sent(answers: dict[str, Any] | None = None, **changes: Any) -> Any:
        now = clock()
        report = {
            "id": str(uuid4()),
            "date": f"{now:%Y-%m-%d}",
            "recorded_at": now.isoformat(),
            "time_zone": "Europe/London",
            "form_version": parts().content.check_ins.form_version,
            "answers": FINE | (answers or {}),
        } | changes
        return call("POST", "/me/check-ins", json=report)

    return sent


def rows(clinic_id: UUID, kind: Any) -> list[Any]:
    with transaction(clinic_id) as session:
        return list(session.scalars(select(kind).order_by(kind.id)))


def test_a_report_without_a_warning_sign_is_never_called_fine(
    send: Send, patient: PatientAtHome
) -> None:
    answer = send().json
    assert answer["advice"] == []
    assert answer["summary"].startswith("No warning sign in what you told us.")
    assert rows(patient.clinic_id, Alert) == []


def test_a_warning_sign_is_answered_at_once_with_whom_to_call(
    send: Send, patient: PatientAtHome
) -> None:
    answer = send({"saddle_numb": True})
    assert answer.status_code == 201
    (advice,) = answer.json["advice"]
    assert (advice["rule"], advice["tier"], advice["late"]) == ("CES1", "emergency", False)
    assert advice["actions"] == [
        {"name": "emergency", "label": "Call the emergency number", "phone": "999"}
    ]
    monitoring = answer.json["monitoring"]
    assert at(monitoring["respond_by"]) == MONDAY + HOUR
    assert "looks at this by 10:00 today" in monitoring["until_then"]
    (alert,) = rows(patient.clinic_id, Alert)
    assert (alert.rule_id, alert.tier, alert.state) == ("CES1", "emergency", "open")
    (event,) = rows(patient.clinic_id, AlertEvent)
    assert (event.kind, event.facts[0]["item"]) == ("raised", "saddle_numb")


def test_advice_is_ordered_by_tier_and_one_bad_morning_is_one_mail(
    send: Send, clinic: ClinicWithStaff
) -> None:
    answer = send({"saddle_numb": True, "calf": "left", "days_since_bowels": 5, "wound": "open"})
    tiers = [each["tier"] for each in answer.json["advice"]]
    assert tiers == sorted(tiers, key=["emergency", "same_day", "next_business_day"].index)
    assert len(tiers) >= 4
    assert len(rows(clinic.id, Alert)) == len(tiers)
    (notice,) = rows(clinic.id, StaffNotice)
    assert notice.staff_id == clinic.staff["physiotherapist"]


def test_sent_again_it_is_answered_as_before_and_raises_nothing(
    send: Send, clinic: ClinicWithStaff
) -> None:
    same = {"id": str(uuid4())}
    first = send({"saddle_numb": True}, **same).json
    again = send({"saddle_numb": True}, **same)
    assert again.status_code == 200
    assert again.json["advice"] == first["advice"]
    assert again.json["monitoring"] == first["monitoring"]
    assert len(rows(clinic.id, Alert)) == len(rows(clinic.id, AlertEvent)) == 1


def test_several_advices_are_told_again_in_the_same_order(send: Send) -> None:
    """Planted: ordered by their ids, which are by chance within a moment."""
    same = {"id": str(uuid4())}
    told = {"calf": "left", "wound": "open", "fall": True, "headache": "worse_upright"}
    first = send(told, **same).json["advice"]
    assert len(first) >= 4
    assert send(told, **same).json["advice"] == first


def test_what_was_reported_after_staff_looked_has_not_been_seen(
    send: Send, call: Caller, staff: Caller, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    send({"calf": "left"})
    settle(staff, clinic, "acknowledge")
    clock.advance(DAY)
    send({"calf": "left"})
    later, earlier = call("GET", "/me/advice").json["items"]
    assert (later["seen_at"], at(earlier["seen_at"])) == (None, MONDAY)


def test_when_nobody_watches_any_more_no_time_is_promised(
    send: Send, clinic: ClinicWithStaff
) -> None:
    """Planted: the time promised all the same, beside the sentence that nobody reads it."""
    with transaction(clinic.id) as session:
        session.execute(update(Episode).values(monitored_until=MONDAY.date() - DAY))
    answer = send({"saddle_numb": True}).json
    assert [each["rule"] for each in answer["advice"]] == ["CES1"]
    assert (answer["monitoring"]["state"], answer["monitoring"]["respond_by"]) == (
        "not_monitored",
        None,
    )
    assert "Nobody reads this answer." in answer["monitoring"]["until_then"]
    assert [each.respond_by for each in rows(clinic.id, Alert)] == [None]


def test_a_new_finding_attaches_to_the_open_alert(
    send: Send, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    send({"calf": "left"})
    clock.advance(DAY)
    assert send({"calf": "left"}).json["advice"]
    (alert,) = rows(clinic.id, Alert)
    assert alert.found_at == clock()
    assert [each.kind for each in rows(clinic.id, AlertEvent)] == ["raised", "found_again"]


def test_the_same_day_told_twice_is_told_again_and_is_no_new_finding(
    send: Send, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    send({"saddle_numb": True})
    clock.advance(HOUR)
    assert [each["rule"] for each in send().json["advice"]] == ["CES1"]  # the worst counts
    assert [each.kind for each in rows(clinic.id, AlertEvent)] == ["raised"]


def settle(staff: Caller, clinic: ClinicWithStaff, how: str = "resolve", **body: Any) -> Any:
    alert = rows(clinic.id, Alert)[-1]
    return staff("POST", f"/alerts/{alert.id}/{how}", json=body)


def test_after_resolution_only_worsening_or_the_rules_silence_raises_it_again(
    send: Send, staff: Caller, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    send({"days_since_bowels": 4})
    assert settle(staff, clinic, resolution="advised").status_code == 200
    clock.advance(DAY)
    assert send({"days_since_bowels": 5}).json["advice"]  # told, and kept with the old alert
    assert [each.state for each in rows(clinic.id, Alert)] == ["resolved"]
    clock.advance(DAY)
    send({"days_since_bowels": 6, "distended_or_vomiting": True})
    assert [(each.tier, each.state) for each in rows(clinic.id, Alert)] == [
        ("next_business_day", "resolved"),
        ("same_day", "open"),
    ]


def test_an_emergency_is_raised_whatever_was_resolved(
    send: Send, staff: Caller, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    send({"saddle_numb": True})
    settle(staff, clinic, resolution="sent_to_emergency")
    clock.advance(timedelta(minutes=5))
    send({"saddle_numb": True, "nrs_back": 5})
    assert len(rows(clinic.id, Alert)) == 1  # the same facts of the same day
    clock.advance(DAY)
    send({"saddle_numb": True})
    assert [each.state for each in rows(clinic.id, Alert)] == ["resolved", "open"]


def test_an_emergency_asks_for_a_new_look_where_its_alert_was_seen(
    send: Send, staff: Caller, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    send({"saddle_numb": True})
    settle(staff, clinic, "acknowledge")
    clock.advance(DAY)
    answer = send({"saddle_numb": True}).json
    (alert,) = rows(clinic.id, Alert)
    assert (alert.state, alert.respond_by) == ("open", clock() + HOUR)
    assert at(answer["monitoring"]["respond_by"]) == clock() + HOUR
    assert len(rows(clinic.id, StaffNotice)) == 2


def test_a_late_report_is_judged_on_its_own_date_and_says_so(
    send: Send, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    clock.advance(2 * DAY)
    told = clock() - 2 * DAY
    answer = send({"calf": "right"}, date=f"{told:%Y-%m-%d}", recorded_at=told.isoformat()).json
    (advice,) = answer["advice"]
    assert (advice["late"], advice["about"]) == (True, "2026-03-02")
    assert advice["text"].startswith("You reported this for 2 Mar 2026.")


def test_a_late_report_completes_a_course_that_later_days_had_begun(
    send: Send, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    """Two consecutive days of the worst pain, of which the second came first."""
    clock.advance(2 * DAY)
    assert send({"nrs_back": 9}).json["advice"] == []
    before = clock() - DAY
    late = send({"nrs_back": 9}, date=f"{before:%Y-%m-%d}", recorded_at=before.isoformat())
    (advice,) = late.json["advice"]
    assert (advice["rule"], advice["about"]) == ("PAIN2", f"{clock():%Y-%m-%d}")


def test_a_corrected_report_leaves_a_trace_with_its_alert(
    send: Send, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    first = send({"calf": "left"}).json["check_in"]["id"]
    clock.advance(HOUR)
    assert send({"calf": "none"}, supersedes=first).json["advice"] == []
    kinds = [each.kind for each in rows(clinic.id, AlertEvent)]
    assert sorted(kinds) == ["corrected", "raised"]
    assert rows(clinic.id, Alert)[0].state == "open"  # a person closes it


def test_words_of_self_harm_bring_the_crisis_line_first_and_a_same_day_alert(
    send: Send, clinic: ClinicWithStaff
) -> None:
    with transaction(clinic.id) as session:
        phones = {"clinic": "+442079460000", "emergency": "999", "crisis": "116123"}
        session.execute(update(Site).values(phones=phones))
    answer = send(note="I want to kill myself").json
    (advice,) = answer["advice"]
    assert (advice["rule"], advice["tier"]) == ("MOOD1", "same_day")
    assert [each["name"] for each in advice["actions"]] == ["crisis", "emergency", "clinic"]


def test_out_of_hours_the_out_of_hours_service_is_called_and_the_promise_is_honest(
    send: Send, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    with transaction(clinic.id) as session:
        phones = {"clinic": "+442079460000", "emergency": "999", "out_of_hours": "111"}
        session.execute(update(Site).values(phones=phones))
    clock.set(datetime.fromisoformat("2026-03-06T18:30:00+00:00"))  # Friday evening
    answer = send({"calf": "left"}).json
    assert [each["name"] for each in answer["advice"][0]["actions"]] == [
        "out_of_hours",
        "emergency",
    ]
    monitoring = answer["monitoring"]
    assert monitoring["state"] == "out_of_hours"
    assert at(monitoring["respond_by"]) == datetime.fromisoformat("2026-03-09T12:00:00+00:00")


def test_what_the_phone_found_by_itself_is_kept_beside_and_decides_nothing(
    send: Send, clinic: ClinicWithStaff
) -> None:
    verdict = {"version": "7", "findings": [{"rule": "CES1", "tier": "emergency"}]}
    assert send(verdict=verdict).json["advice"] == []
    assert rows(clinic.id, CheckIn)[0].device_verdict == verdict
    wrong = send(verdict={"version": "7", "findings": [{"rule": "CES1", "tier": "soon"}]})
    assert wrong.status_code == 422
    assert wrong.json["errors"][0]["pointer"] == "/verdict/findings/0/tier"


def test_on_hold_and_before_surgery_warning_signs_are_answered_all_the_same(
    send: Send, clinic: ClinicWithStaff
) -> None:
    with transaction(clinic.id) as session:
        session.execute(update(Episode).values(state="on_hold", held_at=MONDAY))
    answer = send({"saddle_numb": True}, date="2026-02-01", recorded_at="2026-02-01T09:00:00Z")
    assert [each["rule"] for each in answer.json["advice"]] == ["CES1"]
    assert {each["code"] for each in answer.json["check_in"]["issues"]} >= {"episode_not_open"}


def test_of_two_reports_at_once_the_second_is_judged_with_the_first(
    app: Flask, patient: PatientAtHome, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two consecutive days of the worst pain, sent at the same moment by two threads.

    Whoever is judged first waits for the other to be judged beside it, which must not come.
    Planted: no turn; both were stored, and neither knew of the other.
    """
    both = Barrier(2)

    def judged_beside(*given: Any, **named: Any) -> Any:
        with suppress(BrokenBarrierError):
            both.wait(timeout=0.5)
        return judge(*given, **named)

    monkeypatch.setattr("recovery_service.services.check_ins.judge", judged_beside)
    clock.advance(DAY)
    headers, version = patient.bearer(), parts().content.check_ins.form_version

    def post(day: datetime) -> Any:
        report = {
            "id": str(uuid4()),
            "date": f"{day:%Y-%m-%d}",
            "recorded_at": day.isoformat(),
            "time_zone": "Europe/London",
            "form_version": version,
            "answers": FINE | {"nrs_back": 9},
        }
        return app.test_client().post("/api/v1/me/check-ins", json=report, headers=headers)

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(post, (clock(), clock() - DAY)))
    assert [advice["rule"] for each in answers for advice in each.json["advice"]] == ["PAIN2"]
    assert len(rows(patient.clinic_id, Alert)) == 1


def test_nothing_is_acknowledged_before_its_alert_stands(
    send: Send, clinic: ClinicWithStaff, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("recovery_service.services.check_in_judgement.raise_alerts", broken)
    assert send({"saddle_numb": True}).status_code == 500
    with transaction(clinic.id) as session:
        for table in (CheckIn, Advice, Alert):
            assert session.scalar(select(func.count()).select_from(table)) == 0
    monkeypatch.undo()
    assert send({"saddle_numb": True}).status_code == 201


def test_the_progress_sentence_has_figures_and_no_judgement(send: Send, clock: ManualClock) -> None:
    for pain in (6, 5, 4):
        text = send({"nrs_leg": pain}).json["progress"]["text"]
        assert "middle" not in text
        clock.advance(DAY)
    assert send({"nrs_leg": 3}).json["progress"]["text"] == (
        "Day 6 after your operation. Leg pain: 3. The middle of your last 3 answers was 5."
    )


def test_the_patient_says_what_was_done_and_sees_that_staff_have_seen_it(
    send: Send, call: Caller, staff: Caller, clinic: ClinicWithStaff
) -> None:
    advice = send({"calf": "left"}).json["advice"][0]
    answer = {"id": str(uuid4()), "response": "called"}
    path = f"/me/advice/{advice['id']}/response"
    assert call("POST", path, json=answer).status_code == 201
    assert call("POST", path, json=answer).status_code == 200
    reused = call("POST", path, json=answer | {"response": "going"})
    assert (reused.status_code, reused.json["code"]) == (409, "client_id_reused")
    assert reused.json["stored"]["response"] == "called"
    assert call("POST", path, json={"id": str(uuid4()), "response": "x"}).status_code == 422
    (bundle,) = staff("GET", "/alerts").json["items"]
    assert bundle["alerts"][0]["response"] == "called"
    settle(staff, clinic, "acknowledge")
    (mine,) = call("GET", "/me/advice").json["items"]
    assert (mine["state"], at(mine["seen_at"])) == ("acknowledged", MONDAY)
    monitoring = call("GET", "/me").json["monitoring"]
    assert (
        "Your care team last looked at what you reported at 09:00 today."
        in monitoring["until_then"]
    )


def test_another_patients_advice_does_not_exist(
    send: Send, client: FlaskClient, clinic: ClinicWithStaff
) -> None:
    advice = send({"calf": "left"}).json["advice"][0]
    other = Caller(client, make_patient(clinic, now=MONDAY).bearer)
    answer = {"id": str(uuid4()), "response": "called"}
    assert other("POST", f"/me/advice/{advice['id']}/response", json=answer).status_code == 404
    assert other("GET", "/me/advice").json["items"] == []
