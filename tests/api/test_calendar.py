"""Appointments in a calendar: the file, and the secret address.

What is written is read back by parsers that know nothing of the writer: the lines by the
reader below, the zones by dateutil.
"""

# ruff: noqa: RUF001 - Turkish has a dotless i.

import io
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from dateutil.tz import tzical  # type: ignore[import-untyped]
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from recovery_service.api.calendar_feeds import HITS, MISSES, WINDOW
from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import Appointment, CalendarFeed, DirectoryEntry, Site
from recovery_service.services.calendars import CalendarEntry, calendar_text
from tests.calls import Caller
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient

pytestmark = pytest.mark.usefixtures("app_context")

Event = dict[str, list[tuple[dict[str, str], str]]]


def lines_of(body: bytes) -> list[str]:
    """Return the unfolded lines; refuses what RFC 5545 3.1 refuses."""
    assert body.endswith(b"\r\n")
    assert b"\n" not in body.replace(b"\r\n", b"")
    raw = body[:-2].split(b"\r\n")
    assert max(map(len, raw)) <= 75
    for each in raw:
        each.decode()  # a fold never cuts a letter in two
    return body[:-2].replace(b"\r\n ", b"").decode().split("\r\n")


def events_of(body: bytes) -> list[Event]:
    """Return the properties of each event by name, with their parameters."""
    events: list[Event] = []
    inside = False
    for line in lines_of(body):
        if line == "BEGIN:VEVENT":
            inside = True
            events.append({})
        elif line == "END:VEVENT":
            inside = False
        elif inside:
            head, _, value = line.partition(":")
            name, *parameters = head.split(";")
            events[-1].setdefault(name, []).append(
                (dict(each.split("=") for each in parameters), value)
            )
    return events


def value(event: Event, name: str) -> str:
    ((_, found),) = event[name]
    return found


def unescaped(text: str) -> str:
    marks = {"n": "\n", "N": "\n"}
    letters = iter(text)
    return "".join(
        marks.get(follows := next(letters), follows) if letter == "\\" else letter
        for letter in letters
    )


