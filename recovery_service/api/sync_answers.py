"""What a phone has not seen yet, and the cursor that says so the next time."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from recovery_service.api import my_advice, my_appointments
from recovery_service.api.schemas.my_advice import AdviceResponseSchema
from recovery_service.api.schemas.my_appointments import MyAppointmentSchema
from recovery_service.api.sync_documents import Reading, read_documents
from recovery_service.auth import current_actor, current_patient_id, request_language
from recovery_service.database import steady_view
from recovery_service.domain.sync_cursors import Scope, SyncCursor
from recovery_service.extensions import parts
from recovery_service.services.appointment_views import appointments_of
from recovery_service.services.check_in_views import as_json
from recovery_service.services.messages import as_json as message_as_json
from recovery_service.services.sync_changes import (
    Seen,
    advice_since,
    appointments_since,
    check_ins_since,
    messages_since,
    responses_to,
    standing,
    tombstones_since,
)

_APPOINTMENT, _RESPONSE = MyAppointmentSchema(), AdviceResponseSchema()


def changes_since(text: str | None, *, now: datetime) -> dict[str, Any]:
    """Return `changes, tombstones, monitoring, cursor, resync` as of one snapshot.

    A cursor that cannot be gone on from is no error: the phone begins anew and is told so.
    """
    actor, patient_id, language = current_actor(), current_patient_id(), request_language()
    keys = parts().keys
    given = None if text is None else SyncCursor.decode(keys, text)
    with steady_view() as session:
        stands = standing(session, actor.clinic_id, patient_id)
        scope = Scope(
            database=stands.database,
            patient_id=patient_id,
            episode_id=stands.episode_id,
            language=language,
        )
        goes_on = given is not None and given.goes_on(scope, now=now)
        seen = Seen(given.snapshot, given.at) if given and goes_on else None
        known = given.documents if given and goes_on else {}
        reading = Reading(
            session=session,
            clinic_id=actor.clinic_id,
            patient_id=patient_id,
            device_id=actor.device_id,
            episode_id=stands.episode_id,
            time_zone=stands.time_zone,
            language=language,
            now=now,
        )
        documents, hashes, monitoring = read_documents(reading, known)
        rows = collections(reading, seen)
        gone = tombstones_since(session, actor.clinic_id, patient_id, seen)
    cursor = SyncCursor(scope=scope, snapshot=stands.snapshot, at=now, documents=hashes)
    return {
        "changes": rows | documents,
        "tombstones": gone,
        "monitoring": monitoring,
        "cursor": cursor.encode(keys),
        "resync": not goes_on,
    }


def collections(reading: Reading, seen: Seen | None) -> dict[str, list[Any]]:
    """Return the rows that changed, by collection."""
    session, key = reading.session, (reading.clinic_id, reading.patient_id)
    return {
        "check_ins": [as_json(row) for row in check_ins_since(session, *key, seen)],
        "advice": _advice(session, *key, seen, reading.language),
        "appointments": _appointments(reading, seen),
        "messages": _messages(reading, seen),
    }


def _advice(
    session: Session, clinic_id: UUID, patient_id: UUID, seen: Seen | None, language: str
) -> list[dict[str, Any]]:
    rows = advice_since(session, clinic_id, patient_id, seen)
    answered = responses_to(session, clinic_id, [advice.id for advice, _ in rows])
    return [
        my_advice.shown(advice, alert, language)
        | {"responses": _RESPONSE.dump(answered[advice.id], many=True)}
        for advice, alert in rows
    ]


def _appointments(reading: Reading, seen: Seen | None) -> list[dict[str, Any]]:
    session, clinic_id, now = reading.session, reading.clinic_id, reading.now
    changed = appointments_since(session, clinic_id, reading.patient_id, seen, now=now)
    if not changed:
        return []
    views = appointments_of(session, clinic_id, patient_id=reading.patient_id, now=now)
    content = parts().content
    return [
        _APPOINTMENT.dump(my_appointments.shown(view, content, reading.language))
        for view in views
        if view.appointment.id in changed
    ]


def _messages(reading: Reading, seen: Seen | None) -> list[dict[str, Any]]:
    if reading.episode_id is None:
        return []
    entries = messages_since(reading.session, reading.clinic_id, reading.episode_id, seen)
    told = [message_as_json(each, None) for each in entries]
    for each in told:
        del each["read"]  # by its number, from the document `message_thread`
    return told
