"""What a patient changes of the own profile: zone, language, preferences."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.preferences import merge_patch, preference_errors
from recovery_service.domain.recurrence_rules import Rule
from recovery_service.errors import Invalid
from recovery_service.models import Episode, Patient
from recovery_service.services import audit
from recovery_service.services.destinations import mute
from recovery_service.services.device_plan import plan_changed
from recovery_service.services.devices import locked_patient
from recovery_service.services.schedules import items_of, live_revision, replan_patient
from recovery_service.services.unsent import reconsider


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChange:
    """What to change; None leaves as it is. ``preferences`` is a merge patch."""

    time_zone: str | None = None
    locale: str | None = None
    preferences: Mapping[str, Any] | None = None


def change_profile(
    session: Session, actor: Actor, patient_id: UUID, change: ProfileChange, *, now: datetime
) -> bool:
    """Apply the change, also to what is queued; return whether anything changed.

    Raises Invalid with pointers for a kind, slot or channel that does not exist.
    """
    patient = locked_patient(session, actor.clinic_id, patient_id)
    before = (patient.time_zone, patient.preferences)
    merged = _merged(session, patient, change.preferences)
    locale = change.locale or patient.locale
    after = (change.time_zone or patient.time_zone, merged)
    if before == after and locale == patient.locale:
        return False
    patient.locale = locale
    patient.time_zone, patient.preferences = after
    patient.version += 1
    patient.updated_at = now
    session.flush()
    audit.record(
        session, actor, "profile_changed", "patient", patient_id, patient_id=patient_id, now=now
    )
    if before != after:
        mute(session, patient, now=now)
        replan_patient(session, patient, now=now)
        reconsider(session, patient.clinic_id, patient.id, now=now)
    else:  # the language alone: that of what the devices say by themselves
        plan_changed(session, actor.clinic_id, patient_id, now=now)
    return True


def _merged(session: Session, patient: Patient, patch: Mapping[str, Any] | None) -> dict[str, Any]:
    if patch is None:
        return patient.preferences
    merged: dict[str, Any] = merge_patch(patient.preferences, patch)
    wrong = preference_errors(merged, patch, _items(session, patient))
    if wrong:
        raise Invalid(errors=wrong)
    return merged


def _items(session: Session, patient: Patient) -> list[tuple[tuple[str, ...], Rule]]:
    """Return the live plan's items: the names by which each can be chosen, and its rule."""
    current = session.scalars(
        select(Episode).where(
            Episode.clinic_id == patient.clinic_id,
            Episode.patient_id == patient.id,
            Episode.state != "ended",
        )
    ).one_or_none()
    live = current and live_revision(session, current)
    if not live:
        return []
    return [
        ((str(item.lineage_id), item.code, item.kind), Rule.parse(item.rule))
        for item in items_of(session, live)
    ]