def start_of(event: Event, body: bytes) -> datetime:
    """Return when an event starts, by the rules that the calendar itself brings."""
    ((parameters, local),) = event["DTSTART"]
    if local.endswith("Z"):
        return datetime.strptime(local, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    zones = "\r\n".join(lines_of(body)).split("BEGIN:VEVENT")[0] + "END:VCALENDAR\r\n"
    rules = tzical(io.StringIO(zones)).get(parameters["TZID"])
    naive = datetime.strptime(local, "%Y%m%dT%H%M%S")  # noqa: DTZ007 - its zone is told beside
    return naive.replace(tzinfo=rules).astimezone(UTC)


def entry(**changes: Any) -> CalendarEntry:
    usual: dict[str, Any] = {
        "id": UUID(int=7),
        "version": 3,
        "changed_at": MONDAY,
        "cancelled": False,
        "starts_at": MONDAY + timedelta(days=2),
        "minutes": 30,
        "time_zone": "Europe/London",
        "title": "Visit",
    }
    return CalendarEntry(**usual | changes)


@pytest.mark.parametrize(
    "zone", ["Europe/Istanbul", "America/New_York", "Australia/Lord_Howe", "Europe/London", "UTC"]
)
def test_the_rules_that_come_with_it_give_the_instant_all_year_round(zone: str) -> None:
    starts = [datetime(2026, 1, 5, 15, 30, tzinfo=UTC) + timedelta(days=7 * n) for n in range(60)]
    body = calendar_text(
        [entry(id=uuid4(), starts_at=each, time_zone=zone) for each in starts], name="Calendar"
    )
    events = events_of(body)
    assert [start_of(event, body) for event in events] == starts
    local = [each.astimezone(ZoneInfo(zone)) for each in starts]
    shown = [value(event, "DTSTART").rstrip("Z") for event in events]
    assert shown == [f"{each:%Y%m%dT%H%M%S}" for each in local]
    assert zone == "UTC" or len({each.utcoffset() for each in local}) == (
        1 if zone == "Europe/Istanbul" else 2
    )


def test_turkish_is_folded_by_octets_and_read_back_as_it_was() -> None:
    title = "Göğüs, bel; ışık \\ çığ üşümüş " * 8
    body = calendar_text([entry(title=title.strip(), description="İlk satır\nikinci")], name="A, b")
    (event,) = events_of(body)
    assert unescaped(value(event, "SUMMARY")) == title.strip()
    assert unescaped(value(event, "DESCRIPTION")) == "İlk satır\nikinci"
    assert "X-WR-CALNAME:A\\, b" in lines_of(body)


def test_it_says_how_long_it_holds_and_is_the_same_bytes_again() -> None:
    entries = [entry(), entry(id=UUID(int=8), time_zone="Europe/Istanbul")]
    first, again = (calendar_text(entries, name="Calendar") for _ in range(2))
    assert first == again
    lines = lines_of(first)
    assert {"REFRESH-INTERVAL;VALUE=DURATION:PT4H", "X-PUBLISHED-TTL:PT4H"} <= set(lines)
    assert lines[0] == "BEGIN:VCALENDAR"
    assert {"VERSION:2.0", "METHOD:PUBLISH"} <= set(lines)
    assert all("DTSTAMP" in event for event in events_of(first))


@pytest.fixture
def patient(clinic: ClinicWithStaff) -> PatientAtHome:
    return make_patient(clinic, now=MONDAY, locale="tr")


@pytest.fixture
def me(client: FlaskClient, patient: PatientAtHome) -> Caller:
    return Caller(client, patient.bearer)


@pytest.fixture
def staff(client: FlaskClient, clinic: ClinicWithStaff) -> Caller:
    return Caller(client, clinic.bearer)


@pytest.fixture
def visit(staff: Caller, patient: PatientAtHome) -> str:
    """Return the id of a visit that is booked, with something to know about it."""
    answer = staff(
        "POST",
        f"/episodes/{patient.episode_id}/appointments",
        json={
            "kind": "visit",
            "title": {"en": "Wound check", "tr": "Yara kontrolü"},
            "starts_at": (MONDAY + timedelta(days=3)).isoformat(),
            "minutes": 20,
            "location": "Room 3",
            "preparation": "Bring the discharge letter",
        },
    )
    assert answer.status_code == 201, answer.get_json()
    return str(answer.get_json()["id"])


def subscribe(me: Caller, **body: Any) -> str:
    answer = me("POST", "/me/appointment-feed", json=body)
    assert answer.status_code == 201
    url: str = answer.get_json()["url"]
    return url[url.index("/calendar/") :]


def ask(app: Flask, path: str, *, by: str | None = None, **headers: str) -> Any:
    """Read an address as a calendar does; by default from a place that nobody else is at."""
    place = {"REMOTE_ADDR": by or f"2001:db8:{token_hex(2)}:{token_hex(2)}::1"}
    with app.app_context():
        return app.test_client().get(path, headers=headers, environ_base=place)


def test_the_file_has_what_the_patient_sees(me: Caller, visit: str) -> None:
    answer = me("GET", "/me/appointments.ics", headers={"Accept-Language": "tr"})
    assert answer.content_type == "text/calendar; charset=utf-8"
    (event,) = events_of(answer.data)
    assert value(event, "UID").startswith(visit)
    assert value(event, "SUMMARY") == "Yara kontrolü"
    assert value(event, "LOCATION") == "Room 3"
    assert "Bring the discharge letter" in unescaped(value(event, "DESCRIPTION"))
    assert start_of(event, answer.data) == MONDAY + timedelta(days=3)


def test_each_change_counts_the_sequence_up_and_the_uid_stays(
    me: Caller, staff: Caller, visit: str
) -> None:
    def seen() -> tuple[str, int, str]:
        (event,) = events_of(me("GET", "/me/appointments.ics").data)
        return value(event, "UID"), int(value(event, "SEQUENCE")), value(event, "STATUS")

    uid, first, status = seen()
    moved = (MONDAY + timedelta(days=4)).isoformat()
    assert staff("PATCH", f"/appointments/{visit}", json={"starts_at": moved}).status_code == 200
    _, second, _ = seen()
    cancelled = staff("PATCH", f"/appointments/{visit}", json={"state": "cancelled"})
    assert cancelled.status_code == 200
    again, third, ended = seen()
    assert (first < second < third, uid == again) == (True, True)
    assert (status, ended) == ("CONFIRMED", "CANCELLED")


def test_the_address_shows_nothing_of_what_it_is_about(
    app: Flask, me: Caller, clinic: ClinicWithStaff, visit: str
) -> None:
    answer = ask(app, subscribe(me))
    assert (answer.status_code, answer.content_type) == (200, "text/calendar; charset=utf-8")
    assert answer.headers["Cache-Control"].startswith("private")
    (event,) = events_of(answer.data)
    assert value(event, "SUMMARY") == "Randevu"
    assert event.keys().isdisjoint({"LOCATION", "DESCRIPTION"})
    with transaction(clinic.id) as session:
        site = session.scalars(select(Site.name)).one()
    said = answer.data.decode()
    assert all(word not in said for word in (site, "Yara", "Room", "Test Patient", str(clinic.id)))


def test_details_are_shown_to_who_asked_for_them(app: Flask, me: Caller, visit: str) -> None:
    (event,) = events_of(ask(app, subscribe(me, detail=True)).data)
    assert value(event, "SUMMARY") == "Yara kontrolü"


def test_it_is_sent_again_only_if_it_changed(
    app: Flask, me: Caller, staff: Caller, visit: str
) -> None:
    path = subscribe(me)
    tag = ask(app, path).headers["ETag"]
    same = ask(app, path, **{"If-None-Match": tag})
    assert (same.status_code, same.data) == (304, b"")
    staff("PATCH", f"/appointments/{visit}", json={"state": "cancelled"})
    assert ask(app, path, **{"If-None-Match": tag}).status_code == 200


def test_one_that_was_taken_back_is_gone_and_a_new_one_ends_the_old(
    app: Flask, me: Caller, clinic: ClinicWithStaff, visit: str
) -> None:
    old = subscribe(me)
    new = subscribe(me)
    assert old != new
    assert (ask(app, old).status_code, ask(app, new).status_code) == (404, 200)
    for _ in range(2):
        assert me("DELETE", "/me/appointment-feed").status_code == 204
    assert ask(app, new).status_code == 404
    with transaction(clinic.id) as session:
        assert all(row.revoked_at for row in session.scalars(select(CalendarFeed)))
        known = session.scalars(select(DirectoryEntry).filter_by(clinic_id=clinic.id))
        assert [row for row in known if row.kind == "calendar_feed"] == []


def test_the_secret_is_not_stored(app: Flask, me: Caller, clinic: ClinicWithStaff) -> None:
    secret = subscribe(me).removeprefix("/calendar/").removesuffix(".ics")
    with transaction(clinic.id) as session:
        (row,) = session.scalars(select(CalendarFeed))
        assert secret.encode() not in row.secret_hash
    assert ask(app, f"/calendar/{row.secret_hash.hex()}.ics").status_code == 404
    assert len(secret) >= 43


@pytest.mark.parametrize("reason", ["deceased", "entered_in_error"])
def test_after_a_death_or_an_error_it_is_silent(
    app: Flask, client: FlaskClient, me: Caller, clinic: ClinicWithStaff, patient: PatientAtHome,
    visit: str, reason: str,
) -> None:  # fmt: skip
    path = subscribe(me)
    surgeon = Caller(client, lambda: clinic.bearer("surgeon"))
    ended = surgeon("POST", f"/episodes/{patient.episode_id}/end", json={"reason": reason})
    assert ended.status_code == 200
    assert ask(app, path).status_code == 404


def test_who_guesses_is_held_up_and_who_asks_too_often_as_well(
    app: Flask, me: Caller, clock: ManualClock
) -> None:
    path, place = subscribe(me), f"2001:db8:{token_hex(2)}:{token_hex(2)}::1"
    wrong = f"/calendar/{'x' * 43}.ics"
    statuses = [ask(app, wrong, by=place).status_code for _ in range(MISSES + 1)]
    assert statuses == [404] * MISSES + [429]
    assert ask(app, path, by=place).status_code == 200  # who guesses next door does not end it
    statuses = [ask(app, path).status_code for _ in range(HITS)]
    assert statuses == [200] * (HITS - 1) + [429]
    clock.advance(WINDOW + timedelta(seconds=1))
    assert ask(app, path).status_code == 200


def test_what_is_still_to_be_booked_is_no_event(
    me: Caller, clinic: ClinicWithStaff, visit: str
) -> None:
    with transaction(clinic.id) as session:
        session.execute(update(Appointment).values(state="to_book", starts_at=None))
    answer = me("GET", "/me/appointments.ics")
    assert (answer.status_code, events_of(answer.data)) == (200, [])
