"""No cursor but a snapshot is without a gap, when transactions commit in another order than begun.

Every writer here is a connection of its own, as the application's role.
"""

import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields, replace
from itertools import count, takewhile
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from recovery_service.api.sync_documents import read_documents
from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.domain.keys import Keys
from recovery_service.domain.sync_cursors import (
    MOST_CHARACTERS,
    MOST_SNAPSHOT,
    Scope,
    SyncCursor,
    bounded,
)
from recovery_service.models import Appointment
from tests.calls import Caller
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.syncing_phones import SyncingPhone, driver_url, phone_by

pytestmark = pytest.mark.usefixtures("app_context")


@pytest.fixture
def patient(clinic: ClinicWithStaff) -> PatientAtHome:
    return make_patient(clinic, now=MONDAY)


@pytest.fixture
def phone(client: FlaskClient, patient: PatientAtHome, clock: ManualClock) -> SyncingPhone:
    return phone_by(Caller(client, patient.bearer), clock)


@contextmanager
def writer(app: Flask, clinic_id: UUID) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(driver_url(app, "SQLALCHEMY_DATABASE_URI")) as connection:
        connection.execute("SELECT set_config('app.clinic_id', %s, false)", [str(clinic_id)])
        connection.commit()
        yield connection


def appointments(clinic: ClinicWithStaff, patient: PatientAtHome, count: int) -> list[UUID]:
    made = [uuid4() for _ in range(count)]
    with transaction(clinic.id) as session:
        session.add_all(
            Appointment(
                clinic_id=clinic.id, id=each, patient_id=patient.id, kind="visit",
                title={"en": "Visit"},
                episode_id=patient.episode_id, site_id=clinic.site_id, created_at=MONDAY,
                updated_at=MONDAY,
            )
            for each in made
        )  # fmt: skip
    return made


def rename(connection: psycopg.Connection[Any], appointment: UUID, to: str) -> None:
    connection.execute("UPDATE appointment SET location = %s WHERE id = %s", [to, appointment])


# Each reads what is new to it and where to go on from, in one statement.
CURSORS = {
    "timestamp": "SELECT id, max(at) OVER () FROM late WHERE at > %s::timestamptz",
    "sequence": "SELECT id, max(id) OVER () FROM late WHERE id > %s::bigint",
    "snapshot": (
        "SELECT id, pg_current_snapshot()::text FROM late"
        " WHERE NOT pg_visible_in_snapshot(changed_in, %s::pg_snapshot)"
    ),
}
BEGINNING = {"timestamp": "-infinity", "sequence": "0", "snapshot": "3:3:"}


@pytest.mark.parametrize(("name", "found"), [("timestamp", 1), ("sequence", 1), ("snapshot", 2)])
def test_what_commits_late_is_lost_to_all_cursors_but_a_snapshot(
    app: Flask, clinic: ClinicWithStaff, name: str, found: int
) -> None:
    """The first writer begins first and commits last; in between somebody reads."""
    with ExitStack() as stack:
        reader, slow, quick = (stack.enter_context(writer(app, clinic.id)) for _ in range(3))
        with psycopg.connect(driver_url(app, "MIGRATOR_DATABASE_URL")) as owner:
            owner.execute(
                "CREATE TABLE late (id bigserial, at timestamptz DEFAULT clock_timestamp(),"
                " changed_in xid8 DEFAULT pg_current_xact_id())"
            )
            owner.execute("GRANT ALL ON late, late_id_seq TO recovery_app")
        slow.execute("INSERT INTO late DEFAULT VALUES")
        quick.execute("INSERT INTO late DEFAULT VALUES")
        quick.commit()
        first = reader.execute(CURSORS[name], [BEGINNING[name]]).fetchall()
        reader.commit()
        slow.commit()
        second = reader.execute(CURSORS[name], [first[0][1]]).fetchall()
        reader.commit()
        with psycopg.connect(driver_url(app, "MIGRATOR_DATABASE_URL")) as owner:
            owner.execute("DROP TABLE late")
    seen = [row[0] for row in first + second]
    assert len(set(seen)) == len(seen) == found


