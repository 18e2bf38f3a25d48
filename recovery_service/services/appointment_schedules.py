"""Schedules of appointments: what one still has to say follows what becomes of it.

A schedule of an appointment has its id. It is planned anew, in the transaction of the change,
when staff book, move, cancel or settle it, when the patient answers, and when the episode, the
site or the patient's zone and quiet hours change. Who calls has counted the plan's revision
up, so the patient is locked: reading the appointments needs no lock of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.appointment_reminders import is_notice
from recovery_service.domain.appointment_rules import AppointmentRule, Reminder
from recovery_service.domain.local_time import local_date
from recovery_service.domain.recurrence import Place, occurrences_from
from recovery_service.models import (
    Appointment,
    Episode,
    Patient,
    Schedule,
    ScheduleRule,
    Site,
)
from recovery_service.services import occurrence_rows
from recovery_service.services.appointment_wishes import (
    Before,
    Listener,
    Wish,
    listener_of,
    rule_of,
    wish_of,
)
from recovery_service.services.booking_items import settle_items
from recovery_service.services.device_plan import plan_changed
from recovery_service.services.occurrence_rows import Standing
from recovery_service.services.replanning import intern, stop
from recovery_service.services.unsent import cancel_unsent

_START = Place(date.min, 0)


def follow(
    session: Session,
    rows: Sequence[Appointment],
    *,
    now: datetime,
    told_until: datetime | None = None,
) -> None:
    """Plan anew what these appointments of one patient have to say.

    With `told_until`, the instant until which it matters, the patient is told once that they
    changed. What is unsent for a time that no longer stands is cancelled.
    """
    if not rows:
        return
    session.flush()
    before = _before(session, rows)
    listener = listener_of(session, rows[0], now)
    for row in rows:
        mine, wish = before[row.id], wish_of(session, row, listener)
        rule = rule_of(mine, wish, listener, told_until)
        _close(session, row, mine, wish, now=now, told=told_until is not None)
        if rule is not None:
            intern(session, row.clinic_id, [rule])
            _store(session, row, mine.schedule, rule, wish.kind, listener)
        elif mine.schedule is not None:
            stop(mine.schedule)
    session.flush()
    settle_items(session, rows, now=now)


def follow_patient(session: Session, patient: Patient, *, now: datetime) -> None:
    """Follow a zone or quiet hours that changed, in every appointment that is ahead."""
    follow(session, ahead_of(session, patient), now=now)


def follow_episode(session: Session, episode: Episode, *, now: datetime) -> None:
    """Follow an episode that was published, held, released or has ended."""
    rows = session.scalars(
        select(Appointment)
        .where(Appointment.clinic_id == episode.clinic_id, Appointment.episode_id == episode.id)
        .order_by(Appointment.id)
    ).all()
    follow(session, rows, now=now)


def follow_site(session: Session, site: Site, *, now: datetime) -> None:
    """Follow a site's zone that changed: its days begin at another instant."""
    rows = session.scalars(
        select(Appointment)
        .where(
            Appointment.clinic_id == site.clinic_id,
            Appointment.site_id == site.id,
            Appointment.state == "booked",
            Appointment.starts_at > now,
        )
        .order_by(Appointment.patient_id, Appointment.id)
    ).all()
    for patient_id, theirs in groupby(rows, key=lambda row: row.patient_id):
        plan_changed(session, site.clinic_id, patient_id, now=now)
        follow(session, list(theirs), now=now)


def ahead_of(session: Session, patient: Patient) -> Sequence[Appointment]:
    """Return what the patient has booked, or is to book."""
    return session.scalars(
        select(Appointment)
        .where(
            Appointment.clinic_id == patient.clinic_id,
            Appointment.patient_id == patient.id,
            Appointment.state.in_(("to_book", "booked")),
        )
        .order_by(Appointment.id)
        .execution_options(populate_existing=True)
    ).all()


