"""The clinic itself: its name, its language, who may see its patients."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.content import Content
from recovery_service.domain.reminder_policy import InvalidPolicy, Policy
from recovery_service.errors import FieldError, Invalid
from recovery_service.models import Clinic
from recovery_service.services import audit
from recovery_service.services.device_plan import every_plan_changed
from recovery_service.services.questionnaire_switch import follow_clinic


def clinic_of(session: Session, actor: Actor, *, lock: bool = False) -> Clinic:
    """Return the actor's clinic."""
    return session.get_one(
        Clinic, actor.clinic_id, with_for_update={"key_share": True} if lock else None
    )


def change_clinic(
    session: Session, actor: Actor, content: Content, changes: Mapping[str, Any], *, now: datetime
) -> Clinic:
    """Change the clinic's settings; what is absent stays.

    `reminder_defaults` is a merge patch (RFC 7396) over what the clinic overrides; null
    takes a setting back to the shipped one. Raises Invalid naming what cannot be.
    """
    clinic = clinic_of(session, actor, lock=True)
    _check_instruments(content, changes.get("scheduled_instruments", ()))
    patch = changes.get("reminder_defaults")
    if patch is not None:
        changes = {**changes, "reminder_defaults": _merged(clinic.reminder_defaults, patch)}
    reminds, asks = clinic.reminder_defaults, clinic.scheduled_instruments
    for name, value in changes.items():
        setattr(clinic, name, value)
    if clinic.reminder_defaults != reminds:
        every_plan_changed(session, clinic.id, now=now)
    clinic.version, clinic.updated_at = clinic.version + 1, now
    session.flush()
    if clinic.scheduled_instruments != asks:
        follow_clinic(session, content, clinic, now=now)
    audit.record(session, actor, "clinic_changed", "clinic", clinic.id, now=now)
    return clinic


def _check_instruments(content: Content, codes: Sequence[str]) -> None:
    """Refuse to schedule what a patient could not answer here."""
    errors = [
        FieldError(f"/scheduled_instruments/{place}", "No instrument that patients fill in here.")
        for place, code in enumerate(codes)
        if (one := content.instruments.get(code)) is None or not (one.form or one.importable)
    ]
    if errors:
        raise Invalid(errors=errors)


def _merged(stored: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {
        name: value for name, value in {**stored, **patch}.items() if value is not None
    }
    try:
        Policy.parse(merged)
    except InvalidPolicy as error:
        raise Invalid(
            errors=[
                FieldError(f"/reminder_defaults{pointer}", message)
                for pointer, message in error.faults
            ]
        ) from None
    return merged