def test_what_commits_late_comes_with_the_next_answer_and_once(
    app: Flask, phone: SyncingPhone, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    """Planted: a cursor of now(), or of the snapshot's xmax alone, never tells of the first."""
    slow_one, quick_one = appointments(clinic, patient, 2)
    phone.sync()
    with writer(app, clinic.id) as slow, writer(app, clinic.id) as quick:
        rename(slow, slow_one, "slow")
        rename(quick, quick_one, "quick")
        quick.commit()
        told = phone.sync()["changes"]["appointments"]
        assert [each["location"] for each in told] == ["quick"]
        slow.commit()
    told = phone.sync()["changes"]["appointments"]
    assert [each["location"] for each in told] == ["slow"]
    assert phone.sync()["changes"]["appointments"] == []


def test_what_commits_while_an_answer_is_read_comes_with_the_next_one_and_once(
    app: Flask, phone: SyncingPhone, clinic: ClinicWithStaff, patient: PatientAtHome,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Between the snapshot that the cursor holds and the rows somebody writes.

    Planted: read by statements that see what others have committed meanwhile, it came twice.
    """
    (key,) = appointments(clinic, patient, 1)
    phone.sync()

    def meanwhile(*args: Any) -> Any:
        with writer(app, clinic.id) as other:
            rename(other, key, "meanwhile")
        return read_documents(*args)

    monkeypatch.setattr("recovery_service.api.sync_answers.read_documents", meanwhile)
    assert phone.sync()["changes"]["appointments"] == []
    monkeypatch.undo()
    told = phone.sync()["changes"]["appointments"]
    assert [each["location"] for each in told] == ["meanwhile"]
    assert phone.sync()["changes"]["appointments"] == []


def test_among_many_who_write_at_once_a_phone_misses_nothing_and_hears_nothing_twice(
    app: Flask, phone: SyncingPhone, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    """Writers commit in any order, some give up; the phone syncs all the while.

    They write until it has heard of them often enough, however slow it is.
    """
    own = [appointments(clinic, patient, 4) for _ in range(4)]
    heard: list[tuple[str, str]] = []
    enough = threading.Event()
    phone.sync()

    def write(mine: list[UUID], seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - repeatable, nothing secret
        with writer(app, clinic.id) as connection:
            for step in takewhile(lambda step: step < 40 or not enough.is_set(), count()):
                for each in chance.sample(mine, 2):
                    rename(connection, each, f"{step}")
                if chance.random() < 0.2:
                    connection.rollback()
                elif chance.random() < 0.6:
                    connection.commit()
            connection.commit()

    threads = [threading.Thread(target=write, args=(m, n)) for n, m in enumerate(own)]
    for each in threads:
        each.start()
    running = True
    try:
        while running:
            running = any(each.is_alive() for each in threads)
            answer = phone.sync()
            assert answer["resync"] is False
            heard += [(each["id"], each["location"]) for each in answer["changes"]["appointments"]]
            if len(heard) > 16:
                enough.set()
    finally:
        enough.set()
    with transaction(clinic.id) as session:
        stored = {str(row.id): row.location for row in session.scalars(select(Appointment))}
    held = {key: each["location"] for key, each in phone.copy["appointments"].items()}
    assert held == stored
    assert len(heard) > 16
    assert len(set(heard)) == len(heard)
    assert phone.sync()["changes"]["appointments"] == []


def cursor(snapshot: str = "10:20:10,15") -> SyncCursor:
    scope = Scope(database="1.00000001.5", patient_id=uuid4(), episode_id=None, language="en")
    return SyncCursor(scope=scope, snapshot=snapshot, at=MONDAY, documents={"me": "ab"})


def test_a_cursor_goes_on_in_its_own_scope_alone() -> None:
    """Planted: the patient left out; an episode tells patients apart, and somebody has none."""
    made = cursor()
    assert made.goes_on(made.scope, now=MONDAY)
    others: dict[str, Any] = {
        "database": "10.00000001.5",
        "patient_id": uuid4(),
        "episode_id": uuid4(),
        "language": "tr",
    }
    assert others.keys() == {each.name for each in fields(Scope)}
    for name, value in others.items():
        assert not made.goes_on(replace(made.scope, **{name: value}), now=MONDAY), name


def test_a_cursor_comes_back_as_it_was_and_is_nobody_elses() -> None:
    ours, made = Keys("a"), cursor()
    text = made.encode(ours)
    assert SyncCursor.decode(ours, text) == made
    assert SyncCursor.decode(Keys("b"), text) is None
    for place in range(len(text)):
        other = "A" if text[place] != "A" else "B"
        changed = text[:place] + other + text[place + 1 :]
        assert SyncCursor.decode(ours, changed) in (None, made)


def test_a_cursor_keeps_its_size_however_many_write_at_once() -> None:
    """What does not fit is as if it had not been seen: it may come again, and is not left out."""
    many = f"{10**18}:{10**18 + 900}:" + ",".join(str(10**18 + each) for each in range(0, 900, 2))
    assert len(many) > MOST_SNAPSHOT
    assert bounded(many) == f"{10**18}:{10**18}:"
    assert len(cursor(many).encode(Keys("a"))) < MOST_CHARACTERS
    fits = many[: many.index(",", MOST_SNAPSHOT - 40)]
    assert bounded(fits) == fits
    assert len(cursor(fits).encode(Keys("a"))) < MOST_CHARACTERS
