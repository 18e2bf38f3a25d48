"""The schedules of a plan as they stand: locked for who edits, unlocked for who only looks."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from recovery_service.domain.recurrence import Rule
from recovery_service.models import Appointment, Episode, Schedule, ScheduleRule


def locked(session: Session, episode: Episode) -> dict[UUID, Schedule]:
    """Lock the schedules of the plan: the loop waits, or skips them until we are done."""
    return _found(
        session,
        _of_plan(episode).with_for_update().execution_options(populate_existing=True),
    )


def unlocked(session: Session, episode: Episode) -> dict[UUID, Schedule]:
    """Return the schedules of the plan as they stand, for who only looks."""
    return _found(session, _of_plan(episode))


def _of_plan(episode: Episode) -> Select[Schedule]:
    """Select the schedules of items; `appointment_schedules` has those of appointments."""
    return (
        select(Schedule)
        .where(
            Schedule.clinic_id == episode.clinic_id,
            Schedule.patient_id == episode.patient_id,
            Schedule.episode_id == episode.id,
            Schedule.id.not_in(
                select(Appointment.id).where(
                    Appointment.clinic_id == episode.clinic_id,
                    Appointment.patient_id == episode.patient_id,
                )
            ),
        )
        .order_by(Schedule.id)
    )


def _found(session: Session, wanted: Select[Schedule]) -> dict[UUID, Schedule]:
    return {row.id: row for row in session.scalars(wanted)}


def rules_of(session: Session, schedules: Iterable[Schedule]) -> dict[str, Rule]:
    """Return the rules that schedules follow, by their hashes."""
    hashes = {schedule.rule_hash for schedule in schedules}
    found = session.scalars(select(ScheduleRule).where(ScheduleRule.hash.in_(hashes)))
    return {row.hash: Rule.parse(row.rule) for row in found}
