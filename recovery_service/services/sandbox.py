"""Sandbox clinics: what time it is there, and moments of a recovery to move on to."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.local_time import instant
from recovery_service.domain.sandbox import FURTHEST, KIND, time_in
from recovery_service.errors import InvalidField, NoSuchObject, NotASandbox, SandboxBusy
from recovery_service.models import Clinic, Episode, Patient

_HOLD = text("SELECT pg_try_advisory_xact_lock(hashtextextended('sandbox.' || :clinic_id, 0))")


def clinic_time(session: Session, clinic_id: UUID, *, now: datetime) -> datetime:
    """Return what time it is in a clinic."""
    moved = session.scalar(select(Clinic.sandbox_now).where(Clinic.id == clinic_id))
    return time_in(moved, now=now)


def require_sandbox(session: Session, actor: Actor) -> None:
    """Refuse a clinic whose time is real; raises NotASandbox."""
    if session.scalar(select(Clinic.kind).where(Clinic.id == actor.clinic_id)) != KIND:
        raise NotASandbox


@contextmanager
def hold_clock(session: Session, clinic_id: UUID) -> Iterator[None]:
    """Be the only one who moves a clinic's time, until the transaction ends."""
    if not session.scalar(_HOLD, {"clinic_id": str(clinic_id)}):
        raise SandboxBusy
    yield


def set_clock(session: Session, clinic_id: UUID, at: datetime) -> None:
    """Keep where a sandbox has been moved to."""
    session.execute(
        update(Clinic).where(Clinic.id == clinic_id, Clinic.kind == KIND).values(sandbox_now=at)
    )


def recovery_moment(
    session: Session, actor: Actor, episode_id: UUID, *, recovery_day: int, minute: int
) -> datetime:
    """Return the instant of a minute of the day on a patient's recovery day.

    Day 0 is that of surgery, on the patient's calendar. Raises NoSuchObject, and
    InvalidField where the surgery has no date or the date does not exist.
    """
    found = session.execute(
        select(Episode.surgery_date, Patient.time_zone)
        .join(
            Patient,
            (Patient.clinic_id == Episode.clinic_id) & (Patient.id == Episode.patient_id),
        )
        .where(Episode.clinic_id == actor.clinic_id, Episode.id == episode_id)
    ).one_or_none()
    if found is None:
        raise NoSuchObject("episode")
    surgery, zone = found
    if surgery is None:
        raise InvalidField("/episode_id", "This episode has no surgery date to count from.")
    day = surgery + timedelta(days=recovery_day)
    moment = instant(zone, day.toordinal(), minute)
    if moment is None:
        raise InvalidField("/recovery_day", f"{day} does not exist in {zone}.")
    return moment


def require_reachable(target: datetime, pointer: str, *, now: datetime) -> None:
    """Refuse a moment that is past, or too far ahead for one call; raises InvalidField."""
    if target < now:
        raise InvalidField(pointer, f"Time only moves on; it is {now.isoformat()} there.")
    if target - now > FURTHEST:
        raise InvalidField(pointer, f"One call moves on {FURTHEST.days} days at most.")
