"""The loop on a database of its own, with a clock that is told and channels that remember."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.domain.keys import Keys
from recovery_service.domain.recurrence import Rule
from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.reminders.dispatch import Counts, Sender
from recovery_service.reminders.loop import tick_once
from recovery_service.reminders.work import Transaction
from tests.conftest import MONDAY, SECRET, copied_database, running_app, settings_for
from tests.factories import ClinicWithStaff, PatientAtHome, make_clinic, make_patient
from tests.reminders.memory_channel import MemoryChannel
from tests.reminders.plans import schedule

LEASE = timedelta(seconds=60)


def working_in(app: Flask) -> Transaction:
    """Return transactions that any thread may begin, as the app's own role."""

    @contextmanager
    def begin() -> Iterator[Session]:
        with app.app_context(), transaction() as session:
            yield session

    return begin


@dataclass
class Bench:
    """A worker's parts, laid out: what it sends through, what time it is, what is stored."""

    web: Flask
    transaction: Transaction
    clock: ManualClock
    channels: dict[str, Any] = field(default_factory=dict)
    batch: int = 500

    @property
    def phone(self) -> MemoryChannel:
        phone = self.channels["webpush"]
        assert isinstance(phone, MemoryChannel)
        return phone

    def sender(self, **changes: Any) -> Sender:
        """Return a new worker's way of sending."""
        values: dict[str, Any] = {
            "transaction": self.transaction,
            "channels": self.channels,
            "clock": self.clock,
            "keys": Keys(SECRET),
            "worker_id": uuid4(),
            "lease": LEASE,
        }
        return Sender(**values | changes)

    def tick(self, **changes: Any) -> Counts:
        """Let a worker do one pass."""
        return tick_once(self.sender(**changes), batch=self.batch)

    def clinic(self) -> ClinicWithStaff:
        with self.web.app_context():
            return make_clinic(now=self.clock())

    def patient(self, clinic: ClinicWithStaff, **changes: Any) -> PatientAtHome:
        with self.web.app_context():
            return make_patient(clinic, now=self.clock(), **changes)

    def plan(self, patient: PatientAtHome, its_rule: Rule, **changes: Any) -> UUID:
        """Let one item of a plan speak next at or after this moment; return its lineage."""
        with self.at_the_clinic(patient.clinic_id) as session:
            return schedule(session, patient, its_rule, now=self.clock(), **changes)

    def change(self, clinic_id: UUID, statement: str, **values: Any) -> None:
        """Run one statement of the web."""
        with self.at_the_clinic(clinic_id) as session:
            session.execute(text(statement), values)

    def later(self, **by: float) -> None:
        """Let time pass."""
        self.clock.advance(timedelta(**by))

    def rows(self, statement: str, **values: Any) -> list[Any]:
        """Read what is stored, in the eyes of the loop."""
        with self.transaction() as session:
            return [tuple(row) for row in session.execute(text(statement), values)]

    def occurrences(self, lineage_id: UUID | None = None) -> list[Any]:
        """Return (occ_key, state, reason) in order of their time."""
        return self.rows(
            "SELECT occ_key, state, reason FROM occurrence"
            " WHERE CAST(:lineage AS uuid) IS NULL OR lineage_id = CAST(:lineage AS uuid)"
            " ORDER BY due_at, id",
            lineage=lineage_id and str(lineage_id),
        )

    def deliveries(self, channel: str = "webpush") -> list[Any]:
        """Return (state, reason, attempts, round) of one channel in order of their making.

        What follows an answer that did not come is told by `follow_ups`.
        """
        return self.rows(
            "SELECT d.state, d.reason, d.attempts, d.round FROM delivery d JOIN destination t"
            " ON t.clinic_id = d.clinic_id AND t.id = d.destination_id"
            " WHERE t.channel = :channel AND d.cause NOT IN ('nudge', 'failover') ORDER BY d.id",
            channel=channel,
        )

    def follow_ups(self) -> list[Any]:
        """Return (cause, channel, state, reason) of nudges and failovers."""
        return self.rows(
            "SELECT cause, channel, state, reason FROM delivery"
            " WHERE cause IN ('nudge', 'failover') ORDER BY id"
        )

    @contextmanager
    def at_the_clinic(self, clinic_id: UUID) -> Iterator[Session]:
        """Change rows as the web does: inside one clinic's wall."""
        with self.web.app_context(), transaction(clinic_id) as session:
            yield session


@pytest.fixture(scope="session")
def loop_database(postgres: EmbeddedPostgres, template: str) -> Iterator[str]:
    """Return a database for the loop's tests of this process; each begins with it empty."""
    with copied_database(postgres, template) as name:
        yield name


@pytest.fixture(scope="session")
def laid_out(postgres: EmbeddedPostgres, loop_database: str) -> Iterator[Bench]:
    clock = ManualClock(MONDAY)
    # A loop that waits for a lock which the test itself holds fails, instead of for ever.
    url = f"{postgres.url(loop_database, 'recovery_worker')}&options=-c%20lock_timeout%3D5000"
    settings = settings_for(postgres, loop_database, RECOVERY_WORKER_DATABASE_URL=url)
    with running_app(settings, clock) as web, running_app(settings, clock, worker=True) as worker:
        yield Bench(web, working_in(worker), clock)


@pytest.fixture
def bench(laid_out: Bench, postgres: EmbeddedPostgres, loop_database: str) -> Bench:
    """Return a worker on an empty database: Monday 2 March 2026, 09:00 UTC."""
    url = postgres.url(loop_database, "recovery_migrator").replace("+psycopg", "", 1)
    with psycopg.connect(url) as owner:
        owner.execute("TRUNCATE clinic, worker_heartbeat CASCADE")
    laid_out.clock.set(MONDAY)
    laid_out.channels = {name: MemoryChannel(name) for name in ("webpush", "inbox", "email")}
    return laid_out
