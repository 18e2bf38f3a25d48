"""The demo's physiotherapist deals with what patients reported, every afternoon but today's."""

from collections.abc import Iterator
from datetime import datetime, time

from sqlalchemy import select

from recovery_service.cli.demo_clinic_patient import DAY, Floor
from recovery_service.cli.demo_clinic_recovery import Event
from recovery_service.database import transaction
from recovery_service.domain.alerts import AlertState
from recovery_service.models import Alert
from recovery_service.services import alerts

_AT = time(15, 30)
_HOWS = {
    "emergency": ("sent_to_emergency", "Rang back; had gone to the emergency department."),
    "same_day": ("seen_in_clinic", "Seen the same afternoon."),
    "next_business_day": ("advised", "Rang and advised."),
}


def rounds(floor: Floor, first: datetime, now: datetime) -> Iterator[Event]:
    """Yield one round a day; what was reported in the last day is left for whoever looks."""
    at = datetime.combine(first.date(), _AT, first.tzinfo)
    while at < now - DAY:
        yield Event(at, -1, lambda moment: _round(floor, moment))
        at += DAY


def _round(floor: Floor, now: datetime) -> None:
    actor = floor.staff["physiotherapist"]
    with transaction(floor.clinic_id) as session:
        waiting = session.scalars(
            select(Alert.id).where(
                Alert.clinic_id == floor.clinic_id, Alert.state != AlertState.RESOLVED
            )
        ).all()
        for alert_id in waiting:
            alert = alerts.acknowledge(session, actor, alert_id, None, now=now)
            how, note = _HOWS[alert.tier]
            alerts.resolve(session, actor, alert_id, how, note, now=now)
