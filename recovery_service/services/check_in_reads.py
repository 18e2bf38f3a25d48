"""Reading check-ins: pages for people, all of an episode for its figures."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from recovery_service.models import CheckIn, Episode

Behind = tuple[date, datetime, UUID] | None


def check_ins_of(
    session: Session,
    clinic_id: UUID,
    *,
    limit: int,
    behind: Behind = None,
    first: date | None = None,
    last: date | None = None,
    patient_id: UUID | None = None,
    episode_id: UUID | None = None,
) -> Sequence[CheckIn]:
    """Return the reports of a patient or an episode, newest first; one more than `limit`."""
    order = (CheckIn.local_date, CheckIn.recorded_at, CheckIn.id)
    wanted = select(CheckIn).where(CheckIn.clinic_id == clinic_id)
    if episode_id is not None:
        wanted = wanted.where(CheckIn.episode_id == episode_id)
    if patient_id is not None:
        wanted = wanted.join(
            Episode, (Episode.clinic_id == CheckIn.clinic_id) & (Episode.id == CheckIn.episode_id)
        ).where(Episode.patient_id == patient_id)
    if first is not None:
        wanted = wanted.where(CheckIn.local_date >= first)
    if last is not None:
        wanted = wanted.where(CheckIn.local_date <= last)
    if behind is not None:
        wanted = wanted.where(tuple_(*order) < behind)
    newest_first = wanted.order_by(*(column.desc() for column in order))
    return session.scalars(newest_first.limit(limit + 1)).all()
