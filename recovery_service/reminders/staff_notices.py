"""Mails and pushes to staff that an alert waits, naming neither whom nor what."""

from datetime import datetime
from typing import Any
from uuid import UUID

from recovery_service.domain.languages import in_language, language_of
from recovery_service.domain.staff_notices import LINES, TITLES
from recovery_service.reminders.channels.protocol import Address, Message
from recovery_service.reminders.notices import LIFE, Book, Notice

#: The ways in which staff are told; a device stands for a push.
CHANNELS = ("email", "webpush")

_CLAIM = """
WITH waiting AS (
    SELECT clinic_id, id
      FROM staff_notice
     WHERE state IN ('ready', 'leased') AND wake_at <= %(now)s
       AND (device_id IS NULL) = (%(channel)s = 'email')
     ORDER BY wake_at
     LIMIT %(batch)s
       FOR UPDATE SKIP LOCKED
)
UPDATE staff_notice n
   SET state = 'leased', wake_at = %(lease_ends)s, attempts = n.attempts + 1
  FROM waiting w
  JOIN staff_notice x ON x.clinic_id = w.clinic_id AND x.id = w.id
  JOIN staff_member m ON m.clinic_id = x.clinic_id AND m.id = x.staff_id
  JOIN alert a ON a.clinic_id = x.clinic_id AND a.id = x.alert_id
  LEFT JOIN staff_device v ON v.clinic_id = x.clinic_id AND v.id = x.device_id
 WHERE n.clinic_id = w.clinic_id AND n.id = w.id
RETURNING n.clinic_id, n.id, n.attempts, n.created_at, n.cause, n.device_id, m.locale, m.email,
          v.subscription,
          CASE WHEN m.disabled_at IS NOT NULL THEN 'disabled'
               WHEN v.retired_at IS NOT NULL THEN v.retired_reason
               WHEN a.state = 'resolved' THEN 'seen'
               WHEN a.state = 'acknowledged' AND n.cause <> 'assigned' THEN 'seen' END
"""

# A push service that says that a browser is gone retires that browser alone.
_SETTLE = """
WITH became AS (
    SELECT * FROM unnest(%(clinics)s::uuid[], %(ids)s::uuid[], %(states)s::text[],
                         %(reasons)s::text[], %(agains)s::timestamptz[], %(gones)s::text[])
               AS r (clinic_id, id, state, reason, again, gone)
), settled AS (
    UPDATE staff_notice n
       SET state = r.state, reason = r.reason, wake_at = coalesce(r.again, n.wake_at),
           settled_at = CASE WHEN r.again IS NULL THEN %(now)s::timestamptz END
      FROM became r
     WHERE n.clinic_id = r.clinic_id AND n.id = r.id
       AND n.state = 'leased' AND n.wake_at = %(lease_ends)s
    RETURNING n.clinic_id, n.device_id, r.gone
)
UPDATE staff_device v
   SET retired_at = %(now)s, retired_reason = s.gone
  FROM settled s
 WHERE v.clinic_id = s.clinic_id AND v.id = s.device_id AND s.gone IS NOT NULL
   AND v.retired_at IS NULL
"""


def _read(row: Any, _now: datetime) -> Notice:
    clinic_id, its_id, attempts, created_at, cause, device_id, locale, email, push, no = row
    return Notice(
        clinic_id=clinic_id,
        id=its_id,
        attempts=attempts,
        created_at=created_at,
        address=_address(its_id, device_id, email, push),
        message=_message(its_id, cause, language_of(locale)),
        no=no,
    )


def _address(its_id: UUID, device_id: UUID | None, email: str, push: Any) -> Address:
    if device_id is None:
        return Address(destination_id=its_id, channel="email", address=email)
    return Address(destination_id=device_id, channel="webpush", subscription=push)


def _message(its_id: UUID, cause: str, language: str) -> Message:
    return Message(
        delivery_id=its_id.hex,
        occurrence_id="alert",
        kind="alert",
        title=in_language(TITLES, language),
        line=in_language(LINES[cause], language),
        language=language,
        ttl=int(LIFE.total_seconds()),
        collapse=its_id.hex,
        urgency="high",
        deep_link="/",
    )


BOOK = Book(name="notices", table="staff_notice", claim=_CLAIM, settle=_SETTLE, read=_read)
