"""What a phone keeps that is computed, not stored: an entry here adds a document.

The cursor carries a hash of each; one that has not changed is left out of the answer. So what
is only computed needs no tombstones.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.orm import Session

from recovery_service.api.my_check_ins import form_on_day
from recovery_service.api.schemas.my_agenda import MyAgendaSchema
from recovery_service.api.schemas.my_plan import MyPlanSchema
from recovery_service.domain.local_time import local_date, start_of_day
from recovery_service.extensions import parts
from recovery_service.services.agenda import agenda
from recovery_service.services.device_plan import read_device_plan
from recovery_service.services.me import STATEMENT, Opening, read_me
from recovery_service.services.message_reads import thread_of, unread_by
from recovery_service.services.messages import PATIENT
from recovery_service.services.my_plan import my_plan
from recovery_service.services.notifications import inbox, notification_as_json
from recovery_service.services.safety_rules import etag_of, safety_rules_of
from recovery_service.services.scope import current_episode

#: Today and the seven days in which a phone may have no network.
AHEAD = timedelta(days=7)
MOST_NOTIFICATIONS = 50

_DAY = timedelta(days=1)
_HASH = 9
_PLAN, _AGENDA = MyPlanSchema(), MyAgendaSchema()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Whose documents are read, as of when, in which language."""

    session: Session
    clinic_id: UUID
    patient_id: UUID
    device_id: UUID | None
    episode_id: UUID | None
    time_zone: str
    language: str
    now: datetime

    @property
    def today(self) -> date:
        """The patient's local date."""
        return local_date(self.time_zone, self.now)


def whole_me(reading: Reading) -> dict[str, Any]:
    """Return what `GET /me` answers."""
    opening = Opening(
        clinic_id=reading.clinic_id,
        patient_id=reading.patient_id,
        device_id=reading.device_id,
        time_zone=reading.time_zone,
        now=reading.now,
        language=reading.language,
    )
    rows = reading.session.connection().exec_driver_sql(STATEMENT, opening.values).all()
    own = parts()
    return read_me(rows, opening, content=own.content, vapid_public_key=own.vapid_public_key)


def _plan(reading: Reading) -> Any:
    plan = my_plan(
        reading.session,
        reading.clinic_id,
        reading.patient_id,
        parts().content,
        language=reading.language,
        now=reading.now,
    )
    return _PLAN.dump(plan)


def _agenda(reading: Reading) -> Any:
    key = (reading.session, reading.clinic_id, reading.patient_id)
    first, last = reading.today, reading.today + AHEAD
    return _AGENDA.dump(
        {
            "from_date": first,
            "to_date": last,
            "time_zone": reading.time_zone,
            "valid_until": start_of_day(reading.time_zone, last + _DAY),
            "items": agenda(*key, first, last, now=reading.now, language=reading.language),
            "device_plan": read_device_plan(*key, now=reading.now),
        }
    )


def _form(reading: Reading) -> Any:
    episode = current_episode(reading.session, reading.clinic_id, reading.patient_id)
    return form_on_day(
        episode, time_zone=reading.time_zone, now=reading.now, language=reading.language
    )


def _notifications(reading: Reading) -> Any:
    rows = inbox(
        reading.session,
        reading.clinic_id,
        reading.patient_id,
        before=None,
        limit=MOST_NOTIFICATIONS,
    )
    own, newest = parts(), rows[:MOST_NOTIFICATIONS]
    return [
        notification_as_json(row, own.content, own.keys, reading.clinic_id, reading.language)
        for row in newest
    ]


def _message_thread(reading: Reading) -> Any:
    episode = current_episode(reading.session, reading.clinic_id, reading.patient_id)
    thread = thread_of(reading.session, episode)
    return {
        "read_by_me": thread.patient_read if thread else 0,
        "read_by_care_team": thread.staff_read if thread else 0,
        "unread": unread_by(reading.session, thread, PATIENT),
    }


def _safety_rules(reading: Reading) -> Any:
    signed = safety_rules_of(
        reading.session,
        parts().safety_rules,
        reading.clinic_id,
        reading.patient_id,
        time_zone=reading.time_zone,
        now=reading.now,
    )
    return {"etag": etag_of(signed)}


#: By their names in `changes`. `me` comes first and by itself: `monitoring` is taken from it.
DOCUMENTS: Mapping[str, Callable[[Reading], Any]] = MappingProxyType(
    {
        "plan": _plan,
        "agenda": _agenda,
        "check_in_form": _form,
        "notifications": _notifications,
        "message_thread": _message_thread,
        "safety_rules": _safety_rules,
    }
)


def read_documents(
    reading: Reading, known: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str], Any]:
    """Return the documents that are not as `known`, the hashes of all, and the monitoring.

    `me` is told without what changes by the hour and is told elsewhere in the answer.
    """
    me = whole_me(reading)
    monitoring = me.pop("monitoring")
    del me["due_today"]
    every = {"me": me}
    if reading.episode_id is not None:
        every |= {name: read(reading) for name, read in DOCUMENTS.items()}
    hashes = {name: _hash(document) for name, document in every.items()}
    changed = {name: every[name] for name in every if hashes[name] != known.get(name)}
    return changed, hashes, monitoring


def _hash(document: Any) -> str:
    told = orjson.dumps(document, option=orjson.OPT_UTC_Z)
    return hashlib.blake2b(told, digest_size=_HASH).hexdigest()
