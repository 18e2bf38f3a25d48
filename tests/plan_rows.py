"""Items of a live plan and where their schedules stand, for tests of what is built on them."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from recovery_service.database import transaction
from recovery_service.domain.local_time import start_of_day
from recovery_service.domain.occurrence_ids import encode
from recovery_service.domain.recurrence import Occurrence, Place, Rule, due_occurrences
from recovery_service.domain.reminder_kinds import REMINDER_KINDS
from recovery_service.domain.rescheduling import begin
from recovery_service.models import (
    Delivery,
    Destination,
    Episode,
    PlanItem,
    PlanRevision,
    RecoveryPlan,
    Schedule,
    ScheduleRule,
)
from recovery_service.models import Occurrence as Row
from tests.factories import PatientAtHome

DAILY = {
    "anchor": "discharge",
    "from_day": 0,
    "slots": {"morning": "09:00", "evening": "18:00"},
    "valid_for_minutes": 240,
}


@dataclass(frozen=True)
class Item:
    """One item of a patient's live plan."""

    clinic_id: UUID
    lineage: UUID

    def occurrence_id(self, key: str) -> str:
        """Return the public id of one of its occurrences."""
        return encode(self.lineage, key)

    def rows(self) -> dict[str, Row]:
        """Return the stored occurrences by key."""
        with transaction(self.clinic_id) as session:
            found = session.scalars(select(Row).where(Row.lineage_id == self.lineage)).all()
            return {row.occ_key: row for row in found}

    def deliveries(self) -> list[Delivery]:
        """Return the deliveries of all its occurrences, oldest round first."""
        with transaction(self.clinic_id) as session:
            joined = select(Delivery).join(
                Row, (Row.clinic_id == Delivery.clinic_id) & (Row.id == Delivery.occurrence_id)
            )
            wanted = joined.where(Row.lineage_id == self.lineage)
            return list(session.scalars(wanted.order_by(Delivery.round, Delivery.id)))

    def schedule(self) -> Schedule:
        """Return where it stands."""
        with transaction(self.clinic_id) as session:
            return session.get_one(Schedule, (self.clinic_id, self.lineage))

    def change(self, **values: Any) -> None:
        """Set columns of its schedule."""
        with transaction(self.clinic_id) as session:
            session.execute(update(Schedule).where(Schedule.id == self.lineage).values(**values))


def plan_item(
    patient: PatientAtHome,
    kind: str = "physiotherapy",
    rule: dict[str, Any] | None = None,
    *,
    now: datetime,
    zone: str = "Europe/London",
    anchor: date = date(2026, 3, 1),
    title: str = "Bend and stretch",
) -> Item:
    """Store an item of the live plan, and its schedule as it stands after publishing now."""
    read = Rule.parse(rule or DAILY, identity=REMINDER_KINDS[kind].identity)
    key: dict[str, Any] = {"clinic_id": patient.clinic_id}
    item = Item(patient.clinic_id, uuid4())
    opens = start_of_day(zone, anchor)
    standing = begin(read, anchor, zone, gate=opens, now=now).next
    with transaction(patient.clinic_id) as session:
        revision = _live_revision(session, patient, now=now)
        session.add(
            PlanItem(
                **key, id=uuid4(), revision_id=revision, lineage_id=item.lineage, position=1,
                code=f"item_{item.lineage.hex[:8]}", kind=kind, rule=read.as_json(),
                title={"en": title, "tr": f"{title} (tr)"},
            )
        )  # fmt: skip
        rule_row = insert(ScheduleRule).values(**key, hash=read.hash(), rule=read.as_json())
        session.execute(rule_row.on_conflict_do_nothing())
        session.add(
            Schedule(
                **key, id=item.lineage, patient_id=patient.id, episode_id=patient.episode_id,
                kind=kind, remind_via=read.remind_via, rule_hash=read.hash(), anchor_date=anchor,
                time_zone=zone, opens_at=opens, **_place(standing),
            )
        )  # fmt: skip
    return item


def materialise(item: Item, *, now: datetime) -> None:
    """Write what fell due as the reminder loop does, with a delivery to each destination."""
    with transaction(item.clinic_id) as session:
        schedule = session.get_one(Schedule, (item.clinic_id, item.lineage))
        if schedule.next_date is None or schedule.next_minute is None:
            return
        rule_row = session.get_one(ScheduleRule, (item.clinic_id, schedule.rule_hash))
        place = Place(schedule.next_date, schedule.next_minute, schedule.next_due_at)
        due, following = due_occurrences(
            Rule.parse(rule_row.rule), schedule.anchor_date, schedule.time_zone, place, now=now
        )
        destinations = session.execute(
            select(Destination.id, Destination.channel).where(
                Destination.patient_id == schedule.patient_id
            )
        ).all()
        for found in due:
            _write(session, item, found, destinations)
        for name, value in _place(following).items():
            setattr(schedule, name, value)


def _write(session: Any, item: Item, found: Occurrence, destinations: Any) -> None:
    made = session.scalar(
        insert(Row)
        .values(
            clinic_id=item.clinic_id, lineage_id=item.lineage, occ_key=found.occ_key,
            local_date=found.local_date, due_at=found.due_at, expires_at=found.expires_at,
        )
        .on_conflict_do_nothing()
        .returning(Row.id)
    )  # fmt: skip
    if made is None:
        return
    for destination, channel in destinations:
        session.add(
            Delivery(
                clinic_id=item.clinic_id, occurrence_id=made, destination_id=destination,
                channel=channel, wake_at=found.due_at,
            )
        )  # fmt: skip


def _place(standing: Occurrence | None) -> dict[str, Any]:
    if standing is None:
        return {"next_date": None, "next_minute": None, "next_due_at": None}
    return {
        "next_date": standing.local_date,
        "next_minute": standing.minute,
        "next_due_at": standing.due_at,
    }


def _live_revision(session: Any, patient: PatientAtHome, *, now: datetime) -> UUID:
    """Return the live revision of the patient's plan, made when there is none."""
    key: dict[str, Any] = {"clinic_id": patient.clinic_id}
    live = (
        select(PlanRevision.id)
        .join(RecoveryPlan, RecoveryPlan.id == PlanRevision.plan_id)
        .where(RecoveryPlan.episode_id == patient.episode_id, PlanRevision.state == "live")
    )
    found: UUID | None = session.scalar(live)
    if found is not None:
        return found
    episode = session.get_one(Episode, (patient.clinic_id, patient.episode_id))
    plan, revision = uuid4(), uuid4()
    session.add(
        RecoveryPlan(
            **key, id=plan, episode_id=episode.id, template_code="of_a_test",
            template_version=1, template_hash="0" * 64, created_at=now,
        )
    )  # fmt: skip
    session.flush()
    session.add(
        PlanRevision(
            **key, id=revision, plan_id=plan, number=1, state="live", published_at=now,
            effective_from=episode.discharge_date, created_at=now, updated_at=now,
        )
    )  # fmt: skip
    session.flush()
    return revision
