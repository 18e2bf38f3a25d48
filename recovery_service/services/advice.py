"""Advice as the patient has it: what was told, whether staff have seen it, what was done."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from recovery_service.errors import ClientIdReused, NoSuchObject
from recovery_service.models import Advice, AdviceResponse, Alert, Episode


def advice_of_patient(
    session: Session, clinic_id: UUID, patient_id: UUID, *, before: tuple[Any, ...] | None,
    limit: int,
) -> Sequence[Row[Advice, Alert]]:  # fmt: skip
    """Return what a patient was told, newest first, each with its alert; one more than `limit`."""
    wanted = (
        select(Advice, Alert)
        .join(Episode, (Episode.clinic_id == Advice.clinic_id) & (Episode.id == Advice.episode_id))
        .join(Alert, (Alert.clinic_id == Advice.clinic_id) & (Alert.id == Advice.alert_id))
        .where(Advice.clinic_id == clinic_id, Episode.patient_id == patient_id)
    )
    if before is not None:
        wanted = wanted.where(func.row(Advice.given_at, Advice.id) < func.row(*before))
    newest_first = wanted.order_by(Advice.given_at.desc(), Advice.id.desc())
    return session.execute(newest_first.limit(limit + 1)).all()


def respond(
    session: Session, clinic_id: UUID, patient_id: UUID, advice_id: UUID, response_id: UUID,
    response: str, *, device_id: UUID | None, now: datetime,
) -> tuple[AdviceResponse, bool]:  # fmt: skip
    """Store what the patient did; return it, and whether it had been stored before.

    Raises NoSuchObject, and ClientIdReused where the id belongs to something else.
    """
    advice = session.scalars(
        select(Advice)
        .join(Episode, (Episode.clinic_id == Advice.clinic_id) & (Episode.id == Advice.episode_id))
        .where(
            Advice.clinic_id == clinic_id,
            Advice.id == advice_id,
            Episode.patient_id == patient_id,
        )
    ).one_or_none()
    if advice is None:
        raise NoSuchObject("advice")
    stored = session.get(AdviceResponse, (clinic_id, response_id))
    if stored is not None:
        if (stored.advice_id, stored.response) != (advice_id, response):
            own = stored.advice_id == advice_id
            raise ClientIdReused("response", response_id, _as_json(stored) if own else None)
        return stored, True
    row = AdviceResponse(
        clinic_id=clinic_id,
        id=response_id,
        advice_id=advice_id,
        response=response,
        received_at=now,
        device_id=device_id,
    )
    session.add(row)
    session.flush()
    return row, False


def _as_json(row: AdviceResponse) -> dict[str, Any]:
    return {
        "id": row.id,
        "advice_id": row.advice_id,
        "response": row.response,
        "received_at": row.received_at,
    }
