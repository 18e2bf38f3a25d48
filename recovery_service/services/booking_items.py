"""Items of a plan that say "book this": done when it is booked, by whom and where ever.

The appointment owns its nudges: its window moves with it, and staff may have it booked before
the plan says so. So the item stays on the agenda as something to do, and is silent.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recovery_service.domain.recurrence import Place, Rule, occurrences_from
from recovery_service.models import (
    Appointment,
    Occurrence,
    PlanItem,
    PlanRevision,
    RecoveryPlan,
    Schedule,
    ScheduleRule,
)
from recovery_service.services.unsent import cancel_unsent

BOOKED, CANCELLED = "appointment_booked", "appointment_cancelled"

_ONCE = "once"


class _Item(NamedTuple):
    """An item of the live plan that asks to book an appointment."""

    schedule: Schedule
    rule: dict[str, object]
    appointment: Appointment


def asks_for(session: Session, clinic_id: UUID, episode_id: UUID) -> frozenset[str]:
    """Return the codes of the template's appointments that this episode has."""
    return frozenset(
        session.scalars(
            select(Appointment.kind).where(
                Appointment.clinic_id == clinic_id,
                Appointment.episode_id == episode_id,
                Appointment.from_template,
            )
        )
    )


def settled(session: Session, clinic_id: UUID, episode_id: UUID) -> frozenset[str]:
    """Return the codes of those that are booked or given up: their items ask no more."""
    rows = session.scalars(
        select(Appointment).where(
            Appointment.clinic_id == clinic_id,
            Appointment.episode_id == episode_id,
            Appointment.from_template,
        )
    )
    return frozenset(row.kind for row in rows if _answer(row)[0] is not None)


def settle_items(session: Session, rows: Sequence[Appointment], *, now: datetime) -> None:
    """Close the items of what is booked or given up, and open those of what is not any more."""
    for item in _items(session, [row for row in rows if row.from_template]):
        state, reason = _answer(item.appointment)
        row = session.scalars(
            select(Occurrence)
            .where(
                Occurrence.clinic_id == item.schedule.clinic_id,
                Occurrence.lineage_id == item.schedule.id,
                Occurrence.occ_key == _ONCE,
            )
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one_or_none()
        if row is None and state is not None:
            _write(session, item, state, reason, now=now)
        elif row is not None:
            _update(session, row, state, reason, now=now)
    session.flush()


def _answer(appointment: Appointment) -> tuple[str | None, str | None]:
    """Return what becomes of the item, and why; nothing while there is something to book."""
    if appointment.state == "cancelled":
        return "cancelled", CANCELLED
    if appointment.state != "to_book" or appointment.response is not None:
        return "done", BOOKED
    return None, None


def _items(session: Session, rows: Iterable[Appointment]) -> list[_Item]:
    by_code = {(row.episode_id, row.kind): row for row in rows}
    if not by_code:
        return []
    found = session.execute(
        select(Schedule, ScheduleRule.rule, PlanItem.appointment)
        .join(
            ScheduleRule,
            (ScheduleRule.clinic_id == Schedule.clinic_id)
            & (ScheduleRule.hash == Schedule.rule_hash),
        )
        .join(
            PlanItem,
            (PlanItem.clinic_id == Schedule.clinic_id) & (PlanItem.lineage_id == Schedule.id),
        )
        .join(
            PlanRevision,
            (PlanRevision.clinic_id == PlanItem.clinic_id)
            & (PlanRevision.id == PlanItem.revision_id),
        )
        .join(
            RecoveryPlan,
            (RecoveryPlan.clinic_id == PlanRevision.clinic_id)
            & (RecoveryPlan.id == PlanRevision.plan_id),
        )
        .where(
            Schedule.clinic_id == next(iter(by_code.values())).clinic_id,
            Schedule.episode_id == RecoveryPlan.episode_id,
            RecoveryPlan.episode_id.in_({episode_id for episode_id, _ in by_code}),
            PlanRevision.state == "live",
            PlanItem.appointment.in_({code for _, code in by_code}),
        )
        .order_by(Schedule.id)
        .with_for_update(of=Schedule, key_share=True)
    )
    return [
        _Item(schedule, rule, by_code[schedule.episode_id, code])
        for schedule, rule, code in found
        if (schedule.episode_id, code) in by_code
    ]


def _write(session: Session, item: _Item, state: str, reason: str | None, *, now: datetime) -> None:
    """Write the item's one occurrence as closed before it is due."""
    schedule, rule = item.schedule, Rule.parse(item.rule)
    if rule.identity != _ONCE:
        return
    place = Place(schedule.anchor_date, 0)
    planned = next(occurrences_from(rule, schedule.anchor_date, schedule.time_zone, place), None)
    if planned is None:
        return
    values = {
        "clinic_id": schedule.clinic_id, "lineage_id": schedule.id, "occ_key": _ONCE,
        "local_date": planned.local_date, "due_at": planned.due_at,
        "expires_at": planned.expires_at, "state": state, "reason": reason, "closed_at": now,
    }  # fmt: skip
    session.execute(insert(Occurrence).values(values).on_conflict_do_nothing())


def _update(
    session: Session, row: Occurrence, state: str | None, reason: str | None, *, now: datetime
) -> None:
    if state is not None and row.state in ("due", "snoozed"):
        row.state, row.reason, row.closed_at = state, reason, now
        session.flush()
        cancel_unsent(session, row.clinic_id, [row.id], reason=state, now=now)
    elif state is not None and row.reason in (BOOKED, CANCELLED):
        row.state, row.reason = state, reason
    elif state is None and row.reason in (BOOKED, CANCELLED):
        over = row.expires_at <= now
        row.state, row.reason = ("missed", "not_answered") if over else ("due", None)
        row.closed_at = now if over else None
