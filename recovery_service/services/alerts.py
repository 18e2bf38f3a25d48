"""Alerts as staff handle them: seen, assigned, resolved, reopened; each leaves its event."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor, may_resolve_alert
from recovery_service.domain.alerts import EPISODE_ENDED, AlertState
from recovery_service.domain.escalation import wants
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.red_flag_rules import TIERS
from recovery_service.errors import (
    AlertResolved,
    AlertSuperseded,
    AlertUnresolved,
    FieldError,
    Invalid,
    InvalidField,
    NoSuchObject,
    NotAllowed,
)
from recovery_service.models import Alert, AlertEvent, StaffDevice, StaffMember, StaffNotice
from recovery_service.services import audit


def alert_in_scope(session: Session, actor: Actor, alert_id: UUID, *, lock: bool = False) -> Alert:
    """Return an alert of the actor's clinic; raises NoSuchObject."""
    wanted = select(Alert).where(Alert.clinic_id == actor.clinic_id, Alert.id == alert_id)
    alert = session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()
    if alert is None:
        raise NoSuchObject("alert")
    return alert


def acknowledge(
    session: Session, actor: Actor, alert_id: UUID, note: str | None, *, now: datetime
) -> Alert:
    """Say that somebody looks at it; whoever does has it, unless somebody else does already.

    Twice is once, but a note is kept each time. Raises NoSuchObject, AlertResolved.
    """
    alert = _unresolved(session, actor, alert_id)
    if alert.state == AlertState.OPEN:
        _acknowledge(session, actor, alert, note, now=now)
    elif note:
        _note(session, actor, alert, "noted", now=now, note=note)
    return alert


def acknowledge_all(
    session: Session, actor: Actor, alert_ids: Sequence[UUID], *, now: datetime
) -> list[Alert]:
    """Acknowledge several of the least pressing tier at once; all of them, or none.

    Raises Invalid naming each that is of another tier, or not there, or resolved.
    """
    rows = session.scalars(
        select(Alert)
        .where(Alert.clinic_id == actor.clinic_id, Alert.id.in_(alert_ids))
        .order_by(Alert.id)
        .with_for_update()
    )
    found = {alert.id: alert for alert in rows}
    errors = [
        FieldError(f"/ids/{place}", why)
        for place, each in enumerate(alert_ids)
        if (why := _why_not_together(found.get(each)))
    ]
    if errors:
        raise Invalid(errors=errors)
    for alert in found.values():
        if alert.state == AlertState.OPEN:
            _acknowledge(session, actor, alert, None, now=now)
    return [found[each] for each in alert_ids]


def _why_not_together(alert: Alert | None) -> str | None:
    if alert is None:
        return "No such alert."
    if alert.state == AlertState.RESOLVED:
        return "It is resolved."
    if alert.tier != TIERS[-1]:
        return f"It is {alert.tier}: look at it by itself."
    return None


def assign(
    session: Session, actor: Actor, alert_id: UUID, staff_id: UUID, *, now: datetime
) -> Alert:
    """Give it to a colleague, who gets a mail; raises NoSuchObject, AlertResolved, InvalidField."""
    alert = _unresolved(session, actor, alert_id)
    colleague = session.get(StaffMember, (actor.clinic_id, staff_id))
    if colleague is None or colleague.disabled_at is not None:
        raise InvalidField("/staff_id", "No such colleague.")
    if not may_resolve_alert(colleague.roles, alert.tier):
        raise InvalidField("/staff_id", "Their roles do not let them resolve it.")
    if alert.assigned_to == staff_id:
        return alert
    alert.assigned_to = staff_id
    _note(session, actor, alert, "assigned", now=now, assigned_to=staff_id)
    if staff_id != actor.id:
        _tell(session, alert, colleague, now=now)
    return alert


def _tell(session: Session, alert: Alert, colleague: StaffMember, *, now: datetime) -> None:
    """Tell whom a colleague gave it to: by mail whatever they chose, and by push if they want."""
    devices: list[UUID | None] = [None]
    if wants(colleague.alert_push, alert.tier):
        devices += session.scalars(
            select(StaffDevice.id).where(
                StaffDevice.clinic_id == alert.clinic_id,
                StaffDevice.staff_id == colleague.id,
                StaffDevice.retired_at.is_(None),
            )
        )
    for device_id in devices:
        session.add(
            StaffNotice(
                clinic_id=alert.clinic_id,
                id=new_id(now=now),
                alert_id=alert.id,
                staff_id=colleague.id,
                device_id=device_id,
                cause="assigned",
                wake_at=now,
                created_at=now,
            )
        )
    session.flush()


