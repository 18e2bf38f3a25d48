"""A patient whose plan is edited, for tests of how the schedules follow."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import event, select, text, update
from sqlalchemy.orm import Session

from recovery_service.database import transaction
from recovery_service.domain.recurrence import Rule
from recovery_service.extensions import db
from recovery_service.models import Base, Delivery, Episode, Patient, PlanItem, Schedule
from recovery_service.services.schedules import publish_schedules, replan_episode
from tests.factories import PatientAtHome
from tests.plan_rows import Item

FOLLOWED = ("episode", "schedule", "schedule_rule", "occurrence", "delivery")


@dataclass(frozen=True)
class Home:
    """A patient at home, seen through the services that edit the plan."""

    patient: PatientAtHome

    def edit(self, change: Callable[[Session, Episode, Patient], object]) -> None:
        """Run a service on the episode and its patient in one transaction."""
        key = self.patient.clinic_id
        with transaction(key) as session:
            episode = session.get_one(Episode, (key, self.patient.episode_id))
            patient = session.get_one(Patient, (key, self.patient.id))
            change(session, episode, patient)

    def move(self, *, now: datetime, **dates: date) -> None:
        """Move dates of the episode; the plan follows."""

        def moved(session: Session, episode: Episode, patient: Patient) -> None:
            for name, day in dates.items():
                setattr(episode, name, day)
            session.flush()
            replan_episode(session, episode, patient, now=now)

        self.edit(moved)

    def travel(self, zone: str, *, now: datetime) -> None:
        """Let the patient live in another zone from now on."""

        def travelled(session: Session, episode: Episode, patient: Patient) -> None:
            patient.time_zone = zone
            session.flush()
            replan_episode(session, episode, patient, now=now)

        self.edit(travelled)

    def publish(
        self, *items: tuple[Item, str, dict[str, Any]], now: datetime, effective_from: date
    ) -> None:
        """Let the schedules follow a revision with these items: item, kind and rule."""
        written = [
            PlanItem(lineage_id=item.lineage, kind=kind, code="x", rule=Rule.parse(rule).as_json())
            for item, kind, rule in items
        ]
        self.edit(
            lambda session, episode, patient: publish_schedules(
                session, episode, patient, written, effective_from=effective_from, now=now
            )
        )

    def new_item(self) -> Item:
        """Return an item that has no schedule yet."""
        return Item(self.patient.clinic_id, uuid4())

    def snapshot(self) -> dict[str, list[Any]]:
        """Return everything that an edit writes."""
        with transaction(self.patient.clinic_id) as session:
            return {
                name: sorted(map(str, session.execute(Base.metadata.tables[name].select())))
                for name in FOLLOWED
            }


def send(item: Item, *, now: datetime) -> None:
    """Settle what is unsent of an item as sent, as the loop does."""
    ids = [each.id for each in item.deliveries()]
    with transaction(item.clinic_id) as session:
        session.execute(
            update(Delivery)
            .where(Delivery.id.in_(ids), Delivery.state == "ready")
            .values(state="sent", attempts=1, settled_at=now)
        )


def standing(item: Item) -> str | None:
    """Return where an item's schedule stands, as "date minute"; None when it is silent."""
    with transaction(item.clinic_id) as session:
        found = session.scalars(select(Schedule).where(Schedule.id == item.lineage)).one()
        if found.next_due_at is None:
            return None
        return f"{found.next_date:%m-%d} {found.next_minute}"


class FaultError(Exception):
    """The statement that a test chose has failed."""


@contextmanager
def failing_at(number: int) -> Iterator[list[str]]:
    """Fail at the n-th statement that is sent to the database, as a broken line does."""
    sent: list[str] = []

    def count(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)
        if len(sent) == number:
            raise FaultError

    event.listen(db.engine, "before_cursor_execute", count)
    try:
        yield sent
    finally:
        event.remove(db.engine, "before_cursor_execute", count)


def states(item: Item) -> dict[str, str]:
    """Return key and state of an item's occurrences, with the reason where there is one."""
    return {
        key: row.state + (f" {row.reason}" if row.reason else "")
        for key, row in sorted(item.rows().items())
    }


def due_times(item: Item) -> dict[str, str]:
    """Return key and UTC time of an item's occurrences."""
    return {key: f"{row.due_at:%m-%d %H:%M}" for key, row in sorted(item.rows().items())}


def unsent(item: Item) -> int:
    """Return how many deliveries may still go out."""
    with transaction(item.clinic_id) as session:
        ids = [each.id for each in item.deliveries()]
        living = text("SELECT count(*) FROM delivery WHERE id = ANY(:ids) AND state = 'ready'")
        return int(session.scalar(living, {"ids": ids}) or 0)
