"""The clinic itself: its name, its language, who may see its patients."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.models import Clinic
from recovery_service.services import audit


def clinic_of(session: Session, actor: Actor, *, lock: bool = False) -> Clinic:
    """Return the actor's clinic."""
    return session.get_one(
        Clinic, actor.clinic_id, with_for_update={"key_share": True} if lock else None
    )


def change_clinic(
    session: Session, actor: Actor, changes: Mapping[str, Any], *, now: datetime
) -> Clinic:
    """Change the clinic's settings; what is absent stays."""
    clinic = clinic_of(session, actor, lock=True)
    for name, value in changes.items():
        setattr(clinic, name, value)
    clinic.version, clinic.updated_at = clinic.version + 1, now
    session.flush()
    audit.record(session, actor, "clinic_changed", "clinic", clinic.id, now=now)
    return clinic