def _close(
    session: Session, row: Appointment, mine: Before, wish: Wish, *, now: datetime, told: bool
) -> None:
    """Cancel what was begun and no longer stands, also if a sender has it in hand."""
    stands = {each.occ_key for each in wish.reminders}
    over = [
        each
        for each in mine.met
        if each.occ_key not in stands and (told or not wish.tells or not is_notice(each.occ_key))
    ]
    reason = _reason(row, told=told)
    closed = occurrence_rows.close(session, row.clinic_id, over, reason=reason, now=now)
    cancel_unsent(session, row.clinic_id, closed, reason=reason, now=now)


def _reason(row: Appointment, *, told: bool) -> str:
    if row.state == "to_book":
        return row.response or "episode_not_open"
    return "appointment_moved" if told and row.state == "booked" else f"appointment_{row.state}"


def _store(
    session: Session,
    row: Appointment,
    schedule: Schedule | None,
    rule: AppointmentRule,
    kind: str,
    listener: Listener,
) -> None:
    zone = listener.zone
    anchor = row.window_from if row.starts_at is None else local_date(zone, row.starts_at)
    anchor = anchor or local_date(zone, listener.now)
    first = next(occurrences_from(rule, anchor, zone, _START))
    if schedule is None:
        schedule = Schedule(
            clinic_id=row.clinic_id,
            id=row.id,
            patient_id=row.patient_id,
            episode_id=row.episode_id,
            revision=0,
        )
        session.add(schedule)
    schedule.kind, schedule.remind_via = kind, rule.remind_via
    schedule.rule_hash, schedule.anchor_date, schedule.time_zone = rule.hash(), anchor, zone
    schedule.opens_at = listener.now
    schedule.next_date, schedule.next_minute = first.local_date, first.minute
    schedule.next_due_at = first.due_at
    schedule.revision, schedule.failures = schedule.revision + 1, 0


def _before(session: Session, rows: Sequence[Appointment]) -> dict[UUID, Before]:
    """Lock the schedules, take away what nobody has met, and return what stood."""
    clinic_id, ids = rows[0].clinic_id, [row.id for row in rows]
    schedules = {each.id: each for each in _locked(session, clinic_id, ids)}
    rules = _rules(session, schedules.values())
    stands = occurrence_rows.standing(session, clinic_id, list(schedules), since=date.min)
    occurrence_rows.take_away(session, clinic_id, [each for each in stands if each.unmet])
    return {
        each: _stood(schedules.get(each), rules, [row for row in stands if row.lineage_id == each])
        for each in ids
    }


def _stood(
    schedule: Schedule | None, rules: Mapping[str, AppointmentRule], rows: Sequence[Standing]
) -> Before:
    owed = {
        row.occ_key: Reminder(row.occ_key, row.due_at, row.expires_at)
        for row in rows
        if row.unmet and row.open
    }
    if schedule is not None and schedule.next_date is not None:
        rule, place = (
            rules[schedule.rule_hash],
            Place(schedule.next_date, schedule.next_minute or 0),
        )
        for each in occurrences_from(rule, schedule.anchor_date, schedule.time_zone, place):
            owed[each.occ_key] = Reminder(each.occ_key, each.due_at, each.expires_at)
    return Before(schedule=schedule, owed=owed, met=[row for row in rows if not row.unmet])


def _locked(session: Session, clinic_id: UUID, ids: Sequence[UUID]) -> Sequence[Schedule]:
    return session.scalars(
        select(Schedule)
        .where(Schedule.clinic_id == clinic_id, Schedule.id.in_(ids))
        .order_by(Schedule.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def _rules(session: Session, schedules: Iterable[Schedule]) -> dict[str, AppointmentRule]:
    hashes = {each.rule_hash for each in schedules}
    found = session.scalars(select(ScheduleRule).where(ScheduleRule.hash.in_(hashes)))
    return {row.hash: AppointmentRule.parse(row.rule) for row in found}