def resolve(
    session: Session, actor: Actor, alert_id: UUID, resolution: str, note: str | None, *,
    now: datetime,
) -> Alert:  # fmt: skip
    """Close it with its reason; raises NoSuchObject, AlertResolved, NotAllowed (by its tier)."""
    alert = _unresolved(session, actor, alert_id)
    if not may_resolve_alert(actor.roles, alert.tier):
        raise NotAllowed("resolve an alert of this tier")
    _resolve(alert, resolution, now=now)
    _note(session, actor, alert, "resolved", now=now, resolution=resolution, note=note)
    return alert


def reopen(
    session: Session, actor: Actor, alert_id: UUID, note: str | None, *, now: datetime
) -> Alert:
    """Take a resolution back: somebody has it again.

    Raises NoSuchObject, AlertUnresolved, AlertSuperseded (its rule was raised anew since).
    """
    alert = alert_in_scope(session, actor, alert_id, lock=True)
    if alert.state != AlertState.RESOLVED:
        raise AlertUnresolved
    newer = session.scalars(
        select(Alert.id).where(
            Alert.clinic_id == alert.clinic_id,
            Alert.episode_id == alert.episode_id,
            Alert.rule_id == alert.rule_id,
            Alert.state != AlertState.RESOLVED,
        )
    ).first()
    if newer is not None:
        raise AlertSuperseded(newer)
    alert.state, alert.resolution, alert.resolved_at = AlertState.ACKNOWLEDGED, None, None
    alert.acknowledged_at = alert.acknowledged_at or now
    alert.assigned_to = alert.assigned_to or actor.id
    _note(session, actor, alert, "reopened", now=now, note=note)
    return alert


def add_note(session: Session, actor: Actor, alert_id: UUID, note: str, *, now: datetime) -> Alert:
    """Add what somebody wrote about it, whatever its state; raises NoSuchObject."""
    alert = alert_in_scope(session, actor, alert_id, lock=True)
    _note(session, actor, alert, "noted", now=now, note=note)
    return alert


def end_alerts(session: Session, actor: Actor, episode_id: UUID, *, now: datetime) -> None:
    """Resolve what is open in an episode that ends."""
    rows = session.scalars(
        select(Alert)
        .where(
            Alert.clinic_id == actor.clinic_id,
            Alert.episode_id == episode_id,
            Alert.state != AlertState.RESOLVED,
        )
        .order_by(Alert.id)
        .with_for_update()
    )
    for alert in rows:
        _resolve(alert, EPISODE_ENDED, now=now)
        _note(session, actor, alert, "resolved", now=now, resolution=EPISODE_ENDED)


def _unresolved(session: Session, actor: Actor, alert_id: UUID) -> Alert:
    alert = alert_in_scope(session, actor, alert_id, lock=True)
    if alert.state == AlertState.RESOLVED:
        raise AlertResolved
    return alert


def _acknowledge(
    session: Session, actor: Actor, alert: Alert, note: str | None, *, now: datetime
) -> None:
    alert.state, alert.acknowledged_at = AlertState.ACKNOWLEDGED, now
    alert.assigned_to = alert.assigned_to or actor.id
    _note(session, actor, alert, "acknowledged", now=now, note=note)


def _resolve(alert: Alert, resolution: str, *, now: datetime) -> None:
    alert.state, alert.resolution, alert.resolved_at = AlertState.RESOLVED, resolution, now


def _note(
    session: Session, actor: Actor, alert: Alert, kind: str, *, now: datetime, **words: Any
) -> None:
    """Add the event and the audit line, and count the version up."""
    alert.version, alert.updated_at = alert.version + 1, now
    session.add(
        AlertEvent(
            clinic_id=alert.clinic_id,
            id=new_id(now=now),
            alert_id=alert.id,
            at=now,
            kind=kind,
            tier=alert.tier,
            staff_id=actor.id if actor.kind == "staff" else None,
            **words,
        )
    )
    session.flush()
    audit.record(
        session, actor, f"alert_{kind}", "alert", alert.id, patient_id=alert.patient_id, now=now
    )
