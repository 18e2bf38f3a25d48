"""Rounds of an occurrence: a snooze opens a new one, and nothing of the old is sent."""

from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from recovery_service.domain.actions import DOUBLE_TAP, SNOOZE_MINUTES
from recovery_service.domain.recurrence import Occurrence as Planned
from recovery_service.domain.rescheduling import snooze_until
from recovery_service.models import Delivery, Occurrence, OccurrenceAction, Schedule
from recovery_service.reminders.reach import is_ours, takes
from recovery_service.services.unsent import cancel_unsent

_REMIND = text(f"""
INSERT INTO delivery (clinic_id, occurrence_id, destination_id, channel, round, cause, state,
                      wake_at, attempts)
SELECT :clinic_id, :occurrence_id, d.id, d.channel, :round, :cause, 'ready', :wake_at, 0
  FROM destination d
 WHERE d.clinic_id = :clinic_id AND d.patient_id = :patient_id AND {takes(":kind")}
   AND {is_ours(":carrier", ":wake_at")}
ON CONFLICT DO NOTHING
""")


def open_round(
    session: Session,
    schedule: Schedule,
    row: Occurrence,
    last: OccurrenceAction | None,
    *,
    minutes: int | None,
    now: datetime,
) -> datetime | None:
    """Snooze an open occurrence and return when it speaks again; None when that is too late.

    A second tap within a minute of the `last` snooze is that snooze.
    """
    if last is not None and row.state == "snoozed" and now - last.received_at < DOUBLE_TAP:
        return last.next_at
    planned = Planned(row.local_date, "", row.due_at, row.expires_at, row.occ_key, 0)
    wait = SNOOZE_MINUTES if minutes is None else minutes
    next_at = snooze_until(planned, minutes=wait, now=max(now, row.due_at))
    if next_at is None:
        return None
    cancel_unsent(session, row.clinic_id, [row.id], reason="snoozed", now=now)
    row.state, row.round = "snoozed", _next_round(session, row)
    session.flush()
    remind(session, schedule, row, wake_at=next_at)
    return next_at


def _next_round(session: Session, row: Occurrence) -> int:
    """Return the round after all there were: a nudge has one that the row does not know."""
    spoken = select(func.max(Delivery.round)).where(
        Delivery.clinic_id == row.clinic_id, Delivery.occurrence_id == row.id
    )
    return max(row.round, session.scalar(spoken) or 0) + 1


def remind(session: Session, schedule: Schedule, row: Occurrence, *, wake_at: datetime) -> None:
    """Send the current round to each destination, not before `wake_at`."""
    values = {
        "clinic_id": row.clinic_id,
        "occurrence_id": row.id,
        "patient_id": schedule.patient_id,
        "kind": schedule.kind,
        "carrier": schedule.remind_via,
        "round": row.round,
        "cause": _cause(schedule, row),
        "wake_at": wake_at,
    }
    session.execute(_REMIND, values)


def _cause(schedule: Schedule, row: Occurrence) -> str:
    if row.round:
        return "snooze"
    return "takeover" if schedule.remind_via == "device" else "due"


def last_snooze(session: Session, row: Occurrence) -> OccurrenceAction | None:
    """Return the snooze that was granted last."""
    return session.scalars(
        select(OccurrenceAction)
        .where(
            OccurrenceAction.clinic_id == row.clinic_id,
            OccurrenceAction.occurrence_id == row.id,
            OccurrenceAction.action == "snooze",
            OccurrenceAction.next_at.is_not(None),
        )
        .order_by(OccurrenceAction.received_at.desc())
        .limit(1)
    ).one_or_none()
