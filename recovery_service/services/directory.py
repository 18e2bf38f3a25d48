"""The directory: which clinic a code or an address belongs to, before the clinic is known."""

from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recovery_service.models import DirectoryEntry


def clinics_of(session: Session, kind: str, key_hash: bytes) -> list[UUID]:
    """Return the clinics that know this key; usually one or none."""
    wanted = select(DirectoryEntry.clinic_id).where(
        DirectoryEntry.kind == kind, DirectoryEntry.key_hash == key_hash
    )
    return list(session.scalars(wanted.order_by(DirectoryEntry.clinic_id)))


def enter(session: Session, kind: str, key_hash: bytes, clinic_id: UUID) -> None:
    """Make a key known; a second time changes nothing."""
    row = insert(DirectoryEntry).values(kind=kind, key_hash=key_hash, clinic_id=clinic_id)
    session.execute(row.on_conflict_do_nothing())


def remove(session: Session, kind: str, key_hash: bytes, clinic_id: UUID) -> None:
    """Forget a key of one clinic."""
    session.execute(
        delete(DirectoryEntry).where(
            DirectoryEntry.kind == kind,
            DirectoryEntry.key_hash == key_hash,
            DirectoryEntry.clinic_id == clinic_id,
        )
    )
