"""What changed since a phone looked last, read in one snapshot of the database.

To be read where all statements see the same (`database.steady_view`): then the snapshot that
the next cursor holds is the one that the rows are of, and nothing falls between the two.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, cast, exists, func, or_, select, text
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.types import UserDefinedType

from recovery_service.models import (
    Advice,
    AdviceResponse,
    Alert,
    Appointment,
    CheckIn,
    Episode,
    Message,
    MessageWithdrawal,
    Site,
    StaffMember,
    Tombstone,
)
from recovery_service.services.message_reads import thread_entries
from recovery_service.services.messages import Entry


class _Snapshot(UserDefinedType[str]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "pg_snapshot"


# The timeline is that of what is being written. The control file tells of it only after the
# next checkpoint, and a server that has just taken over has not made one.
_STANDING = text("""
SELECT pg_current_snapshot()::text AS snapshot,
       concat_ws('.', (SELECT system_identifier FROM pg_control_system()),
                 left(pg_walfile_name(pg_current_wal_lsn()), 8),
                 (SELECT oid FROM pg_database WHERE datname = current_database())) AS database,
       p.time_zone, e.id AS episode_id
  FROM patient p
  LEFT JOIN LATERAL (
       SELECT x.id
         FROM episode x
        WHERE x.clinic_id = p.clinic_id AND x.patient_id = p.id
        ORDER BY x.state = 'ended', x.discharge_date DESC, x.id DESC
        LIMIT 1) e ON true
 WHERE p.clinic_id = :clinic_id AND p.id = :patient_id
""")


class Standing(NamedTuple):
    """The snapshot that is being read in, and what it belongs to."""

    snapshot: str
    database: str
    time_zone: str
    episode_id: UUID | None


class Seen(NamedTuple):
    """What a phone has seen: a snapshot, and when it was taken. Nothing yet: None."""

    snapshot: str
    at: datetime


def standing(session: Session, clinic_id: UUID, patient_id: UUID) -> Standing:
    """Return where the database and the patient stand."""
    row = session.execute(_STANDING, {"clinic_id": clinic_id, "patient_id": patient_id}).one()
    return Standing._make(row)


def unseen(changed_in: InstrumentedAttribute[str], seen: Seen | None) -> ColumnElement[bool]:
    """Return the condition for rows whose last transaction a phone has not seen."""
    if seen is None:
        return text("true")  # type: ignore[return-value] # a condition all the same
    return ~func.pg_visible_in_snapshot(changed_in, cast(seen.snapshot, _Snapshot()))


def check_ins_since(
    session: Session, clinic_id: UUID, patient_id: UUID, seen: Seen | None
) -> Sequence[CheckIn]:
    """Return the patient's reports, newest first."""
    return session.scalars(
        select(CheckIn)
        .join(
            Episode, (Episode.clinic_id == CheckIn.clinic_id) & (Episode.id == CheckIn.episode_id)
        )
        .where(
            CheckIn.clinic_id == clinic_id,
            Episode.patient_id == patient_id,
            unseen(CheckIn.changed_in, seen),
        )
        .order_by(CheckIn.local_date.desc(), CheckIn.recorded_at.desc(), CheckIn.id.desc())
    ).all()


def advice_since(
    session: Session, clinic_id: UUID, patient_id: UUID, seen: Seen | None
) -> Sequence[Row[Advice, Alert]]:
    """Return what was told, or answered, or looked at by staff, newest first."""
    answered = exists().where(
        AdviceResponse.clinic_id == Advice.clinic_id,
        AdviceResponse.advice_id == Advice.id,
        unseen(AdviceResponse.changed_in, seen),
    )
    return session.execute(
        select(Advice, Alert)
        .join(Alert, (Alert.clinic_id == Advice.clinic_id) & (Alert.id == Advice.alert_id))
        .join(Episode, (Episode.clinic_id == Advice.clinic_id) & (Episode.id == Advice.episode_id))
        .where(
            Advice.clinic_id == clinic_id,
            Episode.patient_id == patient_id,
            or_(unseen(Advice.changed_in, seen), unseen(Alert.changed_in, seen), answered),
        )
        .order_by(Advice.given_at.desc(), Advice.id.desc())
    ).all()


def responses_to(
    session: Session, clinic_id: UUID, advice: Sequence[UUID]
) -> dict[UUID, list[AdviceResponse]]:
    """Return what was answered to each, in the order it came."""
    found: dict[UUID, list[AdviceResponse]] = {each: [] for each in advice}
    if advice:
        rows = session.scalars(
            select(AdviceResponse)
            .where(AdviceResponse.clinic_id == clinic_id, AdviceResponse.advice_id.in_(advice))
            .order_by(AdviceResponse.received_at, AdviceResponse.id)
        )
        for row in rows:
            found[row.advice_id].append(row)
    return found


def appointments_since(
    session: Session, clinic_id: UUID, patient_id: UUID, seen: Seen | None, *, now: datetime
) -> set[UUID]:
    """Return which appointments read differently: changed, or begun since."""
    wanted = [unseen(Appointment.changed_in, seen), unseen(Site.changed_in, seen)]
    if seen is not None:
        wanted.append(
            and_(
                Appointment.state == "booked",
                Appointment.starts_at > seen.at,
                Appointment.starts_at <= now,
            )
        )
    return set(
        session.scalars(
            select(Appointment.id)
            .join(
                Site, (Site.clinic_id == Appointment.clinic_id) & (Site.id == Appointment.site_id)
            )
            .where(
                Appointment.clinic_id == clinic_id,
                Appointment.patient_id == patient_id,
                or_(*wanted),
            )
        )
    )


def messages_since(
    session: Session, clinic_id: UUID, episode_id: UUID, seen: Seen | None
) -> list[Entry]:
    """Return what was written, withdrawn, or has an author of another name, newest first."""
    changed = (Message.changed_in, MessageWithdrawal.changed_in, StaffMember.changed_in)
    wanted = thread_entries(clinic_id, episode_id).where(
        or_(*(unseen(each, seen) for each in changed))
    )
    return [Entry(*row) for row in session.execute(wanted)]


def tombstones_since(
    session: Session, clinic_id: UUID, patient_id: UUID, seen: Seen | None
) -> list[dict[str, Any]]:
    """Return what is gone; who begins anew has nothing to take away."""
    if seen is None:
        return []
    rows = session.execute(
        select(Tombstone.collection, Tombstone.id)
        .where(
            Tombstone.clinic_id == clinic_id,
            Tombstone.patient_id == patient_id,
            unseen(Tombstone.changed_in, seen),
        )
        .order_by(Tombstone.collection, Tombstone.id)
    )
    return [{"collection": row.collection, "id": row.id} for row in rows]
